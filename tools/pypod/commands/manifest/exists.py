"""`pypod manifest exists`: an exit status of 0 or 1."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Check if a manifest list exists in local storage",
    description="If the manifest list exists in local storage, exits with 0, otherwise with 1.",
    arguments=(Argument("name", metavar="MANIFEST", completer="pypod.complete:images"),),
    examples=(("pypod manifest exists mylist:v1.11", "0 when it is here"),),
    statuses=((1, "there is no such list"),),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.errors import NotFound
    from ocicore.image import manifest_list
    from pypod.session import open_engine

    try:
        manifest_list.load(open_engine(ctx).images, args.name)
    except NotFound:
        return 1
    return 0
