"""`pypod kill`: send a signal to containers."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option
from pypod.options.select import CIDFILE, LATEST, all_option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Kill one or more running containers with a specific signal",
    description="The main process inside each container specified will be sent SIGKILL, or any signal specified with option --signal.",
    options=(
        all_option("Signal all running containers"),
        CIDFILE,
        LATEST,
        Option(
            "signal",
            "s",
            kind="string",
            default="KILL",
            help="Signal to send to the container",
            completer="pypod.complete_options:signals",
        ),
    ),
    arguments=(
        Argument(
            "containers",
            min=0,
            max=None,
            metavar="CONTAINER [CONTAINER...]",
            completer="pypod.complete:running",
        ),
    ),
    examples=(("pypod kill --signal USR1 web", "ask it to read its configuration again"),),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.engine import records, stop
    from ocicore.linux.process import parse_signal
    from pypod.options import select
    from pypod.session import open_engine

    select.check(args)
    number = parse_signal(args.signal)
    engine = open_engine(ctx)
    found, errors = select.chosen(engine, args, wanted=lambda c: c.status in records.ALIVE)
    return select.each(ctx, engine, found, errors, lambda c: stop.kill(engine, c, number))
