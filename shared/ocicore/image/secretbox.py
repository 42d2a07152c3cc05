"""NaCl's secretbox: XSalsa20 with Poly1305, for the few hundred bytes of a signing key (nacl.cr.yp.to/secretbox.html).

Python's libraries have Poly1305 but not XSalsa20; written for clarity, fast enough for keys and for nothing else.
"""

from __future__ import annotations

import hmac
import struct

from ocicore.errors import Corrupted

KEY_SIZE = 32
NONCE_SIZE = 24
_TAG_SIZE = 16
_SIGMA = struct.unpack("<4I", b"expand 32-byte k")
_MASK = 0xFFFFFFFF


def seal(message: bytes, nonce: bytes, key: bytes) -> bytes:
    """Encrypt and authenticate; the tag comes first."""
    stream = _xsalsa20(key, nonce, 32 + len(message))
    text = bytes(a ^ b for a, b in zip(message, stream[32:], strict=True))
    return _poly1305(stream[:32], text) + text


def open_box(box: bytes, nonce: bytes, key: bytes) -> bytes:
    """Check and decrypt; raises Corrupted when the key is wrong or the box was changed."""
    if len(box) < _TAG_SIZE or len(nonce) != NONCE_SIZE or len(key) != KEY_SIZE:
        raise Corrupted("decrypting: malformed box")
    tag, text = box[:_TAG_SIZE], box[_TAG_SIZE:]
    stream = _xsalsa20(key, nonce, 32 + len(text))
    if not hmac.compare_digest(tag, _poly1305(stream[:32], text)):
        raise Corrupted("decrypting: wrong passphrase, or changed data")
    return bytes(a ^ b for a, b in zip(text, stream[32:], strict=True))


def _poly1305(key: bytes, data: bytes) -> bytes:
    from cryptography.hazmat.primitives.poly1305 import Poly1305

    return Poly1305.generate_tag(key, data)


def _xsalsa20(key: bytes, nonce: bytes, length: int) -> bytes:
    words = struct.unpack("<8I", key)
    first = struct.unpack("<4I", nonce[:16])
    state = _rounds(_state(words, first))
    # HSalsa20: the words that do not depend on the key alone, without the final addition.
    subkey = tuple(state[index] for index in (0, 5, 10, 15, 6, 7, 8, 9))
    second = struct.unpack("<2I", nonce[16:])
    stream = b""
    counter = 0
    while len(stream) < length:
        begin = _state(subkey, (*second, counter & _MASK, counter >> 32))
        mixed = _rounds(begin)
        stream += struct.pack("<16I", *((a + b) & _MASK for a, b in zip(begin, mixed, strict=True)))
        counter += 1
    return stream[:length]


def _state(key: tuple[int, ...], block: tuple[int, ...]) -> list[int]:
    return [
        _SIGMA[0], *key[:4], _SIGMA[1], *block, _SIGMA[2], *key[4:], _SIGMA[3],
    ]  # fmt: skip


def _rounds(state: list[int]) -> list[int]:
    x = list(state)

    def mix(target: int, one: int, other: int, turn: int) -> None:
        value = (x[one] + x[other]) & _MASK
        x[target] ^= ((value << turn) | (value >> (32 - turn))) & _MASK

    def quarter(a: int, b: int, c: int, d: int) -> None:
        mix(b, a, d, 7)
        mix(c, b, a, 9)
        mix(d, c, b, 13)
        mix(a, d, c, 18)

    for _ in range(10):
        quarter(0, 4, 8, 12)
        quarter(5, 9, 13, 1)
        quarter(10, 14, 2, 6)
        quarter(15, 3, 7, 11)
        quarter(0, 1, 2, 3)
        quarter(5, 6, 7, 4)
        quarter(10, 11, 8, 9)
        quarter(15, 12, 13, 14)
    return x
