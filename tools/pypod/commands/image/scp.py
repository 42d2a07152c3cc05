"""`pypod image scp`: images to and from other users and machines."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Securely copy images",
    description="Copies an image between the stores of two users of this machine, or of this and another machine over "
    "ssh. A place is IMAGE, USER@localhost::[IMAGE] or [USER@]HOST[:PORT]::[IMAGE]; the other machine needs pypod or podman.",
    options=(
        Option(
            "format",
            kind="string",
            metavar="format",
            help="Format of the archive in between: oci-archive or docker-archive (the default)",
        ),
        Option("quiet", "q", help="Suppress the output"),
    ),
    arguments=(
        Argument("source", metavar="IMAGE", completer="pypod.complete:copy_over_ssh"),
        Argument("target", min=0, metavar="[HOST::]", completer="pypod.complete:copy_over_ssh"),
    ),
    examples=(
        ("pypod image scp app:1 me@server.example.com::", "to another machine"),
        ("pypod image scp root@localhost::app:1 me@localhost::", "from root to a user"),
    ),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.engine import image_scp
    from ocicore.errors import InvalidInput
    from pypod.session import open_engine

    if args.format not in ("", "oci-archive", "docker-archive"):
        raise InvalidInput(f'unknown format "{args.format}": choose from oci-archive, docker-archive')
    engine = open_engine(ctx)
    source = image_scp.parse(args.source)
    target = image_scp.parse(args.target) if args.target else image_scp.Place("")
    if args.target and not target.is_ours and target.host and source.host and target.image:
        raise InvalidInput("cannot specify an image rename between two machines: invalid argument")
    said = image_scp.copy(engine, source, target, quiet=args.quiet, archive_format=args.format)
    ctx.stdout.write(said)
    return 0
