"""`pypod update`, `pypod container update`."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option
from pypod.options.create import HEALTH, RESOURCES
from pypod.options.select import LATEST

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
        *HEALTH,
        Option("env", "e", kind="stringArray", help="Set environment variables for the next start"),
        LATEST,
        Option(
            "restart",
            kind="string",
            help="Restart policy to apply when a container exits",
            completer="=always no on-failure unless-stopped",
        ),
        Option("ulimit", kind="strings", help="Ulimit options for the next start"),
        Option("unsetenv", kind="strings", help="Unset environment variables for the next start"),
    ),
    arguments=(Argument("container", min=0, max=1, completer="pypod.complete:containers"),),
    examples=(("pypod update --cpus 2 --memory 1g web", "more room"),),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.engine import update
    from ocicore.engine.create_options import CreateOptions
    from ocicore.errors import InvalidInput
    from pypod.session import open_engine

    if args.container and args.latest:
        raise InvalidInput("--latest and containers cannot be used together")
    if not (args.container or args.latest):
        raise InvalidInput("update needs the name of one container, or --latest")
    engine = open_engine(ctx)
    table = engine.state.containers
    container = table.latest() if args.latest else table.find(args.container)
    update.update(engine, container, CreateOptions(args.as_dict(), args.given_names()))
    ctx.print(container.id)
    return 0
