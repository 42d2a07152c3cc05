"""`pypod manifest annotate`: change an entry of a list, or the list."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option
from pypod.manifest_lists import ENTRY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context
    from ocicore.engine.context import Engine
    from ocicore.image.manifest_list import ManifestList
    from ocicore.image.types import SystemContext

COMMAND = Command(
    "Add or update information about an entry in a manifest list or image index",
    description="Adds or updates information about an entry of a manifest list or image index; "
    "with --index about the list itself.",
    options=(
        *ENTRY,
        Option("index", help="Apply --annotation values to the image index itself"),
        Option(
            "os-features",
            kind="strings",
            metavar="features",
            help="Override the OS features of the specified image or artifact",
        ),
        Option(
            "subject",
            kind="string",
            metavar="subject",
            help="Set the subject to which the image index refers",
        ),
    ),
    arguments=(
        Argument("name", metavar="LIST", completer="pypod.complete:images"),
        Argument("image", min=0, metavar="IMAGEORARTIFACT", completer="pypod.complete:images"),
    ),
    examples=(
        ("pypod manifest annotate --annotation left=right mylist:v1.11 sha256:59eec8", "one entry"),
        ("pypod manifest annotate --index --annotation left=right mylist:v1.11", "the list itself"),
    ),
)

_ENTRY_ONLY = {
    "arch": "architecture",
    "features": "features",
    "os": "OS",
    "os-features": "OS features",
    "os-version": "OS version",
    "variant": "variant",
}


def run(args: Args, ctx: Context) -> int:
    from ocicore.errors import InvalidInput
    from ocicore.image import manifest_list
    from pypod import manifest_lists
    from pypod.session import open_engine

    if args.image and args.index:
        raise InvalidInput(
            f'did not expect image or artifact name "{args.image}" when modifying the entire index'
        )
    if not args.image and not args.index:
        raise InvalidInput("expected an instance digest, image name, or artifact name")
    if args.index:
        for option, word in _ENTRY_ONLY.items():
            if args.given(option):
                raise InvalidInput(
                    f"setting {word} on an item in a manifest list requires an instance digest"
                )
    elif args.subject:
        raise InvalidInput("setting subject for a manifest list requires no instance digest")
    engine = open_engine(ctx)
    changes = manifest_lists.entry_changes(args)
    found = manifest_list.load(engine.images, args.name)
    context = manifest_lists.registry_context(engine, args)
    with found.lock():
        found.reload()
        if args.index:
            found.annotate(changes["annotations"])
            if args.subject:
                image = manifest_lists.reference(engine, args.subject, context, "subject for manifest list")
                found.set_subject(image, context)
        else:
            found.change(_digest(engine, found, args.image, context), changes)
        found.save()
    ctx.print(found.id)
    return 0


def _digest(engine: Engine, found: ManifestList, name: str, context: SystemContext) -> str:
    """An entry by its digest, by the name of an artifact's file, or by the name of its image."""
    import os

    from ocicore.image.manifest_list import describe
    from ocicore.oci import digest as digests
    from pypod import manifest_lists

    if digests.is_valid(name):
        return name
    for digest, files in found.artifacts["files"].items():
        if name in files or os.path.abspath(name) in files:
            return digest
    image = manifest_lists.reference(engine, name, context, "image in the manifest list")
    return str(describe(image, context)["digest"])
