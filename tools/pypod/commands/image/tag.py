"""`pypod tag`, `pypod image tag`."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Add an additional name to a local image",
    description="Adds one or more additional names to locally-stored image.",
    arguments=(
        Argument("image", completer="pypod.complete:images"),
        Argument(
            "names", max=None, metavar="TARGET_NAME [TARGET_NAME...]", completer="pypod.complete:images"
        ),
    ),
    examples=(("pypod tag 0e3bbc2 fedora:latest", "give the image a name"),),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.engine import events
    from pypod.session import open_engine

    engine = open_engine(ctx)
    image = engine.images.find(args.image, allow_list=True)
    for name in args.names:
        engine.images.tag(image, name)
        events.write(engine, "image", "tag", ID=image.id, Name=name)
    return 0
