"""`pybuildah manifest annotate`: change an entry of a list, or the list."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Add or update information about an entry in a manifest list or image index",
    options=(
        Option("annotation", kind="stringArray", metavar="KEY=VALUE", help="Set an annotation of the entry"),
        Option("arch", kind="string", help="Override the architecture of the entry"),
        Option("features", kind="strings", help="Override the features of the entry"),
        Option("os", kind="string", help="Override the operating system of the entry"),
        Option("os-features", kind="strings", help="Override the OS features of the entry"),
        Option("os-version", kind="string", help="Override the OS version of the entry"),
        Option("variant", kind="string", help="Override the variant of the entry"),
        Option("index", help="Annotate the list instead of an entry"),
    ),
    arguments=(
        Argument("name", metavar="LIST"),
        Argument("image", min=0, metavar="[IMAGE|DIGEST]"),
    ),
    too_few="At least a list name must be specified",
)


def run(args: Args, ctx: Context) -> int:
    """Print the list's ID and the entry's digest."""
    from ocicore.errors import InvalidInput
    from ocicore.image import manifest_list
    from pybuildah import manifest_lists
    from pybuildah.session import Session

    session = Session(ctx)
    found = manifest_lists.load(session, args.name)
    digest = ""
    if args.index:
        found.annotate(manifest_list.parse_annotations(args.annotation))
    else:
        if not args.image:
            raise InvalidInput("an image, or its digest, must be specified")
        digest = args.image
        if not digest.startswith("sha256:"):
            digest = session.images.find(args.image).digest
        found.change(digest, manifest_lists.changes(args))
    found.save()
    ctx.print(f"{found.id}: {digest}" if digest else found.id)
    return 0
