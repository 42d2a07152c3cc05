"""A container's network: its namespace, interfaces and ports, and the files that name things (hosts, resolv.conf).

Calls ocicore.network; containers with --network none or host need none of that package.
"""

from __future__ import annotations

import os

from ocicore.errors import NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from ocicore.engine.context import Engine
    from ocicore.engine.prepare import Preparation
    from ocicore.engine.records import Container
    from ocicore.network.networks import Networks
    from ocicore.network.setup import NetworkEnvironment, NetworkRequest

#: Kinds for which we make a namespace and put interfaces into it.
CONNECTED = frozenset(("bridge", "pasta", "slirp4netns"))


def create_namespace(engine: Engine, container: Container) -> str:
    """A new network namespace for a container that gets interfaces, else "". Raises Error."""
    if container.config["network"]["kind"] not in CONNECTED or made_by_runtime(engine, container):
        return ""
    from ocicore.network import netns

    if container.netns and netns.exists(container.netns):
        return container.netns
    return netns.create(netns.directory(engine.user.runtime_dir, rootless=engine.rootless))


def made_by_runtime(engine: Engine, container: Container) -> bool:
    """Whether the runtime makes the namespace: in a user namespace of its own the container must own it, or the
    kernel refuses it a /sys of its own. Interfaces then come after the runtime's create."""
    config = container.config
    return (
        not engine.rootless
        and config["network"]["kind"] == "bridge"
        and bool(config["runtime"].get("uid_mappings"))
    )


def connect_created(engine: Engine, container: Container, work: Preparation, pid: int) -> None:
    """Interfaces for a namespace that the runtime has made for `pid`, and the names that follow. Raises Error."""
    from ocicore.network import netns

    path = netns.pin(netns.directory(engine.user.runtime_dir, rootless=engine.rootless), pid)
    engine.state.containers.update(container, netns=path)
    # The files are bound already; they are written again in place.
    write_files(engine, container, work, connect(engine, container, path))


def namespace(container: Container, netns: str, joined: str) -> dict[str, Any]:
    """The network namespace for the runtime; `joined` is the path of the one shared with another container."""
    network = container.config["network"]
    kind = network["kind"]
    if kind == "ns":
        if not os.path.exists(network["target"]):
            raise NotFound(
                f"cannot find specified network namespace path: {network['target']}: no such file or directory"
            )
        return {"mode": "path", "path": network["target"]}
    if kind == "container":
        return {"mode": "path", "path": joined} if joined else {"mode": "host"}
    if netns:
        return {"mode": "path", "path": netns, "own": True}
    return {"mode": "host" if kind == "host" else "none"}


def connect(engine: Engine, container: Container, netns: str) -> dict[str, Any]:
    """Interfaces, addresses and ports; returns netavark's status by network, kept in the state too. Raises Error."""
    if not netns:
        return {}
    from ocicore.network import setup

    status = setup.setup(request(engine, container, netns), env=environment(engine), warn=engine.warn)
    engine.state.containers.update(container, state={**container.state, "network": status})
    return status


def disconnect(engine: Engine, container: Container) -> None:
    """Give everything back; what is gone already is no error."""
    netns = container.netns
    if not netns:
        return
    from ocicore.network import netns as namespaces
    from ocicore.network import setup

    try:
        setup.teardown(request(engine, container, netns), env=environment(engine), warn=engine.warn)
    finally:
        try:
            namespaces.remove(netns)
        except NotFound:
            pass


def request(engine: Engine, container: Container, netns: str) -> NetworkRequest:
    """The network package's view of a container."""
    from ocicore.network.modes import NetworkMode
    from ocicore.network.setup import NetworkRequest

    network = container.config["network"]
    mode = NetworkMode.from_record(network)
    mode.networks = {
        name: {**options, "aliases": aliases(container, options)} for name, options in mode.networks.items()
    }
    return NetworkRequest(
        container_id=container.id,
        container_name=container.name,
        netns_path=netns,
        pid=0,
        mode=mode,
        ports=network["ports"],
        dns_servers=network["dns"],
        hostname=hostname(engine, container),
        run_dir=engine.store.container_run_dir(container.id),
    )


def aliases(container: Container, options: Mapping[str, Any]) -> list[str]:
    """Names besides its own under which others in a network find the container: those asked for (`options` of that
    network), its short id as with Docker, and its host name where one was given."""
    given = container.config["runtime"].get("hostname")
    return [*(options.get("aliases") or ()), container.id[:12], *([given] if given else ())]


def environment(engine: Engine) -> NetworkEnvironment:
    """What the network package must know of this engine."""
    from ocicore.engine import runtime_choice
    from ocicore.network import networks, setup

    config = engine.config
    table = config.network
    configured = engine.options.network_config_dir or table.network_config_dir
    return setup.NetworkEnvironment(
        config_dir=networks.default_dir(engine.user, configured),
        run_dir=setup.run_directory(engine.storage.run_root, rootless=engine.rootless),
        runtime_dir=engine.user.runtime_dir,
        rootless=engine.rootless,
        environ=runtime_choice.runtime_environment(engine),
        helper_dirs=config.engine.helper_binaries_dir,
        default_network=table.default_network,
        default_subnet=table.default_subnet,
        rootless_command=table.default_rootless_network_cmd,
        firewall_driver=table.firewall_driver,
        dns_bind_port=table.dns_bind_port,
        pasta_options=table.pasta_options,
        slirp_options=config.engine.network_cmd_options,
        slirp_path=engine.options.network_command or config.engine.network_cmd_path,
        no_pivot=config.engine.no_pivot_root,
        plugin_dirs=table.netavark_plugin_dirs,
    )


