"""`pypod diff`, `pypod container diff`, `pypod image diff`."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option
from pypod.options.select import LATEST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Display the changes to the object's file system",
    description="Displays changes to the container or image's file system. The container or image will be compared to its parent layer or the second argument when given.",
    options=(Option("format", kind="string", help="Change the output format (json)"), LATEST),
    arguments=(
        Argument(
            "names",
            min=0,
            max=2,
            metavar="{CONTAINER|IMAGE} [{CONTAINER|IMAGE}]",
            completer="pypod.complete:containers",
        ),
    ),
    examples=(
        ("pypod diff web", "what it has changed"),
        ("pypod diff --format json image1 image2", "as JSON"),
    ),
)

_NAMES = {"A": "added", "C": "changed", "D": "deleted"}


def run(args: Args, ctx: Context) -> int:
    from ocicore.engine import diffing
    from ocicore.errors import InvalidInput
    from pypod.session import open_engine

    if bool(args.names) == args.latest:
        raise InvalidInput("container or image must be specified: pypod diff [options] {CONTAINER|IMAGE}")
    if args.format not in ("", "json"):
        raise InvalidInput("only supported value for '--format' is 'json'")
    engine = open_engine(ctx)
    names = [engine.state.containers.latest().id] if args.latest else list(args.names)
    kind = ctx.path[0] if ctx.path[0] in ("container", "image") else "all"
    found = diffing.changes(engine, names[0], names[1] if len(names) > 1 else "", kind=kind)
    if args.format == "json":
        from ocicore.cli.gojson import pretty

        groups: dict[str, list[str]] = {}
        for change, path in found:
            groups.setdefault(_NAMES[change], []).append(path)
        ctx.stdout.write(
            pretty({key: groups[key] for key in ("changed", "added", "deleted") if key in groups}) + "\n"
        )
        return 0
    for change, path in found:
        ctx.print(f"{change} {path}")
    return 0
