"""Completing and checking the definition of a new network: driver options, subnets, gateways, names (podman's rules)."""

from __future__ import annotations

import os

from ocicore.errors import Error, InvalidInput
from ocicore.files import quick_json
from ocicore.network import addresses, networks
from ocicore.network.addresses import Subnet

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    Json = dict[str, Any]

_MACVLAN_MODES = ("bridge", "private", "vepa", "passthru")
_IPVLAN_MODES = ("l2", "l3", "l3s")


def complete(
    network: Json, known: list[Json], devices: set[str], pools: Sequence[Json], plugin_dirs: Sequence[str]
) -> None:
    """Check a partial definition and fill in what is missing, in place.

    Args:
        known: the networks there are; devices: names taken by interfaces and networks.
        pools, plugin_dirs: as in Networks.
    Raises InvalidInput, Error.
    """
    driver = network["driver"]
    subnets = network.setdefault("subnets", [])
    ipam = network["ipam_options"].get("driver", "")
    if ipam not in {"", "host-local", "dhcp", "none"}:
        raise InvalidInput(f'unsupported ipam driver "{ipam}"')
    if ipam == "none" and subnets:
        raise InvalidInput("none ipam driver is set but subnets are given")
    used: list[Subnet] = []
    if driver == "bridge":
        check = _bridge_options(network)
        if check:
            used = [
                addresses.parse_subnet(subnet["subnet"])
                for entry in known
                for subnet in entry.get("subnets", ())
            ]
            used += addresses.host_subnets()
        interface = network.get("network_interface", "")
        if not interface:
            network["network_interface"] = networks.free_device(devices)
        elif check and any(entry.get("network_interface") == interface for entry in known):
            raise InvalidInput(f"bridge name {interface} already in use")
        network.setdefault("dns_enabled", True)
        if ipam in {"", "host-local"}:
            network["ipam_options"]["driver"] = "host-local"
            _fill_subnets(network, used, pools)
    elif driver in {"macvlan", "ipvlan"}:
        _check_vlan(network)
    else:
        _plugin(network, plugin_dirs)
        network.setdefault("dns_enabled", False)
    interface = network.get("network_interface", "")
    if len(interface) > 15 or (interface and not networks.is_name(interface)):
        raise InvalidInput(f"network interface name {interface} invalid: at most 15 of [a-zA-Z0-9_.-]")
    if network["ipam_options"].get("driver") == "none":
        network["dns_enabled"] = False
    if network.get("network_dns_servers") and not network["dns_enabled"]:
        raise InvalidInput(
            "cannot set NetworkDNSServers if DNS is not enabled for the network: invalid argument"
        )
    for server in network.get("network_dns_servers") or ():
        addresses.parse(server)
    gateway = not network["internal"] or network["dns_enabled"]
    for subnet in subnets:
        _check_subnet(subnet, used, gateway=gateway)
    network["ipv6_enabled"] = bool(network["ipv6_enabled"]) or any(
        ":" in subnet["subnet"] for subnet in subnets
    )
    for route in network.get("routes") or ():
        addresses.parse_subnet(route["destination"])
        addresses.parse(route["gateway"])


def _bridge_options(network: Json) -> bool:
    """Check the options of a bridge; False when its name and subnets may be shared with other networks."""
    exclusive = True
    options = network["options"]
    for docker, ours in (
        ("com.docker.network.driver.mtu", "mtu"),
        ("com.docker.network.bridge.name", ""),
    ):
        if docker in options:
            value = options.pop(docker)
            if ours:
                options[ours] = value
            else:
                network["network_interface"] = value
    for key, value in options.items():
        if key in {"mtu", "metric", "vlan"}:
            if not value.isdigit() or (key == "vlan" and not 0 <= int(value) <= 4094):
                raise InvalidInput(f"invalid {key} {value!r}")
            exclusive = exclusive and key != "vlan"
        elif key == "isolate":
            options[key] = value if value == "strict" else _boolean(key, value)
        elif key == "no_default_route":
            options[key] = _boolean(key, value)
        elif key == "vrf":
            if not value:
                raise InvalidInput("invalid vrf name")
        elif key == "mode":
            if value not in {"managed", "unmanaged"}:
                raise InvalidInput(f'unknown bridge mode "{value}"')
            exclusive = exclusive and value != "unmanaged"
        else:
            raise InvalidInput(f"unsupported bridge network option {key}")
    return exclusive


