"""`pypod artifact pull`."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option
from pypod.options.registry import REGISTRY, RETRY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Pull an OCI artifact",
    description="Fetches an OCI artifact from a registry into the local store.",
    options=(
        Option(
            "decryption-key",
            kind="stringArray",
            help="Key needed to decrypt the image (e.g. /path/to/key.pem)",
            completer="file",
        ),
        Option("quiet", "q", help="Suppress output information when pulling images"),
        *REGISTRY,
        *RETRY,
    ),
    arguments=(Argument("artifact", metavar="ARTIFACT", completer="pypod.complete:artifacts"),),
    examples=(("pypod artifact pull quay.io/me/art:1", "under its full name"),),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.cli import progress
    from ocicore.engine import registry_context
    from ocicore.image import encryption_keys
    from ocicore.image.artifact_store import ArtifactStore
    from ocicore.image.copy import CopyOptions
    from ocicore.image.image_copy import Encryption
    from pypod.session import open_engine

    engine = open_engine(ctx)
    store = ArtifactStore(engine.store.graph_root)
    options = CopyOptions()
    if args.decryption_key:
        options.encryption = Encryption(keys=encryption_keys.decryption_keys(args.decryption_key))
    with progress.shown(ctx.stderr, quiet=args.quiet) as shown:
        store.copy_in(
            args.artifact, context=registry_context.make(engine, args), options=options, progress=shown
        )
    return 0
