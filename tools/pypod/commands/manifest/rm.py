"""`pypod manifest rm`: remove lists."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Remove manifest list or image index from local storage",
    description="Removes manifest lists or image indexes from local storage; their images stay.",
    options=(Option("ignore", "i", help="Ignore errors when a specified manifest is missing"),),
    arguments=(Argument("names", max=None, metavar="LIST [LIST...]", completer="pypod.complete:images"),),
    examples=(("pypod manifest rm mylist:v1.11", "remove one list"),),
    statuses=((1, "a list does not exist"),),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.engine import image_removal
    from ocicore.errors import Error, NotFound
    from ocicore.image import manifest_list
    from pypod.options.select import report
    from pypod.session import open_engine

    engine = open_engine(ctx)
    errors: list[Error] = []
    for name in args.names:
        try:
            manifest_list.load(engine.images, name)
            image = engine.images.find(name, allow_list=True)
            done = image_removal.remove(engine, image, referenced_by=name, force=False, prune=True)
        except NotFound as error:
            if not args.ignore:
                error.exit_status = 1
                errors.append(error)
            continue
        except Error as error:
            errors.append(error)
            continue
        for text in done.untagged:
            ctx.print(f"Untagged: {text}")
        for text in done.deleted:
            ctx.print(f"Deleted: {text}")
    return report(ctx, errors)
