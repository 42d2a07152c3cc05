"""A container's network from its mode: connected before the runtime creates the container, disconnected after its end.

The namespace is pinned by a file (netns.create) before; the result is netavark's status block for each network, and for
pasta and slirp4netns a block of the same form, so that addresses, name servers and gateways are found in one place.
"""

from __future__ import annotations

import os

from ocicore.errors import Error, NotFound, Unsupported
from ocicore.files import quick_json
from ocicore.linux import process, spawn
from ocicore.network import modes, netavark, netns, pasta, slirp
from ocicore.network.ipam import Ipam
from ocicore.network.networks import Networks
from ocicore.network.rootless_netns import RootlessNetns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from ocicore.network.modes import NetworkMode
    from ocicore.network.ports import PortMapping

    Json = dict[str, Any]
    Warn = Callable[[str], None]

#: Root's network run directory, whatever the run root is: aardvark-dns of podman and ours must be the same one.
ROOT_RUN_DIR = "/run/containers/networks"
ROOT_LOCK = "/run/lock/netavark.lock"
_STATE_FILE = "network.json"
_SIGTERM = 15
#: A helper ends at once; one that hangs must not keep a container from being removed.
_PATIENCE_MS = 3000


def run_directory(run_root: str, *, rootless: bool) -> str:
    """podman's network run directory."""
    return f"{run_root}/networks" if rootless else ROOT_RUN_DIR


class NetworkEnvironment:
    """Where and how networks are made on this host.

    Args:
        config_dir: folder of network definitions; run_dir: from run_directory().
        environ: environment of helper programs; helper_dirs: where netavark and friends lie.
        runtime_dir: $XDG_RUNTIME_DIR, "" to take it from `environ`.
        default_network, default_subnet: the network that exists without a definition.
        rootless_command: "pasta" or "slirp4netns", connects an ordinary user's bridges.
        firewall_driver, dns_bind_port, pasta_options, slirp_options, slirp_path, no_pivot, plugin_dirs: containers.conf.
    """

    __slots__ = (
        "dns_bind_port",
        "environ",
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
        *,
        config_dir: str,
        run_dir: str,
        rootless: bool,
        helper_dirs: Sequence[str],
        environ: Mapping[str, str],
        runtime_dir: str = "",
        default_network: str = "podman",
        default_subnet: str = "10.88.0.0/16",
        rootless_command: str = "pasta",
        firewall_driver: str = "",
        dns_bind_port: int = 0,
        pasta_options: Sequence[str] = (),
        slirp_options: Sequence[str] = (),
        slirp_path: str = "",
        no_pivot: bool = False,
        plugin_dirs: Sequence[str] = (),
    ) -> None:
        self.networks = Networks(config_dir, default_name=default_network, default_subnet=default_subnet)
        self.run_dir = run_dir
        self.rootless = rootless
        self.helper_dirs = helper_dirs
        self.environ = environ
        self.runtime_dir = runtime_dir or (environ.get("XDG_RUNTIME_DIR", "/run") if rootless else "/run")
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
        netns_path: the namespace's file; pid: of process 1 when it exists already (0 not), for its user namespace.
        mode: parsed --network; ports: from ports.assign(); dns_servers: --dns, which aardvark-dns forwards to.
        run_dir: the container's volatile folder, for pid files and sockets.
    """

    __slots__ = (
        "container_id",
        "container_name",
        "dns_servers",
        "hostname",
        "mode",
        "netns_path",
        "pid",
        "ports",
        "run_dir",
    )

    def __init__(
        self,
        *,
        container_id: str,
        container_name: str,
        netns_path: str,
        mode: NetworkMode,
        run_dir: str,
        pid: int = 0,
        ports: Sequence[PortMapping] = (),
        dns_servers: Sequence[str] = (),
        hostname: str = "",
    ) -> None:
        self.container_id = container_id
        self.container_name = container_name
        self.netns_path = netns_path
        self.mode = mode
        self.run_dir = run_dir
        self.pid = pid
        self.ports = ports
        self.dns_servers = dns_servers
        self.hostname = hostname


def setup(request: NetworkRequest, *, env: NetworkEnvironment, warn: Warn) -> dict[str, Json]:
    """Connect a container's namespace.

    Returns network name -> status block: "interfaces" {name: {"mac_address", "subnets": [{"ipnet", "gateway"}]}},
    "dns_server_ips", "dns_search_domains". For pasta and slirp4netns the one block is named after them, and its gateway
    is the address under which the container reaches the host.
    Raises Error; nothing is left behind then but the namespace itself.
    """
    # Left by an earlier run whose clean-up was killed: they have the ports that are wanted now.
    _end_helpers(request)
    kind = request.mode.kind
    if kind == "pasta":
        return {"pasta": _setup_pasta(request, env)}
    if kind == "slirp4netns":
        return {"slirp4netns": _setup_slirp(request, env)}
    if kind == "bridge":
        return _setup_bridge(request, env, warn)
    return {}


def teardown(request: NetworkRequest, *, env: NetworkEnvironment, warn: Warn) -> None:
    """Take everything away again but the namespace's file; what is gone already, or cannot be undone, is at most a warning."""
    try:
        _end_helpers(request)
        if request.mode.kind == "bridge":
            _teardown_bridge(request, env)
    except Error as error:
        warn(f"tearing down the network of container {request.container_id[:12]}: {error}")


