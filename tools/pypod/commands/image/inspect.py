"""`pypod image inspect`."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Display the configuration of an image",
    description="Displays the low-level information of an image identified by name or ID.",
    options=(
        Option(
            "format",
            "f",
            kind="string",
            default="json",
            help="Format the output to a Go template or json",
            completer="pypod.complete_fields:printed",
        ),
    ),
    arguments=(Argument("images", max=None, metavar="IMAGE [IMAGE...]", completer="pypod.complete:images"),),
    examples=(("pypod image inspect --format '{{.Digest}}' alpine", "the manifest's digest"),),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.engine import image_listing
    from pypod.inspecting import IMAGE_OMITTED, show
    from pypod.session import open_engine

    engine = open_engine(ctx)
    return show(
        ctx,
        args.images,
        lambda name: image_listing.inspect(engine, engine.images.find(name)),
        args.format,
        omitted=IMAGE_OMITTED,
    )
