"""`pypod volume rm`."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Remove one or more volumes",
    description="Remove one or more existing volumes. Will only remove volumes that are not being used by any containers; --force removes those containers too.",
    options=(
        Option("all", "a", help="Remove all volumes"),
        Option("force", "f", help="Remove a volume by force, even if it is being used by a container"),
        Option(
            "time",
            "t",
            kind="int",
            default=10,
            help="Seconds to wait for running containers to stop before killing the container",
        ),
    ),
    arguments=(
        Argument(
            "volumes", min=0, max=None, metavar="VOLUME [VOLUME...]", completer="pypod.complete:volumes"
        ),
    ),
    examples=(("pypod volume rm data", "delete it with everything in it"),),
    statuses=((1, "a volume does not exist"), (2, "a volume is used by a container")),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.engine import volumes
    from ocicore.engine.errors import NoSuchVolume
    from ocicore.errors import Error, InvalidInput
    from pypod.options.select import report
    from pypod.session import open_engine

    if bool(args.volumes) == args.all:
        raise InvalidInput("choose either one or more volumes or all")
    if args.given("time") and not args.force:
        raise InvalidInput("--force option must be specified to use the --time option")
    if not all(args.volumes):
        raise InvalidInput("name or ID cannot be empty")
    engine = open_engine(ctx)
    table = engine.state.volumes
    names = [volume.name for volume in table.all()] if args.all else args.volumes
    errors: list[Error] = []
    for name in names:
        try:
            volume = table.find(name)
            volumes.remove(
                engine, volume, force=args.force, timeout=args.time if args.given("time") else None
            )
        except NoSuchVolume as error:
            if not args.force:
                error.exit_status = 1
                errors.append(error)
            continue
        except Error as error:
            errors.append(error)
            continue
        ctx.print(volume.name)
    return report(ctx, errors)
