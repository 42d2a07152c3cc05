"""`pypod volume unmount`."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Unmount volume",
    arguments=(Argument("volume", completer="pypod.complete:volumes"),),
    examples=(("pypod volume unmount data", "a volume with a device or file system of its own"),),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.engine import root_mounts, volumes
    from pypod.session import open_engine

    engine = open_engine(ctx)
    root_mounts.require_namespace(engine, ctx.environ, ctx.command_name)
    volume = engine.state.volumes.find(args.volume)
    volumes.unmount(engine, volume)
    ctx.print(volume.mountpoint)
    return 0
