"""`pybuildah manifest create`: an empty list, or one of images."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option
from pybuildah.manifest_lists import INSECURE
from pybuildah.options.shared import REGISTRY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Create a manifest list or image index",
    options=(
        Option("all", help="Add all of the images of the lists that are named"),
        Option("amend", help="Use the list that has this name already"),
        Option("annotation", kind="stringArray", metavar="KEY=VALUE", help="Set an annotation of the list"),
        Option("arch", kind="string", hidden=True, help="Architecture of the image to take from a list"),
        Option("os", kind="string", hidden=True, help="Operating system of the image to take from a list"),
        Option("replace", help="Take the name from the list that has it"),
        INSECURE,
        *REGISTRY,
    ),
    arguments=(
        Argument("name", metavar="LIST"),
        Argument("images", min=0, max=None, metavar="[IMAGE...]"),
    ),
    too_few="At least a name must be specified for the list",
)


def run(args: Args, ctx: Context) -> int:
    """Print the list's ID."""
    from ocicore.errors import NotFound
    from ocicore.image import list_members, manifest_list
    from pybuildah import manifest_lists
    from pybuildah.session import Session

    session = Session(ctx)
    annotations = manifest_list.parse_annotations(args.annotation)
    found = None
    if args.amend:
        try:
            found = manifest_lists.load(session, args.name)
        except NotFound:
            found = None
    if found is None:
        found = manifest_list.create(session.store, args.name, replace=args.replace)
    context = manifest_lists.registry_context(session, args)
    what = "image to add to manifest list"
    references = [list_members.locate(session.images, name, context, what) for name in args.images]
    with found.lock():
        found.reload()
        found.annotate(annotations)
        for reference in references:
            list_members.add(found, reference, context, everything=args.all)
        found.save()
    ctx.print(found.id)
    return 0
