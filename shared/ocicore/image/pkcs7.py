"""PKCS #7 enveloped data (RFC 2315 §10, AES-GCM as RFC 5084) for RSA certificates: what ocicrypt's layers carry.

Only what that needs of DER is here; reading is strict about lengths and knows the CBC modes older writers used.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, NamedTuple

from ocicore.errors import Error, InvalidInput, Unsupported

_DATA = "1.2.840.113549.1.7.1"
_ENVELOPED = "1.2.840.113549.1.7.3"
_RSA = "1.2.840.113549.1.1.1"
_RSA_OAEP = "1.2.840.113549.1.1.7"
_AES_128_GCM = "2.16.840.1.101.3.4.1.6"
_GCM = {_AES_128_GCM: 16, "2.16.840.1.101.3.4.1.46": 32}
_CBC = {"2.16.840.1.101.3.4.1.2": 16, "2.16.840.1.101.3.4.1.42": 32}
_HASHES = {
    "1.3.14.3.2.26": "SHA1",
    "2.16.840.1.101.3.4.2.4": "SHA224",
    "2.16.840.1.101.3.4.2.1": "SHA256",
    "2.16.840.1.101.3.4.2.2": "SHA384",
    "2.16.840.1.101.3.4.2.3": "SHA512",
}
_SEQUENCE, _SET, _INTEGER, _OCTETS, _OID = 0x30, 0x31, 0x02, 0x04, 0x06


def encrypt(secret: bytes, certificates: Sequence[Any]) -> bytes:
    """Enveloped data for the certificates (of `cryptography.x509`).

    Raises:
        Unsupported: a certificate whose key is not RSA.
    """
    from cryptography.hazmat.primitives.asymmetric import padding, rsa
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    key, nonce = os.urandom(16), os.urandom(12)
    recipients = b""
    for certificate in certificates:
        public = certificate.public_key()
        if not isinstance(public, rsa.RSAPublicKey):
            raise Unsupported("PKCS7: the certificate's key is not RSA")
        recipients += _write(
            _SEQUENCE,
            _integer(0)
            + _issuer_and_serial(certificate)
            + _write(_SEQUENCE, _oid(_RSA))
            + _write(_OCTETS, public.encrypt(key, padding.PKCS1v15())),
        )
    # Go's encoder puts the parameters into one sequence more; what it wrote is what it can read.
    parameters = _write(_SEQUENCE, _write(_SEQUENCE, _write(0x84, nonce) + _integer(16)))
    sealed = AESGCM(key).encrypt(nonce, secret, None)
    content = _write(
        _SEQUENCE,
        _oid(_DATA)
        + _write(_SEQUENCE, _oid(_AES_128_GCM) + parameters)
        + _write(0xA0, _write(_OCTETS, sealed)),
    )
    enveloped = _write(_SEQUENCE, _integer(0) + _write(_SET, recipients) + content)
    return _write(_SEQUENCE, _oid(_ENVELOPED) + _write(0xA0, enveloped))


def decrypt(data: bytes, certificates: Sequence[Any], keys: Sequence[Any]) -> bytes:
    """The secret, by the first private key that fits a recipient's certificate.

    Raises:
        InvalidInput: not enveloped data.
        Error: none fits.
    """
    if not certificates:
        raise Error("PKCS7: no x509 certificates found, they are needed for decryption")
    try:
        recipients, algorithm, sealed = _parse(data)
    except (ValueError, IndexError) as exc:
        raise InvalidInput("reading PKCS7 enveloped data: malformed") from exc
    wanted = {_issuer_and_serial(certificate) for certificate in certificates}
    for recipient in recipients:
        if recipient.identity not in wanted:
            continue
        for key in keys:
            content_key = _unwrap(recipient, key)
            plain = _open(algorithm, content_key, sealed) if content_key is not None else None
            if plain is not None:
                return plain
    raise Error("- PKCS7: No suitable private key found for decryption")


class _Item(NamedTuple):
    tag: int
    content: bytes
    whole: bytes


class _Recipient(NamedTuple):
    identity: bytes
    algorithm: list[_Item]
    wrapped: bytes


def _parse(data: bytes) -> tuple[list[_Recipient], list[_Item], bytes]:
    outer = _items(_one(data).content)
    if _oid_text(outer[0]) != _ENVELOPED:
        raise ValueError("not enveloped data")
    version_and_rest = _items(_one(outer[1].content).content)
    recipients = []
    for item in _items(version_and_rest[1].content):
        parts = _items(item.content)
        recipients.append(_Recipient(parts[1].whole, _items(parts[2].content), parts[3].content))
    content = _items(version_and_rest[2].content)
    sealed = content[2].content
    if content[2].tag & 0x20:
        sealed = b"".join(part.content for part in _items(sealed))
    return recipients, _items(content[1].content), sealed


def _unwrap(recipient: _Recipient, key: Any) -> bytes | None:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding, rsa

    if not isinstance(key, rsa.RSAPrivateKey):
        return None
    algorithm = _oid_text(recipient.algorithm[0])
    scheme: padding.AsymmetricPadding
    if algorithm == _RSA:
        scheme = padding.PKCS1v15()
    elif algorithm == _RSA_OAEP:
        kind = "SHA1"
        for item in _items(recipient.algorithm[1].content) if len(recipient.algorithm) > 1 else ():
            if item.tag == 0xA0:
                kind = _HASHES.get(_oid_text(_items(_one(item.content).content)[0]), "")
        if not kind:
            raise Unsupported("PKCS7: the hash of RSA-OAEP is unknown")
        chosen = getattr(hashes, kind)()
        scheme = padding.OAEP(mgf=padding.MGF1(chosen), algorithm=chosen, label=None)
    else:
        raise Unsupported(f"PKCS7: key encryption {algorithm} is unknown")
    try:
        return key.decrypt(recipient.wrapped, scheme)
    except ValueError:
        return None


def _open(algorithm: list[_Item], key: bytes, sealed: bytes) -> bytes | None:
    from cryptography.exceptions import InvalidTag

    kind = _oid_text(algorithm[0])
    if kind in _GCM:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        parameters = _items(algorithm[1].content)
        if parameters and parameters[0].tag == _SEQUENCE:
            parameters = _items(parameters[0].content)
        if not parameters or len(key) != _GCM[kind]:
            return None
        try:
            return AESGCM(key).decrypt(parameters[0].content, sealed, None)
        except (InvalidTag, ValueError):
            return None
    if kind not in _CBC:
        raise Unsupported(f"PKCS7: content encryption {kind} is unknown")
    from cryptography.hazmat.primitives import padding
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    if len(key) != _CBC[kind]:
        return None
    try:
        decryptor = Cipher(algorithms.AES(key), modes.CBC(algorithm[1].content)).decryptor()
        unpadder = padding.PKCS7(128).unpadder()
        return unpadder.update(decryptor.update(sealed) + decryptor.finalize()) + unpadder.finalize()
    except ValueError:
        return None


def _issuer_and_serial(certificate: Any) -> bytes:
    issuer: bytes = certificate.issuer.public_bytes()
    return _write(_SEQUENCE, issuer + _integer(certificate.serial_number))


# -- DER (X.690) --------------------------------------------------------------------------


def _write(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def _integer(value: int) -> bytes:
    return _write(_INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def _oid(text: str) -> bytes:
    numbers = [int(part) for part in text.split(".")]
    out = bytearray()
    for number in [numbers[0] * 40 + numbers[1], *numbers[2:]]:
        piece = [number & 0x7F]
        while number := number >> 7:
            piece.append(0x80 | (number & 0x7F))
        out += bytes(reversed(piece))
    return _write(_OID, bytes(out))


def _oid_text(item: _Item) -> str:
    if item.tag != _OID or not item.content:
        raise ValueError("not an object identifier")
    numbers, current = [], 0
    for byte in item.content:
        current = current << 7 | byte & 0x7F
        if not byte & 0x80:
            numbers.append(current)
            current = 0
    first = min(numbers[0] // 40, 2)
    return ".".join(str(number) for number in [first, numbers[0] - first * 40, *numbers[1:]])


def _one(data: bytes) -> _Item:
    return _items(data)[0]


def _items(data: bytes) -> list[_Item]:
    """The elements of a constructed value; raises ValueError."""
    found, position = [], 0
    while position < len(data):
        start = position
        tag, size = data[position], data[position + 1]
        position += 2
        if size & 0x80:
            count = size & 0x7F
            if not 1 <= count <= 4:
                raise ValueError("unsupported length")
            size = int.from_bytes(data[position : position + count], "big")
            position += count
        if position + size > len(data):
            raise ValueError("element longer than what holds it")
        found.append(_Item(tag, data[position : position + size], data[start : position + size]))
        position += size
    return found