def _fill_subnets(network: Json, used: list[Subnet], pools: Sequence[Json]) -> None:
    versions = {6 if ":" in subnet["subnet"] else 4 for subnet in network["subnets"]}
    if not versions or (network["ipv6_enabled"] and 4 not in versions):
        network["subnets"].append({"subnet": str(free_subnet(used, pools))})
    if network["ipv6_enabled"] and 6 not in versions:
        # RFC 4193: fd00::/8 with 40 random bits, one /64.
        base = (0xFD << 120) | (int.from_bytes(os.urandom(7), "big") << 64)
        network["subnets"].append({"subnet": str(Subnet(6, base, 64))})


def free_subnet(used: Sequence[Subnet], pools: Sequence[Json]) -> Subnet:
    """The first IPv4 subnet of the pools that overlaps none in use. Raises Error when they are exhausted."""
    for pool in pools:
        base = addresses.parse_subnet(pool["base"])
        prefix = int(pool["size"])
        step = 1 << (32 - prefix)
        for start in range(base.base, base.last, step):
            candidate = Subnet(4, start, prefix)
            if not any(candidate.overlaps(other) for other in used):
                return candidate
    raise Error("could not find free subnet from subnet pools")


def _plugin(network: Json, plugin_dirs: Sequence[str]) -> None:
    from ocicore.linux import spawn

    path = spawn.find(network["driver"], plugin_dirs)
    if not path:
        raise InvalidInput(f'failed to find driver or plugin "{network["driver"]}"')
    done = spawn.capture([path, "create"], {}, quick_json.dumps(network).encode())
    try:
        answer = quick_json.loads(done.stdout)
    except ValueError:
        answer = None
    if done.status != 0 or not isinstance(answer, dict):
        raise Error(f"plugin {path} failed: {done.error_text()}")
    if any(answer.get(key) != network[key] for key in ("name", "id", "driver")):
        raise Error(f"plugin {path} failed: it changed the network's name, ID or driver")
    network.update(answer)


def _check_subnet(subnet: Json, used: Sequence[Subnet], *, gateway: bool) -> None:
    parsed = addresses.parse_subnet(subnet["subnet"])
    subnet["subnet"] = str(parsed)
    for other in used:
        if parsed.overlaps(other):
            raise InvalidInput(f"subnet {parsed} is already used on the host or by another config")
    if subnet.get("gateway"):
        version, number = addresses.parse(subnet["gateway"])
        if version != parsed.version or number not in parsed:
            raise InvalidInput(f"gateway {subnet['gateway']} not in subnet {parsed}")
    elif gateway:
        subnet["gateway"] = addresses.to_text(parsed.version, parsed.base + 1)
    for key, title in (("start_ip", "start"), ("end_ip", "end")):
        text = (subnet.get("lease_range") or {}).get(key)
        if text and addresses.parse(text)[1] not in parsed:
            raise InvalidInput(f"lease range {title} ip {text} not in subnet {parsed}")


def _check_vlan(network: Json) -> None:
    driver = network["driver"]
    network["dns_enabled"] = False
    parent = network.get("network_interface", "")
    if parent and parent not in networks.interfaces():
        raise InvalidInput(f"parent interface {parent} does not exist")
    ipam = network["ipam_options"].get("driver", "")
    subnets = network["subnets"]
    if not ipam:
        ipam = "host-local" if subnets else "dhcp"
        network["ipam_options"]["driver"] = ipam
    if ipam == "dhcp" and driver == "ipvlan":
        raise InvalidInput("ipam driver dhcp is not supported with ipvlan")
    if ipam == "host-local" and not subnets:
        raise InvalidInput(
            f"{driver} driver needs at least one subnet specified when the host-local ipam driver is set"
        )
    if ipam == "dhcp" and subnets:
        raise InvalidInput("ipam driver dhcp set but subnets are set")
    modes = _MACVLAN_MODES if driver == "macvlan" else _IPVLAN_MODES
    for key, value in network["options"].items():
        if key == "mode":
            if value not in modes:
                raise InvalidInput(f'unknown {driver} mode "{value}"')
        elif key in {"mtu", "metric"} or (key == "bclim" and driver == "macvlan"):
            if not value.lstrip("-").isdigit():
                raise InvalidInput(f"invalid {key} {value!r}")
        elif key == "no_default_route":
            network["options"][key] = _boolean(key, value)
        else:
            raise InvalidInput(f"unsupported {driver} network option {key}")


def _boolean(key: str, value: str) -> str:
    word = value.lower()
    if word in {"true", "1", "t"}:
        return "true"
    if word in {"false", "0", "f"}:
        return "false"
    raise InvalidInput(f"failed to parse {key} option: {value!r} is not a boolean")
