"""`pypod cp`, `pypod container cp`."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Copy files/folders between a container and the local filesystem",
    description="Copy the contents of SRC_PATH to the DEST_PATH. You can copy from the container's file system to the local machine or the reverse, from the local filesystem to the container. If - is specified for either the SRC_PATH or DEST_PATH, you can also stream a tar archive from STDIN or to STDOUT.",
    options=(
        Option(
            "archive",
            "a",
            default=True,
            help="Chown copied files to the primary uid/gid of the destination container",
        ),
        Option(
            "extract",
            hidden=True,
            deprecated="archives on standard input are always extracted",
            help="Extract the archive",
        ),
        Option("overwrite", help="Allow to overwrite directories with non-directories and vice versa"),
        Option(
            "pause",
            default=True,
            hidden=True,
            deprecated="containers are never paused for it",
            help="Pause the container while copying",
        ),
    ),
    arguments=(
        Argument("source", metavar="[CONTAINER:]SRC_PATH", completer="pypod.complete:copy_places"),
        Argument("destination", metavar="[CONTAINER:]DEST_PATH", completer="pypod.complete:copy_places"),
    ),
    examples=(
        ("pypod cp ./app.conf web:/etc/", "into a container"),
        ("pypod cp web:/var/log - > log.tar", "out of it, as a tar"),
    ),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.engine import copying
    from ocicore.errors import InvalidInput
    from pypod.session import open_engine

    if not args.source or not args.destination:
        raise InvalidInput("source and destination must not be empty")
    engine = open_engine(ctx)
    source, source_path = copying.parse(engine, args.source)
    target, target_path = copying.parse(engine, args.destination)
    if source is None and target is None:
        raise InvalidInput("invalid arguments: at least one of the paths must be in a container")
    ctx.stdout.flush()
    with (
        copying.Endpoint(engine, source, source_path) as here,
        copying.Endpoint(engine, target, target_path) as there,
    ):
        archive = args.archive if args.given("archive") else engine.config.engine.chown_copied_files
        copying.copy(here, there, archive=archive, overwrite=args.overwrite)
    return 0
