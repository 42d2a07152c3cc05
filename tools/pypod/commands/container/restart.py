"""`pypod restart`: stop and start containers."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option
from pypod.options.select import CIDFILE, FILTER, LATEST, all_option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Restart one or more containers",
    description="Restarts one or more running containers. The container ID or name can be used. A timeout before forcibly stopping can be set, but defaults to 10 seconds.",
    options=(
        all_option("Restart all non-running containers"),
        CIDFILE,
        FILTER,
        LATEST,
        Option("running", help="Restart only running containers"),
        Option(
            "time", "t", kind="int", default=10, help="Seconds to wait for stop before killing the container"
        ),
    ),
    arguments=(
        Argument(
            "containers",
            min=0,
            max=None,
            metavar="CONTAINER [CONTAINER...]",
            completer="pypod.complete:containers",
        ),
    ),
    examples=(("pypod restart web", "stop and start it"),),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.engine import records, stop
    from ocicore.errors import Error
    from pypod.options import select
    from pypod.session import open_engine

    select.check(args, lenient=args.running)
    engine = open_engine(ctx)
    timeout = args.time if args.given("time") else None
    if args.running and not args.containers:
        everything = engine.state.containers.all()
        found = [(c.id, c) for c in everything if c.status == records.RUNNING]
        errors: list[Error] = []
    else:
        found, errors = select.chosen(engine, args)
    if args.running:
        found = [(typed, c) for typed, c in found if c.status == records.RUNNING]
    return select.each(ctx, engine, found, errors, lambda c: stop.restart(engine, c, timeout=timeout))
