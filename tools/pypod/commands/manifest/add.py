"""`pypod manifest add`: images, or files as an artifact, into a list."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option
from pypod.manifest_lists import ENTRY, INSECURE
from pypod.options.registry import REGISTRY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context
    from ocicore.engine.context import Engine
    from ocicore.image.manifest_list import ManifestList
    from ocicore.image.types import SystemContext

COMMAND = Command(
    "Add images or artifacts to a manifest list or image index",
    description="Adds images to a manifest list or image index, or with --artifact files as one artifact. "
    "Nothing is pulled: the list remembers where its images are, and push fetches them.",
    options=(
        Option("all", help="Add all of the list's images if the image is a list"),
        *ENTRY,
        Option("artifact", help="Add all arguments as artifact files rather than as images"),
        Option("artifact-config", kind="path", metavar="string", help="Artifact configuration file"),
        Option("artifact-config-type", kind="string", help="Artifact configuration media type"),
        Option(
            "artifact-exclude-titles",
            help='Refrain from setting "org.opencontainers.image.title" annotations on "layers"',
        ),
        Option("artifact-layer-type", kind="string", help="Artifact layer media type"),
        Option("artifact-subject", kind="string", help="Artifact subject reference"),
        Option("artifact-type", kind="string", help="Override the artifactType value"),
        INSECURE,
        *REGISTRY,
    ),
    arguments=(
        Argument("name", metavar="LIST", completer="pypod.complete:images"),
        Argument(
            "images",
            max=None,
            metavar="IMAGEORARTIFACT [IMAGEORARTIFACT...]",
            completer="pypod.complete:images",
        ),
    ),
    examples=(
        ("pypod manifest add mylist:v1.11 quay.io/me/app:1-arm64", "an image at a registry"),
        ("pypod manifest add --artifact mylist:v1.11 sbom.json", "a file"),
    ),
    too_few="requires at least 2 arg(s), only received fewer",
)

_ARTIFACT_ONLY = (
    "artifact-type",
    "artifact-config",
    "artifact-config-type",
    "artifact-layer-type",
    "artifact-subject",
    "artifact-exclude-titles",
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.errors import InvalidInput
    from ocicore.image import list_members, manifest_list
    from pypod import manifest_lists
    from pypod.session import open_engine

    given = [f"--{name}" for name in _ARTIFACT_ONLY if args.given(name)]
    if given and not args.artifact:
        raise InvalidInput(f"{'/'.join(given)} require{'s' if len(given) == 1 else ''} --artifact")
    engine = open_engine(ctx)
    context = manifest_lists.registry_context(engine, args)
    changes = manifest_lists.entry_changes(args)
    found = manifest_list.load(engine.images, args.name)
    references = []
    if not args.artifact:
        what = "image to add to manifest list"
        references = [manifest_lists.reference(engine, name, context, what) for name in args.images]
    with found.lock():
        found.reload()
        if args.artifact:
            found.change(_artifact(engine, args, found, context), changes)
        for image in references:
            found.change(list_members.add(found, image, context, everything=args.all), changes)
        found.save()
    ctx.print(found.id)
    return 0


def _artifact(engine: Engine, args: Args, found: ManifestList, context: SystemContext) -> str:
    from ocicore.errors import Error
    from ocicore.image import list_artifacts
    from ocicore.image.manifest_list import describe
    from pypod import manifest_lists

    config = b""
    if args.artifact_config:
        try:
            with open(args.artifact_config, "rb") as file:
                config = file.read()
        except OSError as error:
            raise Error(f"open {args.artifact_config}: {(error.strerror or '').lower()}") from error
    subject = None
    if args.artifact_subject:
        image = manifest_lists.reference(engine, args.artifact_subject, context, "artifact subject")
        subject = describe(image, context)
    return list_artifacts.add(
        found,
        args.images,
        artifact_type=args.artifact_type if args.given("artifact-type") else None,
        config=config,
        config_type=args.artifact_config_type,
        layer_type=args.artifact_layer_type,
        titles=not args.artifact_exclude_titles,
        subject=subject,
    )
