"""`pypod image unmount`."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Unmount an image's root filesystem",
    options=(
        Option("all", "a", help="Unmount all of the currently mounted images"),
        Option("force", "f", help="Force the complete unmount of the specified mounted images"),
    ),
    arguments=(
        Argument("images", min=0, max=None, metavar="IMAGE [IMAGE...]", completer="pypod.complete:images"),
    ),
    examples=(("pypod image unmount alpine", "undo one mount"),),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.errors import InvalidInput
    from pypod.session import open_engine

    if bool(args.images) == args.all:
        raise InvalidInput("image name or ID must be specified, or --all alone")
    engine = open_engine(ctx)
    images = engine.images.list() if args.all else [engine.images.find(name) for name in args.images]
    for image in images:
        if not image.layer or not engine.store.mounted(image.layer):
            continue
        engine.store.unmount_image(image.id, args.force)
        ctx.print(image.id)
    return 0
