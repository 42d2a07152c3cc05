"""`pypod top`, `pypod container top`."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option
from pypod.options.select import LATEST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Display the running processes of a container",
    description="Similar to system top command. Specify format descriptors to alter the output, or options of ps(1), which is then run in the container.",
    options=(LATEST, Option("list-descriptors", hidden=True, help="List the format descriptors")),
    arguments=(
        Argument(
            "words",
            min=0,
            max=None,
            metavar="CONTAINER [FORMAT-DESCRIPTORS|ARGS...]",
            completer="pypod.complete:container_columns",
        ),
    ),
    interspersed=False,
    examples=(
        ("pypod top web pid user args", "three columns"),
        ("pypod top web -eo user,pid,comm", "the container's own ps"),
    ),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.engine import process_table, usage_stats
    from ocicore.errors import InvalidInput
    from pypod.session import open_engine

    if args.list_descriptors:
        for name in process_table.list_descriptors():
            ctx.print(name)
        return 0
    words = list(args.words)
    if not words and not args.latest:
        raise InvalidInput("you must provide the name or id of a running container")
    engine = open_engine(ctx)
    table = engine.state.containers
    container = table.latest() if args.latest else table.find(words.pop(0))
    lines = usage_stats.top(engine, container, words)
    if lines and "\t" not in lines[0]:
        for line in lines:
            ctx.print(line)
        return 0
    from ocicore.cli.table import print_table

    rows = [line.split("\t") for line in lines]
    print_table(ctx.stdout, rows[0], rows[1:])
    return 0
