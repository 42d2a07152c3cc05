"""`pypod container prune`: remove what does not run."""

from __future__ import annotations

from ocicore.cli.declare import Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Remove all non running containers",
    description="Removes all non running containers.",
    options=(
        Option(
            "filter",
            kind="stringArray",
            help="Provide filter values (e.g. 'label=<key>=<value>')",
            completer="=label= label!= until= :nospace",
        ),
        Option("force", "f", help="Do not prompt for confirmation. The default is false"),
    ),
    examples=(("pypod container prune --force --filter until=24h", "those made more than a day ago"),),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.engine import pruning
    from pypod.confirm import confirmed
    from pypod.options.select import report
    from pypod.session import open_engine

    if not args.force and not confirmed(ctx, "WARNING! This will remove all non running containers."):
        return 0
    engine = open_engine(ctx)
    removed, errors = pruning.containers(engine, args.filter)
    for container_id in removed:
        ctx.print(container_id)
    return report(ctx, errors)
