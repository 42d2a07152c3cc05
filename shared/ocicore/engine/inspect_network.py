"""What `container inspect` says of a container's network (libpod/define: InspectNetworkSettings)."""

from __future__ import annotations

from ocicore.engine import network_setup
from ocicore.engine.inspect_host_config import network_mode, port_bindings
from ocicore.errors import NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ocicore.engine.context import Engine
    from ocicore.engine.records import Container

    Json = dict[str, Any]


def network_settings(engine: Engine, container: Container) -> Json:
    """Addresses, ports and networks. A container in another's network shows that one's; a mode without networks of its own
    (none, host, slirp4netns) shows itself as the one network, as podman 5 does."""
    network = container.config["network"]
    if network["kind"] == "container":
        shared = engine.state.containers.get(network["target"])
        if shared is not None:
            return network_settings(engine, shared)
    status = container.state.get("network") or {}
    ports = port_bindings(container)
    for key in container.exposed:
        ports.setdefault(key, None)
    result = _basic_network()
    networks: Json = {}
    for name in container.networks:
        options = network["networks"].get(name) or {}
        aliases = network_setup.aliases(container, options)
        networks[name] = {**_entry(status.get(name), _network_id(engine, name)), "Aliases": aliases}
    if not networks and network["kind"] != "ns" and (status or not container.netns):
        name = network_mode(network)
        networks[name] = _entry(None, name)
    # Of several networks, or one that was made, only the networks' own entries have the addresses.
    if status and container.networks in ([], [engine.config.network.default_network]):
        _fill_network(result, next(iter(status.values())))
    result.update(
        {
            "Bridge": "",
            "SandboxID": "",
            "HairpinMode": False,
            "LinkLocalIPv6Address": "",
            "LinkLocalIPv6PrefixLen": 0,
            "Ports": ports,
            "SandboxKey": container.netns or _own_namespace(container),
        }
    )
    if networks or network["kind"] == "ns":
        result["Networks"] = networks
    return result


def _own_namespace(container: Container) -> str:
    """With no network to set up the namespace is the runtime's and has no file, but the container's process has it."""
    if container.config["network"]["kind"] == "none" and container.pid:
        return f"/proc/{container.pid}/ns/net"
    return ""


def _network_id(engine: Engine, name: str) -> str:
    try:
        return str(network_setup.definitions(engine).get(name)["id"])
    except NotFound:
        return name


def _entry(block: Json | None, network_id: str) -> Json:
    entry = _basic_network()
    if block:
        _fill_network(entry, block)
    return {**entry, "NetworkID": network_id, "DriverOpts": None, "IPAMConfig": None, "Links": None}


def _basic_network() -> Json:
    return {
        "EndpointID": "",
        "Gateway": "",
        "IPAddress": "",
        "IPPrefixLen": 0,
        "IPv6Gateway": "",
        "GlobalIPv6Address": "",
        "GlobalIPv6PrefixLen": 0,
        "MacAddress": "",
    }


def _fill_network(target: Json, block: Json) -> None:
    for interface in (block.get("interfaces") or {}).values():
        target["MacAddress"] = interface.get("mac_address", "")
        for subnet in interface.get("subnets") or ():
            address, _, prefix = str(subnet.get("ipnet", "")).partition("/")
            length = int(prefix or 0)
            if ":" in address:
                target["GlobalIPv6Address"], target["GlobalIPv6PrefixLen"] = address, length
                target["IPv6Gateway"] = subnet.get("gateway") or ""
            else:
                target["IPAddress"], target["IPPrefixLen"] = address, length
                target["Gateway"] = subnet.get("gateway") or ""
        return
