"""`pypod volume import`."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Import a tarball contents into a volume",
    description="Imports contents into a volume from a tarball, or from standard input.",
    arguments=(
        Argument("volume", completer="pypod.complete:volumes"),
        Argument("source", min=0, metavar="[SOURCE]", completer="file"),
    ),
    examples=(
        ("pypod volume import data data.tar", "fill it"),
        ("gunzip -c data.tar.gz | pypod volume import data -", "from standard input"),
    ),
)


def run(args: Args, ctx: Context) -> int:
    import os

    from ocicore.engine import tar_stream, volumes
    from ocicore.errors import Error
    from pypod.session import open_engine

    engine = open_engine(ctx)
    volume = engine.state.volumes.find(args.volume)
    source = 0
    if args.source not in (None, "-"):
        try:
            source = os.open(args.source, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise Error(f"open {args.source}: {(error.strerror or '').lower()}") from error
    volumes.mount(engine, volume)
    try:
        tar_stream.read_tree(source, volume.mountpoint, rootless=engine.rootless)
        engine.state.volumes.update(volume, needs_copy_up=False, needs_chown=False)
    finally:
        volumes.unmount(engine, volume)
        if source:
            os.close(source)
    return 0
