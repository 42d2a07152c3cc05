"""`pypod image trust set`."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Set default trust policy or a new trust policy for a registry",
    description="Changes policy.json: what is required of images of a registry, a namespace or a repository, or "
    '("default") of all others.',
    options=(
        Option("policypath", kind="path", hidden=True, help="Policy file"),
        Option(
            "pubkeysfile",
            "f",
            kind="stringArray",
            completer="file",
            help="Path of installed public key(s) to trust for TARGET; may be used multiple times",
        ),
        Option(
            "type",
            "t",
            kind="string",
            default="signedBy",
            help="Trust type, accept values: signedBy(default), sigstoreSigned, accept, reject",
            completer="=signedBy accept reject",
        ),
    ),
    arguments=(Argument("registry", metavar="REGISTRY", completer="pypod.complete:registries"),),
    examples=(
        ("pypod image trust set -t reject default", "nothing else may be used"),
        ("pypod image trust set -f /etc/pki/key.gpg registry.example.com", "signed with that key"),
    ),
)


def run(args: Args, ctx: Context) -> int:
    import re

    from ocicore.config import policy
    from ocicore.config.paths import user_paths
    from ocicore.errors import InvalidInput
    from ocicore.image import trust_policy

    if not re.fullmatch(r"[a-zA-Z0-9_.-]+(:[0-9]+)?(/[a-z0-9._/:-]*)?", args.registry):
        raise InvalidInput(f"invalid image uri: {args.registry}")
    path = args.policypath or policy.default_path(user_paths(ctx.environ), ctx.environ)
    trust_policy.change(path, args.registry, args.type, args.pubkeysfile)
    return 0
