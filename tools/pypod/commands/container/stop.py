"""`pypod stop`: end containers, politely first."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option
from pypod.options.select import CIDFILE, FILTER, LATEST, all_option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context
    from ocicore.engine.records import Container

COMMAND = Command(
    "Stop one or more containers",
    description="Stops one or more running containers. The container name or ID can be used.",
    options=(
        all_option("Stop all running containers"),
        CIDFILE,
        FILTER,
        Option("ignore", "i", help="Ignore errors when a specified container is missing"),
        LATEST,
        Option(
            "time",
            "t",
            kind="int",
            default=10,
            also=("timeout",),
            help="Seconds to wait for stop before killing the container",
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
    examples=(("pypod stop -t 2 web", "give it two seconds"), ("pypod stop --all", "end everything")),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.engine import records, stop
    from ocicore.errors import Error
    from pypod.options import select
    from pypod.session import open_engine

    select.check(args)
    engine = open_engine(ctx)
    timeout = args.time if args.given("time") else None
    found, errors = select.chosen(
        engine, args, wanted=lambda c: c.status in records.ALIVE, ignore=args.ignore
    )
    if len(found) == 1:
        return select.each(ctx, engine, found, errors, lambda c: stop.stop(engine, c, timeout=timeout))
    # Signal all of them before waiting for any: N containers take the time of the slowest.
    begun = {}
    signalled = []
    for typed, container in found:
        try:
            begun[container.id] = stop.begin(engine, container, timeout=timeout)
            signalled.append((typed, container))
        except Error as error:
            errors.append(error)

    def finish(container: Container) -> None:
        started = begun[container.id]
        if started is not None:
            stop.finish(engine, container, started)

    return select.each(ctx, engine, signalled, errors, finish)
