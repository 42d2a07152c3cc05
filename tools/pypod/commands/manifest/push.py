"""`pypod manifest push`: a list, and its images, to a registry or any other transport."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option
from pypod.manifest_lists import INSECURE
from pypod.options.registry import REGISTRY
from pypod.options.signing import SIGNING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context
    from ocicore.image.copy import CopyOptions

COMMAND = Command(
    "Push a manifest list or image index to a registry",
    description="Pushes a manifest list or image index, and with --all (the default) its images, to a destination.",
    options=(
        Option(
            "add-compression",
            kind="strings",
            help="Add instances with selected compression while pushing",
            completer="=gzip zstd zstd:chunked",
        ),
        Option("all", default=True, help="Also push the images in the list"),
        Option(
            "compression-format",
            kind="string",
            help="Compression format to use",
            completer="=gzip zstd zstd:chunked",
        ),
        Option("compression-level", kind="int", help="Compression level to use"),
        Option(
            "digestfile",
            kind="path",
            metavar="string",
            help="After copying the image, write the digest of the resulting digest to the file",
        ),
        Option(
            "force-compression",
            help="Use the specified compression algorithm even if the destination contains a differently-compressed variant already",
        ),
        Option(
            "format",
            "f",
            kind="string",
            default_text="manifest type of source",
            help="Manifest type (oci or v2s2) to attempt to use when pushing the manifest list",
            completer="=oci v2s2 v2s1",
        ),
        INSECURE,
        Option("purge", hidden=True, help="Remove the local manifest list after push"),
        Option("quiet", "q", help="Don't output progress information when pushing lists"),
        Option("remove-signatures", help="Don't copy signatures when pushing images"),
        Option("rm", help="Remove the manifest list if push succeeds"),
        *SIGNING,
        *REGISTRY,
    ),
    arguments=(
        Argument("name", metavar="LIST", completer="pypod.complete:images"),
        Argument("destination", min=0, metavar="[DESTINATION]"),
    ),
    examples=(("pypod manifest push mylist:v1.11 docker://quay.io/me/mylist:v1.11", "to a registry"),),
)

_TYPES = {
    "": "",
    "oci": "application/vnd.oci.image.manifest.v1+json",
    "v2s2": "application/vnd.docker.distribution.manifest.v2+json",
    "docker": "application/vnd.docker.distribution.manifest.v2+json",
}


def run(args: Args, ctx: Context) -> int:
    from ocicore.cli import progress
    from ocicore.errors import Error, InvalidInput
    from ocicore.image import manifest_list, transport
    from ocicore.image.copy import copy
    from ocicore.image.list_source import ListReference
    from pypod import manifest_lists
    from pypod.session import open_engine

    if args.format not in _TYPES:
        raise InvalidInput(
            f"unknown format \"{args.format}\". Choose one of the supported formats: 'oci' or 'v2s2'"
        )
    engine = open_engine(ctx)
    try:
        found = manifest_list.load(engine.images, args.name)
    except Error as error:
        error.message = f"retrieving local image from image name {args.name}: {error.message}"
        raise
    context = manifest_lists.registry_context(engine, args)
    named = args.destination or args.name
    target = transport.parse(named if transport.has_transport(named) else f"docker://{named}")
    with progress.shown(ctx.stderr, quiet=args.quiet) as shown:
        result = copy(
            ListReference(found),
            target,
            source_context=context.with_(insecure_policy=True),
            destination_context=context,
            options=_options(args, ctx, target.docker_reference, engine.config.engine.add_compression),
            progress=shown,
        )
    if args.digestfile:
        with open(args.digestfile, "w", encoding="ascii") as file:
            file.write(result.digest)
    if args.rm or args.purge:
        engine.store.delete_image(found.id)
    return 0


def _options(
    args: Args, ctx: Context, docker_reference: str | None, add_compression: list[str]
) -> CopyOptions:
    from ocicore.cli.signers import all_signers
    from ocicore.image.copy import CopyOptions
    from ocicore.image.layer_copy import check_format

    return CopyOptions(
        multi_arch="all" if args.all else "index-only",
        manifest_type=_TYPES[args.format],
        compression=check_format(args.compression_format) if args.compression_format else "",
        compression_level=args.compression_level if args.given("compression-level") else None,
        force_compression=args.force_compression,
        remove_signatures=args.remove_signatures,
        signers=all_signers(args, docker_reference, ctx),
        add_compression=[check_format(name) for name in args.add_compression or add_compression],
    )
