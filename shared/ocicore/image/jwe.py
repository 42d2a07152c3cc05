"""JSON Web Encryption of a small secret for several recipients (RFC 7516, algorithms of RFC 7518).

Written in the JSON serialisation that ocicrypt's layers carry; read in that and in the compact one.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
from collections.abc import Sequence
from typing import Any

from ocicore.errors import Error, InvalidInput, Unsupported
from ocicore.image import go_json

_CURVES = {"P-256": 32, "P-384": 48, "P-521": 66}
_WRAPPED_KEY_BYTES = {"ECDH-ES+A128KW": 16, "ECDH-ES+A192KW": 24, "ECDH-ES+A256KW": 32}
_GCM_KEY_BYTES = {"A128GCM": 16, "A192GCM": 24, "A256GCM": 32}
_CBC_HASHES = {"A128CBC-HS256": "sha256", "A192CBC-HS384": "sha384", "A256CBC-HS512": "sha512"}


class RecipientKey:
    """A public key and the algorithm it is to be used with ("" is the key type's own)."""

    __slots__ = ("algorithm", "key")

    def __init__(self, key: Any, algorithm: str = "") -> None:
        self.key = key
        self.algorithm = algorithm


def encrypt(secret: bytes, recipients: Sequence[RecipientKey]) -> bytes:
    """The secret for each recipient, under A256GCM.

    Raises:
        Unsupported: a key that is neither RSA nor elliptic, or an algorithm not listed by ocicrypt.
    """
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    content_key, nonce = os.urandom(32), os.urandom(12)
    protected = _encode(b'{"enc":"A256GCM"}')
    sealed = AESGCM(content_key).encrypt(nonce, secret, protected.encode())
    value: dict[str, Any] = {"protected": protected}
    wrapped = [_wrap(content_key, recipient) for recipient in recipients]
    if len(wrapped) == 1:
        value |= wrapped[0]
    else:
        value["recipients"] = wrapped
    value |= {"iv": _encode(nonce), "ciphertext": _encode(sealed[:-16]), "tag": _encode(sealed[-16:])}
    return go_json.dumps(value)


def decrypt(data: bytes, keys: Sequence[Any]) -> bytes:
    """The secret, by the first private key that fits one of the recipients.

    Raises:
        InvalidInput: not a JWE.
        Error: none of the keys fits.
    """
    value = _parse(data)
    try:
        protected = str(value.get("protected") or "")
        shared = {**(json.loads(_decode(protected)) if protected else {}), **(value.get("unprotected") or {})}
        entries = value.get("recipients") or [value]
        nonce, text, tag = (_decode(str(value.get(name) or "")) for name in ("iv", "ciphertext", "tag"))
        additional = protected.encode()
        if value.get("aad"):
            additional += b"." + str(value["aad"]).encode()
        for entry in entries:
            header = {**shared, **(entry.get("header") or {})}
            wrapped = _decode(str(entry.get("encrypted_key") or ""))
            for key in keys:
                content_key = _unwrap(header, wrapped, key)
                if content_key is None:
                    continue
                plain = _open(str(header.get("enc") or ""), content_key, nonce, text, tag, additional)
                if plain is not None:
                    return plain
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error) as exc:
        raise InvalidInput("reading a JWE: malformed") from exc
    raise Error("- JWE: No suitable private key found for decryption")


def _parse(data: bytes) -> dict[str, Any]:
    text = data.strip()
    if not text.startswith(b"{"):
        parts = text.decode("ascii", "replace").split(".")
        if len(parts) != 5:
            raise InvalidInput("reading a JWE: neither JSON nor the compact serialisation")
        return dict(zip(("protected", "encrypted_key", "iv", "ciphertext", "tag"), parts, strict=True))
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise InvalidInput("reading a JWE: malformed JSON") from exc
    if not isinstance(value, dict):
        raise InvalidInput("reading a JWE: not an object")
    return value


# -- key wrapping ------------------------------------------------------------------------


def _wrap(content_key: bytes, recipient: RecipientKey) -> dict[str, Any]:
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.hazmat.primitives.keywrap import aes_key_wrap

    key = recipient.key
    if isinstance(key, rsa.RSAPublicKey):
        algorithm = recipient.algorithm or "RSA-OAEP"
        if algorithm not in ("RSA-OAEP", "RSA-OAEP-256"):
            raise Unsupported(f"JWE: algorithm {algorithm} cannot be used with an RSA key")
        return {
            "header": {"alg": algorithm},
            "encrypted_key": _encode(key.encrypt(content_key, _oaep(algorithm))),
        }
    if isinstance(key, ec.EllipticCurvePublicKey):
        algorithm = recipient.algorithm or "ECDH-ES+A256KW"
        size = _WRAPPED_KEY_BYTES.get(algorithm)
        if size is None:
            raise Unsupported(f"JWE: algorithm {algorithm} cannot be used with an elliptic curve key")
        own = ec.generate_private_key(key.curve)
        header: dict[str, Any] = {"alg": algorithm, "epk": _public_jwk(own.public_key())}
        shared = _agreed(own.exchange(ec.ECDH(), key), algorithm, size, header)
        return {"header": header, "encrypted_key": _encode(aes_key_wrap(shared, content_key))}
    raise Unsupported("JWE: the recipient's key is neither RSA nor on one of NIST's curves")


