"""`pybuildah push`: send an image to a registry, an archive or a directory."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option
from pybuildah.options.shared import (
    BLOB_CACHE,
    COMPRESSION,
    ENCRYPTION,
    NO_OPTIONS_AFTER,
    QUIET,
    REGISTRY,
    SIGN_BY,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context
    from ocicore.image.types import CompressionWish

COMMAND = Command(
    "Push an image to a specified destination",
    options=(
        Option("all", help="Push all of the images referenced by a manifest list"),
        BLOB_CACHE,
        *COMPRESSION,
        *ENCRYPTION,
        Option("digestfile", kind="path", help="Write the digest of the pushed image to the file"),
        Option("format", "f", kind="string", help="Manifest type: oci, v2s2 or docker"),
        Option("remove-signatures", help="Do not copy signatures"),
        Option("rm", help="Remove the manifest list if the push succeeds"),
        SIGN_BY,
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
    plain = args.disable_compression and args.given("disable-compression")
    layers: CompressionWish = "preserve" if plain else "compress"
    options = remote.copy_options(
        args,
        target=args.destination or args.image,
        ctx=ctx,
        everything=args.all,
        cache=remote.blob_cache(args, layers, keeps=False),
    )
    result = remote.push(session, args.image, args.destination or "", args, options=options, layers=layers)
    if args.digestfile:
        with open(args.digestfile, "w", encoding="utf-8") as stream:
            stream.write(result.digest)
    if args.rm:
        session.store.delete_image(session.images.find(args.image, allow_list=True).id)
    return 0
