"""`pypod generate systemd`: a service unit for a container."""

from __future__ import annotations

from ocicore.cli import generate_systemd

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = generate_systemd.command(
    "pypod generate systemd", deprecated=True, completer="pypod.complete:containers_and_pods"
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.systemd.generate import Names
    from pypod.session import open_engine, self_command

    ctx.stderr.write(generate_systemd.DEPRECATION)
    engine = open_engine(ctx)
    words = [word for word in engine.options.global_words if not word.startswith("--log-level=")]
    names = Names(tuple(self_command(ctx)), ctx.program.version, tuple(words))
    return generate_systemd.run(args, ctx, engine, names)
