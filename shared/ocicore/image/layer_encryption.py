"""Encrypted layers: AES-256-CTR with an HMAC behind it, the layer's key in annotations (ocicrypt's format).

`org.opencontainers.image.enc.pubopts` tells the cipher and the HMAC, `org.opencontainers.image.enc.keys.*` hold the
private options (key, nonce) wrapped for each recipient; the media type ends in "+encrypted".
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ocicore.errors import Corrupted, Error, InvalidInput, Unsupported
from ocicore.image import go_json, jwe, pkcs7

if TYPE_CHECKING:
    from ocicore.image.encryption_keys import DecryptionKeys, Recipients
    from ocicore.image.types import BlobReader

SUFFIX = "+encrypted"
PREFIX = "org.opencontainers.image.enc."
_PUBLIC = PREFIX + "pubopts"
_JWE = PREFIX + "keys.jwe"
_PKCS7 = PREFIX + "keys.pkcs7"
_CIPHER = "AES_256_CTR_HMAC_SHA256"
_CHUNK = 1 << 18


def is_encrypted(media_type: str) -> bool:
    """Whether a layer's media type says that it is encrypted."""
    return media_type.endswith(SUFFIX)


class EncryptingReader:
    """Reads a stream encrypted; after its end `annotations` tells how to read it.

    Args:
        stream: the plain (usually compressed) layer.
        digest: of the layer as it was, kept for the recipients.
    """

    def __init__(self, stream: BlobReader, recipients: Recipients, digest: str) -> None:
        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

        self._stream = stream
        self._recipients = recipients
        self._digest = digest
        self._key, self._nonce = os.urandom(32), os.urandom(16)
        self._cipher = Cipher(algorithms.AES(self._key), modes.CTR(self._nonce)).encryptor()
        self._mac = hmac.new(self._key, digestmod="sha256")
        self._ended = False

    def read(self, amount: int = -1, /) -> bytes:
        """Up to `amount` encrypted bytes."""
        data = self._stream.read(amount if amount > 0 else _CHUNK)
        if not data:
            self._ended = True
            return b""
        sealed: bytes = self._cipher.update(data)
        self._mac.update(sealed)
        return sealed

    def close(self) -> None:
        """Close the source."""
        self._stream.close()

    def annotations(self) -> dict[str, str]:
        """What the layer's descriptor has to say beyond what it said."""
        if not self._ended:
            raise Error("encrypting a layer: it was not read to its end")
        private = go_json.dumps(
            {
                "symkey": _text(self._key),
                "digest": self._digest,
                "cipheroptions": {"nonce": _text(self._nonce)},
            }
        )
        public = {"cipher": _CIPHER, "hmac": _text(self._mac.digest()), "cipheroptions": {}}
        found: dict[str, str] = {}
        if self._recipients.public_keys:
            found[_JWE] = _text(jwe.encrypt(private, self._recipients.public_keys))
        if self._recipients.certificates:
            found[_PKCS7] = _text(pkcs7.encrypt(private, self._recipients.certificates))
        found[_PUBLIC] = _text(go_json.dumps(public))
        return found


class DecryptingReader:
    """Reads an encrypted stream plain; its end is only told when the HMAC fits.

    Raises:
        Error: no key fits.
        InvalidInput: malformed annotations.
    """

    def __init__(self, stream: BlobReader, keys: DecryptionKeys, annotations: Mapping[str, str]) -> None:
        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

        private, public = _private_options(keys, annotations), _public_options(annotations)
        if public.get("cipher") != _CIPHER:
            raise Unsupported(f"decrypting a layer: unsupported cipher type: {public.get('cipher')}")
        options = {**(private.get("cipheroptions") or {}), **(public.get("cipheroptions") or {})}
        try:
            key, nonce = base64.b64decode(private["symkey"]), base64.b64decode(options["nonce"])
            self._expected = base64.b64decode(public.get("hmac") or "")
        except (KeyError, TypeError, binascii.Error) as exc:
            raise InvalidInput("decrypting a layer: malformed options") from exc
        if len(key) != 32 or len(nonce) != 16:
            raise InvalidInput(f"decrypting a layer: invalid key length of {len(key)} bytes; need 32 bytes")
        if not self._expected:
            raise InvalidInput("decrypting a layer: HMAC is not provided for decryption process")
        self._stream = stream
        self._cipher = Cipher(algorithms.AES(key), modes.CTR(nonce)).decryptor()
        self._mac = hmac.new(key, digestmod="sha256")

    def read(self, amount: int = -1, /) -> bytes:
        """Up to `amount` plain bytes; raises Corrupted at the end when the layer is not authentic."""
        data = self._stream.read(amount if amount > 0 else _CHUNK)
        if data:
            self._mac.update(data)
            plain: bytes = self._cipher.update(data)
            return plain
        if not hmac.compare_digest(self._mac.digest(), self._expected):
            raise Corrupted("decrypting a layer: its HMAC does not fit, it was changed or the key is wrong")
        return b""

    def close(self) -> None:
        """Close the source."""
        self._stream.close()


def without_encryption(annotations: Mapping[str, str]) -> dict[str, str]:
    """A layer's annotations without what encryption added."""
    return {key: value for key, value in annotations.items() if not key.startswith(PREFIX)}


def _private_options(keys: DecryptionKeys, annotations: Mapping[str, str]) -> dict[str, Any]:
    reasons = []
    for name in (_JWE, _PKCS7):
        for item in filter(None, annotations.get(name, "").split(",")):
            try:
                wrapped = base64.b64decode(item, validate=True)
                if name == _JWE:
                    opened = jwe.decrypt(wrapped, keys.private_keys)
                else:
                    opened = pkcs7.decrypt(wrapped, keys.certificates, keys.private_keys)
                value = json.loads(opened)
            except (ValueError, binascii.Error):
                reasons.append("malformed annotation")
            except Error as exc:
                reasons.append(exc.message)
            else:
                if isinstance(value, dict):
                    return value
    if not reasons:
        raise Error("decrypting a layer: it names no recipient of a kind known here (JWE, PKCS7)")
    raise Error(
        "decrypting a layer: no suitable key found for decrypting layer key: no suitable key unwrapper found or none of the private keys could be used for decryption: "
        + "; ".join(dict.fromkeys(reasons)),
        hint="for PKCS7 give the certificate as a --decryption-key too",
    )


def _public_options(annotations: Mapping[str, str]) -> dict[str, Any]:
    try:
        value = json.loads(base64.b64decode(annotations.get(_PUBLIC, "") or "e30="))
    except (ValueError, binascii.Error) as exc:
        raise InvalidInput("decrypting a layer: malformed public options") from exc
    if not isinstance(value, dict):
        raise InvalidInput("decrypting a layer: malformed public options")
    return value


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
