"""`pypod network disconnect`."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Disconnect a container from a network",
    description="Takes a container off a network, while it runs too.",
    options=(Option("force", "f", help="Force removal of container from network"),),
    arguments=(
        Argument("network", metavar="NETWORK", completer="pypod.complete:networks"),
        Argument("container", metavar="CONTAINER", completer="pypod.complete:containers"),
    ),
    examples=(("pypod network disconnect test web", "off the network test"),),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.engine import network_membership
    from pypod.session import open_engine

    engine = open_engine(ctx)
    container = engine.state.containers.find(args.container)
    network_membership.disconnect(engine, container, args.network, force=args.force)
    return 0
