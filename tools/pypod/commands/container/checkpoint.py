"""`pypod container checkpoint`."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option
from pypod.options.select import LATEST, all_option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Checkpoint one or more containers",
    description="Writes the state of all processes of running containers to disk, with criu, and ends them; "
    "container restore lets them go on, here or (with --export) on another machine.",
    options=(
        all_option("Checkpoint all running containers"),
        Option(
            "compress",
            "c",
            kind="string",
            default="zstd",
            help="Select compression algorithm (gzip, none, zstd) for checkpoint archive",
            completer="=gzip none zstd",
        ),
        Option("create-image", kind="string", help="Create checkpoint image with specified name"),
        Option("export", "e", kind="path", metavar="string", help="Export the checkpoint image to a tar.gz"),
        Option("file-locks", help="Checkpoint a container with file locks"),
        Option("ignore-rootfs", help="Do not include root file-system changes when exporting"),
        Option("ignore-volumes", help="Do not export volumes associated with container"),
        Option("keep", "k", help="Keep all temporary checkpoint files"),
        LATEST,
        Option("leave-running", "R", help="Leave the container running after writing checkpoint to disk"),
        Option(
            "pre-checkpoint",
            "P",
            help="Dump container's memory information only, leave the container running",
        ),
        Option("print-stats", help="Display checkpoint statistics"),
        Option("tcp-established", help="Checkpoint a container with established TCP connections"),
        Option("with-previous", help="Checkpoint container with pre-checkpoint images"),
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
    examples=(
        ("pypod container checkpoint web", "stop it where it is"),
        ("pypod container checkpoint --export web.tar.zst web", "to be restored elsewhere"),
    ),
)


def run(args: Args, ctx: Context) -> int:
    import time

    from ocicore.engine import checkpointing, records
    from ocicore.engine.checkpointing import CheckpointOptions
    from ocicore.errors import Error, InvalidInput
    from ocicore.image import go_json
    from pypod.options import select
    from pypod.session import open_engine

    begun = time.monotonic()
    if args.given("compress") and not args.export:
        raise InvalidInput("--compress can only be used with --export")
    compression = args.compress.lower()
    if compression not in ("none", "gzip", "zstd"):
        raise InvalidInput(
            f'selected compression algorithm ("{args.compress}") not supported. Please select one from: gzip, none, zstd'
        )
    for option in ("ignore-rootfs", "ignore-volumes"):
        if args.given(option) and not (args.export or args.create_image):
            raise InvalidInput(f"--{option} can only be used with --export")
    if args.with_previous and args.pre_checkpoint:
        raise InvalidInput("--with-previous can not be used with --pre-checkpoint")
    select.check(args)
    engine = open_engine(ctx)
    if engine.rootless:
        raise InvalidInput("checkpointing a container requires root")
    found, errors = select.chosen(engine, args, wanted=lambda c: c.status == records.RUNNING)
    if (args.export or args.create_image) and len(found) > 1:
        raise InvalidInput("--export and --create-image are for one container")
    options = CheckpointOptions(
        archive=args.export,
        compression=compression,
        file_locks=args.file_locks,
        ignore_rootfs=args.ignore_rootfs,
        ignore_volumes=args.ignore_volumes,
        image=args.create_image,
        keep=args.keep,
        leave_running=args.leave_running,
        pre=args.pre_checkpoint,
        tcp_established=args.tcp_established,
        with_previous=args.with_previous,
    )
    figures = []
    for typed, container in found:
        try:
            figures.append(checkpointing.checkpoint(engine, container, options))
        except Error as error:
            errors.append(error)
            continue
        if not args.print_stats:
            ctx.print(typed)
    if args.print_stats:
        duration = int((time.monotonic() - begun) * 1_000_000)
        shown = {"podman_checkpoint_duration": duration, "container_statistics": figures}
        ctx.print(go_json.pretty(shown))
    return select.report(ctx, errors)
