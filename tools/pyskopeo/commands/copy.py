"""pyskopeo copy."""

from __future__ import annotations

from ocicore.cli.completers import TRANSPORTS
from ocicore.cli.declare import Argument, Command, Option
from pyskopeo.options import AUTHFILE, OLD_TLS_VERIFY, RETRY, SIGNING, image

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context
    from ocicore.image.copy import CopyOptions
    from ocicore.image.types import ImageReference

COMMAND = Command(
    "Copy an IMAGE-NAME from one location to another",
    description="Copy one image, or a list of images. Images are named TRANSPORT:DETAILS; the transports are "
    "containers-storage, dir, docker, docker-archive, docker-daemon, oci, oci-archive, and for SOURCE-IMAGE also sif and "
    "tarball. What the destination has already is not copied again.",
    options=(
        Option("additional-tag", kind="strings", help="additional tags (supports docker-archive and containers-storage)"),
        Option("all", "a", help="Copy all images if SOURCE-IMAGE is a list"),
        AUTHFILE,
        Option("dest-compress", help="Compress tarball image layers when saving to directory using the 'dir' transport"),
        Option("dest-decompress", help="Decompress tarball image layers when saving to directory using the 'dir' transport"),
        Option("dest-compress-format", kind="string", metavar="FORMAT", help="FORMAT to use for the compression"),
        Option("dest-compress-level", kind="int", metavar="LEVEL", help="LEVEL to use for the compression"),
        Option("dest-force-compress-format", help="Compress with --dest-compress-format even layers that are compressed otherwise"),
        Option("dest-oci-accept-uncompressed-layers", help="Allow uncompressed image layers when saving to an OCI image using the 'oci' transport"),
        Option("dest-precompute-digests", help="Precompute digests to prevent uploading layers already on the registry using the 'docker' transport"),
        Option("decryption-key", kind="strings", metavar="KEY[:PASSPHRASE]", help="Key needed to decrypt the image: a private key, or a certificate for PKCS7"),
        Option("digestfile", kind="path", help="Write the digest of the pushed image to the named file"),
        Option("encrypt-layer", kind="ints", metavar="NUMBER", help="Layers to encrypt, counted from 0, from the end if negative (default all)"),
        Option("encryption-key", kind="strings", metavar="PROTOCOL:FILE", help="Encrypt the image for a public key: jwe:FILE or pkcs7:FILE"),
        Option("format", "f", kind="string", help="MANIFEST TYPE (oci or v2s2) to use in the destination (default is manifest type of source, with fallbacks)"),
        Option("image-parallel-copies", kind="uint", help="Maximum number of image layers to be copied (pulled/pushed) simultaneously"),
        Option("multi-arch", kind="string", help="How to handle multi-architecture images (system, all, or index-only)"),
        Option("preserve-digests", help="Preserve digests of images and lists"),
        Option("progress", kind="choice", choices=("auto", "plain", "json"), default="auto", help="How to report what happens"),
        Option("quiet", "q", help="Suppress output information when copying images"),
        Option("remove-signatures", help="Do not copy signatures from SOURCE-IMAGE"),
        *SIGNING,
        Option("sign-identity", kind="string", help="Identity of signed image, must be a fully specified docker reference. Defaults to the target docker reference."),
        *RETRY,
        OLD_TLS_VERIFY,
        *image("src-", creds_also=("screds",)),
        *image("dest-", creds_also=("dcreds",)),
    ),
    arguments=(Argument("source", metavar="SOURCE-IMAGE", completer=TRANSPORTS), Argument("destination", metavar="DESTINATION-IMAGE", completer=TRANSPORTS)),
    too_few="Exactly two arguments expected",
    too_many="Exactly two arguments expected",
    examples=(
        ("pyskopeo copy docker://quay.io/skopeo/stable:latest docker://registry.example.com/skopeo:latest", "from registry to registry"),
        ("pyskopeo copy docker://registry.example.com/busybox:1 oci:busybox:1", "into an OCI layout"),
    ),
)  # fmt: skip


