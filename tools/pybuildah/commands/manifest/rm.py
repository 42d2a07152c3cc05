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
    """Print what was untagged and removed: the list itself goes with its last name."""
    from ocicore.image import names
    from pybuildah import manifest_lists
    from pybuildah.session import Session

    session = Session(ctx)
    for name in args.names:
        found = manifest_lists.load(session, name)
        full = names.normalise(name)
        if full in found.names and len(found.names) > 1:
            session.store.remove_names("image", found.id, [full])
            ctx.print(f"untagged: {full}")
            continue
        session.store.delete_image(found.id)
        for known in found.names:
            ctx.print(f"untagged: {known}")
        ctx.print(found.id)
    return 0
