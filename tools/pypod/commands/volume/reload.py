"""`pypod volume reload`: volumes of plugins that came or went."""

from __future__ import annotations

from ocicore.cli.declare import Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Reload all volumes from volume plugins",
    description="Brings the list of volumes up to date with the volume plugins of containers.conf. Volumes of the local "
    "driver need none of that: their directories are looked at whenever they are used. Other plugins are refused.",
    examples=(("pypod volume reload", "nothing to do with the local driver alone"),),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.errors import Unsupported
    from pypod.session import open_engine

    plugins = sorted(open_engine(ctx).config.engine.volume_plugins)
    if plugins:
        raise Unsupported(
            f"volume plugins are not supported: {', '.join(plugins)}",
            hint="remove them from [engine.volume_plugins] of containers.conf, and use the local driver",
        )
    return 0
