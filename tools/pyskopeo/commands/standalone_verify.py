"""pyskopeo standalone-verify."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Verify a signature using local files",
    description='KEY-FINGERPRINTS may be a comma separated list, or "any" to accept any key of --public-key-file.',
    options=(Option("public-key-file", kind="path", help="File containing public keys. If not specified, will use local GPG keys."),),
    arguments=(
        Argument("manifest", metavar="MANIFEST", completer="file"),
        Argument("docker_reference", metavar="DOCKER-REFERENCE"),
        Argument("fingerprints", metavar="KEY-FINGERPRINTS"),
        Argument("signature", metavar="SIGNATURE", completer="file"),
    ),
    too_few="Usage: pyskopeo standalone-verify manifest docker-reference key-fingerprint signature",
    too_many="Usage: pyskopeo standalone-verify manifest docker-reference key-fingerprint signature",
)  # fmt: skip


def run(args: Args, ctx: Context) -> int:
    """Check a simple signature of a manifest file."""
    from ocicore.errors import InvalidInput
    from ocicore.image import simple_signing
    from ocicore.oci.manifest import manifest_digest
    from pyskopeo.formats import read_file

    manifest, signature = read_file(args.manifest), read_file(args.signature)
    wanted = [item.strip().upper() for item in args.fingerprints.split(",") if item.strip()]
    if args.public_key_file:
        signed = simple_signing.verify(signature, [read_file(args.public_key_file)])
    else:
        if wanted == ["ANY"]:
            raise InvalidInput(
                "Cannot use any fingerprint without a public key file", hint="add --public-key-file"
            )
        signed = simple_signing.verify_with_home(signature, None)
    if wanted != ["ANY"] and signed.fingerprint.upper() not in wanted:
        raise InvalidInput(
            f"Error verifying signature: Signature by {signed.fingerprint} does not match expected fingerprints [{' '.join(wanted)}]"
        )
    digest = manifest_digest(manifest)
    if signed.manifest_digest != digest:
        raise InvalidInput(
            f"Error verifying signature: Signature for docker digest {signed.manifest_digest!r} does not match {digest!r}"
        )
    if signed.docker_reference != args.docker_reference:
        raise InvalidInput(
            f"Error verifying signature: Docker reference {signed.docker_reference!r} does not match {args.docker_reference!r}"
        )
    ctx.print(f"Signature verified using fingerprint {signed.fingerprint}, digest {digest}")
    return 0
