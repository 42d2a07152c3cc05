"""`pypod rename`: give a container another name."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Rename an existing container",
    description="Renames an existing container; the new name takes effect at once, also for a running one.",
    arguments=(Argument("container", completer="pypod.complete:containers"), Argument("name")),
    examples=(("pypod rename containerA newName", "the container answers to newName"),),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.engine import rename
    from pypod.session import open_engine

    engine = open_engine(ctx)
    rename.rename(engine, engine.state.containers.find(args.container), args.name)
    return 0
