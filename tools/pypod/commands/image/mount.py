"""`pypod image mount`."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Mount an image's root filesystem",
    description="Mounts the specified images' root file systems read-only in a location which can be accessed from the host, and prints the location.",
    options=(
        Option("all", "a", help="Mount all images"),
        Option(
            "format",
            kind="string",
            help="Print the mounted images in specified format (json)",
            completer="=json",
        ),
    ),
    arguments=(Argument("images", min=0, max=None, metavar="[IMAGE...]", completer="pypod.complete:images"),),
    examples=(("pypod image mount alpine", "look at its files"),),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.engine import root_mounts
    from ocicore.errors import InvalidInput
    from pypod.session import open_engine

    if args.format not in ("", "json"):
        raise InvalidInput(f'unknown --format argument: "{args.format}"')
    if args.all and args.images:
        raise InvalidInput("when using the --all switch, you may not pass any image names or IDs")
    engine = open_engine(ctx)
    root_mounts.require_namespace(engine, ctx.environ, ctx.command_name)
    if args.all:
        images = engine.images.list()
    else:
        images = [engine.images.find(name) for name in args.images]
    if images:
        for image in images:
            where = engine.store.mount_image(image.id)
            ctx.print(
                where if len(images) == 1 and not args.all else f"{(image.names or [image.id])[0]} {where}"
            )
        return 0
    rows = []
    for image in engine.images.list():
        found = engine.store.mount_point(image.layer) if image.layer else None
        if found:
            rows.append({"id": image.id, "Repositories": image.names, "mountpoint": found})
    if args.format == "json":
        from ocicore.cli.gojson import pretty

        ctx.stdout.write(pretty(rows) + "\n")
        return 0
    for row in rows:
        ctx.print(f"{row['Repositories'][0] if row['Repositories'] else row['id']} {row['mountpoint']}")
    return 0
