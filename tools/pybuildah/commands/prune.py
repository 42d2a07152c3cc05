"""`pybuildah prune`: remove images nobody names or uses."""

from __future__ import annotations

from ocicore.cli.declare import Command, Option
from pybuildah.options.shared import NO_OPTIONS_AFTER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Remove unused images",
    description="Removes dangling images; with --all every image no container uses.",
    options=(
        Option("all", "a", help="Remove all unused images, not only dangling ones"),
        Option("force", "f", help="Force removal of the images and any containers using them"),
    ),
    interspersed=False,
    no_options_after=NO_OPTIONS_AFTER,
)


def run(args: Args, ctx: Context) -> int:
    """Print the IDs of what was removed."""
    from pybuildah.commands.rmi import prune
    from pybuildah.session import Session

    return prune(Session(ctx), ctx, everything=args.all, force=args.force)
