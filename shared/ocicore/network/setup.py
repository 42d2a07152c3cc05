"""A container's network from its mode: what the engine calls before, after and at the end of a container.

plan = setup.plan(mode, …)      which namespace goes into config.json, and when to connect it
status = setup.connect(…)       before the runtime creates the container (plan.before) or once its process exists
setup.disconnect(…)             when it has ended
"""

from __future__ import annotations

import os

from ocicore.errors import Error, NotFound
from ocicore.linux import process
from ocicore.network import netavark, netns, pasta, slirp
from ocicore.network.ipam import Ipam
from ocicore.network.modes import interface_names
from ocicore.network.rootless_netns import RootlessNetns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from ocicore.network.modes import NetworkMode
    from ocicore.network.networks import Networks
    from ocicore.network.ports import PortMapping

    Json = dict[str, Any]
    Warn = Callable[[str], None]

#: Root's network run directory; an ordinary user's is RUNROOT/networks. podman's places.
ROOT_RUN_DIR = "/run/containers/networks"
ROOT_LOCK = "/run/lock/netavark.lock"
_SIGTERM = 15


class NetworkEnvironment:
    """Where and how networks are made on this host.

    Args:
        networks: the definitions; run_dir: network run directory; runtime_dir: $XDG_RUNTIME_DIR ("/run" as root).
        rootless; env: environment of helper programs; helper_dirs: where netavark and friends lie.
        rootless_command: "pasta" or "slirp4netns", connects an ordinary user's bridges.
        firewall_driver, dns_bind_port, pasta_options, slirp_options, slirp_path, no_pivot, plugin_dirs: containers.conf.
    """

    __slots__ = (
        "dns_bind_port",
        "env",
        "firewall_driver",
        "helper_dirs",
        "networks",
        "no_pivot",
        "pasta_options",
        "plugin_dirs",
        "rootless",
        "rootless_command",
        "run_dir",
        "runtime_dir",
        "slirp_options",
        "slirp_path",
    )

    def __init__(
        self,
        networks: Networks,
        *,
        run_dir: str,
        runtime_dir: str,
        rootless: bool,
        env: Mapping[str, str],
        helper_dirs: Sequence[str],
        rootless_command: str = "pasta",
        firewall_driver: str = "",
        dns_bind_port: int = 0,
        pasta_options: Sequence[str] = (),
        slirp_options: Sequence[str] = (),
        slirp_path: str = "",
        no_pivot: bool = False,
        plugin_dirs: Sequence[str] = (),
    ) -> None:
        self.networks = networks
        self.run_dir = run_dir
        self.runtime_dir = runtime_dir
        self.rootless = rootless
        self.env = env
        self.helper_dirs = helper_dirs
        self.rootless_command = rootless_command
        self.firewall_driver = firewall_driver
        self.dns_bind_port = dns_bind_port
        self.pasta_options = pasta_options
        self.slirp_options = slirp_options
        self.slirp_path = slirp_path
        self.no_pivot = no_pivot
        self.plugin_dirs = plugin_dirs


class NetworkRequest:
    """One container's wishes.

    Args:
        container_id, container_name, hostname.
        mode: parsed --network; ports: from ports.assign().
        netns: the namespace's file (bridge; "" when the runtime made the namespace); pid: process 1, once it exists.
        new_userns: the container has a user namespace of its own.
        dns_servers: --dns, forwarded to by aardvark-dns.
        state_dir: the container's volatile folder, for pid files and sockets.
    """

    __slots__ = (
        "container_id",
        "container_name",
        "dns_servers",
        "hostname",
        "mode",
        "netns",
        "new_userns",
        "pid",
        "ports",
        "state_dir",
    )

    def __init__(
        self,
        *,
        container_id: str,
        container_name: str,
        mode: NetworkMode,
        state_dir: str,
        hostname: str = "",
        ports: Sequence[PortMapping] = (),
        netns: str = "",
        pid: int = 0,
        new_userns: bool = False,
        dns_servers: Sequence[str] = (),
    ) -> None:
        self.container_id = container_id
        self.container_name = container_name
        self.mode = mode
        self.state_dir = state_dir
        self.hostname = hostname
        self.ports = ports
        self.netns = netns
        self.pid = pid
        self.new_userns = new_userns
        self.dns_servers = dns_servers


