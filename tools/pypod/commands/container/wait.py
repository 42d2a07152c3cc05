"""`pypod wait`: block until containers reach a condition, and print their exit statuses."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option
from pypod.options.select import LATEST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Block on one or more containers",
    description="Block until one or more containers stop and then print their exit codes.",
    options=(
        Option(
            "condition",
            kind="strings",
            help="Condition to wait on",
            completer="=configured created exited healthy initialized paused removing running stopped stopping unhealthy unknown",
        ),
        Option("exit-first-match", help="Exit when the first of the containers has met a condition"),
        Option("ignore", help="Ignore if a container does not exist"),
        Option(
            "interval",
            "i",
            kind="string",
            default="250ms",
            help="Time Interval to wait before polling for completion",
        ),
        LATEST,
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
    examples=(("pypod wait --condition=stopped web", "print its exit status once it has ended"),),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.engine import waiting
    from ocicore.engine.quantities import parse_duration
    from ocicore.errors import Error, InvalidInput
    from pypod.options import select
    from pypod.session import open_engine

    if args.containers and args.latest:
        raise InvalidInput("--latest and containers cannot be used together")
    if not (args.containers or args.latest):
        raise InvalidInput('"pypod wait" requires a name, id, or the "--latest" flag')
    if args.interval.isdigit():
        interval = int(args.interval) * 1_000_000  # podman: a bare number is milliseconds
    else:
        interval = parse_duration(args.interval)
    engine = open_engine(ctx)
    conditions = waiting.check_conditions(args.condition)
    names = [engine.state.containers.latest().id] if args.latest else args.containers
    if args.exit_first_match:
        ctx.print(str(waiting.first(engine, names, conditions, interval, ignore=args.ignore)))
        return 0
    targets = []
    errors: list[Error] = []
    for name in names:
        try:
            targets.append(waiting.target(engine, name, ignore=args.ignore))
        except Error as error:
            errors.append(error)
    if errors:
        return select.report(ctx, errors)
    for found in targets:
        if isinstance(found, int):
            code = found
        else:
            code = waiting.until(engine, found, conditions, interval)
            waiting.settle(engine, found)
        ctx.stdout.write(f"{code}\n")
        ctx.stdout.flush()
    return 0
