"""What makes signatures of manifests, from options."""

from __future__ import annotations

from ocicore.errors import Error, InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context
    from ocicore.image.local import LocalImage


_NAMELESS_HINT = "give --sign-identity"


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
        raise InvalidInput("Cannot determine canonical Docker reference for destination", hint=_NAMELESS_HINT)
    passphrase = read_passphrase(passphrase_file) if passphrase_file else None
    creator = _creator(ctx)
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
        raise InvalidInput("Cannot determine canonical Docker reference for destination", hint=_NAMELESS_HINT)
    passphrase = _passphrase_of(key_file, passphrase_file)
    return SigstoreSigner(_read(key_file), passphrase, docker_reference, _creator(ctx))


def parameter_file_signer(path: str, docker_reference: str | None, ctx: Context) -> Callable[[bytes], bytes]:
    """Sigstore signing as a parameter file says (containers-sigstore-signing-params.yaml(5)).

    Raises:
        InvalidInput: the file is malformed, or there is no name to sign for.
        Unsupported: it wants an identity token fetched by browser or device.
    """
    from ocicore.config import signing_params
    from ocicore.image.sigstore_sign import SigstoreSigner

    parameters = signing_params.load(path)
    if not docker_reference:
        raise InvalidInput("Cannot determine canonical Docker reference for destination", hint=_NAMELESS_HINT)
    key, passphrase = b"", b""
    if parameters.private_key_file:
        key = _read(parameters.private_key_file)
        passphrase = _passphrase_of(parameters.private_key_file, parameters.passphrase_file)
    return SigstoreSigner(
        key, passphrase, docker_reference, _creator(ctx), fulcio=parameters.fulcio, rekor=parameters.rekor
    )


def sequoia_signer(
    fingerprint: str, passphrase_file: str, docker_reference: str | None, ctx: Context
) -> Callable[[bytes], bytes]:
    """Simple signing with a key of the user's Sequoia store, by way of the program sq.

    Raises:
        InvalidInput: there is no name to sign for.
        MissingProgram: sq is not installed.
    """
    from ocicore.image import simple_signing
    from ocicore.oci.manifest import manifest_digest

    if not docker_reference:
        raise InvalidInput("Cannot determine canonical Docker reference for destination", hint=_NAMELESS_HINT)
    simple_signing.require_sequoia(ctx.environ)

    def sign(manifest: bytes) -> bytes:
        data = simple_signing.statement(docker_reference, manifest_digest(manifest), _creator(ctx))
        return simple_signing.sign_with_sequoia(data, fingerprint, passphrase_file=passphrase_file)

    return sign


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as exc:
        raise Error(f"Error reading {path}: {(exc.strerror or '').lower()}") from exc


def _creator(ctx: Context) -> str:
    return f"{ctx.program.name} {ctx.program.version}"


def _passphrase_of(key_file: str, passphrase_file: str) -> bytes:
    if passphrase_file:
        return read_passphrase(passphrase_file).encode()
    import getpass

    return getpass.getpass(f"Passphrase for key {key_file}: ").encode()


def read_passphrase(path: str) -> str:
    """The first line of a file; raises Error."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.readline().rstrip("\n")
    except OSError as exc:
        raise Error(f"reading passphrase file {path}: {(exc.strerror or str(exc)).lower()}") from exc


def all_signers(args: Args, docker_reference: str | None, ctx: Context) -> list[Callable[[bytes], bytes]]:
    """What the options --sign-by… ask for; a command may have only some of them."""
    given = args.as_dict()
    fingerprint, private_key, phrase = (
        str(given.get(name) or "")
        for name in ("sign_by", "sign_by_sigstore_private_key", "sign_passphrase_file")
    )
    parameters, sequoia = (
        str(given.get("sign_by_sigstore") or ""),
        str(given.get("sign_by_sq_fingerprint") or ""),
    )
    if phrase and fingerprint and private_key:
        raise InvalidInput(
            "Only one of --sign-by and sign-by-sigstore-private-key can be used with sign-passphrase-file"
        )
    signers = []
    try:
        if parameters:
            signers.append(parameter_file_signer(parameters, docker_reference, ctx))
        if sequoia:
            signers.append(sequoia_signer(sequoia, phrase, docker_reference, ctx))
        if fingerprint:
            signers.append(simple_signer(fingerprint, phrase, docker_reference, ctx))
        if private_key:
            signers.append(sigstore_signer(private_key, phrase, docker_reference, ctx))
    except InvalidInput as error:
        if error.hint == _NAMELESS_HINT and "sign_identity" not in given:
            error.hint = "only images in registries and named archives are signed"
        raise
    return signers


def sign_stored(image: LocalImage, name: str, fingerprint: str, ctx: Context) -> None:
    """One more simple signature of an image in the store, kept beside its manifest, where a push finds it."""
    import json

    from ocicore.oci import digest as digests

    manifest = image.manifest_bytes()
    digest = digests.from_bytes(manifest)
    made = simple_signer(fingerprint, "", name, ctx)(manifest)
    store = image.store
    metadata = json.loads(image.record.metadata or "{}")
    sizes = metadata.setdefault("signatures-sizes", {}).setdefault(digest, [])
    key = f"signature-{digests.encoded(digest)}"
    kept = store.big_data("image", image.id, key) if sizes else b""
    sizes.append(len(made))
    store.set_big_data("image", image.id, key, kept + made)
    store.set_metadata("image", image.id, json.dumps(metadata, separators=(",", ":")))
