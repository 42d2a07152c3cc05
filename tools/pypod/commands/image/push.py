"""`pypod push`, `pypod image push`."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option
from pypod.options.registry import REGISTRY, SIGNATURE_POLICY, retry_options
from pypod.options.signing import ENCRYPTION, SIGNING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Push an image to a specified destination",
    description="Pushes a source image to a specified destination. Without a destination the image goes where its name says.",
    options=(
        *REGISTRY,
        *retry_options("push"),
        Option(
            "compress",
            help="Compress tarball image layers when pushing to a directory using the 'dir' transport",
        ),
        Option(
            "compression-format",
            kind="string",
            metavar="string",
            default_text='"gzip"',
            help="compression format to use",
            completer="=gzip zstd zstd:chunked",
        ),
        Option("compression-level", kind="int", metavar="int", help="compression level to use"),
        Option(
            "digestfile",
            kind="path",
            metavar="string",
            help="Write the digest of the pushed image to the specified file",
        ),
        Option("disable-content-trust", help="This is a Docker specific option and is a NOOP"),
        Option(
            "force-compression",
            help="Use the specified compression algorithm even if the destination contains a differently-compressed variant already",
        ),
        Option(
            "format",
            "f",
            kind="string",
            default_text="manifest type of source",
            help="Manifest type (oci, v2s2) to use in the destination",
            completer="=oci v2s2 v2s1",
        ),
        Option("quiet", "q", help="Suppress output information when pushing images"),
        Option("remove-signatures", help="Discard any pre-existing signatures in the image"),
        *ENCRYPTION,
        *SIGNING,
        SIGNATURE_POLICY,
    ),
    arguments=(
        Argument("image", completer="pypod.complete:images"),
        Argument("destination", min=0, metavar="[DESTINATION]", completer="pypod.complete:images"),
    ),
    examples=(
        ("pypod push app quay.io/me/app:1", "under another name"),
        ("pypod push app dir:/tmp/app", "into a directory"),
    ),
)

_TYPES = {
    "": "",
    "oci": "application/vnd.oci.image.manifest.v1+json",
    "v2s2": "application/vnd.docker.distribution.manifest.v2+json",
    "docker": "application/vnd.docker.distribution.manifest.v2+json",
}


def run(args: Args, ctx: Context) -> int:
    from ocicore.cli import encryption, progress
    from ocicore.cli.signers import all_signers
    from ocicore.engine import events, image_choice
    from ocicore.errors import InvalidInput
    from ocicore.image import push
    from ocicore.image.copy import CopyOptions
    from pypod.session import open_engine

    if args.format not in _TYPES:
        raise InvalidInput(f'unknown format "{args.format}": choose from oci, v2s2')
    engine = open_engine(ctx)
    context = image_choice.system_context(engine, args)
    context.directory_compress = args.compress
    conf = engine.config.engine
    image = engine.images.find(args.image)
    target = push.destination_reference(image, args.image, args.destination or "")
    options = CopyOptions(
        manifest_type=_TYPES[args.format],
        compression=args.compression_format or conf.compression_format,
        compression_level=args.compression_level
        if args.given("compression-level")
        else conf.compression_level,
        force_compression=args.force_compression or args.given("compression-format"),
        exact_format=args.force_compression or args.given("compression-format"),
        remove_signatures=args.remove_signatures,
        encryption=encryption.read(args),
        signers=all_signers(args, target.docker_reference, ctx),
    )
    with progress.shown(ctx.stderr, quiet=args.quiet, debug=ctx.debug) as shown:
        result = push.push(
            engine.images,
            args.image,
            args.destination or "",
            context=context,
            options=options,
            progress=shown,
        )
    events.write(
        engine, "image", "push", ID=engine.images.find(args.image).id, Name=args.destination or args.image
    )
    if args.digestfile:
        with open(args.digestfile, "w") as file:
            file.write(result.digest)
    return 0
