"""What makes signatures of manifests, from options."""

from __future__ import annotations

from ocicore.errors import Error, InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ocicore.cli.context import Context


def simple_signer(
    fingerprint: str, passphrase_file: str, docker_reference: str | None, ctx: Context
) -> Callable[[bytes], bytes]:
    """Simple signing with a key of the user's GnuPG keyring.

    Raises:
        InvalidInput: there is no name to sign for.
    """
    from ocicore.image import simple_signing
    from ocicore.oci.manifest import manifest_digest

    if not docker_reference:
        raise InvalidInput(
            "Cannot determine canonical Docker reference for destination", hint="give --sign-identity"
        )
    passphrase = None
    if passphrase_file:
        try:
            with open(passphrase_file, encoding="utf-8") as file:
                passphrase = file.readline().rstrip("\n")
        except OSError as exc:
            raise Error(
                f"reading passphrase file {passphrase_file}: {(exc.strerror or str(exc)).lower()}"
            ) from exc
    creator = f"{ctx.program.name} {ctx.program.version}"
    home = ctx.environ.get("GNUPGHOME") or None

    def sign(manifest: bytes) -> bytes:
        data = simple_signing.statement(docker_reference, manifest_digest(manifest), creator)
        return simple_signing.sign(data, fingerprint, passphrase=passphrase, home=home)

    return sign
