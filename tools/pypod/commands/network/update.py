"""`pypod network update`."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Update an existing network",
    description="Changes the name servers that a network's own resolver forwards to, for running containers at once.",
    options=(
        Option("dns-add", kind="strings", help="Add network level nameservers"),
        Option("dns-drop", kind="strings", help="Remove network level nameservers"),
    ),
    arguments=(Argument("network", metavar="NETWORK", completer="pypod.complete:networks"),),
    examples=(("pypod network update newnet --dns-add 192.0.2.53", "one more name server"),),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.engine import network_membership
    from pypod.session import open_engine

    network_membership.update(open_engine(ctx), args.network, add=args.dns_add, drop=args.dns_drop)
    ctx.print(args.network)
    return 0
