"""`pypod network prune`."""

from __future__ import annotations

from ocicore.cli.declare import Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Prune unused networks",
    description="Prune unused networks: those that no container is on. The default network stays.",
    options=(
        Option(
            "filter",
            kind="stringArray",
            help="Provide filter values (e.g. 'label=<key>=<value>')",
            completer="=label= label!= until= :nospace",
        ),
        Option("force", "f", help="do not prompt for confirmation"),
    ),
    examples=(("pypod network prune -f", "without a question"),),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.engine import network_verbs
    from pypod.confirm import confirmed
    from pypod.options.select import report
    from pypod.session import open_engine

    if not args.force and not confirmed(
        ctx, "WARNING! This will remove all networks not used by at least one container."
    ):
        return 0
    removed, errors = network_verbs.prune(open_engine(ctx), args.filter)
    for name in removed:
        ctx.print(name)
    return report(ctx, errors)
