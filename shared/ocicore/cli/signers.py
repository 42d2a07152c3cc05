"""What makes signatures of manifests, from options."""

from __future__ import annotations

from ocicore.errors import Error, InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ocicore.cli.bind import Args
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
    passphrase = read_passphrase(passphrase_file) if passphrase_file else None
    creator = f"{ctx.program.name} {ctx.program.version}"
    home = ctx.environ.get("GNUPGHOME") or None

    def sign(manifest: bytes) -> bytes:
        data = simple_signing.statement(docker_reference, manifest_digest(manifest), creator)
        return simple_signing.sign(data, fingerprint, passphrase=passphrase, home=home)

    return sign


def sigstore_signer(
    key_file: str, passphrase_file: str, docker_reference: str | None, ctx: Context
) -> Callable[[bytes], bytes]:
    """Sigstore signing with a private key file; the passphrase is asked for when no file has it.

    Raises:
        InvalidInput: there is no name to sign for, or no usable key.
    """
    from ocicore.image.sigstore_sign import SigstoreSigner

    if not docker_reference:
        raise InvalidInput(
            "Cannot determine canonical Docker reference for destination", hint="give --sign-identity"
        )
    try:
        with open(key_file, "rb") as file:
            key = file.read()
    except OSError as exc:
        raise Error(f"Error reading {key_file}: {(exc.strerror or '').lower()}") from exc
    if passphrase_file:
        passphrase = read_passphrase(passphrase_file)
    else:
        import getpass

        passphrase = getpass.getpass(f"Passphrase for key {key_file}: ")
    creator = f"{ctx.program.name} {ctx.program.version}"
    return SigstoreSigner(key, passphrase.encode(), docker_reference, creator)


def read_passphrase(path: str) -> str:
    """The first line of a file; raises Error."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.readline().rstrip("\n")
    except OSError as exc:
        raise Error(f"reading passphrase file {path}: {(exc.strerror or str(exc)).lower()}") from exc


def all_signers(args: Args, docker_reference: str | None, ctx: Context) -> list[Callable[[bytes], bytes]]:
    """What --sign-by and --sign-by-sigstore-private-key ask for."""
    signers = []
    if args.sign_by:
        signers.append(simple_signer(args.sign_by, args.sign_passphrase_file, docker_reference, ctx))
    if args.sign_by_sigstore_private_key:
        signers.append(
            sigstore_signer(
                args.sign_by_sigstore_private_key, args.sign_passphrase_file, docker_reference, ctx
            )
        )
    return signers
