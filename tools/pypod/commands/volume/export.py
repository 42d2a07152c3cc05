"""`pypod volume export`."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Export volumes",
    description="Exports the content of a volume as a tar archive.",
    options=(
        Option(
            "output",
            "o",
            kind="path",
            default="/dev/stdout",
            metavar="string",
            help="Write to a specified file (default: stdout, which must be redirected)",
        ),
    ),
    arguments=(Argument("volume", completer="pypod.complete:volumes"),),
    examples=(("pypod volume export data -o data.tar", "into a file"),),
)


def run(args: Args, ctx: Context) -> int:
    import os

    from ocicore.engine import tar_stream, volumes
    from ocicore.errors import Error, InvalidInput
    from pypod.session import open_engine

    if args.output == "/dev/stdout" and ctx.stdout.isatty():
        raise InvalidInput("refusing to export to terminal. Use -o flag or redirect")
    engine = open_engine(ctx)
    volume = engine.state.volumes.find(args.volume)
    ctx.stdout.flush()
    try:
        out = os.open(args.output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise Error(f"open {args.output}: {(error.strerror or '').lower()}") from error
    volumes.mount(engine, volume)
    try:
        tar_stream.write_tree(volume.mountpoint, out)
    finally:
        volumes.unmount(engine, volume)
        os.close(out)
    return 0
