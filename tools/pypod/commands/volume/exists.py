"""`pypod volume exists`: an exit status of 0 or 1."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Check if volume exists",
    description="If the given volume exists, exits with 0, otherwise with 1.",
    arguments=(Argument("volume", completer="pypod.complete:volumes"),),
    examples=(("pypod volume exists data || pypod volume create data", "make it once"),),
    statuses=((1, "the volume does not exist"),),
)


def run(args: Args, ctx: Context) -> int:
    from pypod.session import open_engine

    return 0 if open_engine(ctx).state.volumes.get(args.volume) is not None else 1
