"""What a new container asks of the network: mode, networks, ports, names, resolver.

The result is JSON-able and kept in the container's configuration; network_setup.py turns it into calls.
"""

from __future__ import annotations

from ocicore.errors import InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ocicore.engine.context import Engine
    from ocicore.engine.create_options import CreateOptions
    from ocicore.oci.config import ImageConfig

_PORT_KINDS = frozenset(("bridge", "pasta", "slirp4netns"))


def settings(
    engine: Engine, options: CreateOptions, image: ImageConfig | None
) -> tuple[dict[str, Any], list[str]]:
    """(network part of the configuration, containers needed). Raises InvalidInput, NotFound, NoSuchContainer."""
    words = list(options.network) or ([options.net] if options.net else [])
    result: dict[str, Any] = {
        "words": words,
        "kind": "none",
        "networks": {},
        "options": [],
        "target": "",
        "ports": [],
        "dns": list(options.dns),
        "dns_search": list(options.dns_search),
        "dns_options": list(options.dns_option),
        "add_hosts": list(options.add_host),
        "no_hosts": options.no_hosts
        or (engine.config.containers.no_hosts and "no_hosts" not in options.given),
        "hosts_file": options.hosts_file,
        "no_hostname": options.no_hostname,
    }
    if options.no_hosts and options.add_host:
        raise InvalidInput("--no-hosts and --add-host cannot be set together")
    needed: list[str] = []
    # The two commonest answers need none of the network package.
    if words == ["none"]:
        pass
    elif words == ["host"]:
        result["kind"] = "host"
    else:
        _parse(engine, options, result, needed)
    _ports(options, image, result)
    if options.dns and result["kind"] in ("none", "container"):
        raise InvalidInput(f"conflicting options: dns and the network mode: {result['kind']}")
    return result, needed


def _parse(engine: Engine, options: CreateOptions, result: dict[str, Any], needed: list[str]) -> None:
    from ocicore.network import modes

    network = engine.config.network
    words = result["words"]
    configured = engine.config.containers.netns
    if not words and configured not in ("", "private", "default"):
        words = [configured]
    mode = modes.parse(
        words,
        rootless=engine.rootless,
        default_network=network.default_network,
        rootless_command=network.default_rootless_network_cmd,
    )
    result["kind"] = mode.kind
    result["options"] = mode.options
    result["networks"] = mode.networks
    result["target"] = mode.target
    if mode.kind == "pasta" and not engine.rootless:
        raise InvalidInput(
            "invalid config provided: pasta networking is only supported for rootless mode",
            hint="use --network bridge, host or none",
        )
    if mode.kind == "container":
        result["target"] = engine.state.containers.find(mode.target).id
        needed.append(result["target"])
    if result["kind"] == "bridge":
        _bridge(engine, options, result)
    elif options.ip or options.ip6 or options.mac_address or options.network_alias:
        raise InvalidInput(
            "--ip, --ip6, --mac-address and --network-alias need a bridge network: invalid argument"
        )


def _bridge(engine: Engine, options: CreateOptions, result: dict[str, Any]) -> None:
    """Options of single networks; each network must exist. Raises NotFound, InvalidInput."""
    networks = result["networks"]
    if not networks:
        networks[engine.config.network.default_network] = {}
    from ocicore.engine import network_setup

    definitions = network_setup.environment(engine).networks
    for name in networks:
        definitions.get(name)
    if len(networks) > 1 and (options.ip or options.ip6 or options.mac_address):
        raise InvalidInput(
            "--ip, --ip6 and --mac-address can only be set for a single network: invalid argument"
        )
    for settings_of_one in networks.values():
        static = list(settings_of_one.get("static_ips") or ())
        static += [address for address in (options.ip, options.ip6) if address]
        if static:
            settings_of_one["static_ips"] = static
        if options.mac_address:
            settings_of_one["static_mac"] = options.mac_address
        if options.network_alias:
            settings_of_one["aliases"] = [*(settings_of_one.get("aliases") or ()), *options.network_alias]


def _ports(options: CreateOptions, image: ImageConfig | None, result: dict[str, Any]) -> None:
    spans = []
    for text in (*(image.exposed_ports if image else ()), *options.expose):
        from ocicore.network import ports as port_syntax

        spans += port_syntax.parse_exposed(text)
    exposed: dict[str, dict[str, str]] = {
        f"{port}/{protocol}": {} for first, count, protocol in spans for port in range(first, first + count)
    }
    result["exposed"] = exposed
    if not options.publish and not (options.publish_all and exposed):
        return
    if result["kind"] not in _PORT_KINDS:
        # podman only warns: a pod or a host network may publish them anyway.
        result["ignored_ports"] = list(options.publish)
        return
    from ocicore.network import ports

    mappings = [mapping for text in options.publish for mapping in ports.parse(text)]
    result["ports"] = list(ports.assign(mappings, spans, publish_all=options.publish_all))