class NetworkPlan:
    """namespace: for config["namespaces"]["net"]; before: connect() comes before the runtime's create, else after;
    connects: connect() has something to do at all; netns: the file made ("" none), to be kept for disconnect()."""

    __slots__ = ("before", "connects", "namespace", "netns")

    def __init__(
        self, namespace: Json, *, before: bool = False, connects: bool = False, netns: str = ""
    ) -> None:
        self.namespace = namespace
        self.before = before
        self.connects = connects
        self.netns = netns


def plan(mode: NetworkMode, env: NetworkEnvironment, *, new_userns: bool, joined: str = "") -> NetworkPlan:
    """What a mode means for a container about to be created; makes the namespace where it must outlive processes.

    Args:
        joined: for mode container, the path of the other container's namespace, "" when it uses the host's.
    Raises NotFound for a namespace path that is not there.
    """
    if mode.kind == "host":
        return NetworkPlan({"mode": "host"})
    if mode.kind in {"container", "pod"}:
        return NetworkPlan({"mode": "path", "path": joined} if joined else {"mode": "host"})
    if mode.kind == "ns":
        if not os.path.exists(mode.target):
            raise NotFound(
                f"cannot find specified network namespace path: {mode.target}: no such file or directory"
            )
        return NetworkPlan({"mode": "path", "path": mode.target})
    if mode.kind == "none":
        return NetworkPlan({"mode": "none"})
    if mode.kind in {"pasta", "slirp4netns"}:
        return NetworkPlan({"mode": "private"}, connects=True)
    if new_userns:
        # The namespace must belong to the container's user namespace: the runtime makes it, then it is pinned.
        return NetworkPlan({"mode": "private"}, connects=True)
    path = netns.create(netns.directory(env.runtime_dir, rootless=env.rootless))
    return NetworkPlan({"mode": "path", "path": path}, before=True, connects=True, netns=path)


def connect(request: NetworkRequest, *, env: NetworkEnvironment, warn: Warn) -> Json:
    """Connect a container's namespace.

    Returns a JSON-able record to be kept for disconnect(): "networks" (netavark's status block by network), "netns",
    "pid" and "started" of pasta or slirp4netns, "dns" (name servers), "search", "host" (address of
    host.containers.internal), "addresses" (the container's own, without prefix).
    """
    kind = request.mode.kind
    if kind == "pasta":
        return _connect_pasta(request, env)
    if kind == "slirp4netns":
        return _connect_slirp(request, env)
    if kind == "bridge":
        return _connect_bridge(request, env, warn)
    return _record()


def disconnect(request: NetworkRequest, record: Json, *, env: NetworkEnvironment, warn: Warn) -> None:
    """Take everything away again; what is gone already, or cannot be undone any more, is at most a warning."""
    pid = record.get("pid", 0)
    if pid:
        process.kill_process(pid, _SIGTERM, record.get("started", 0))
        _reap(pid)
    path = request.netns or record.get("netns", "")
    if request.mode.kind == "bridge":
        try:
            _disconnect_bridge(request, path, env, record)
        except Error as error:
            warn(f"tearing down the network of container {request.container_id[:12]}: {error}")
    if path:
        try:
            netns.remove(path)
        except Error as error:
            warn(f"removing network namespace {path}: {error}")


def _record(**values: Any) -> Json:
    return {
        "networks": {},
        "netns": "",
        "pid": 0,
        "started": 0,
        "dns": [],
        "search": [],
        "host": "",
        "addresses": [],
        **values,
    }


def _paths(request: NetworkRequest) -> tuple[str, str]:
    """(network namespace, user namespace or "") of a container whose process exists."""
    user = f"/proc/{request.pid}/ns/user" if request.new_userns else ""
    return request.netns or f"/proc/{request.pid}/ns/net", user