def interfaces(container: Container) -> dict[str, str]:
    """network -> name of the interface in the container."""
    from ocicore.network import modes

    named = modes.interface_names(container.config["network"]["networks"])
    return {name: options["interface_name"] for name, options in named.items()}


def definitions(engine: Engine) -> Networks:
    """The networks there are, for listing and changing them."""
    from ocicore.network import networks

    table = engine.config.network
    configured = engine.options.network_config_dir or table.network_config_dir
    return networks.Networks(
        networks.default_dir(engine.user, configured),
        default_name=table.default_network,
        default_subnet=table.default_subnet,
        pools=table.default_subnet_pools,
        plugin_dirs=table.netavark_plugin_dirs,
    )


def hostname(engine: Engine, container: Container) -> str:
    """The name the container has for itself."""
    config = container.config
    if config["namespaces"]["uts"] == "host":
        return engine.host.hostname
    if config["runtime"].get("hostname"):
        return config["runtime"]["hostname"]  # type: ignore[no-any-return]
    if config["network"]["kind"] == "host":
        # As podman: with the host's network a UTS namespace of one's own starts with the host's name.
        return engine.host.hostname
    if engine.config.containers.container_name_as_hostname:
        return container.name
    return container.id[:12]


def addresses(status: dict[str, Any]) -> list[str]:
    """IP addresses in netavark's status blocks, without prefix lengths."""
    found = []
    for block in status.values():
        for interface in (block.get("interfaces") or {}).values():
            for subnet in interface.get("subnets") or ():
                found.append(str(subnet.get("ipnet", "")).partition("/")[0])
    return [address for address in found if address]


def write_files(engine: Engine, container: Container, work: Preparation, status: dict[str, Any]) -> None:
    """/etc/hosts, /etc/resolv.conf and /etc/hostname, unless the user or the options say otherwise."""
    config = container.config
    network = config["network"]
    if network["kind"] == "container":
        from ocicore.engine import shared_hosts

        shared_hosts.add(engine, container)
        _shared_files(engine, network["target"], work)
        return
    name = hostname(engine, container)
    if not network["no_hostname"] and "/etc/hostname" not in work.destinations:
        work.write_file("hostname", (name + "\n").encode(), "/etc/hostname")
    if not network["no_hosts"] and not {"/etc/hosts", "/etc"} & work.destinations:
        work.write_file("hosts", hosts_text(engine, container, name, status).encode(), "/etc/hosts")
    if network["dns"] == ["none"] or {"/etc/resolv.conf", "/etc"} & work.destinations:
        return
    work.write_file("resolv.conf", resolv_text(engine, container, status).encode(), "/etc/resolv.conf")


def _shared_files(engine: Engine, other_id: str, work: Preparation) -> None:
    """A container in another's network has that one's names and resolver."""
    run_dir = engine.store.container_run_dir(other_id)
    for name in ("hosts", "resolv.conf", "hostname"):
        if os.path.exists(f"{run_dir}/{name}"):
            work.bind_file(f"{run_dir}/{name}", f"/etc/{name}")


def hosts_text(engine: Engine, container: Container, name: str, status: dict[str, Any]) -> str:
    """The container's /etc/hosts."""
    from ocicore.network import hosts

    network = container.config["network"]
    return hosts.text(
        base=_base_hosts(engine, container, network),
        kind=network["kind"],
        names=[name, container.name],
        addresses=addresses(status),
        gateways=_gateways(status),
        extra=network["add_hosts"],
        host_address=_configured_host_address(engine),
    )


def _configured_host_address(engine: Engine) -> str | None:
    configured = engine.config.containers.host_containers_internal_ip
    return {"": None, "none": ""}.get(configured, configured)


def _base_hosts(engine: Engine, container: Container, network: dict[str, Any]) -> str:
    asked = network["hosts_file"] or engine.config.containers.base_hosts_file
    path = {"": "/etc/hosts", "none": ""}.get(asked, asked)
    if not path:
        return ""
    if asked == "image":
        from ocicore.linux.resolve import resolve_in_root

        path = resolve_in_root(container.mountpoint, "/etc/hosts", missing_ok=True)
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except OSError:
        return ""


def _gateways(status: dict[str, Any]) -> list[str]:
    found = []
    for block in status.values():
        for interface in (block.get("interfaces") or {}).values():
            found += [subnet["gateway"] for subnet in interface.get("subnets") or () if subnet.get("gateway")]
    return found


def resolv_text(engine: Engine, container: Container, status: dict[str, Any]) -> str:
    """The container's /etc/resolv.conf."""
    from ocicore.network import resolv

    network = container.config["network"]
    conf = engine.config.containers
    servers = [server for block in status.values() for server in block.get("dns_server_ips") or ()]
    search = [domain for block in status.values() for domain in block.get("dns_search_domains") or ()]
    return resolv.text(
        kind=network["kind"],
        network_servers=servers,
        network_search=search,
        servers=network["dns"] or conf.dns_servers,
        search=network["dns_search"] or conf.dns_searches,
        options=network["dns_options"] or conf.dns_options,
    )
