"""netavark: bridges, veth pairs, firewall rules and names of containers, done by its program.

Protocol: `netavark --config DIR setup|teardown NETNS`, options as JSON on standard input, a status block per network on
standard output, {"error": …} when it failed. Names are served by aardvark-dns, which netavark starts below DIR/aardvark-dns.
"""

from __future__ import annotations

from ocicore.errors import Error, MissingProgram
from ocicore.files import quick_json
from ocicore.linux import spawn
from ocicore.network import modes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from ocicore.network.modes import PerNetwork
    from ocicore.network.ports import PortMapping

    Json = dict[str, Any]

_BUILTIN_DRIVERS = frozenset({"bridge", "macvlan", "ipvlan"})


class NetavarkFailure(Error):
    """netavark reported an error."""


class Netavark:
    """How to call netavark on this host.

    Args:
        program, aardvark: paths; run_dir: its --config folder, shared with podman so that one aardvark-dns serves both.
        env: environment; firewall_driver, dns_bind_port: of containers.conf, "" and 0 for netavark's own choice.
        runner: called with (argv, env, stdin) instead of starting the program here (a rootless network namespace).
    """

    __slots__ = ("_aardvark", "_env", "_plugin_dirs", "_program", "_rootless", "_run_dir", "_runner")

    def __init__(
        self,
        program: str,
        aardvark: str,
        run_dir: str,
        *,
        env: Mapping[str, str],
        rootless: bool,
        firewall_driver: str = "",
        dns_bind_port: int = 0,
        plugin_dirs: Sequence[str] = (),
        runner: Callable[[list[str], dict[str, str], bytes], spawn.Completed] | None = None,
    ) -> None:
        self._program = program
        self._aardvark = aardvark
        self._run_dir = run_dir
        self._rootless = rootless
        self._plugin_dirs = plugin_dirs
        self._runner = runner or spawn.capture
        self._env = {**env, "RUST_LOG": "netavark=warn"}
        # iptables lies in /usr/sbin, which ordinary users' PATH lacks on Debian.
        if "/usr/sbin" not in env.get("PATH", "").split(":"):
            self._env["PATH"] = f"{env.get('PATH', '')}:/usr/sbin".lstrip(":")
        if firewall_driver:
            self._env["NETAVARK_FW"] = firewall_driver
        if dns_bind_port:
            self._env["NETAVARK_DNS_PORT"] = str(dns_bind_port)

    def setup(self, netns: str, options: Json) -> dict[str, Json]:
        """Configure a namespace; network name -> status block. Raises NetavarkFailure."""
        answer = self._call(["setup", netns], options)
        if not isinstance(answer, dict) or len(answer) != len(options["networks"]):
            raise NetavarkFailure(
                f"netavark: unexpected result for networks {', '.join(options['networks'])}"
            )
        return answer

    def teardown(self, netns: str, options: Json) -> None:
        """Undo setup. Raises NetavarkFailure."""
        self._call(["teardown", netns], options)

    def update(self, network: str, dns_servers: Sequence[str]) -> None:
        """Tell aardvark-dns about changed name servers of a network. Raises NetavarkFailure."""
        self._call(["update", network, "--network-dns-servers", ",".join(dns_servers)], None)

    def _call(self, words: list[str], options: Json | None) -> Any:
        argv = [
            self._program,
            "--config",
            self._run_dir,
            f"--rootless={'true' if self._rootless else 'false'}",
        ]
        if self._aardvark:
            argv.append(f"--aardvark-binary={self._aardvark}")
        if options and any(net["driver"] not in _BUILTIN_DRIVERS for net in options["network_info"].values()):
            for folder in self._plugin_dirs:
                argv += ["--plugin-directory", folder]
        stdin = quick_json.dumps(options).encode() if options is not None else b""
        done = self._runner([*argv, *words], self._env, stdin)
        try:
            answer = quick_json.loads(done.stdout) if done.stdout.strip() else None
        except ValueError:
            answer = None
        if done.status != 0:
            text = answer.get("error") if isinstance(answer, dict) else ""
            raise NetavarkFailure(f"netavark: {text or done.error_text() or f'exit status {done.status}'}")
        return answer


def options(
    *,
    container_id: str,
    container_name: str,
    hostname: str,
    networks: Mapping[str, PerNetwork],
    definitions: Mapping[str, Json],
    leases: Mapping[str, Sequence[str]],
    ports: Sequence[PortMapping],
    dns_servers: Sequence[str] = (),
) -> Json:
    """The JSON netavark reads.

    Args:
        networks: name -> options of this container; definitions: name -> network; leases: name -> addresses.
    """
    named = modes.interface_names(dict(networks))
    for name, addresses in leases.items():
        named[name]["static_ips"] = list(addresses)
    result: Json = {
        "container_id": container_id,
        "container_name": container_name,
        "container_hostname": hostname,
        "networks": named,
        "network_info": dict(definitions),
    }
    if ports:
        result["port_mappings"] = list(ports)
    if dns_servers:
        result["dns_servers"] = list(dns_servers)
    return result


def find(helper_dirs: Sequence[str]) -> tuple[str, str]:
    """Paths of netavark and aardvark-dns ("" when only the latter is missing). Raises MissingProgram."""
    program = spawn.find("netavark", helper_dirs)
    if not program:
        raise MissingProgram(
            f'could not find "netavark" in one of {", ".join(helper_dirs)}',
            hint="install the package netavark, or use --network none or host",
            status=125,
        )
    return program, spawn.find("aardvark-dns", helper_dirs)