def _unwrap(header: dict[str, Any], wrapped: bytes, key: Any) -> bytes | None:
    """The content key, None where the private key does not fit the header."""
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap

    algorithm = str(header.get("alg") or "")
    if algorithm in ("RSA-OAEP", "RSA-OAEP-256") and isinstance(key, rsa.RSAPrivateKey):
        try:
            return key.decrypt(wrapped, _oaep(algorithm))
        except ValueError:
            return None
    size = _WRAPPED_KEY_BYTES.get(algorithm)
    if size is None or not isinstance(key, ec.EllipticCurvePrivateKey):
        return None
    other = public_from_jwk(header["epk"])
    if not isinstance(other, ec.EllipticCurvePublicKey) or other.curve.name != key.curve.name:
        return None
    shared = _agreed(key.exchange(ec.ECDH(), other), algorithm, size, header)
    try:
        return aes_key_unwrap(shared, wrapped)
    except (InvalidUnwrap, ValueError):
        return None


def _oaep(algorithm: str) -> Any:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    # RFC 7518 §4.3: SHA-1 is what "RSA-OAEP" without a number means.
    kind: hashes.HashAlgorithm = hashes.SHA256() if algorithm.endswith("256") else hashes.SHA1()
    return padding.OAEP(mgf=padding.MGF1(kind), algorithm=kind, label=None)


def _agreed(secret: bytes, algorithm: str, size: int, header: dict[str, Any]) -> bytes:
    """Concat KDF of RFC 7518 §4.6.2, one round: the keys are no longer than SHA-256."""

    def counted(data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + data

    other = counted(algorithm.encode())
    other += counted(_decode(str(header.get("apu") or ""))) + counted(_decode(str(header.get("apv") or "")))
    other += (size * 8).to_bytes(4, "big")
    return hashlib.sha256((1).to_bytes(4, "big") + secret + other).digest()[:size]


# -- content -----------------------------------------------------------------------------


def _open(kind: str, key: bytes, nonce: bytes, text: bytes, tag: bytes, additional: bytes) -> bytes | None:
    """The plain content, None when it is not authentic."""
    from cryptography.exceptions import InvalidTag

    if kind in _GCM_KEY_BYTES:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        if len(key) != _GCM_KEY_BYTES[kind]:
            return None
        try:
            return AESGCM(key).decrypt(nonce, text + tag, additional)
        except InvalidTag:
            return None
    if kind not in _CBC_HASHES:
        raise Unsupported(f"JWE: content encryption {kind or 'missing'} is unknown")
    import hmac

    from cryptography.hazmat.primitives import padding
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    half = len(key) // 2
    mac = hmac.new(key[:half], additional + nonce + text, _CBC_HASHES[kind])
    mac.update((len(additional) * 8).to_bytes(8, "big"))
    if not hmac.compare_digest(mac.digest()[:half], tag):
        return None
    decryptor = Cipher(algorithms.AES(key[half:]), modes.CBC(nonce)).decryptor()
    unpadder = padding.PKCS7(128).unpadder()
    return unpadder.update(decryptor.update(text) + decryptor.finalize()) + unpadder.finalize()


# -- JSON web keys (RFC 7517) ------------------------------------------------------------


def public_from_jwk(value: dict[str, Any]) -> Any:
    """An RSA or elliptic public key; raises InvalidInput."""
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    try:
        if value["kty"] == "RSA":
            return rsa.RSAPublicNumbers(_number(value, "e"), _number(value, "n")).public_key()
        if value["kty"] == "EC":
            return ec.EllipticCurvePublicNumbers(
                _number(value, "x"), _number(value, "y"), _curve(value["crv"])
            ).public_key()
    except (KeyError, ValueError, TypeError, binascii.Error) as exc:
        raise InvalidInput("reading a JSON web key: malformed") from exc
    raise InvalidInput(f"reading a JSON web key: type {value['kty']} is unknown")


def private_from_jwk(value: dict[str, Any]) -> Any:
    """An RSA or elliptic private key; raises InvalidInput."""
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    try:
        public = public_from_jwk(value).public_numbers()
        if isinstance(public, ec.EllipticCurvePublicNumbers):
            return ec.EllipticCurvePrivateNumbers(_number(value, "d"), public).private_key()
        p, q, d, dp, dq, qi = (_number(value, name) for name in ("p", "q", "d", "dp", "dq", "qi"))
        return rsa.RSAPrivateNumbers(p, q, d, dp, dq, qi, public).private_key()
    except (KeyError, ValueError, TypeError, binascii.Error) as exc:
        raise InvalidInput("reading a JSON web key: not a private key") from exc


def _public_jwk(key: Any) -> dict[str, str]:
    numbers = key.public_numbers()
    name = {256: "P-256", 384: "P-384", 521: "P-521"}.get(key.curve.key_size, "")
    if not name:
        raise Unsupported(f"JWE: curve {key.curve.name} is not one of NIST's")
    size = _CURVES[name]
    return {
        "kty": "EC",
        "crv": name,
        "x": _encode(numbers.x.to_bytes(size, "big")),
        "y": _encode(numbers.y.to_bytes(size, "big")),
    }


def _curve(name: str) -> Any:
    from cryptography.hazmat.primitives.asymmetric import ec

    return {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1(), "P-521": ec.SECP521R1()}[name]


def _number(value: dict[str, Any], name: str) -> int:
    return int.from_bytes(_decode(value[name]), "big")


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
