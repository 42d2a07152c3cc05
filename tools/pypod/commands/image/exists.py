"""`pypod image exists`: an exit status of 0 or 1."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Check if an image exists in local storage",
    description="If the named image exists in local storage, exits with 0, otherwise with 1.",
    arguments=(Argument("image", completer="pypod.complete:images"),),
    examples=(("pypod image exists alpine && pypod run alpine true", "only when it is here"),),
    statuses=((1, "the image does not exist"),),
)


def run(args: Args, ctx: Context) -> int:
    from pypod.session import open_engine

    if open_engine(ctx).images.exists(args.image):
        return 0
    from ocicore.image import names

    names.normalise(args.image)  # what no image can be called is a mistake, and no answer
    return 1
