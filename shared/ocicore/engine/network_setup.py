"""A container's network: its namespace, interfaces and ports, and the files that name things (hosts, resolv.conf).

Drives ocicore.network; containers with --network none or host need nothing of that package but two texts.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ocicore.engine.context import Engine
    from ocicore.engine.prepare import Preparation
    from ocicore.engine.records import Container
    from ocicore.network.setup import NetworkEnvironment, NetworkRequest

    Json = dict[str, Any]

#: Kinds for which interfaces are made.
CONNECTED = frozenset(("bridge", "pasta", "slirp4netns"))
_ROOT_RUN_DIR = "/run/containers/networks"


class Plan:
    """namespace: for the runtime; before: connect before the runtime's create, else after it; connects; netns: file made."""

    __slots__ = ("before", "connects", "namespace", "netns")

    def __init__(
        self, namespace: Json, *, before: bool = False, connects: bool = False, netns: str = ""
    ) -> None:
        self.namespace = namespace
        self.before = before
        self.connects = connects
        self.netns = netns


def plan(engine: Engine, container: Container, joined: str) -> Plan:
    """What start has to do for this container's network.

    Args:
        joined: path of the namespace of the container it shares one with.
    """
    kind = container.config["network"]["kind"]
    if kind == "none":
        return Plan({"mode": "none"})
    if kind == "host":
        return Plan({"mode": "host"})
    from ocicore.network import setup
    from ocicore.network.modes import NetworkMode

    found = setup.plan(
        NetworkMode.from_record(container.config["network"]),
        environment(engine),
        new_userns=bool(container.config["runtime"].get("uid_mappings")),
        joined=joined,
    )
    return Plan(found.namespace, before=found.before, connects=found.connects, netns=found.netns)


def connect(engine: Engine, container: Container, netns: str) -> Json:
    """Interfaces, addresses and ports; returns the record, which is kept in the state too. Raises Error."""
    from ocicore.network import setup

    record = setup.connect(request(engine, container, netns), env=environment(engine), warn=engine.warn)
    engine.state.containers.update(
        container,
        netns=netns or record.get("netns", ""),
        state={**container.state, "network": record},
    )
    return record


def disconnect(engine: Engine, container: Container) -> None:
    """Give everything back; what is gone already is no error."""
    if container.config["network"]["kind"] not in CONNECTED:
        return
    from ocicore.network import setup

    record = container.state.get("network") or {}
    setup.disconnect(
        request(engine, container, container.netns), record, env=environment(engine), warn=engine.warn
    )


def request(engine: Engine, container: Container, netns: str) -> NetworkRequest:
    """The network package's view of a container."""
    from ocicore.network.modes import NetworkMode
    from ocicore.network.setup import NetworkRequest

    network = container.config["network"]
    return NetworkRequest(
        container_id=container.id,
        container_name=container.name,
        hostname=hostname(engine, container),
        mode=NetworkMode.from_record(network),
        ports=network["ports"],
        netns=netns,
        pid=container.pid,
        new_userns=bool(container.config["runtime"].get("uid_mappings")),
        dns_servers=network["dns"],
        state_dir=engine.store.container_run_dir(container.id),
    )


def environment(engine: Engine) -> NetworkEnvironment:
    """What the network package must know of this engine."""
    from ocicore.engine import runtime_choice
    from ocicore.network import networks
    from ocicore.network.setup import NetworkEnvironment

    config = engine.config
    table = config.network
    configured = engine.options.network_config_dir or table.network_config_dir
    definitions = networks.Networks(
        networks.default_dir(engine.storage.graph_root, configured, rootless=engine.rootless),
        default_name=table.default_network,
        default_subnet=table.default_subnet,
        pools=table.default_subnet_pools,
        plugin_dirs=table.netavark_plugin_dirs,
    )
    return NetworkEnvironment(
        definitions,
        run_dir=f"{engine.storage.run_root}/networks" if engine.rootless else _ROOT_RUN_DIR,
        runtime_dir=engine.user.runtime_dir,
        rootless=engine.rootless,
        env=runtime_choice.runtime_environment(engine),
        helper_dirs=config.engine.helper_binaries_dir,
        rootless_command=table.default_rootless_network_cmd,
        firewall_driver=table.firewall_driver,
        dns_bind_port=table.dns_bind_port,
        pasta_options=table.pasta_options,
        slirp_options=config.engine.network_cmd_options,
        slirp_path=engine.options.network_command or config.engine.network_cmd_path,
        no_pivot=config.engine.no_pivot_root,
        plugin_dirs=table.netavark_plugin_dirs,
    )


