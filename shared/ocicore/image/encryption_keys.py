"""Keys for encrypted layers as the command line names them (ocicrypt): "jwe:FILE", "pkcs7:FILE", "KEYFILE[:PASSPHRASE]".

A key file is PEM, DER or a JSON web key; PKCS #7 needs the certificate too, given as one more decryption key.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import Any

from ocicore.errors import Error, InvalidInput, Unsupported
from ocicore.image.jwe import RecipientKey, private_from_jwk, public_from_jwk

_MAX_KEY_FILE = 1 << 20
_NOT_HERE = {
    "pgp": "PGP recipients cannot be used here",
    "pkcs11": "PKCS #11 recipients cannot be used here",
    "provider": "key providers cannot be used here",
}


class Recipients:
    """Who shall be able to decrypt: public keys for JWE, certificates for PKCS #7."""

    __slots__ = ("certificates", "public_keys")

    def __init__(self, public_keys: Sequence[RecipientKey], certificates: Sequence[Any]) -> None:
        self.public_keys = public_keys
        self.certificates = certificates


class DecryptionKeys:
    """Private keys, and the certificates PKCS #7 finds its recipient by."""

    __slots__ = ("certificates", "private_keys")

    def __init__(self, private_keys: Sequence[Any], certificates: Sequence[Any]) -> None:
        self.private_keys = private_keys
        self.certificates = certificates


def recipients(items: Sequence[str]) -> Recipients:
    """What `--encryption-key` names.

    Raises:
        InvalidInput: a malformed item, or a file that is no public key or certificate.
        Unsupported: a protocol that cannot be used here.
    """
    keys: list[RecipientKey] = []
    certificates: list[Any] = []
    for item in items:
        protocol, colon, path = item.partition(":")
        if not colon:
            raise InvalidInput(
                f"Invalid encryption keys: invalid recipient format {item!r}",
                hint="PROTOCOL:FILE, for example jwe:key.pem",
            )
        if protocol == "jwe":
            keys.append(_public_key(path))
        elif protocol == "pkcs7":
            certificate = _certificate(_read(path, "encryption"))
            if certificate is None:
                raise InvalidInput(f"Invalid encryption keys: {path} is not an x509 certificate")
            certificates.append(certificate)
        elif protocol in _NOT_HERE:
            raise Unsupported(
                f"Invalid encryption keys: {_NOT_HERE[protocol]}", hint="use jwe:FILE or pkcs7:FILE"
            )
        else:
            raise InvalidInput(
                f"Invalid encryption keys: protocol {protocol!r} not recognized", hint="jwe or pkcs7"
            )
    return Recipients(keys, certificates)


def decryption_keys(items: Sequence[str]) -> DecryptionKeys:
    """What `--decryption-key` names: FILE, FILE:PASSPHRASE, FILE:file=FILE, FILE:pass=PASSPHRASE, FILE:fd=NUMBER.

    Raises:
        InvalidInput: a file that is neither a private key nor a certificate, a wrong passphrase.
        Unsupported: a protocol that cannot be used here.
    """
    keys: list[Any] = []
    certificates: list[Any] = []
    for item in items:
        if item.startswith("provider:"):
            raise Unsupported(f"Invalid decryption keys: {_NOT_HERE['provider']}", hint="use a key file")
        path, colon, passphrase = item.partition(":")
        data = _read(path, "decryption")
        certificate = _certificate(data)
        if certificate is not None:
            certificates.append(certificate)
            continue
        keys.append(_private_key(path, data, _passphrase(passphrase) if colon else None))
    return DecryptionKeys(keys, certificates)


def _passphrase(text: str) -> bytes:
    kind, equals, rest = text.partition("=")
    try:
        if equals and kind == "file":
            with open(rest, "rb") as file:
                return file.read(_MAX_KEY_FILE)
        if equals and kind == "fd":
            return os.read(int(rest), 64)
    except (OSError, ValueError) as exc:
        reason = (exc.strerror or str(exc)).lower() if isinstance(exc, OSError) else "no number"
        raise InvalidInput(f"Invalid decryption keys: reading the passphrase from {rest}: {reason}") from exc
    return (rest if equals and kind == "pass" else text).encode()


def _read(path: str, what: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(_MAX_KEY_FILE)
    except OSError as exc:
        raise InvalidInput(f"Invalid {what} keys: open {path}: {(exc.strerror or str(exc)).lower()}") from exc


def _public_key(path: str) -> RecipientKey:
    from cryptography.hazmat.primitives.serialization import load_der_public_key, load_pem_public_key

    data = _read(path, "encryption")
    for load in (load_der_public_key, load_pem_public_key):
        try:
            return RecipientKey(load(data))
        except (ValueError, TypeError):
            continue
    value = _json(data)
    if value is None or "d" in value:
        raise InvalidInput(
            f"Invalid encryption keys: {path} is not a public key", hint="PEM, DER or a JSON web key"
        )
    return RecipientKey(public_from_jwk(value), str(value.get("alg") or ""))


def _private_key(path: str, data: bytes, passphrase: bytes | None) -> Any:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_der_private_key, load_pem_private_key

    load = load_pem_private_key if b"-----BEGIN " in data else load_der_private_key
    try:
        try:
            return load(data, passphrase or None)
        except TypeError:
            # A passphrase for a key that has none is ignored, as ocicrypt does.
            if passphrase:
                return load(data, None)
            raise InvalidInput(
                f"Invalid decryption keys: {path}: missing password for encrypted private key",
                hint="FILE:file=PASSPHRASE-FILE",
            ) from None
    except UnsupportedAlgorithm as exc:
        raise Error(f"Invalid decryption keys: {path}: {exc}") from exc
    except ValueError as exc:
        if passphrase and b"ENCRYPTED" in data:
            raise InvalidInput(f"Invalid decryption keys: {path}: wrong password") from exc
    value = _json(data)
    if value is None or "d" not in value:
        raise InvalidInput(
            f"Invalid decryption keys: {path} is neither a private key nor a certificate",
            hint="PEM, DER or a JSON web key",
        )
    return private_from_jwk(value)


def _certificate(data: bytes) -> Any:
    from cryptography import x509

    for load in (x509.load_der_x509_certificate, x509.load_pem_x509_certificate):
        try:
            return load(data)
        except (ValueError, TypeError):
            continue
    return None


def _json(data: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) and "kty" in value else None
