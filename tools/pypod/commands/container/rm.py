"""`pypod rm`: remove containers."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option
from pypod.options.select import CIDFILE, LATEST, all_option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Remove one or more containers",
    description="Removes one or more containers from the host. The container name or ID can be used. Command does not remove images. Running or unusable containers will not be removed without the -f option.",
    options=(
        all_option("Remove all containers"),
        CIDFILE,
        Option("depend", help="Remove container and all containers that depend on the selected container"),
        Option("filter", kind="stringArray", help="Filter output based on conditions given"),
        Option("force", "f", help="Force removal of a running or unusable container"),
        Option("ignore", "i", help="Ignore errors when a specified container is missing"),
        LATEST,
        Option(
            "time", "t", kind="int", default=10, help="Seconds to wait for stop before killing the container"
        ),
        Option("volumes", "v", help="Remove anonymous volumes associated with the container"),
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
    examples=(("pypod rm -f web", "stop it and remove it"), ("pypod rm --all", "remove what does not run")),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.engine import remove
    from ocicore.engine.errors import NoSuchContainer, WrongState
    from ocicore.errors import Error, InvalidInput
    from pypod.options import select
    from pypod.session import open_engine

    select.check(args)
    if args.given("time") and not args.force:
        raise InvalidInput("--force option must be specified to use the --time option")
    engine = open_engine(ctx)
    timeout = args.time if args.given("time") else None
    ignore = args.ignore or args.force
    found, errors = select.chosen(engine, args, ignore=ignore)
    gone = set()
    failed: list[Error] = []
    for typed, container in found:
        if container.id in gone:
            continue
        try:
            gone.update(
                remove.remove(
                    engine,
                    container,
                    force=args.force,
                    volumes=args.volumes,
                    depend=args.depend or args.all,
                    timeout=timeout,
                )
            )
        except NoSuchContainer:
            continue
        except Error as error:
            failed.append(error)
            continue
        ctx.print(typed)
    # podman: 1 when a container does not exist, 2 when one runs, 125 for anything else.
    for missing in errors:
        missing.exit_status = 1
    for failure in failed:
        if isinstance(failure, WrongState) and failure.exit_status is None:
            failure.exit_status = 2
    return select.report(ctx, [*errors, *failed])
