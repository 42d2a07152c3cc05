"""Password hashes as htpasswd files have them: bcrypt, computed by the system's libcrypt (crypt(5))."""

from __future__ import annotations

import os

from ocicore.errors import Error, InvalidInput, MissingProgram

_ALPHABET = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
#: bcrypt reads no more of a password; longer ones are refused rather than cut.
_LONGEST = 72


def bcrypt(password: str, *, cost: int = 10) -> str:
    """The hash "$2a$COST$…" with a random salt.

    Raises:
        InvalidInput: more than 72 bytes, or a zero byte. MissingProgram: libcrypt is not installed.
    """
    from errno import ENOSYS

    from ocicore.native import _native

    data = password.encode("utf-8", "surrogateescape")
    if len(data) > _LONGEST:
        raise InvalidInput("bcrypt: password length exceeds 72 bytes")
    if b"\0" in data:
        raise InvalidInput("bcrypt: the password has a zero byte in it")
    setting = f"$2a${cost:02d}${_encode(os.urandom(16))}"
    ffi = _native.ffi
    out = ffi.new("char[]", 256)
    if _native.lib.oci_crypt(data, setting.encode(), out, 256) < 0:
        if ffi.errno == ENOSYS:
            raise MissingProgram(
                "hashing a password: libcrypt is not installed", hint="install the package libcrypt1"
            )
        raise Error(f"hashing a password: {os.strerror(ffi.errno).lower()}")
    return str(ffi.string(out).decode("ascii"))


def _encode(data: bytes) -> str:
    """bcrypt's own base 64, without padding."""
    value = int.from_bytes(data, "big") << (-len(data) * 8 % 6)
    digits = -(-len(data) * 8 // 6)
    return "".join(_ALPHABET[(value >> (6 * (digits - 1 - at))) & 63] for at in range(digits))
