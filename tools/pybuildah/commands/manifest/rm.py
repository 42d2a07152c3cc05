"""`pybuildah manifest rm`: remove lists."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Remove manifest lists or image indexes from local storage",
    arguments=(Argument("names", max=None, metavar="LIST [LIST...]"),),
)


def run(args: Args, ctx: Context) -> int:
    """Print what was untagged and removed."""
    from pybuildah import manifest_lists
    from pybuildah.session import Session

    session = Session(ctx)
    for name in args.names:
        found = manifest_lists.load(session, name)
        session.store.delete_image(found.id)
        for full in found.names:
            ctx.print(f"untagged: {full}")
        ctx.print(found.id)
    return 0
