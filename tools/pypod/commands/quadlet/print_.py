"""`pypod quadlet print`."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Display the contents of a quadlet",
    arguments=(
        Argument(
            "quadlet",
            metavar="QUADLET",
            help="Name of the file, with what it ends with",
            completer="pypod.complete:quadlets",
        ),
    ),
    examples=(("pypod quadlet print web.container", "the file, wherever it lies"),),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.errors import Error
    from ocicore.systemd.quadlet.installed import find
    from pypod.commands import quadlet

    path = find(args.quadlet, quadlet.folders(ctx))
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            ctx.stdout.write(file.read())
    except OSError as error:
        raise Error(f'reading quadlet "{path}": {error.strerror}')
    return 0
