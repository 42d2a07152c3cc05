"""slirp4netns(1): a user-mode TCP/IP stack for a container's network namespace, where pasta is not wanted or missing.

Ports are forwarded by a process of ours inside the namespace (port_proxy), so that the container sees its own address as
the peer, as with podman's default handler; with port_handler=slirp4netns through its API socket (one JSON request per
connection), and then it sees who really asks.
"""

from __future__ import annotations

import os

from ocicore.errors import Error, InvalidInput, MissingProgram
from ocicore.files import quick_json
from ocicore.linux import spawn
from ocicore.network import addresses
from ocicore.network.pasta import tun_hint

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from ocicore.network.addresses import Subnet
    from ocicore.network.ports import PortMapping

DEFAULT_SUBNET = "10.0.2.0/24"
_DEFAULT_MTU = 65520
_READY_TIMEOUT_MS = 20_000
_GUEST, _GATEWAY, _DNS = 100, 2, 3
#: Numbers of the ready descriptor and of the API socket's folder in slirp4netns.
_READY_FD = 3
_FOLDER_FD = 4
#: Longest path of a socket, in bytes (unix(7)).
_SOCKET_PATH_MAX = 107


class SlirpFailure(Error):
    """slirp4netns did not start, or refused a port; the message is its own."""


class Options:
    """What KEY=VALUE words ask for: slirp4netns' own arguments, the subnet, and whether it forwards ports itself."""

    __slots__ = ("argv", "forwards", "subnet")

    def __init__(self, argv: list[str], subnet: Subnet, *, forwards: bool) -> None:
        self.argv = argv
        self.subnet = subnet
        self.forwards = forwards


class Started:
    """A running slirp4netns: pid, the addresses of the container, of the host's side and of its resolver, and whether
    it forwards the ports (else somebody else must)."""

    __slots__ = ("address", "dns", "forwards", "gateway", "pid", "prefix")

    def __init__(self, pid: int, subnet: Subnet, *, forwards: bool) -> None:
        self.pid = pid
        self.forwards = forwards
        self.prefix = subnet.prefix
        self.address = addresses.to_text(4, subnet.base + _GUEST)
        self.gateway = addresses.to_text(4, subnet.base + _GATEWAY)
        self.dns = addresses.to_text(4, subnet.base + _DNS)


def find(helper_dirs: Sequence[str], path: str, configured: str = "") -> str:
    """The program. Raises MissingProgram."""
    program = configured or spawn.find("slirp4netns", [*helper_dirs, *path.split(":"), "/usr/bin"])
    if not program:
        raise MissingProgram(
            "could not find slirp4netns, the network namespace can't be configured",
            hint="install the package slirp4netns, or use --network none, host or pasta",
        )
    return program


def parse_options(words: Sequence[str], *, no_pivot: bool = False) -> Options:
    """KEY=VALUE options as podman names them. Raises InvalidInput."""
    loopback, ipv6, mtu, cidr, forwards = False, True, _DEFAULT_MTU, "", False
    outbound: dict[str, str] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals:
            raise InvalidInput(f'unknown option for slirp4netns: "{word}"')
        if key == "cidr":
            subnet = addresses.parse_subnet(value)
            if subnet.version != 4:
                raise InvalidInput(f'invalid cidr "{value}"')
            cidr = value
        elif key == "port_handler":
            if value not in {"slirp4netns", "rootlesskit"}:
                raise InvalidInput(f'unknown port_handler for slirp4netns: "{value}"')
            forwards = value == "slirp4netns"
        elif key in {"allow_host_loopback", "enable_ipv6"}:
            if value not in {"true", "false"}:
                raise InvalidInput(f'invalid value of {key} for slirp4netns: "{value}"')
            if key == "enable_ipv6":
                ipv6 = value == "true"
            else:
                loopback = value == "true"
        elif key in {"outbound_addr", "outbound_addr6"}:
            outbound[key] = value
        elif key == "mtu":
            if not value.isdigit() or int(value) < 68:
                raise InvalidInput(f'invalid mtu "{value}"')
            mtu = int(value)
        else:
            raise InvalidInput(f'unknown option for slirp4netns: "{word}"')
    argv = [] if loopback else ["--disable-host-loopback"]
    argv.append(f"--mtu={mtu}")
    if not no_pivot:
        argv.append("--enable-sandbox")
    argv.append("--enable-seccomp")
    if cidr:
        argv.append(f"--cidr={cidr}")
    if ipv6:
        argv.append("--enable-ipv6")
    for key, flag in (("outbound_addr", "--outbound-addr"), ("outbound_addr6", "--outbound-addr6")):
        if key in outbound:
            argv.append(f"{flag}={outbound[key]}")
    return Options(argv, addresses.parse_subnet(cidr or DEFAULT_SUBNET), forwards=forwards)


