"""`pypod untag`, `pypod image untag`."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Remove a name from a local image",
    description="Removes one or more names from a locally-stored image, or all of them.",
    arguments=(
        Argument("image", completer="pypod.complete:images"),
        Argument("names", min=0, max=None, metavar="[NAME...]", completer="pypod.complete:images"),
    ),
    examples=(("pypod untag 0e3bbc2 fedora:latest", "take that name away"),),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.engine import events
    from pypod.session import open_engine

    engine = open_engine(ctx)
    image = engine.images.find(args.image, allow_list=True)
    for name in engine.images.untag(image, args.names):
        events.write(engine, "image", "untag", ID=image.id, Name=name)
    return 0
