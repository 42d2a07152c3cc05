"""`pypod image tree`: the layers of an image, one below the other."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context
    from ocicore.engine.context import Engine

COMMAND = Command(
    "Print layer hierarchy of an image in a tree format",
    description="Prints layer hierarchy of an image in a tree format; with --whatrequires the images built on it.",
    options=(Option("whatrequires", help="Show all child images and layers of the specified image"),),
    arguments=(Argument("image", completer="pypod.complete:images"),),
    examples=(("pypod image tree alpine", "its layers and their sizes"),),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.cli.units import human_size
    from pypod.session import open_engine

    engine = open_engine(ctx)
    image = engine.images.find(args.image)
    layers = image.layers()
    ctx.print(f"Image ID: {image.id[:12]}")
    ctx.print(f"Tags:     [{' '.join(image.names)}]")
    ctx.print(f"Size:     {human_size(image.size(), precision=4)}")
    if not layers:
        ctx.print("No Image Layers")
        return 0
    if args.whatrequires:
        ctx.print(f"Image Layers\n└── ID: {layers[-1].id[:12]}{_tops(engine, layers[-1].id)}")
        _children(ctx, engine, layers[-1].id, "    ")
        return 0
    ctx.print("Image Layers")
    for number, layer in enumerate(layers):
        branch = "└──" if number == len(layers) - 1 else "├──"
        ctx.print(
            f"{branch} ID: {layer.id[:12]} Size: {human_size(layer.size or 0):>10}{_tops(engine, layer.id)}"
        )
    return 0


def _tops(engine: Engine, layer_id: str) -> str:
    names = [name for image in engine.images.list() if image.layer == layer_id for name in image.names]
    return f" Top Layer of: [{' '.join(names)}]" if names else ""


def _children(ctx: Context, engine: Engine, layer_id: str, lead: str) -> None:
    children = [layer for layer in engine.store.layers() if layer.parent == layer_id]
    used = {image.layer for image in engine.images.list()}
    shown = [
        layer
        for layer in children
        if layer.id in used or any(x.parent == layer.id for x in engine.store.layers())
    ]
    for number, layer in enumerate(shown):
        last = number == len(shown) - 1
        ctx.print(f"{lead}{'└──' if last else '├──'} ID: {layer.id[:12]}{_tops(engine, layer.id)}")
        _children(ctx, engine, layer.id, lead + ("    " if last else "│   "))
