"""`pypod-systemd generate`: a service unit for a container."""

from __future__ import annotations

from ocicore.cli import generate_systemd

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = generate_systemd.command("pypod-systemd generate")


def run(args: Args, ctx: Context) -> int:
    from ocicore.systemd.generate import Names
    from pypod_systemd.session import engine_command, global_words, open_engine

    names = Names(engine_command(ctx), ctx.program.version, tuple(global_words(ctx)))
    return generate_systemd.run(args, ctx, open_engine(ctx), names)
