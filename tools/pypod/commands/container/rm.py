"""`pypod rm`: remove containers."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option
from pypod.options.select import CIDFILE, LATEST, all_option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context
    from ocicore.engine.context import Engine
    from ocicore.errors import Error

COMMAND = Command(
    "Remove one or more containers",
    description="Removes one or more containers from the host. The container name or ID can be used. Command does not remove images. Running or unusable containers will not be removed without the -f option.",
    options=(
        all_option("Remove all containers"),
        CIDFILE,
        Option("depend", help="Remove container and all containers that depend on the selected container"),
        Option(
            "filter",
            kind="stringArray",
            help="Filter output based on conditions given",
            completer="pypod.complete_options:container_filter",
        ),
        Option("force", "f", help="Force removal of a running or unusable container"),
        Option("ignore", "i", help="Ignore errors when a specified container is missing"),
        LATEST,
        Option(
            "storage",
            hidden=True,
            deprecated="containers of other programs are removed with --force",
            help="Remove container from storage library",
        ),
        Option(
            "time",
            "t",
            kind="int",
            default=10,
            also=("timeout",),
            help="Seconds to wait for stop before killing the container",
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
    from ocicore.errors import Error, InvalidInput, NotFound
    from pypod.options import select
    from pypod.session import open_engine

    select.check(args)
    if args.given("time") and not args.force:
        raise InvalidInput("--force option must be specified to use the --time option")
    if not all(name.strip("/") for name in args.containers):
        raise InvalidInput("name or ID cannot be empty")
    engine = open_engine(ctx)
    timeout = args.time if args.given("time") else None
    found, errors = select.chosen(engine, args, ignore_files=args.ignore or args.force, partly=True)
    errors = _remove_external(ctx, engine, errors, force=args.force)
    if args.ignore or args.force:
        errors = [error for error in errors if not isinstance(error, NotFound)]
    for error in errors:
        # podman: 1 when a container does not exist, 2 when one runs, 125 for anything else.
        if isinstance(error, (WrongState, NotFound)):
            error.exit_status = 2 if isinstance(error, WrongState) else 1
    if errors:
        return select.report(ctx, errors)
    gone = set()
    failed: list[Error] = []
    for typed, container in found:
        if container.id in gone:
            continue
        try:
            removed = remove.remove(
                engine,
                container,
                force=args.force,
                volumes=args.volumes,
                depend=args.depend or args.all,
                timeout=timeout,
            )
        except NoSuchContainer:
            continue
        except Error as error:
            failed.append(error)
            continue
        gone.update(removed)
        for other in removed:
            ctx.print(typed if other == container.id else other)
    if args.all:
        from ocicore.engine import lock_care

        lock_care.remove_unused(engine)
    for failure in failed:
        if isinstance(failure, WrongState) and failure.exit_status is None:
            failure.exit_status = 2
    return select.report(ctx, failed)


def _remove_external(ctx: Context, engine: Engine, errors: list[Error], *, force: bool) -> list[Error]:
    """Remove what is a container of another program in the same store; the errors of the other names."""
    from ocicore.engine import remove
    from ocicore.engine.errors import NoSuchContainer, quoted
    from ocicore.errors import Error, NotFound

    left: list[Error] = []
    for error in errors:
        if not isinstance(error, NoSuchContainer):
            left.append(error)
            continue
        try:
            remove.remove_external(engine, error.name, force=force)
        except NotFound:
            left.append(
                NotFound(f"no container with ID or name {quoted(error.name)} found: no such container")
            )
        except Error as failure:
            left.append(failure)
        else:
            ctx.print(error.name)
    return left