def _connect_pasta(request: NetworkRequest, env: NetworkEnvironment) -> Json:
    program = pasta.find(env.helper_dirs, env.env.get("PATH", ""))
    path, user = _paths(request)
    started = pasta.start(
        program,
        path,
        env=env.env,
        pid_file=f"{request.state_dir}/pasta.pid",
        ports=request.ports,
        options=[*env.pasta_options, *request.mode.options],
        user_ns=user,
    )
    found = netns.local_addresses(request.pid)
    host = started.host or netns.host_address([address for address, _ in found])
    return _record(
        pid=started.pid,
        started=process.start_time(started.pid) if started.pid else 0,
        dns=[started.dns],
        host=host,
        addresses=[address for address, _ in found],
    )


def _connect_slirp(request: NetworkRequest, env: NetworkEnvironment) -> Json:
    program = slirp.find(env.helper_dirs, env.env.get("PATH", ""), env.slirp_path)
    path, user = _paths(request)
    started = slirp.start(
        program,
        path,
        env=env.env,
        api_socket=f"{request.state_dir}/slirp.sock",
        ports=request.ports,
        options=[*env.slirp_options, *request.mode.options],
        user_ns=user,
        no_pivot=env.no_pivot,
    )
    return _record(
        pid=started.pid,
        started=process.start_time(started.pid),
        dns=[started.dns],
        host=netns.host_address([started.address]),
        addresses=[started.address],
    )


def _connect_bridge(request: NetworkRequest, env: NetworkEnvironment, warn: Warn) -> Json:
    definitions = {name: env.networks.get(name) for name in request.mode.networks}
    # A network may have been named by its id: from here on its name counts.
    wanted = {definitions[name]["name"]: options for name, options in request.mode.networks.items()}
    definitions = {network["name"]: network for network in definitions.values()}
    path = request.netns
    if not path:
        path = netns.directory(env.runtime_dir, rootless=env.rootless) + f"/netns-{request.container_id[:32]}"
        _pin(request.pid, path)
    leases: dict[str, list[str]] = {}
    with Ipam(env.run_dir, env.networks.default_name) as ipam:
        try:
            for name, network in definitions.items():
                if network.get("ipam_options", {}).get("driver", "host-local") == "host-local":
                    leases[name] = ipam.allocate(
                        request.container_id, network, wanted[name].get("static_ips", ())
                    )
            status, host = _netavark_setup(request, env, wanted, definitions, leases, path, warn)
        except BaseException:
            ipam.release(request.container_id)
            if not request.netns:
                netns.remove(path)
            raise
    return _record(
        networks=status,
        netns=path,
        dns=_unique(server for block in status.values() for server in block.get("dns_server_ips") or ()),
        search=_unique(name for block in status.values() for name in block.get("dns_search_domains") or ()),
        host=host or _gateway(status, definitions),
        addresses=addresses_of(status),
    )


def _netavark_setup(
    request: NetworkRequest,
    env: NetworkEnvironment,
    wanted: Json,
    definitions: Json,
    leases: dict[str, list[str]],
    path: str,
    warn: Warn,
) -> tuple[dict[str, Json], str]:
    """(status blocks, address of the host or "")."""
    options = _options(request, wanted, definitions, leases)
    if any(network.get("dns_enabled") for network in definitions.values()):
        if not netavark.find(env.helper_dirs)[1]:
            warn("aardvark-dns binary not found, container dns will not be enabled")
    with _lock(env):
        if not env.rootless:
            return _caller(env).setup(path, options), ""
        rootless = _rootless(env)
        info = rootless.acquire()
        status = _caller(env, rootless).setup(path, options)
        rootless.count(len(definitions))
    mapped = info.get("MapGuestIps") or [netns.host_address(info.get("IPAddresses") or [])]
    return status, mapped[0]