def hostname(engine: Engine, container: Container) -> str:
    """The name the container has for itself."""
    config = container.config
    if config["namespaces"]["uts"] == "host":
        return engine.host.hostname
    if config["runtime"].get("hostname"):
        return config["runtime"]["hostname"]  # type: ignore[no-any-return]
    if engine.config.containers.container_name_as_hostname:
        return container.name
    return container.id[:12]


def write_files(engine: Engine, container: Container, work: Preparation, record: Json) -> None:
    """/etc/hosts, /etc/resolv.conf and /etc/hostname, unless the user or the options say otherwise.

    Called again when the network is connected after the runtime's create: the files are bound, so writing them anew
    in place changes what the container sees.
    """
    network = container.config["network"]
    if network["kind"] == "container":
        _shared_files(engine, network["target"], work)
        return
    name = hostname(engine, container)
    etc = "/etc" in work.destinations
    if not network["no_hostname"] and not etc:
        work.write_file("hostname", (name + "\n").encode(), "/etc/hostname")
    if not network["no_hosts"] and not etc:
        work.write_file("hosts", hosts_text(engine, container, name, record).encode(), "/etc/hosts")
    if network["dns"] != ["none"] and not etc:
        work.write_file("resolv.conf", resolv_text(engine, container, record).encode(), "/etc/resolv.conf")


def _shared_files(engine: Engine, other_id: str, work: Preparation) -> None:
    """A container in another's network has that one's names and resolver."""
    run_dir = engine.store.container_run_dir(other_id)
    for name in ("hosts", "resolv.conf"):
        if os.path.exists(f"{run_dir}/{name}"):
            work.bind_file(f"{run_dir}/{name}", f"/etc/{name}")


def hosts_text(engine: Engine, container: Container, name: str, record: Json) -> str:
    """The container's /etc/hosts."""
    from ocicore.network import hosts

    network = container.config["network"]
    kind = network["kind"]
    names = list(dict.fromkeys((name, container.name)))
    own: list[tuple[str, list[str]]] = [(address, names) for address in record.get("addresses") or ()]
    if not own:
        if kind == "slirp4netns":
            own = [("10.0.2.100", names)]
        elif kind != "host":
            own = [("127.0.0.1", names)]
        elif container.config["runtime"].get("hostname"):
            own = [("127.0.1.1", names)]
    return hosts.text(
        base=_base_hosts(engine, container, network),
        extra=network["add_hosts"],
        own=own,
        host_address=record.get("host") or engine.config.containers.host_containers_internal_ip,
    )


def _base_hosts(engine: Engine, container: Container, network: Json) -> str:
    asked = network["hosts_file"] or engine.config.containers.base_hosts_file
    if asked == "none":
        return ""
    if asked == "image":
        from ocicore.linux.resolve import resolve_in_root

        path = resolve_in_root(container.mountpoint, "/etc/hosts")
    else:
        path = asked or "/etc/hosts"
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except OSError:
        return ""


def resolv_text(engine: Engine, container: Container, record: Json) -> str:
    """The container's /etc/resolv.conf."""
    from ocicore.network import resolv

    network = container.config["network"]
    conf = engine.config.containers
    own = network["kind"] != "host"
    named = record.get("dns") or []
    servers = named or network["dns"] or conf.dns_servers
    return resolv.text(
        own_netns=own,
        servers=servers,
        searches=[*network["dns_search"], *(record.get("search") or ())] or conf.dns_searches,
        options=network["dns_options"] or conf.dns_options,
        keep_host_servers=network["kind"] in ("slirp4netns", "pasta") and not network["dns"] and bool(named),
    )
