"""`pypod system renumber`."""

from __future__ import annotations

from ocicore.cli.declare import Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Migrate lock numbers",
    description="Locks are files named after what they lock, so there are no numbers to run out of: this removes the "
    "files of containers, pods and volumes that are gone. Nothing else may run meanwhile.",
    examples=(("pypod system renumber", "tidy up"),),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.engine import lock_care
    from pypod.session import open_engine

    lock_care.remove_unused(open_engine(ctx))
    return 0
