"""`PROGRAM help [COMMAND]…`; programs put this module into their table."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Help about any command",
    description="Prints the help of a command, or of the program.",
    arguments=(Argument("command", min=0, max=None, metavar="COMMAND"),),
)


def run(args: Args, ctx: Context) -> int:
    """What `PROGRAM COMMAND --help` prints."""
    from ocicore.cli.typer_app import run as run_typer

    argv = [*args.command, "--help"]
    return run_typer(ctx.program, argv, ctx.environ, ctx.stdin, ctx.stdout, ctx.stderr)
