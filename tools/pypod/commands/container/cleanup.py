"""`pypod container cleanup`: what conmon runs when a container has ended."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option
from pypod.options.select import LATEST, all_option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Clean up network and mountpoints of one or more containers",
    description="Cleans up mount points and network stacks on one or more containers from the host. The container name or ID can be used. This command is used internally when running containers, but can also be used if container cleanup has failed when a container exits.",
    options=(
        all_option("Cleans up all containers"),
        Option("exec", kind="string", help="Clean up the given exec session instead of the container"),
        LATEST,
        Option("rm", help="After cleanup, remove the container entirely"),
        Option("rmi", help="After cleanup, remove the image entirely"),
    ),
    arguments=(
        Argument(
            "containers",
            min=0,
            max=None,
            metavar="CONTAINER [CONTAINER...]",
            completer="pypod.complete:exited",
        ),
    ),
    examples=(("pypod container cleanup --all", "put everything right after a crash"),),
)


def run(args: Args, ctx: Context) -> int:
    import _signal  # type: ignore[import-not-found]

    from ocicore.engine import cleanup, execute
    from ocicore.errors import InvalidInput
    from pypod.options import select
    from pypod.session import open_engine

    for used, names in ((args.all, "--all and --exec"), (args.rmi, "--exec and --rmi")):
        if args.exec and used:
            raise InvalidInput(f"{names} cannot be set together")
    select.check(args)
    # A service manager that stops a service ends all its processes, this one too; half a cleanup helps nobody. A handler,
    # for being ignored would be handed on to the container that a restart policy starts.
    _signal.signal(_signal.SIGTERM, lambda number, frame: None)
    if args.exec and (args.latest or len(args.containers) != 1):
        raise InvalidInput("--exec needs the name of one container")
    engine = open_engine(ctx)
    # conmon may be slower than whoever removes the container.
    found, errors = select.chosen(engine, args, ignore=True)
    if args.exec:
        for _, container in found:
            execute.end_session(engine, container, args.exec, remove=True)
        return select.report(ctx, errors)
    return select.each(
        ctx,
        engine,
        found,
        errors,
        lambda container: cleanup.cleanup(engine, container, remove=args.rm, remove_image=args.rmi),
    )
