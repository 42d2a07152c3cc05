"""`pybuildah manifest push`: a list, and its images, to a registry."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option
from pybuildah.options.shared import QUIET, REGISTRY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Push a manifest list or image index to a registry",
    options=(
        Option("all", kind="bool", default=True, help="Also push the images in the list"),
        Option("compression-format", kind="string", help="Compression of layers: gzip, zstd or none"),
        Option("compression-level", kind="int", default=-1, help="Compression level"),
        Option("digestfile", kind="path", help="Write the digest of the list to the file"),
        Option("force-compression", help="Recompress layers that have another compression"),
        Option("format", "f", kind="string", help="Manifest type: oci or v2s2"),
        Option("remove-signatures", help="Do not copy signatures"),
        Option("rm", help="Remove the list if the push succeeds"),
        QUIET,
        *REGISTRY,
    ),
    arguments=(
        Argument("name", metavar="LIST"),
        Argument("destination", min=0, metavar="[DESTINATION]"),
    ),
    too_few="At least a source list ID must be specified",
)


def run(args: Args, ctx: Context) -> int:
    """Push; prints nothing but progress."""
    from pybuildah import manifest_lists, remote
    from pybuildah.session import Session

    session = Session(ctx)
    found = manifest_lists.load(session, args.name)
    options = remote.copy_options(args, target=args.destination or args.name, ctx=ctx, everything=args.all)
    result = remote.push(session, args.name, args.destination or args.name, args, options=options)
    if args.digestfile:
        with open(args.digestfile, "w", encoding="utf-8") as stream:
            stream.write(result.digest)
    if args.rm:
        session.store.delete_image(found.id)
    return 0
