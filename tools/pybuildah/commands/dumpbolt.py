"""`pybuildah dumpbolt`: the content of a bbolt database (older peers keep their caches in such files), for looking at."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Dump a bolt database",
    description="Prints buckets, keys and values; the format is for people and may change.",
    arguments=(Argument("database", metavar="DATABASE", completer="file"),),
)


def run(args: Args, ctx: Context) -> int:
    """One line a key, buckets within buckets indented."""
    from ocicore.files import bolt

    for depth, key, value in bolt.read(args.database):
        indent = "  " * depth
        ctx.print(f"{indent}{_shown(key)}:" + ("" if value is None else f" {_shown(value)}"))
    return 0


def _shown(data: bytes) -> str:
    """Bytes with what does not print in octal."""
    return "".join(chr(byte) if 32 < byte < 127 else f"\\{byte:03o}" for byte in data)
