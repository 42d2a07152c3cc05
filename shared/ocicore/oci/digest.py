"""Content digests: validation, computation, verification while reading.

Follows image-spec 1.1, "Digests": `algorithm ":" encoded`; sha256 is required, sha512 is known.
A digest is a plain `str` everywhere in this suite.
"""

from __future__ import annotations

import sys

from ocicore.errors import Corrupted, InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    class _Hash(Protocol):
        def update(self, data: bytes | bytearray | memoryview, /) -> None: ...
        def hexdigest(self) -> str: ...


_LENGTHS = {"sha256": 64, "sha384": 96, "sha512": 128}
#: Bytes hashed without OpenSSL.
_LITTLE = 1 << 18
_HEX = frozenset("0123456789abcdef")

#: Digest of no bytes at all; Docker's and buildah's empty layers use it.
EMPTY_SHA256 = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


class InvalidDigest(InvalidInput):
    """A text is no digest."""


def is_valid(text: str) -> bool:
    """True when `text` is `ALGORITHM:HEX` of a known algorithm and the right length."""
    algorithm_name, sep, value = text.partition(":")
    return bool(sep) and len(value) == _LENGTHS.get(algorithm_name, -1) and _HEX.issuperset(value)


def validate(text: str) -> str:
    """Return `text` unchanged, or raise InvalidDigest."""
    if not is_valid(text):
        raise InvalidDigest(f"invalid digest {text!r}", hint="expected sha256: and 64 hexadecimal digits")
    return text


def algorithm(digest: str) -> str:
    """The part before the colon."""
    return digest.partition(":")[0]


def encoded(digest: str) -> str:
    """The part after the colon."""
    return digest.partition(":")[2]


def new_hash(name: str = "sha256", *, length: int | None = None) -> _Hash:
    """A hashlib object; OpenSSL's where there is one (it releases the interpreter lock).

    Args:
        length: of what will be hashed. For little Python's own will do: loading OpenSSL takes 3 ms, in which that
            hashes a megabyte.
    """
    if name not in _LENGTHS:
        raise InvalidDigest(f"unknown digest algorithm {name!r}")
    if name == "sha256" and length is not None and length <= _LITTLE and "_hashlib" not in sys.modules:
        own = _own_sha256()
        if own is not None:
            return own()
    try:
        import _hashlib  # skips hashlib's own start-up, 3 ms

        result: _Hash = _hashlib.new(name)
    except (ImportError, AttributeError, ValueError):
        import hashlib

        result = hashlib.new(name)
    return result


def _own_sha256() -> Callable[[], _Hash] | None:
    try:
        module = __import__("_sha2" if sys.version_info >= (3, 12) else "_sha256")
    except ImportError:
        return None
    found: Callable[[], _Hash] = module.sha256
    return found


def from_bytes(data: bytes, name: str = "sha256") -> str:
    """Digest of `data`."""
    hasher = new_hash(name, length=len(data))
    hasher.update(data)
    return f"{name}:{hasher.hexdigest()}"


class Verifier:
    """Checks a stream against a digest and, where known, a size in bytes; the size is checked first.

    Raises Corrupted from `update` as soon as there are too many bytes, and from `finish` for too few
    bytes or the wrong digest.
    """

    __slots__ = ("_hash", "digest", "seen", "size", "what")

    def __init__(self, digest: str, size: int | None = None, *, what: str = "blob") -> None:
        self.digest = validate(digest)
        self.size = size
        self.seen = 0
        self.what = what
        self._hash = new_hash(algorithm(digest), length=size)

    def update(self, chunk: bytes | bytearray | memoryview) -> None:
        """Account for the next bytes."""
        self.seen += len(chunk)
        if self.size is not None and self.seen > self.size:
            raise Corrupted(f"reading {self.what} {self.digest}: more than the {self.size} bytes promised")
        self._hash.update(chunk)

    def finish(self) -> None:
        """Compare size, then digest."""
        if self.size is not None and self.seen != self.size:
            raise Corrupted(f"reading {self.what} {self.digest}: {self.seen} bytes instead of {self.size}")
        found = f"{algorithm(self.digest)}:{self._hash.hexdigest()}"
        if found != self.digest:
            raise Corrupted(f"reading {self.what} {self.digest}: content has digest {found}")
