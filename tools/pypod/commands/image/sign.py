"""`pypod image sign`: simple signatures into the lookaside store."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option
from pypod.options.registry import REGISTRY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context
    from ocicore.image.types import ImageSource, SystemContext

COMMAND = Command(
    "Sign an image",
    description="Creates a signature of an image's manifest with a GPG key, and stores it where registries.d says "
    "signatures are (or in --directory), to be used later to verify the image.",
    options=(
        Option("all", "a", help="Sign all the manifests of the multi-architecture image"),
        *(option for option in REGISTRY if option.long in ("authfile", "cert-dir")),
        Option(
            "directory",
            "d",
            kind="path",
            metavar="string",
            help="Define an alternate directory to store signatures",
        ),
        Option("sign-by", kind="string", help="Name of the signing key"),
    ),
    arguments=(Argument("images", max=None, metavar="IMAGE [IMAGE...]", completer="pypod.complete:images"),),
    examples=(
        ("pypod image sign --sign-by me@example.com docker://registry.example.com/app:1", "one image"),
    ),
)


def run(args: Args, ctx: Context) -> int:
    import os

    from ocicore.engine import registry_context
    from ocicore.errors import InvalidInput
    from ocicore.image import transport
    from pypod.session import open_engine

    if not args.sign_by:
        raise InvalidInput("no identity provided")
    if args.directory and not os.path.isdir(args.directory):
        raise InvalidInput(f"stat {args.directory}: no such file or directory")
    engine = open_engine(ctx)
    context = registry_context.make(engine, args).with_(open_store=lambda location: engine.store)
    with context:
        for name in args.images:
            source = transport.parse(name).source(context)
            try:
                _sign(args, ctx, name, source, context)
            finally:
                source.close()
    return 0


def _sign(args: Args, ctx: Context, name: str, source: ImageSource, context: SystemContext) -> None:
    from ocicore.cli.signers import simple_signer
    from ocicore.errors import InvalidInput
    from ocicore.image import lookaside
    from ocicore.oci.manifest import Index, manifest_digest, parse_manifest
    from ocicore.oci.reference import parse_normalized

    named = source.reference.docker_reference
    if named is None:
        raise InvalidInput(f"cannot determine canonical Docker reference for destination {source.reference}")
    data, media_type = source.manifest()
    manifests = [data]
    if args.all:
        parsed = parse_manifest(data, media_type)
        if not isinstance(parsed, Index):
            raise InvalidInput(f"{name} is not a multi-architecture image (manifest type {media_type})")
        manifests = [source.manifest(entry.digest)[0] for entry in parsed.manifests]
    sign = simple_signer(args.sign_by, "", named, ctx)
    for manifest in manifests:
        lookaside.append(
            context,
            parse_normalized(named),
            manifest_digest(manifest),
            sign(manifest),
            directory=args.directory,
        )
