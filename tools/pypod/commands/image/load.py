"""`pypod load`, `pypod image load`."""

from __future__ import annotations

from ocicore.cli.declare import Command, Option
from pypod.options.registry import SIGNATURE_POLICY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Load image(s) from a tar archive",
    description="Loads an image from a locally stored archive (tar file) into container storage.",
    options=(
        Option("input", "i", kind="path", metavar="string", help="Load images from path to tarball"),
        Option("quiet", "q", help="Suppress the output"),
        SIGNATURE_POLICY,
    ),
    examples=(("pypod load -i app.tar", "from a file"), ("cat app.tar | pypod load", "from standard input")),
)


def run(args: Args, ctx: Context) -> int:
    import shutil
    import tempfile

    from ocicore.cli import progress
    from ocicore.engine import events, image_choice, image_import
    from ocicore.errors import InvalidInput
    from ocicore.image import save
    from pypod.session import open_engine

    engine = open_engine(ctx)
    with tempfile.TemporaryDirectory(
        prefix="pypod-load-", dir=engine.config.engine.image_copy_tmp_dir
    ) as folder:
        path = args.input
        if not path:
            if ctx.stdin.isatty():
                raise InvalidInput(
                    "cannot read from terminal, use command-line redirection or the --input flag"
                )
            path = f"{folder}/archive"
            with open(path, "wb") as file:
                shutil.copyfileobj(ctx.stdin_bytes, file, 1 << 20)
        elif path.startswith(("http://", "https://")):
            path = f"{folder}/archive"
            with image_import.open_source(args.input, ctx.stdin_bytes) as source, open(path, "wb") as file:
                shutil.copyfileobj(source, file, 1 << 20)
        with progress.shown(ctx.stderr, quiet=args.quiet) as shown:
            images = save.load(
                engine.images, path, context=image_choice.system_context(engine, args), progress=shown
            )
    for image in images:
        events.write(engine, "image", "loadfromarchive", ID=image.id, Name=args.input)
        for name in image.names or [image.id]:
            ctx.print(f"Loaded image: {name}")
    return 0
