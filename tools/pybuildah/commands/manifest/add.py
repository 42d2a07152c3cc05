"""`pybuildah manifest add`: images, or files as an artifact, into a list."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option
from pybuildah.manifest_lists import ENTRY, INSECURE
from pybuildah.options.shared import REGISTRY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context
    from ocicore.image.manifest_list import ManifestList
    from ocicore.image.types import SystemContext
    from pybuildah.session import Session

COMMAND = Command(
    "Add images or artifacts to a manifest list or image index",
    description="Adds images to a manifest list or image index, or with --artifact files as one artifact.",
    options=(
        Option("all", help="Add all of the images of a list"),
        *ENTRY,
        Option("artifact", help="Add the arguments as files of an artifact"),
        Option(
            "artifact-annotation",
            kind="stringArray",
            metavar="KEY=VALUE",
            help="Set an annotation of the artifact's manifest",
        ),
        Option("artifact-config", kind="path", help="File with the artifact's configuration"),
        Option("artifact-config-type", kind="string", help="Media type of the artifact's configuration"),
        Option("artifact-exclude-titles", help="Do not name the files in the artifact"),
        Option("artifact-layer-type", kind="string", help="Media type of the artifact's files"),
        Option("artifact-subject", kind="string", metavar="IMAGE", help="What the artifact is about"),
        Option("artifact-type", kind="string", help="Type of the artifact"),
        INSECURE,
        *REGISTRY,
    ),
    arguments=(
        Argument("name", metavar="LIST"),
        Argument("images", max=None, metavar="IMAGE|FILE [IMAGE|FILE...]"),
    ),
    too_few="At least a list name and an image or artifact must be specified",
)
_ARTIFACT_ONLY = (
    "artifact-type",
    "artifact-config",
    "artifact-config-type",
    "artifact-layer-type",
    "artifact-subject",
    "artifact-exclude-titles",
    "artifact-annotation",
)


def run(args: Args, ctx: Context) -> int:
    """Print the list's ID and the digest of each entry added."""
    from ocicore.errors import InvalidInput
    from ocicore.image import list_members
    from pybuildah import manifest_lists
    from pybuildah.session import Session

    given = [f"--{name}" for name in _ARTIFACT_ONLY if args.given(name)]
    if given and not args.artifact:
        raise InvalidInput(f"{'/'.join(given)} require{'s' if len(given) == 1 else ''} --artifact")
    session = Session(ctx)
    context = manifest_lists.registry_context(session, args)
    changes = manifest_lists.changes(args)
    found = manifest_lists.load(session, args.name)
    what = "image to add to manifest list"
    references = []
    if not args.artifact:
        references = [list_members.locate(session.images, name, context, what) for name in args.images]
    added = []
    with found.lock():
        found.reload()
        if args.artifact:
            added.append(_artifact(session, args, found, context))
        for reference in references:
            added.append(list_members.add(found, reference, context, everything=args.all))
        for digest in added:
            found.change(digest, changes)
        found.save()
    for digest in added:
        ctx.print(f"{found.id}: {digest}")
    return 0


def _artifact(session: Session, args: Args, found: ManifestList, context: SystemContext) -> str:
    from ocicore.errors import Error
    from ocicore.image import list_artifacts, list_members
    from ocicore.image.manifest_list import describe, parse_annotations

    config = b""
    if args.artifact_config:
        try:
            with open(args.artifact_config, "rb") as file:
                config = file.read()
        except OSError as error:
            raise Error(f"open {args.artifact_config}: {(error.strerror or '').lower()}") from error
    subject = None
    if args.artifact_subject:
        what = "artifact subject"
        subject = describe(list_members.locate(session.images, args.artifact_subject, context, what), context)
    return list_artifacts.add(
        found,
        args.images,
        artifact_type=args.artifact_type if args.given("artifact-type") else None,
        config=config,
        config_type=args.artifact_config_type,
        layer_type=args.artifact_layer_type,
        titles=not args.artifact_exclude_titles,
        subject=subject,
        annotations=parse_annotations(args.artifact_annotation),
    )