def _remember(request: NetworkRequest, *pids: int) -> None:
    """Record a container's helper processes by pid and start time, for whoever tears down."""
    state = [{"pid": pid, "started": process.start_time(pid)} for pid in pids]
    with open(f"{request.run_dir}/{_STATE_FILE}", "w") as stream:
        stream.write(quick_json.dumps(state))


def _end_helpers(request: NetworkRequest) -> None:
    """End them and wait until they are gone: whoever asks next may want the same ports."""
    path = f"{request.run_dir}/{_STATE_FILE}"
    try:
        with open(path, "rb") as stream:
            state = quick_json.loads(stream.read())
        os.unlink(path)
    except (OSError, ValueError):
        return
    for helper in state:
        try:
            descriptor = process.pidfd_open(helper["pid"])
        except OSError:
            continue
        try:
            if process.start_time(helper["pid"]) == helper["started"]:
                process.pidfd_send_signal(descriptor, _SIGTERM)
                process.wait_pidfd(descriptor, _PATIENCE_MS)
        except ProcessLookupError:
            pass
        finally:
            os.close(descriptor)
        try:
            # slirp4netns and the ports' proxy are children of the process that started them.
            os.waitpid(helper["pid"], os.WNOHANG)
        except ChildProcessError:
            continue


def _block(interface: str, address: str, prefix: int, gateway: str, dns: str) -> Json:
    return {
        "interfaces": {
            interface: {"mac_address": "", "subnets": [{"ipnet": f"{address}/{prefix}", "gateway": gateway}]}
        },
        "dns_server_ips": [dns],
        "dns_search_domains": [],
    }


def _user_namespace(request: NetworkRequest) -> str:
    return f"/proc/{request.pid}/ns/user" if request.pid else ""


def _setup_pasta(request: NetworkRequest, env: NetworkEnvironment) -> Json:
    if not env.rootless:
        raise Unsupported("pasta networking is only supported for rootless mode")
    program = pasta.find(env.helper_dirs, env.environ.get("PATH", ""))
    options = [*env.pasta_options, *request.mode.options]
    started = pasta.start(
        program,
        request.netns_path,
        env=env.environ,
        pid_file=f"{request.run_dir}/pasta.pid",
        ports=request.ports,
        options=options,
        user_ns=_user_namespace(request),
    )
    if started.pid:
        _remember(request, started.pid)
    # Unless told otherwise pasta gives the container the address with which the host goes out.
    address = pasta.value(options, "-a", "--address") or netns.host_address([])
    interface = (
        pasta.value(options, "-I", "--ns-ifname") or pasta.value(options, "-i", "--interface") or "eth0"
    )
    prefix = next((size for known, size in netns.local_addresses(os.getpid()) if known == address), 32)
    return _block(interface, address, prefix, started.host or netns.host_address([address]), started.dns)


def _setup_slirp(request: NetworkRequest, env: NetworkEnvironment) -> Json:
    program = slirp.find(env.helper_dirs, env.environ.get("PATH", ""), env.slirp_path)
    started = slirp.start(
        program,
        request.netns_path,
        env=env.environ,
        api_socket=f"{request.run_dir}/slirp.sock",
        ports=request.ports,
        options=[*env.slirp_options, *request.mode.options],
        user_ns=_user_namespace(request),
        no_pivot=env.no_pivot,
    )
    _remember(request, started.pid)
    if request.ports and not started.forwards:
        try:
            _remember(request, started.pid, _proxy(request, env, request.netns_path, started.address))
        except Error:
            _end_helpers(request)
            raise
    return _block("tap0", started.address, started.prefix, netns.host_address([started.address]), started.dns)


