"""`pybuildah push`: send an image to a registry, an archive or a directory."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option
from pybuildah.options.shared import NO_OPTIONS_AFTER, QUIET, REGISTRY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Push an image to a specified destination",
    options=(
        Option("all", help="Push all of the images referenced by a manifest list"),
        Option("compression-format", kind="string", help="Compression of layers: gzip, zstd or none"),
        Option("compression-level", kind="int", default=-1, help="Compression level"),
        Option("digestfile", kind="path", help="Write the digest of the pushed image to the file"),
        Option("force-compression", help="Recompress layers that have another compression"),
        Option("format", "f", kind="string", help="Manifest type: oci, v2s2 or docker"),
        Option("remove-signatures", help="Do not copy signatures"),
        Option("rm", help="Remove the manifest list if the push succeeds"),
        QUIET,
        *REGISTRY,
    ),
    arguments=(
        Argument("image", metavar="IMAGE"),
        Argument("destination", min=0, metavar="[DESTINATION]"),
    ),
    too_few="at least a source image ID must be specified",
    too_many="too many arguments specified",
    interspersed=False,
    no_options_after=NO_OPTIONS_AFTER,
)


def run(args: Args, ctx: Context) -> int:
    """Push; prints nothing but progress."""
    from pybuildah import remote
    from pybuildah.session import Session

    session = Session(ctx)
    options = copy_options(args, everything=args.all)
    result = remote.push(session, args.image, args.destination or "", args, options=options)
    if args.digestfile:
        with open(args.digestfile, "w", encoding="utf-8") as stream:
            stream.write(result.digest)
    if args.rm:
        session.store.delete_image(session.images.find(args.image, allow_list=True).id)
    return 0


def copy_options(args: Args, *, everything: bool) -> object:
    """The options of a copy."""
    from ocicore.errors import InvalidInput
    from ocicore.image.copy import CopyOptions
    from ocicore.oci import media_types

    kinds = {
        "": "",
        "oci": media_types.OCI_MANIFEST,
        "docker": media_types.DOCKER_MANIFEST,
        "v2s2": media_types.DOCKER_MANIFEST,
    }
    if args.format not in kinds:
        raise InvalidInput(f'unknown format "{args.format}"', hint="choose oci, v2s2 or docker")
    return CopyOptions(
        multi_arch="all" if everything else "system",
        manifest_type=kinds[args.format],
        compression=args.compression_format,
        compression_level=args.compression_level if args.compression_level >= 0 else None,
        force_compression=args.force_compression,
        remove_signatures=args.remove_signatures,
    )
