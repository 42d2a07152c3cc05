"""`pypod volume prune`."""

from __future__ import annotations

from ocicore.cli.declare import Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Remove all unused volumes",
    description="Volumes that are not currently owned by a container will be removed.",
    options=(
        Option("filter", kind="stringArray", help="Provide filter values (e.g. 'label=<key>=<value>')"),
        Option("force", "f", help="Do not prompt for confirmation"),
    ),
    examples=(("pypod volume prune --force", "without a question"),),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.engine import pruning
    from pypod.confirm import confirmed
    from pypod.options.select import report
    from pypod.session import open_engine

    engine = open_engine(ctx)
    if not args.force:
        unused = pruning.unused_volumes(engine, args.filter)
        if not unused:
            return 0
        warning = (
            "WARNING! This will remove all volumes not used by at least one container. "
            "The following volumes will be removed:"
        )
        if not confirmed(ctx, "\n".join([warning, *(volume.name for volume in unused)])):
            return 0
    removed, errors = pruning.volumes(engine, args.filter)
    for name in removed:
        ctx.print(name)
    return report(ctx, errors)