def run(args: Args, ctx: Context) -> int:
    """Copy one image or list."""
    from ocicore.cli.progress import shown
    from ocicore.errors import InvalidInput
    from ocicore.image import transport
    from ocicore.image.copy import copy
    from ocicore.image.progress import PlainProgress, Progress
    from pyskopeo.session import enter_namespace, system_context

    enter_namespace(ctx, args.source, args.destination)
    try:
        source = transport.parse(args.source)
    except InvalidInput as exc:
        raise InvalidInput(f"Invalid source name {args.source}: {exc.message}", hint=exc.hint) from exc
    try:
        destination = transport.parse(args.destination)
    except InvalidInput as exc:
        raise InvalidInput(
            f"Invalid destination name {args.destination}: {exc.message}", hint=exc.hint
        ) from exc
    options = copy_options(args, ctx, destination)
    destination_context = system_context(ctx, args, "dest_").with_(
        accept_uncompressed_layers=args.dest_oci_accept_uncompressed_layers,
        directory_compress=args.dest_compress,
        directory_decompress=args.dest_decompress,
    )
    source_context = system_context(ctx, args, "src_")
    # One pool of connections and stores serves both sides.
    destination_context.share_with(source_context)

    def work(report: Progress) -> None:
        result = copy(
            source,
            destination,
            source_context=source_context,
            destination_context=destination_context,
            options=options,
            progress=report,
        )
        if args.digestfile:
            write_digest(args.digestfile, result.digest)

    with source_context:
        if args.progress == "plain" and not args.quiet:
            work(PlainProgress(ctx.stdout.write))
        else:
            with shown(ctx.stdout, quiet=args.quiet, json=args.progress == "json") as report:
                work(report)
    return 0


def copy_options(args: Args, ctx: Context, destination: ImageReference) -> CopyOptions:
    """Options of the copy engine from the command's.

    Raises:
        InvalidInput: they contradict each other.
    """
    from ocicore.cli import encryption
    from ocicore.cli.signers import all_signers
    from ocicore.errors import InvalidInput
    from ocicore.image.copy import CopyOptions
    from ocicore.image.layer_copy import check_format
    from ocicore.oci.reference import parse_normalized
    from pyskopeo.formats import manifest_type

    if args.all and args.multi_arch:
        raise InvalidInput("Cannot use --all and --multi-arch flags together")
    multi_arch: Any = "all" if args.all else args.multi_arch or "system"
    if multi_arch not in ("system", "all", "index-only"):
        raise InvalidInput(
            f'unknown multi-arch option "{multi_arch}". '
            "Choose one of the supported options: 'system', 'all', or 'index-only'"
        )
    if args.dest_compress and args.dest_decompress:
        raise InvalidInput("Cannot compress and decompress at the same time")
    tags = []
    for name in args.additional_tag:
        named = parse_normalized(name)
        if named.tag is None:
            raise InvalidInput(f"additional-tag '{name}' must be a tagged reference")
        tags.append(str(named))
    compression = check_format(args.dest_compress_format) if args.dest_compress_format else ""
    if args.dest_compress and not compression:
        compression = "gzip"
    if args.dest_force_compress_format and not compression:
        raise InvalidInput("--dest-force-compress-format needs --dest-compress-format")
    signers = all_signers(args, args.sign_identity or destination.docker_reference, ctx)
    return CopyOptions(
        multi_arch=multi_arch,
        manifest_type=manifest_type(args.format),
        compression=compression,
        compression_level=args.dest_compress_level if args.given("dest-compress-level") else None,
        force_compression=args.dest_force_compress_format,
        preserve_digests=args.preserve_digests,
        remove_signatures=args.remove_signatures,
        additional_tags=tags,
        parallel=args.image_parallel_copies or 6,
        signers=signers,
        precompute_digests=args.dest_precompute_digests,
        encryption=encryption.read(args),
    )


def write_digest(path: str, digest: str) -> None:
    """--digestfile."""
    from ocicore.errors import Error

    try:
        with open(path, "w", encoding="ascii") as file:
            file.write(digest)
    except OSError as exc:
        raise Error(f'Failed to write digest to file "{path}": {(exc.strerror or str(exc)).lower()}') from exc
