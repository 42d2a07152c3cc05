"""pasta(1): an ordinary user's network – the host's addresses copied into the container's namespace, sockets spliced.

Started once the container's process exists; it goes into the background by itself and is ended with the container.
"""

from __future__ import annotations

import os

from ocicore.errors import Error, InvalidInput, MissingProgram
from ocicore.linux import spawn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ocicore.network.ports import PortMapping

#: Where the container finds the host's resolver, and the host itself (podman's choice).
DNS_FORWARD = "169.254.1.1"
MAP_GUEST_ADDRESS = "169.254.1.2"

_TUN = "/dev/net/tun"


class PastaFailure(Error):
    """pasta did not start; the message is its own."""


class Started:
    """A running pasta: pid (0 when unknown), dns (address of the forwarder), host (address of the host, "" when none)."""

    __slots__ = ("dns", "host", "pid")

    def __init__(self, pid: int, dns: str, host: str) -> None:
        self.pid = pid
        self.dns = dns
        self.host = host


def find(helper_dirs: Sequence[str], path: str) -> str:
    """The program. Raises MissingProgram."""
    program = spawn.find("pasta", [*helper_dirs, *path.split(":"), "/usr/bin"])
    if not program:
        raise MissingProgram(
            "could not find pasta, the network namespace can't be configured",
            hint="install the package passt, or use --network none, host or slirp4netns",
        )
    return program


def start(
    program: str,
    netns: str,
    *,
    env: Mapping[str, str],
    pid_file: str,
    ports: Sequence[PortMapping],
    options: Sequence[str] = (),
    user_ns: str = "",
) -> Started:
    """Connect a network namespace.

    Args:
        netns: path of the namespace; user_ns: path of the user namespace that owns it, when not ours.
        pid_file: where pasta writes its pid; options: pasta_options of containers.conf and of the command line.
    Raises PastaFailure with pasta's own words, InvalidInput for a protocol it cannot forward.
    """
    argv = arguments(netns, pid_file=pid_file, ports=ports, options=options, user_ns=user_ns)
    dns = value(argv, "--dns-forward") or DNS_FORWARD
    host = value(argv, "--map-guest-addr")
    done = spawn.capture([program, *argv], env)
    if done.status != 0 and not host:
        pass
    elif (
        done.status != 0 and "unrecognized option" in done.error_text() and "--map-guest-addr" not in options
    ):
        # Versions before 2024-08-14 lack the option; without it the host is not reachable by that address.
        host = ""
        done = spawn.capture([program, *argv[:-2]], env)
    if done.status != 0:
        raise _failure(done)
    return Started(_read_pid(pid_file), dns, host)


def arguments(
    netns: str, *, pid_file: str, ports: Sequence[PortMapping], options: Sequence[str], user_ns: str = ""
) -> list[str]:
    """pasta's command line: what the user gave, published ports, and podman's defaults for the rest."""
    argv = ["--config-net", "--pid", pid_file, *(word for word in options if word != "--map-gw")]
    for mapping in ports:
        flag = {"tcp": "-t", "udp": "-u"}.get(mapping["protocol"])
        if flag is None:
            raise InvalidInput(f"can't forward protocol: {mapping['protocol']}")
        address = f"{mapping['host_ip']}/" if mapping["host_ip"] else ""
        more = mapping["range"] - 1
        host, container = mapping["host_port"], mapping["container_port"]
        argv += [flag, f"{address}{host}-{host + more}:{container}-{container + more}"]
    if "--dns-forward" not in options:
        argv += ["--dns-forward", DNS_FORWARD]
    for short, long in (("-t", "--tcp-ports"), ("-u", "--udp-ports"), ("-T", "--tcp-ns"), ("-U", "--udp-ns")):
        if short not in argv and long not in argv:
            argv += [short, "none"]
    if "--map-gw" not in options:
        argv.append("--no-map-gw")
    if not {"-d", "--debug", "--trace"} & set(options):
        argv.append("--quiet")
    if user_ns:
        argv += ["--userns", user_ns]
    argv += ["--netns", netns]
    if "--map-guest-addr" not in options:
        argv += ["--map-guest-addr", MAP_GUEST_ADDRESS]
    return argv


def value(argv: Sequence[str], *options: str) -> str:
    """The word after one of some options, "" when none is there."""
    for position, word in enumerate(argv[:-1]):
        if word in options:
            return argv[position + 1]
    return ""


def _failure(done: spawn.Completed) -> PastaFailure:
    text = done.error_text()
    hint = None
    if "tun" in text.lower() or "tap" in text.lower():
        hint = tun_hint()
    return PastaFailure(f"pasta failed with exit code {done.status}: {text}", hint=hint)


def tun_hint() -> str | None:
    """What to do about /dev/net/tun, when that is the trouble."""
    if not os.path.exists(_TUN):
        return f"{_TUN} does not exist: load the kernel module tun"
    if not os.access(_TUN, os.R_OK | os.W_OK):
        return f"{_TUN} may not be opened by this user: it should have mode 0666"
    return None


def _read_pid(path: str) -> int:
    try:
        with open(path) as stream:
            return int(stream.read().strip() or "0")
    except (OSError, ValueError):
        return 0
