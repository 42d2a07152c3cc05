"""`pypod artifact push`."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option
from pypod.options.registry import REGISTRY, SIGNATURE_POLICY, retry_options
from pypod.options.signing import SIGNING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Push an OCI artifact",
    description="Pushes an OCI artifact of the local store to a registry, under its own name.",
    options=(
        Option(
            "digestfile",
            kind="path",
            metavar="string",
            help="Write the digest of the pushed image to the specified file",
        ),
        Option("quiet", "q", help="Suppress output information when pushing images"),
        *SIGNING,
        *REGISTRY,
        *retry_options("push"),
        SIGNATURE_POLICY,
    ),
    arguments=(Argument("artifact", metavar="ARTIFACT", completer="pypod.complete:artifacts"),),
    examples=(("pypod artifact push quay.io/me/art:1", "to where its name says"),),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.cli import progress
    from ocicore.cli.signers import all_signers
    from ocicore.engine import registry_context
    from ocicore.errors import Error
    from ocicore.image.artifact_store import ArtifactStore
    from ocicore.image.copy import CopyOptions
    from ocicore.oci.reference import parse_normalized
    from pypod.session import open_engine

    engine = open_engine(ctx)
    store = ArtifactStore(engine.store.graph_root)
    named = str(parse_normalized(args.artifact).with_default_tag())
    options = CopyOptions(signers=all_signers(args, named, ctx))
    with progress.shown(ctx.stderr, quiet=args.quiet) as shown:
        result = store.copy_out(
            args.artifact,
            args.artifact,
            context=registry_context.make(engine, args),
            options=options,
            progress=shown,
        )
    if args.digestfile:
        try:
            with open(args.digestfile, "w", encoding="ascii") as file:
                file.write(result.digest)
        except OSError as error:
            raise Error(f"writing {args.digestfile}: {(error.strerror or '').lower()}") from error
    return 0
