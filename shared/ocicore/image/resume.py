"""A blob fetched in part before: first the bytes that are here, then the rest from the source.

What comes from the source is kept as it comes, so that a killed process loses nothing. The kept bytes are no more
trusted than the network's: the reader above verifies all of them.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from ocicore.image.types import BlobReader

    class KeptBytes(Protocol):
        """What a destination keeps of a blob; see `ocicore.storage.partial.PartialBlob`."""

        @property
        def size(self) -> int: ...

        def append(self, data: bytes, /) -> None: ...

        def read_at(self, offset: int, size: int, /) -> bytes: ...

        def restart(self) -> None: ...

        def done(self) -> None: ...

        def close(self) -> None: ...


_CHUNK = 1 << 18
#: Smaller blobs are fetched, and sent, again rather than kept in part (bytes).
MIN_KEPT = 8 << 20


class ResumedBlob:
    """Reads a blob from kept bytes and the source.

    Args:
        kept: bytes from the blob's beginning.
        open_at: opens the source's blob at an offset.
        size: of the whole blob, in bytes.
        offset: where to begin.
    """

    def __init__(
        self, kept: KeptBytes, open_at: Callable[[int], BlobReader], size: int, offset: int = 0
    ) -> None:
        if kept.size > size:
            kept.restart()
        self._kept = kept
        self._open_at = open_at
        self._size = size
        self._position = offset
        self._before = kept.size
        self._keeps = True
        self._source: BlobReader | None = None

    def read(self, amount: int = -1, /) -> bytes:
        """Up to `amount` bytes, b"" at the end."""
        if self._position < self._before:
            wanted = min(amount if amount > 0 else _CHUNK, self._before - self._position)
            data = self._kept.read_at(self._position, wanted)
            if data:
                self._position += len(data)
                return data
        if self._source is None:
            if self._position >= self._size:
                return b""
            self._source = self._open_at(self._position)
        data = self._source.read(amount)
        if data and self._keeps and self._position == self._kept.size:
            try:
                self._kept.append(data)
            except OSError:
                # No room to keep it: the copy itself may still succeed.
                self._keeps = False
        self._position += len(data)
        return data

    def close(self) -> None:
        """Close the source; the kept bytes are the caller's."""
        if self._source is not None:
            self._source.close()
