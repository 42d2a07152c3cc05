"""`pybuildah tag`: further names for an image."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Add an additional name to a local image",
    arguments=(
        Argument("image", metavar="IMAGE"),
        Argument("names", max=None, metavar="NAME [NAME...]"),
    ),
    too_few="requires at least 2 arg(s)",
)


def run(args: Args, ctx: Context) -> int:
    """Add the names; prints nothing."""
    from pybuildah.session import Session

    images = Session(ctx).images
    image = images.find(args.image, allow_list=True)
    for name in args.names:
        images.tag(image, name)
    return 0
