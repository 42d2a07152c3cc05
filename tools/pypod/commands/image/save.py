"""`pypod save`, `pypod image save`."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option
from pypod.options.registry import SIGNATURE_POLICY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Save image(s) to an archive",
    description="Save an image to docker-archive or oci-archive on the local machine. Default is docker-archive.",
    options=(
        Option(
            "compress",
            help="Compress tarball image layers when saving to a directory using the 'dir' transport",
        ),
        Option(
            "format",
            kind="string",
            default="docker-archive",
            help="Save image to oci-archive, oci-dir (directory with oci manifest type), docker-archive, docker-dir (directory with v2s2 manifest type)",
            completer="=oci-dir oci-archive docker-dir docker-archive",
        ),
        Option(
            "multi-image-archive",
            "m",
            help="Interpret additional arguments as images not tags and create a multi-image-archive (only for docker-archive)",
        ),
        Option(
            "output",
            "o",
            kind="path",
            metavar="string",
            default_text="stdout",
            help="Write to a specified file (default: stdout, which must be redirected)",
        ),
        Option("quiet", "q", help="Suppress the output"),
        Option("uncompressed", help="Accept uncompressed layers when copying OCI images"),
        SIGNATURE_POLICY,
    ),
    arguments=(Argument("images", max=None, metavar="IMAGE [IMAGE...]", completer="pypod.complete:images"),),
    examples=(
        ("pypod save -o app.tar app:1", "one image"),
        ("pypod save -m app:1 db:2 > both.tar", "two in one archive"),
    ),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.cli import progress
    from ocicore.engine import events, image_choice
    from ocicore.errors import InvalidInput
    from ocicore.image import save
    from pypod.session import open_engine

    if args.format not in ("oci-archive", "oci-dir", "docker-archive", "docker-dir"):
        raise InvalidInput(
            f'unknown format "{args.format}": choose from oci-archive, oci-dir, docker-archive, docker-dir'
        )
    if args.compress and args.format not in ("oci-dir", "docker-dir"):
        raise InvalidInput("--compress can only be set when --format is either 'oci-dir' or 'docker-dir'")
    if len(args.images) > 1 and not args.multi_image_archive and args.format != "docker-archive":
        raise InvalidInput("only docker-archive takes several names of an image")
    output = args.output
    if not output:
        if args.format.endswith("-dir"):
            raise InvalidInput(f"--format {args.format} needs a directory: name it with --output")
        if ctx.stdout.isatty():
            raise InvalidInput("refusing to save to terminal. Use -o flag or redirect")
        output = "/dev/stdout"
    elif ":" in output:
        raise InvalidInput(f"invalid filename (should not contain ':') {output!r}")
    engine = open_engine(ctx)
    with progress.shown(ctx.stderr, quiet=args.quiet or output == "/dev/stdout") as shown:
        save.save(
            engine.images,
            args.images,
            output,
            format=args.format,
            context=image_choice.system_context(engine, args),
            progress=shown,
            compress=args.compress,
            uncompressed=args.uncompressed,
        )
    for name in args.images:
        events.write(engine, "image", "save", ID=engine.images.find(name).id, Name=output)
    return 0
