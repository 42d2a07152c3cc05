"""`pybuildah source pull`: a source image from a registry into a folder."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option
from pybuildah.options.shared import QUIET

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Pull a source image from a registry",
    options=(
        Option("creds", kind="string", metavar="[USERNAME[:PASSWORD]]", help="Credentials for the registry"),
        QUIET,
        Option("tls-verify", kind="tristate", help="Require HTTPS and verify certificates"),
    ),
    arguments=(Argument("image", metavar="REGISTRY/NAME[:TAG]"), Argument("path", completer="dir")),
    examples=(("pybuildah source pull registry.example.com/app:source /tmp/sources", "into a folder"),),
)


def run(args: Args, ctx: Context) -> int:
    """Raises Conflict when the folder is there, InvalidInput for what is no source image."""
    import json
    import os

    from ocicore.build import source_image
    from ocicore.errors import Conflict
    from ocicore.image import transport
    from pybuildah import sources

    if os.path.lexists(args.path):
        raise Conflict(f'"{args.path}" already exists')
    name = sources.remote_name(args.image)
    source = transport.parse(name).source(sources.context(args, ctx))
    try:
        source_image.check(json.loads(source.manifest()[0]), args.image)
    finally:
        source.close()
    sources.copy(name, f"oci:{args.path}", args, ctx)
    return 0
