"""`pybuildah manifest annotate`: change an entry of a list, or the list."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option
from pybuildah.manifest_lists import ENTRY, INSECURE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context
    from ocicore.image.manifest_list import ManifestList
    from ocicore.image.types import SystemContext
    from pybuildah.session import Session

COMMAND = Command(
    "Add or update information about an entry in a manifest list or image index",
    options=(
        *ENTRY,
        Option("index", help="Annotate the list instead of an entry"),
        Option("subject", kind="string", metavar="IMAGE", help="Set the image that the list refers to"),
        INSECURE,
    ),
    arguments=(
        Argument("name", metavar="LIST"),
        Argument("image", min=0, metavar="[IMAGE|DIGEST|FILE]"),
    ),
    too_few="At least a list name must be specified",
)


def run(args: Args, ctx: Context) -> int:
    """Print the list's ID and the entry's digest."""
    from ocicore.errors import InvalidInput
    from ocicore.image import list_members, manifest_list
    from pybuildah import manifest_lists
    from pybuildah.session import Session

    session = Session(ctx)
    found = manifest_lists.load(session, args.name)
    context = manifest_lists.registry_context(session, args)
    if not (args.index or args.image or args.subject):
        raise InvalidInput("an image, its digest, or --index must be specified")
    digest = ""
    with found.lock():
        found.reload()
        if args.subject:
            what = "subject for manifest list"
            found.set_subject(list_members.locate(session.images, args.subject, context, what), context)
        if args.image:
            digest = _digest(session, found, args.image, context)
            found.change(digest, manifest_lists.changes(args))
        elif args.annotation:
            found.annotate(manifest_list.parse_annotations(args.annotation))
        found.save()
    ctx.print(f"{found.id}: {digest}" if digest else found.id)
    return 0


def _digest(session: Session, found: ManifestList, name: str, context: SystemContext) -> str:
    """An entry by its digest, by the name of an artifact's file, or by the name of its image."""
    import os

    from ocicore.image import list_members
    from ocicore.image.manifest_list import describe
    from ocicore.oci import digest as digests

    if digests.is_valid(name):
        return name
    for digest, files in found.artifacts["files"].items():
        if name in files or os.path.abspath(name) in files:
            return str(digest)
    image = list_members.locate(session.images, name, context, "image in the manifest list")
    return str(describe(image, context)["digest"])
