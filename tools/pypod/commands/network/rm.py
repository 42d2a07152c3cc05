"""`pypod network rm`."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Network rm",
    description="Remove networks.",
    options=(
        Option("force", "f", help="remove any containers using network"),
        Option(
            "time",
            "t",
            kind="int",
            default=10,
            help="Seconds to wait for running containers to stop before killing the container",
        ),
    ),
    arguments=(
        Argument("networks", max=None, metavar="NETWORK [NETWORK...]", completer="pypod.complete:networks"),
    ),
    examples=(("pypod network rm newnet", "when no container is on it"),),
    statuses=((1, "a network does not exist"), (2, "a network is used by a container")),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.engine import network_verbs
    from ocicore.errors import Error, InvalidInput, NotFound
    from pypod.options.select import report
    from pypod.session import open_engine

    if args.given("time") and not args.force:
        raise InvalidInput("--force option must be specified to use the --time option")
    engine = open_engine(ctx)
    errors: list[Error] = []
    for name in args.networks:
        try:
            timeout = args.time if args.given("time") else None
            ctx.print(network_verbs.remove(engine, name, force=args.force, timeout=timeout))
        except NotFound as error:
            if not args.force:
                error.exit_status = 1
                errors.append(error)
        except Error as error:
            errors.append(error)
    return report(ctx, errors)
