"""`pypod system locks`: which locks are held, and whether two things share one."""

from __future__ import annotations

from ocicore.cli.declare import Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Debug the use of locks, identifying any potential conflicts",
    description="Locks are files named after what they lock, so that no two containers, pods or volumes can share one: prints "
    "that there are no conflicts, and the locks that are held at the moment.",
    examples=(("pypod system locks", "which locks are held"),),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.engine import lock_care
    from pypod.session import open_engine

    held = lock_care.held(open_engine(ctx))
    ctx.print("\nNo lock conflicts have been detected.\n")
    for name in held:
        ctx.print(f"Lock {name} is presently being held")
    return 0
