"""`pypod pod prune`."""

from __future__ import annotations

from ocicore.cli.declare import Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Remove all stopped pods and their containers",
    description="Removes all pods that have ended, with their containers.",
    options=(Option("force", "f", help="Do not prompt for confirmation"),),
    examples=(("pypod pod prune -f", "without a question"),),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.engine import pod_listing, pod_verbs
    from ocicore.errors import Error
    from pypod.confirm import confirmed
    from pypod.options.select import report
    from pypod.session import open_engine

    if not args.force and not confirmed(ctx, "WARNING! This will remove all stopped/exited pods.."):
        return 0
    engine = open_engine(ctx)
    errors: list[Error] = []
    for view in pod_listing.views(engine):
        if view.state not in ("Exited", "Stopped"):
            continue
        try:
            pod_verbs.remove(engine, view.pod)
        except Error as error:
            errors.append(error)
            continue
        ctx.print(view.pod.id)
    return report(ctx, errors)
