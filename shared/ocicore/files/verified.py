"""Reading bytes that must have a known digest and size.

The size is checked as the bytes come, so that a server cannot send without end; the digest
at the end. Until `read` has returned b"" nothing that was read may be trusted.
"""

from __future__ import annotations

from ocicore.errors import Corrupted
from ocicore.oci import digest as digests

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.files.codec import Readable


class VerifiedReader:
    """A stream that raises Corrupted when it is not what was promised.

    Args:
        stream: anything with `read(n)`.
        digest: "sha256:…" or "sha512:…", or None when only the size is known.
        size: length in bytes, or None when it is not known.
    """

    def __init__(self, stream: Readable, digest: str | None, size: int | None) -> None:
        self._algorithm, _, self._expected = (digest or "sha256:").partition(":")
        if self._algorithm not in ("sha256", "sha384", "sha512"):
            raise Corrupted(f"verifying a blob: unsupported digest algorithm: {self._algorithm}")
        self._hash = digests.new_hash(self._algorithm, length=size)
        self._stream = stream
        self._digest = digest
        self._size = size
        self.count = 0  # bytes read so far

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes, b"" once all of them were read and found right. Raises Corrupted."""
        if size < 0:
            pieces = []
            while piece := self.read(1 << 18):
                pieces.append(piece)
            return b"".join(pieces)
        data = self._stream.read(size)
        if data:
            self.count += len(data)
            if self._size is not None and self.count > self._size:
                raise Corrupted(f"verifying blob {self._digest}: more than the expected {self._size} bytes")
            self._hash.update(data)
        elif size:
            self._finish()
        return data

    def _finish(self) -> None:
        if self._size is not None and self.count != self._size:
            raise Corrupted(f"verifying blob {self._digest}: {self.count} bytes instead of {self._size}")
        if self._digest is not None and self._hash.hexdigest() != self._expected:
            found = f"{self._algorithm}:{self._hash.hexdigest()}"
            raise Corrupted(f"verifying blob {self._digest}: its digest is {found}")

    def close(self) -> None:
        """Close the stream below if it can be closed."""
        close = getattr(self._stream, "close", None)
        if close is not None:
            close()

    def __enter__(self) -> VerifiedReader:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
