"""pyskopeo untrusted-signature-dump-without-verification."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Dump contents of a signature WITHOUT VERIFYING IT",
    arguments=(Argument("signature", metavar="SIGNATURE", completer="file"),),
)


def run(args: Args, ctx: Context) -> int:
    """Print what a signature claims."""
    import json

    from ocicore.image import go_json, simple_signing
    from pyskopeo.formats import read_file

    claims = simple_signing.parse_statement(simple_signing.untrusted_contents(read_file(args.signature)))
    value = json.loads(simple_signing.statement(claims.docker_reference, claims.manifest_digest, "", 0))
    value = {
        "UntrustedDockerManifestDigest": claims.manifest_digest,
        "UntrustedDockerReference": claims.docker_reference,
        "UntrustedCreatorID": claims.optional.get("creator"),
        "UntrustedTimestamp": claims.optional.get("timestamp"),
        "UntrustedShortKeyIdentifier": "",
    }
    ctx.print(go_json.pretty(value))
    return 0
