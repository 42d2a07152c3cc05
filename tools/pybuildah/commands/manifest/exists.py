"""`pybuildah manifest exists`: whether a list is in the store."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Check if a manifest list exists in local storage",
    arguments=(Argument("name", metavar="LIST"),),
    statuses=((1, "there is no such list"),),
)


def run(args: Args, ctx: Context) -> int:
    """0 when there is one, else 1."""
    from ocicore.errors import InvalidInput, NotFound
    from pybuildah import manifest_lists
    from pybuildah.session import Session

    try:
        manifest_lists.load(Session(ctx), args.name)
    except (NotFound, InvalidInput):
        return 1
    return 0
