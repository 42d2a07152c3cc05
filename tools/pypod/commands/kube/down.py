"""`pypod kube down`: what `kube play` made of a file goes."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context
    from ocicore.engine.context import Engine

COMMAND = Command(
    "Remove pods based on Kubernetes YAML",
    description="Stops and removes the pods and secrets that kube play made of a file; with --force the volumes too.",
    options=(Option("force", help="Remove volumes"),),
    arguments=(Argument("file", metavar="KUBEFILE|-", completer="file"),),
    examples=(("pypod kube down nginx.yml", "take everything away again"),),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.kube import documents
    from pypod.session import open_engine

    text = documents.read_file(args.file, ctx.stdin_bytes)
    objects = documents.load(text, args.file)
    return take_down(ctx, open_engine(ctx), objects, text, force=args.force)


def take_down(ctx: Context, engine: Engine, objects: Any, text: bytes, *, force: bool) -> int:
    """Take everything away and say what went."""
    from ocicore.kube import down
    from pypod.options.select import report

    taken = down.down(engine, objects, text=text, force=force)
    for heading, names in (
        ("Pods stopped:", taken.stopped),
        ("Pods removed:", taken.removed),
        ("Secrets removed:", taken.secrets),
        ("Volumes removed:", taken.volumes),
    ):
        ctx.print(heading)
        for name in names:
            ctx.print(name)
    return report(ctx, taken.errors)
