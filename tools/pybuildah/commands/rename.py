"""`pybuildah rename`: give a working container another name."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Rename a container",
    arguments=(Argument("container", metavar="CONTAINER"), Argument("name", metavar="NAME")),
    too_few="'buildah rename' requires exactly two arguments",
    too_many="'buildah rename' requires exactly two arguments",
)


def run(args: Args, ctx: Context) -> int:
    """Rename; prints nothing."""
    from ocicore.build import working
    from ocicore.errors import Conflict
    from pybuildah.session import Session

    container = working.load(Session(ctx).store, args.container)
    if container.name == args.name:
        raise Conflict("renaming a container with the same name as its current name")
    container.rename(args.name)
    return 0