def _setup_bridge(request: NetworkRequest, env: NetworkEnvironment, warn: Warn) -> dict[str, Json]:
    found = {name: env.networks.get(name) for name in request.mode.networks}
    # A network may have been named by its id: from here on its name counts.
    wanted = {found[name]["name"]: options for name, options in request.mode.networks.items()}
    definitions = {network["name"]: network for network in found.values()}
    leases: dict[str, list[str]] = {}
    with Ipam(env.run_dir, env.networks.default_name) as ipam:
        try:
            for name, network in definitions.items():
                if network.get("ipam_options", {}).get("driver", "host-local") == "host-local":
                    static = wanted[name].get("static_ips", ())
                    leases[name] = ipam.allocate(request.container_id, network, static)
            return connect_networks(request, env, wanted, definitions, leases, warn)
        except BaseException:
            ipam.release(request.container_id)
            raise


def connect_networks(
    request: NetworkRequest,
    env: NetworkEnvironment,
    wanted: Json,
    definitions: Json,
    leases: dict[str, list[str]],
    warn: Warn,
) -> dict[str, Json]:
    """Let netavark connect a namespace to networks; its status blocks. Raises Error, and has undone everything then.

    Args:
        wanted: name -> options of this container; definitions: name -> network; leases: name -> addresses.
    """
    options = _options(request, wanted, definitions, leases)
    if any(network.get("dns_enabled") for network in definitions.values()):
        if not netavark.find(env.helper_dirs)[1]:
            warn("aardvark-dns binary not found, container dns will not be enabled")
    with _lock(env):
        if not env.rootless:
            return caller(env).setup(request.netns_path, options)
        rootless = _rootless(env)
        info = rootless.acquire()
        status = caller(env, rootless).setup(request.netns_path, options)
        rootless.count(len(definitions))
        try:
            _publish(request, env, rootless.path, status)
        except Error:
            caller(env, rootless).teardown(request.netns_path, options)
            rootless.count(-len(definitions))
            raise
    if not any(block.get("dns_server_ips") for block in status.values()):
        for block in status.values():
            block["dns_server_ips"] = info.get("DnsForwardIps") or []
    return status


def _publish(request: NetworkRequest, env: NetworkEnvironment, path: str, status: Mapping[str, Json]) -> None:
    """Open the host ports of a container on a rootless bridge: netavark's rules end inside the user's namespace."""
    if not request.ports or os.path.exists(f"{request.run_dir}/{_STATE_FILE}"):
        return  # none, or its ports are led to another of its networks
    found = [
        subnet["ipnet"].partition("/")[0]
        for block in status.values()
        for interface in block["interfaces"].values()
        for subnet in interface.get("subnets") or ()
    ]
    if not found:
        return
    ipv4 = [address for address in found if ":" not in address]
    _remember(request, _proxy(request, env, path, (ipv4 or found)[0]))


def end_publishing(request: NetworkRequest, env: NetworkEnvironment) -> None:
    """Close the host ports of a container on a rootless bridge, whose address is about to change."""
    if env.rootless:
        _end_helpers(request)


def publish_again(request: NetworkRequest, env: NetworkEnvironment, status: Mapping[str, Json]) -> None:
    """Lead the host ports of a container on a rootless bridge to the networks it is still on; closed where there is none.

    Args:
        status: netavark's blocks of those networks.
    """
    if env.rootless:
        _end_helpers(request)
        _publish(request, env, _rootless(env).path, status)


def _proxy(request: NetworkRequest, env: NetworkEnvironment, path: str, address: str) -> int:
    """Start the process that listens on the host and connects to `address` from the namespace `path`; its pid."""
    from ocicore.network import port_proxy

    for mapping in request.ports:
        if mapping["protocol"] == "sctp":
            raise Unsupported(f"publishing SCTP ports is not possible with the network {request.mode.kind}")
    return port_proxy.start(env.environ, netns=path, address=address, ports=list(request.ports))


