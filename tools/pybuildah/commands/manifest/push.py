"""`pybuildah manifest push`: a list, and its images, to a registry or any other transport."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option
from pybuildah.manifest_lists import INSECURE
from pybuildah.options.shared import QUIET, REGISTRY, SIGN_BY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Push a manifest list or image index to a registry",
    options=(
        Option(
            "add-compression",
            kind="stringArray",
            metavar="FORMAT",
            help="Add images with this compression beside those of the list",
        ),
        Option("all", kind="bool", default=True, help="Also push the images in the list"),
        Option("compression-format", kind="string", help="Compression of layers: gzip, zstd or none"),
        Option("compression-level", kind="int", default=-1, help="Compression level"),
        Option("digestfile", kind="path", help="Write the digest of the list to the file"),
        Option("force-compression", help="Recompress layers that have another compression"),
        Option("format", "f", kind="string", help="Manifest type: oci or v2s2"),
        INSECURE,
        Option("remove-signatures", help="Do not copy signatures"),
        Option("rm", also=("purge",), help="Remove the list if the push succeeds"),
        SIGN_BY,
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
    from dataclasses import replace

    from ocicore.cli import progress
    from ocicore.image import transport
    from ocicore.image.copy import copy
    from ocicore.image.layer_copy import check_format
    from ocicore.image.list_source import ListReference
    from pybuildah import manifest_lists, remote
    from pybuildah.session import Session

    session = Session(ctx)
    found = manifest_lists.load(session, args.name)
    context = manifest_lists.registry_context(session, args)
    named = args.destination or args.name
    target = transport.parse(named if transport.has_transport(named) else f"docker://{named}")
    options = replace(
        remote.copy_options(args, target=named, ctx=ctx),
        multi_arch="all" if args.all else "index-only",
        add_compression=[
            check_format(name) for name in args.add_compression or session.conf.engine.add_compression
        ],
    )
    with progress.shown(ctx.stderr, quiet=args.quiet) as shown:
        result = copy(
            ListReference(found),
            target,
            source_context=context.with_(insecure_policy=True),
            destination_context=context,
            options=options,
            progress=shown,
        )
    if args.digestfile:
        with open(args.digestfile, "w", encoding="utf-8") as stream:
            stream.write(result.digest)
    if args.rm:
        session.store.delete_image(found.id)
    return 0
