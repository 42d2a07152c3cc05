"""`pypod network inspect`."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Inspect network",
    description="Displays the network configuration for one or more networks.",
    options=(
        Option(
            "format",
            "f",
            kind="string",
            default="json",
            help="Pretty-print network to JSON or using a Go template",
        ),
    ),
    arguments=(
        Argument("networks", max=None, metavar="NETWORK [NETWORK...]", completer="pypod.complete:networks"),
    ),
    examples=(("pypod network inspect podman", "the default network"),),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.engine import network_verbs
    from pypod.inspecting import show
    from pypod.session import open_engine

    engine = open_engine(ctx)
    return show(ctx, args.networks, lambda name: network_verbs.inspect(engine, name), args.format)