def _teardown_bridge(request: NetworkRequest, env: NetworkEnvironment) -> None:
    definitions = {}
    wanted = {}
    for name, options in request.mode.networks.items():
        try:
            network = env.networks.get(name)
        except NotFound:
            # A network removed by force while the container ran: nothing is left to undo on the host's side.
            continue
        definitions[network["name"]] = network
        wanted[network["name"]] = options
    with Ipam(env.run_dir, env.networks.default_name) as ipam:
        try:
            leases = {name: ipam.assigned(request.container_id, name) for name in definitions}
            connected = any(leases.values()) or any(
                not network.get("subnets") for network in definitions.values()
            )
            if connected:
                call = _options(request, wanted, definitions, leases)
                if netns.exists(request.netns_path):
                    _netavark_teardown(env, request.netns_path, call)
                else:
                    others = {name: len(ipam.holders(name) - {request.container_id}) for name in definitions}
                    _teardown_without_namespace(env, call, others)
        finally:
            ipam.release(request.container_id)


def _teardown_without_namespace(env: NetworkEnvironment, options: Json, others: Mapping[str, int]) -> None:
    """Rules and bridge of a container whose namespace is gone (a hand removed it, or the pause process died).

    netavark removes a bridge, and the rules of its network, after it has removed the container's interface: an empty
    namespace with interfaces of those names stands in for the lost one. It keeps a bridge that still has an interface,
    and the kernel takes the lost one's away only some time after the last process has left: that is waited for.

    Args:
        others: network name -> number of other containers in it.
    """
    from ocicore.network import bridges

    runner: bridges.Run = spawn.capture
    if env.rootless:
        with _lock(env):
            rootless = _rootless(env)
            rootless.acquire()
        runner = rootless.run
    for name, network in options["network_info"].items():
        if network["driver"] == "bridge":
            bridges.wait_for_at_most(others[name], network["network_interface"], runner, env.environ)
    path = netns.create(netns.directory(env.runtime_dir, rootless=env.rootless))
    try:
        netns.add_interfaces(
            path, [entry["interface_name"] for entry in options["networks"].values()], env.environ
        )
        _netavark_teardown(env, path, options)
    finally:
        netns.remove(path)


def _netavark_teardown(env: NetworkEnvironment, path: str, options: Json) -> None:
    with _lock(env):
        if not env.rootless:
            caller(env).teardown(path, options)
            return
        rootless = _rootless(env)
        rootless.acquire()
        try:
            caller(env, rootless).teardown(path, options)
        finally:
            rootless.count(-len(options["networks"]))


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


def disconnect_networks(
    request: NetworkRequest,
    env: NetworkEnvironment,
    wanted: Json,
    definitions: Json,
    leases: Mapping[str, Sequence[str]],
) -> None:
    """Let netavark disconnect a namespace from networks; arguments as `connect_networks`. Raises Error."""
    _netavark_teardown(env, request.netns_path, _options(request, wanted, definitions, leases))


def caller(env: NetworkEnvironment, rootless: RootlessNetns | None = None) -> netavark.Netavark:
    """netavark on this host, in the rootless network namespace when that is given."""
    program, aardvark = netavark.find(env.helper_dirs)
    return netavark.Netavark(
        program,
        aardvark,
        env.run_dir,
        env=env.environ,
        rootless=env.rootless,
        firewall_driver=env.firewall_driver,
        dns_bind_port=env.dns_bind_port,
        plugin_dirs=env.plugin_dirs,
        runner=rootless.run if rootless is not None else None,
    )


def enter_rootless(env: NetworkEnvironment) -> None:
    """Move this process into the namespace that the user's bridges live in; made and connected where it is not there.

    Raises Error.
    """
    namespace = _rootless(env)
    with _lock(env):
        namespace.acquire()
    namespace.enter()


def _rootless(env: NetworkEnvironment) -> RootlessNetns:
    options = env.slirp_options if env.rootless_command == "slirp4netns" else env.pasta_options
    return RootlessNetns(
        env.run_dir,
        env.runtime_dir,
        command=env.rootless_command,
        helper_dirs=env.helper_dirs,
        env=env.environ,
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


def interfaces(mode: NetworkMode) -> dict[str, str]:
    """network name -> interface name inside the container."""
    named = modes.interface_names(mode.networks)
    return {name: options["interface_name"] for name, options in named.items()}
