"""`pybuildah source push`: a source image to a registry."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option
from pybuildah.options.shared import QUIET

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Push a source image to a registry",
    options=(
        Option("creds", kind="string", metavar="[USERNAME[:PASSWORD]]", help="Credentials for the registry"),
        Option("digestfile", kind="path", help="Write the digest of the image to the file"),
        QUIET,
        Option("tls-verify", kind="tristate", help="Require HTTPS and verify certificates"),
    ),
    arguments=(Argument("path", completer="dir"), Argument("image", metavar="REGISTRY/NAME[:TAG]")),
    examples=(("pybuildah source push /tmp/sources registry.example.com/app:source", "to a registry"),),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.build import source_image
    from pybuildah import sources

    source_image.read(args.path)
    result = sources.copy(f"oci:{args.path}", sources.remote_name(args.image), args, ctx)
    if args.digestfile:
        with open(args.digestfile, "w", encoding="ascii") as stream:
            stream.write(result.digest)
    return 0