def _disconnect_bridge(request: NetworkRequest, path: str, env: NetworkEnvironment, record: Json) -> None:
    names = list(record.get("networks") or {}) or list(request.mode.networks)
    definitions = {}
    for name in names:
        try:
            definitions[name] = env.networks.get(name)
        except NotFound:
            # A network removed by force while the container ran: nothing is left to undo on the host's side.
            continue
    with Ipam(env.run_dir, env.networks.default_name) as ipam:
        try:
            leases = {name: ipam.assigned(request.container_id, name) for name in definitions}
            wanted = {name: request.mode.networks.get(name, {}) for name in definitions}
            if definitions and netns.exists(path):
                options = _options(request, wanted, definitions, leases)
                with _lock(env):
                    if not env.rootless:
                        _caller(env).teardown(path, options)
                    else:
                        rootless = _rootless(env)
                        rootless.acquire()
                        try:
                            _caller(env, rootless).teardown(path, options)
                        finally:
                            rootless.count(-len(definitions))
        finally:
            ipam.release(request.container_id)


def _options(
    request: NetworkRequest, wanted: Json, definitions: Json, leases: Mapping[str, Sequence[str]]
) -> Json:
    return netavark.options(
        container_id=request.container_id,
        container_name=request.container_name,
        hostname=request.hostname,
        networks=wanted,
        definitions=definitions,
        leases=leases,
        ports=request.ports,
        dns_servers=request.dns_servers,
    )


def _caller(env: NetworkEnvironment, rootless: RootlessNetns | None = None) -> netavark.Netavark:
    program, aardvark = netavark.find(env.helper_dirs)
    return netavark.Netavark(
        program,
        aardvark,
        env.run_dir,
        env=env.env,
        rootless=env.rootless,
        firewall_driver=env.firewall_driver,
        dns_bind_port=env.dns_bind_port,
        plugin_dirs=env.plugin_dirs,
        runner=rootless.run if rootless is not None else None,
    )


def _rootless(env: NetworkEnvironment) -> RootlessNetns:
    options = env.slirp_options if env.rootless_command == "slirp4netns" else env.pasta_options
    return RootlessNetns(
        env.run_dir,
        env.runtime_dir,
        command=env.rootless_command,
        helper_dirs=env.helper_dirs,
        env=env.env,
        options=options,
    )


def _lock(env: NetworkEnvironment) -> Any:
    """podman's lock around netavark: two of them at once trip over each other's firewall rules."""
    from ocicore.files.locks import FileLock

    path = f"{env.networks.config_dir}/netavark.lock" if env.rootless else ROOT_LOCK
    try:
        os.makedirs(os.path.dirname(path), 0o755, exist_ok=True)
        return FileLock(path).exclusive()
    except OSError as error:
        raise Error(f"locking {path}: {(error.strerror or '').lower()}") from None


def _pin(pid: int, path: str) -> None:
    """Keep the namespace of a process by a file, for the time after its end."""
    from ocicore.linux import mount

    os.makedirs(os.path.dirname(path), 0o755, exist_ok=True)
    os.close(os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o644))
    mount.mount(f"/proc/{pid}/ns/net", path, "", mount.MS_BIND, "")


def addresses_of(status: Mapping[str, Json]) -> list[str]:
    """All addresses in status blocks, without prefix."""
    return [
        subnet["ipnet"].partition("/")[0]
        for block in status.values()
        for interface in (block.get("interfaces") or {}).values()
        for subnet in interface.get("subnets") or ()
    ]


def _gateway(status: Mapping[str, Json], definitions: Json) -> str:
    """The host as seen on a bridge: its gateway address, IPv4 where there is one."""
    found: list[str] = [
        subnet["gateway"]
        for name, block in status.items()
        if definitions[name]["driver"] == "bridge"
        for interface in (block.get("interfaces") or {}).values()
        for subnet in interface.get("subnets") or ()
        if subnet.get("gateway")
    ]
    ipv4 = [gateway for gateway in found if ":" not in gateway]
    return (ipv4 or found or [netns.host_address(addresses_of(status))])[0]


def _unique(words: Any) -> list[str]:
    return list(dict.fromkeys(words))


def _reap(pid: int) -> None:
    """slirp4netns is our own child in the process that started it."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return


def interfaces(request: NetworkRequest) -> dict[str, str]:
    """network name -> interface name inside the container."""
    return {
        name: options["interface_name"] for name, options in interface_names(request.mode.networks).items()
    }
