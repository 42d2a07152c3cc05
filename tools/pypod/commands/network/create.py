"""`pypod network create`."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Network create",
    description="Create networks for containers: a bridge of their own with addresses and names, or macvlan and ipvlan on an interface of the host.",
    options=(
        Option("disable-dns", help="disable dns plugin"),
        Option("dns", kind="strings", help="DNS servers this network will use"),
        Option(
            "driver",
            "d",
            kind="string",
            default="bridge",
            help="driver to manage the network",
            completer="=bridge macvlan ipvlan",
        ),
        Option("gateway", kind="strings", metavar="ipSlice", help="IPv4 or IPv6 gateway for the subnet"),
        Option("ignore", help="Don't fail if network already exists"),
        Option("interface-name", kind="string", help="interface name which is used by the driver"),
        Option("internal", help="restrict external access from this network"),
        Option("ip-range", kind="stringArray", help="allocate container IP from range"),
        Option(
            "ipam-driver",
            kind="string",
            help="IP Address Management Driver",
            completer="=host-local dhcp none",
        ),
        Option("ipv6", help="enable IPv6 networking"),
        Option("label", kind="stringArray", help="set metadata on a network"),
        Option("opt", "o", kind="stringArray", help="Set driver specific options"),
        Option("route", kind="stringArray", help="static routes"),
        Option("subnet", kind="stringArray", help="subnets in CIDR format"),
    ),
    arguments=(Argument("name", min=0, max=1, metavar="[NAME]"),),
    examples=(("pypod network create --subnet 192.5.0.0/16 newnet", "with addresses of your own"),),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.engine import network_verbs
    from ocicore.engine.options.labels import read_labels
    from ocicore.errors import InvalidInput
    from pypod.session import open_engine

    if len(args.gateway) > len(args.subnet):
        raise InvalidInput(
            "cannot set more gateways than subnets" if args.subnet else "gateway requires a subnet"
        )
    if len(args.ip_range) > len(args.subnet):
        raise InvalidInput(
            "cannot set more ranges than subnets"
            if args.subnet
            else "every ip-range must have a corresponding subnet"
        )
    wanted: dict[str, Any] = {
        "driver": args.driver or "bridge",
        "internal": args.internal,
        "ipv6_enabled": args.ipv6,
        "dns_enabled": not args.disable_dns,
        "labels": read_labels((), args.label),
        "options": dict(text.partition("=")[::2] for text in args.opt),
    }
    if args.name:
        wanted["name"] = args.name
    if args.interface_name:
        wanted["network_interface"] = args.interface_name
    if args.ipam_driver:
        wanted["ipam_options"] = {"driver": args.ipam_driver}
    if args.dns:
        wanted["network_dns_servers"] = args.dns
    if args.subnet:
        wanted["subnets"] = [_subnet(args, index) for index in range(len(args.subnet))]
    if args.route:
        wanted["routes"] = [_route(text) for text in args.route]
    ctx.print(network_verbs.create(open_engine(ctx), wanted, ignore=args.ignore)["name"])
    return 0


def _subnet(args: Args, index: int) -> dict[str, Any]:
    subnet: dict[str, Any] = {"subnet": args.subnet[index]}
    if index < len(args.gateway):
        subnet["gateway"] = args.gateway[index]
    if index < len(args.ip_range):
        subnet["lease_range"] = _range(args.ip_range[index])
    return subnet


def _range(text: str) -> dict[str, str]:
    """FIRST-LAST, or a subnet whose addresses are all given away."""
    from ocicore.errors import InvalidInput

    first, dash, last = text.partition("-")
    if dash:
        return {"start_ip": first, "end_ip": last}
    import ipaddress

    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        raise InvalidInput(f"invalid ip-range {text!r}: {error}") from None
    return {"start_ip": str(network[1]), "end_ip": str(network[-1])}


def _route(text: str) -> dict[str, Any]:
    from ocicore.errors import InvalidInput

    fields = text.split(",")
    if len(fields) not in (2, 3) or (len(fields) == 3 and not fields[2].isdigit()):
        raise InvalidInput(f"invalid route: {text}: must be DESTINATION,GATEWAY[,METRIC]")
    route: dict[str, Any] = {"destination": fields[0], "gateway": fields[1]}
    if len(fields) == 3:
        route["metric"] = int(fields[2])
    return route
