"""`pypod update`, `pypod container update`."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option
from pypod.options.create import RESOURCES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

_FIXED = frozenset(
    ("cgroups", "cgroup-parent", "cgroup-conf", "oom-kill-disable", "oom-score-adj", "rdt-class")
)

COMMAND = Command(
    "Update an existing container",
    description="Updates the configuration of an existing container: its limits, at once where it runs, and its restart policy.",
    options=(
        *(option for option in RESOURCES if option.long not in _FIXED),
        Option("restart", kind="string", help="Restart policy to apply when a container exits"),
    ),
    arguments=(Argument("container", completer="pypod.complete:containers"),),
    examples=(("pypod update --cpus 2 --memory 1g web", "more room"),),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.engine import update
    from ocicore.engine.create_options import CreateOptions
    from pypod.session import open_engine

    engine = open_engine(ctx)
    container = engine.state.containers.find(args.container)
    update.update(engine, container, CreateOptions(args.as_dict(), args.given_names()))
    ctx.print(container.id)
    return 0
