"""`pypod network connect`."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Add container to a network",
    description="Connects a container to a network, while it runs too; it can then talk to the other containers there.",
    options=(
        Option("alias", kind="strings", help="Network scoped alias for container"),
        Option("ip", kind="string", help="Set a static ipv4 address for this container network"),
        Option("ip6", kind="string", help="Set a static ipv6 address for this container network"),
        Option("mac-address", kind="string", help="Set a static mac address for this container network"),
    ),
    arguments=(
        Argument("network", metavar="NETWORK", completer="pypod.complete:networks"),
        Argument("container", metavar="CONTAINER", completer="pypod.complete:containers"),
    ),
    examples=(("pypod network connect --alias web1 test web", "under another name"),),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.engine import network_membership
    from ocicore.network import addresses
    from pypod.session import open_engine

    static = [address for address in (args.ip, args.ip6) if address]
    for address in static:
        addresses.parse(address)
    engine = open_engine(ctx)
    container = engine.state.containers.find(args.container)
    options = {"aliases": list(args.alias), "static_ips": static, "static_mac": args.mac_address}
    network_membership.connect(engine, container, args.network, options)
    return 0