def start(
    program: str,
    netns: str,
    *,
    env: Mapping[str, str],
    api_socket: str,
    ports: Sequence[PortMapping],
    options: Sequence[str] = (),
    user_ns: str = "",
    no_pivot: bool = False,
) -> Started:
    """Connect a network namespace, and publish its ports where the options leave that to slirp4netns.

    Args:
        netns: path of the namespace; user_ns: path of the user namespace that owns it, when not ours.
        api_socket: path for the API socket, made when slirp4netns forwards ports.
    Raises SlirpFailure with slirp4netns' own words.
    """
    asked = parse_options(options, no_pivot=no_pivot)
    argv = [program, *asked.argv, "-c", "-r", str(_READY_FD)]
    folder = -1
    forwarded = ports if asked.forwards else ()
    if forwarded:
        _unlink(api_socket)
        if len(os.fsencode(api_socket)) > _SOCKET_PATH_MAX:
            folder = os.open(os.path.dirname(api_socket), os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            name = os.path.basename(api_socket)
            api_socket = f"/proc/self/fd/{folder}/{name}"
            argv += ["--api-socket", f"/proc/self/fd/{_FOLDER_FD}/{name}"]
        else:
            argv += ["--api-socket", api_socket]
    if user_ns:
        argv += [f"--userns-path={user_ns}"]
    argv += ["--netns-type=path", netns, "tap0"]
    if "--enable-sandbox" in argv:
        # Its sandbox detaches mounts and lets that propagate (slirp4netns#153): where /run/netns is shared, every
        # container's namespace file would go. A mount namespace of its own keeps it to itself.
        unshare = spawn.find("unshare", ("/usr/bin", "/bin"))
        if unshare:
            argv = [unshare, "--mount", "--propagation", "slave", *argv]
        else:
            argv.remove("--enable-sandbox")
    ready, ready_child = os.pipe()
    log = os.memfd_create("slirp4netns", os.MFD_CLOEXEC)
    null = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
    pid = 0
    try:
        fds = {0: null, 1: log, 2: log, _READY_FD: ready_child}
        if folder >= 0:
            fds[_FOLDER_FD] = folder
        pid = spawn.spawn(argv, env, fds, new_session=True)
        os.close(ready_child)
        ready_child = -1
        if not _wait_ready(ready):
            status = spawn.wait(pid)
            pid = 0
            text = " ".join(os.pread(log, 4096, 0).decode("utf-8", "replace").split("\n")).strip()
            raise SlirpFailure(f"slirp4netns failed: {text or f'exit status {status}'}", hint=tun_hint())
        for mapping in forwarded:
            _forward(api_socket, mapping, addresses.to_text(4, asked.subnet.base + _GUEST))
    except BaseException:
        if pid:
            os.kill(pid, 15)
            spawn.wait(pid)
        raise
    finally:
        spawn.close(fd for fd in (ready, ready_child, log, null, folder) if fd >= 0)
    return Started(pid, asked.subnet, forwards=asked.forwards)


def _wait_ready(fd: int) -> bool:
    """Whether slirp4netns said "1" rather than ending."""
    import select

    poller = select.poll()
    poller.register(fd, select.POLLIN)
    return bool(poller.poll(_READY_TIMEOUT_MS)) and os.read(fd, 16) != b""


def _forward(api_socket: str, mapping: PortMapping, guest: str) -> None:
    for offset in range(mapping["range"]):
        request = {
            "execute": "add_hostfwd",
            "arguments": {
                "proto": mapping["protocol"],
                "host_addr": mapping["host_ip"] or "0.0.0.0",
                "host_port": mapping["host_port"] + offset,
                "guest_addr": guest,
                "guest_port": mapping["container_port"] + offset,
            },
        }
        answer = _request(api_socket, request)
        if "error" in answer:
            reason = answer["error"].get("desc", "") if isinstance(answer["error"], dict) else answer["error"]
            raise SlirpFailure(
                f"publishing port {mapping['host_port'] + offset}/{mapping['protocol']}: slirp4netns: {reason}"
            )


def _request(path: str, request: dict[str, Any]) -> dict[str, Any]:
    import _socket

    sock = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC)
    try:
        sock.connect(path)
        sock.sendall(quick_json.dumps(request).encode())
        sock.shutdown(_socket.SHUT_WR)
        data = b""
        while chunk := sock.recv(65536):
            data += chunk
    except OSError as error:
        raise SlirpFailure(f"talking to slirp4netns: {(error.strerror or '').lower()}") from None
    finally:
        sock.close()
    try:
        answer = quick_json.loads(data)
    except ValueError:
        answer = None
    return answer if isinstance(answer, dict) else {"error": f"answered {data[:200]!r}"}


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        return
