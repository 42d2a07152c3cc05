"""`pypod unpause`."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command
from pypod.options.select import CIDFILE, FILTER, LATEST, all_option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Unpause the processes in one or more containers",
    options=(all_option("Unpause all containers it applies to"), CIDFILE, FILTER, LATEST),
    arguments=(
        Argument(
            "containers",
            min=0,
            max=None,
            metavar="CONTAINER [CONTAINER...]",
            completer="pypod.complete:paused",
        ),
    ),
    examples=(("pypod unpause web", "unpause one container"),),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.engine import records, stop
    from pypod.options import select
    from pypod.session import open_engine

    select.check(args)
    engine = open_engine(ctx)
    found, errors = select.chosen(engine, args, wanted=lambda c: c.status == records.PAUSED)
    return select.each(ctx, engine, found, errors, lambda c: stop.unpause(engine, c))
