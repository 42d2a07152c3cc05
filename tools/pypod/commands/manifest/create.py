"""`pypod manifest create`: an empty list, or one of images."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option
from pypod.manifest_lists import INSECURE, TLS_VERIFY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Create manifest list or image index",
    description="Creates a manifest list or image index in local storage, and prints its ID.",
    options=(
        Option("all", help="Add all of the lists' images if the images to add are lists"),
        Option("amend", "a", help="Modify an existing list if one with the desired name already exists"),
        Option("annotation", kind="stringArray", help="Set annotations on the new list"),
        INSECURE,
        TLS_VERIFY,
    ),
    arguments=(
        Argument("name", metavar="LIST", completer="pypod.complete:images"),
        Argument("images", min=0, max=None, metavar="[IMAGE...]", completer="pypod.complete:images"),
    ),
    examples=(
        ("pypod manifest create mylist:v1.11", "an empty list"),
        ("pypod manifest create --all mylist:v1.11 docker://quay.io/me/app:1", "all images of another list"),
    ),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.errors import Conflict
    from ocicore.image import list_members, manifest_list
    from pypod import manifest_lists
    from pypod.session import open_engine

    engine = open_engine(ctx)
    annotations = manifest_lists.read_annotations(args.annotation)
    context = manifest_lists.registry_context(engine, args)
    try:
        found = manifest_list.create(engine.store, args.name)
    except Conflict:
        if not args.amend:
            raise
        found = manifest_list.load(engine.images, args.name)
    with found.lock():
        found.reload()
        found.annotate(annotations)
        for name in args.images:
            image = manifest_lists.reference(engine, name, context, "image to add to manifest list")
            list_members.add(found, image, context, everything=args.all)
        found.save()
    ctx.print(found.id)
    return 0
