"""`pybuildah manifest add`: images into a list."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option
from pybuildah.options.shared import REGISTRY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Add images to a manifest list or image index",
    options=(
        Option("all", help="Add all of the images of a list"),
        Option("annotation", kind="stringArray", metavar="KEY=VALUE", help="Set an annotation of the entry"),
        Option("arch", kind="string", help="Override the architecture of the entry"),
        Option("features", kind="strings", help="Override the features of the entry"),
        Option("os", kind="string", help="Override the operating system of the entry"),
        Option("os-features", kind="strings", help="Override the OS features of the entry"),
        Option("os-version", kind="string", help="Override the OS version of the entry"),
        Option("variant", kind="string", help="Override the variant of the entry"),
        *REGISTRY,
    ),
    arguments=(
        Argument("name", metavar="LIST"),
        Argument("images", max=None, metavar="IMAGE [IMAGE...]"),
    ),
    too_few="At least a list name and an image must be specified",
)


def run(args: Args, ctx: Context) -> int:
    """Print the list's ID and the digest of each entry added."""
    from pybuildah import manifest_lists
    from pybuildah.session import Session

    session = Session(ctx)
    found = manifest_lists.load(session, args.name)
    added = []
    for name in args.images:
        for image in manifest_lists.images_of(session, name, args, everything=args.all):
            added.append(found.add(image, manifest_lists.changes(args)))
    found.save()
    for digest in added:
        ctx.print(f"{found.id}: {digest}")
    return 0
