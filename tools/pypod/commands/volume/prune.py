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
        Option(
            "all",
            "a",
            help="Remove named volumes as well as anonymous ones (the rule; =false keeps them)",
            default=True,
        ),
        Option("dry-run", help="Show which volumes would be removed and remove none"),
        Option(
            "filter",
            kind="stringArray",
            help="Provide filter values (e.g. 'label=<key>=<value>')",
            completer="pypod.complete_options:volume_filter",
        ),
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
    filters = list(args.filter) if args.all else [*args.filter, "anonymous=true"]
    if args.dry_run:
        for volume in pruning.unused_volumes(engine, filters):
            ctx.print(volume.name)
        return 0
    if not args.force:
        unused = pruning.unused_volumes(engine, filters)
        if not unused:
            return 0
        warning = (
            "WARNING! This will remove all volumes not used by at least one container. "
            "The following volumes will be removed:"
        )
        if not confirmed(ctx, "\n".join([warning, *(volume.name for volume in unused)])):
            return 0
    removed, errors = pruning.volumes(engine, filters)
    for name in removed:
        ctx.print(name)
    return report(ctx, errors)
