"""`pypod diff`, `pypod container diff`, `pypod image diff`."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option
from pypod.options.select import LATEST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

_FORMAT = Option("format", kind="string", help="Change the output format (json)", completer="=json")


def _declared(
    summary: str, metavar: str, completer: str, options: tuple[Option, ...], example: str
) -> Command:
    return Command(
        summary,
        description=(
            "Displays changes to the container or image's file system. The container or image will be compared to its "
            "parent layer or the second argument when given."
        ),
        options=options,
        arguments=(
            Argument(
                "names",
                min=0,
                max=2,
                metavar=f"{metavar} [{metavar}]",
                completer=f"pypod.complete:{completer}",
            ),
        ),
        handler="pypod.commands.container.diff:run",
        examples=(
            (f"pypod {example}", "what it has changed"),
            (f"pypod {example.rpartition(' ')[0]} --format json one two", "as JSON"),
        ),
    )


COMMAND = _declared(
    "Display the changes to the object's file system",
    "{CONTAINER|IMAGE}",
    "containers_and_images",
    (_FORMAT, LATEST),
    "diff web",
)
CONTAINER = _declared(
    "Inspect changes to the container's file systems",
    "CONTAINER",
    "containers",
    (_FORMAT, LATEST),
    "container diff web",
)
IMAGE = _declared(
    "Inspect changes to the image's file systems", "IMAGE", "images", (_FORMAT,), "image diff alpine"
)

_NAMES = {"A": "added", "C": "changed", "D": "deleted"}


def run(args: Args, ctx: Context) -> int:
    from ocicore.engine import diffing
    from ocicore.errors import InvalidInput
    from pypod.session import open_engine

    latest = bool(args.as_dict().get("latest"))
    if args.names and latest:
        raise InvalidInput("--latest and containers cannot be used together")
    if not (args.names or latest):
        raise InvalidInput("container or image must be specified: pypod diff [options] {CONTAINER|IMAGE}")
    if args.format not in ("", "json"):
        raise InvalidInput("only supported value for '--format' is 'json'")
    engine = open_engine(ctx)
    names = [engine.state.containers.latest().id] if latest else list(args.names)
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
