"""`pypod help`: the help of a command."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Help about any command",
    description="Prints the help of any command: pypod help container run.",
    arguments=(Argument("words", min=0, max=None, metavar="[command]", completer="pypod.complete:commands"),),
    examples=(("pypod help image pull", "the same as pypod image pull --help"),),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.cli.main import main

    return main(ctx.program, [*args.words, "--help"], ctx.environ, ctx.stdin, ctx.stdout, ctx.stderr)
