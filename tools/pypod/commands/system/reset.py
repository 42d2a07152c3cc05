"""`pypod system reset`."""

from __future__ import annotations

from ocicore.cli.declare import Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Reset pypod storage",
    description="Reset pypod storage back to default state: all containers, images and volumes of the store are removed, those of podman and buildah in the same store too.",
    options=(Option("force", "f", help="Do not prompt for confirmation"),),
    examples=(("pypod system reset --force", "begin anew"),),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.engine import system_usage
    from pypod.confirm import confirmed
    from pypod.options.select import report
    from pypod.session import open_engine

    engine = open_engine(ctx)
    warning = (
        "WARNING! This will remove:\n        - all containers\n        - all images\n        - all volumes\n"
        f'        - the graphRoot directory\'s content: "{engine.storage.graph_root}"'
    )
    if not args.force and not confirmed(ctx, warning):
        return 0
    return report(ctx, system_usage.reset(engine))
