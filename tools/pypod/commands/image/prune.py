"""`pypod image prune`."""

from __future__ import annotations

from ocicore.cli.declare import Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Remove unused images",
    description="Removes dangling or unused images from local storage.",
    options=(
        Option("all", "a", help="Remove all images not in use by containers, not just dangling ones"),
        Option("filter", kind="stringArray", help="Provide filter values (e.g. 'label=<key>=<value>')"),
        Option("force", "f", help="Do not prompt for confirmation"),
    ),
    examples=(("pypod image prune -a -f", "every image without a container"),),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.engine import image_removal
    from pypod.confirm import confirmed
    from pypod.session import open_engine

    what = (
        "all images without at least one container associated with them"
        if args.all
        else "all dangling images"
    )
    if not args.force and not confirmed(ctx, f"WARNING! This command removes {what}."):
        return 0
    engine = open_engine(ctx)
    for image_id, _ in image_removal.prune(engine, all_images=args.all, filters=args.filter):
        ctx.print(image_id)
    return 0
