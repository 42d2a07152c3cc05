"""A source's blob on its way: verified as it is read, and able to go back when a destination asks for bytes again.

Going back costs little: the state of the hash is kept every quarter of a mebibyte, so that only what lies between such a
point and the place asked for is fetched a second time.
"""

from __future__ import annotations

from ocicore.errors import Corrupted
from ocicore.oci import digest as digests

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ocicore.image.types import BlobReader
    from ocicore.oci.descriptor import Descriptor

_CHUNK = 1 << 18
#: Bytes between two states of the hash.
_STEP = 1 << 18


class MemoryBlob:
    """A blob at hand."""

    def __init__(self, data: bytes) -> None:
        self._data = memoryview(data)

    def read(self, amount: int = -1, /) -> bytes:
        """Up to `amount` bytes."""
        size = len(self._data) if amount < 0 else amount
        piece, self._data = bytes(self._data[:size]), self._data[size:]
        return piece

    def close(self) -> None:
        """Nothing to do."""


class WatchedBlob:
    """A blob read through verification: size first, digest at the end. Opened with the first read.

    Args:
        open_at: opens the source's bytes from an offset.
        layer: what was promised.
        tell: called with the number of bytes read; may raise to stop.
        hashed_elsewhere: the destination compares the digest itself; only the size is checked here.
    """

    def __init__(
        self,
        open_at: Callable[[int], BlobReader],
        layer: Descriptor,
        tell: Callable[[int], None],
        *,
        hashed_elsewhere: bool = False,
    ) -> None:
        self._open_at = open_at
        self._layer = layer
        self._tell = tell
        self._size = layer.size if layer.size >= 0 else None
        self._raw: BlobReader | None = None
        self._position = 0
        self._told = 0
        self._hash: Any = None
        if not hashed_elsewhere:
            self._hash = digests.new_hash(digests.algorithm(digests.validate(layer.digest)))
        #: (offset, state of the hash there), so that `go_back` need not begin at 0.
        self._states: list[tuple[int, Any]] = []

    def read(self, amount: int = -1, /) -> bytes:
        """Up to `amount` bytes, b"" at the end; raises Corrupted as soon as something is wrong."""
        if self._raw is None:
            self._raw = self._open_at(self._position)
        data = self._raw.read(amount if amount > 0 else _CHUNK)
        if not data:
            self._finish()
            return data
        if self._hash is not None:
            self._note_state()
            self._hash.update(data)
        self._position += len(data)
        if self._size is not None and self._position > self._size:
            raise Corrupted(f"verifying blob {self._layer.digest}: more than the expected {self._size} bytes")
        if self._position > self._told:
            self._told = self._position
            self._tell(self._position)
        return data

    def go_back(self, offset: int) -> None:
        """Read on from an earlier place; what follows is still verified as a whole."""
        self._close_raw()
        place, state = 0, None
        while self._states and self._states[-1][0] > offset:
            self._states.pop()
        if self._states:
            place, state = self._states[-1]
        if self._hash is not None:
            algorithm = digests.algorithm(self._layer.digest)
            self._hash = state.copy() if state is not None else digests.new_hash(algorithm)
        else:
            place = offset
        self._position = place
        while self._position < offset:
            if not self.read(min(offset - self._position, _CHUNK)):
                raise Corrupted(f"reading blob {self._layer.digest}: shorter than before")

    def skip_to(self, offset: int) -> None:
        """Begin at an offset, before anything was read: whoever has the bytes before it compares the digest."""
        self._close_raw()
        self._position = offset
        self._hash = None

    def close(self) -> None:
        """Close the source."""
        self._close_raw()

    def _note_state(self) -> None:
        last = self._states[-1][0] if self._states else 0
        if self._position - last >= _STEP:
            self._states.append((self._position, self._hash.copy()))

    def _finish(self) -> None:
        digest = self._layer.digest
        if self._size is not None and self._position != self._size:
            raise Corrupted(f"verifying blob {digest}: {self._position} bytes instead of {self._size}")
        if self._hash is not None and self._hash.hexdigest() != digests.encoded(digest):
            found = f"{digests.algorithm(digest)}:{self._hash.hexdigest()}"
            raise Corrupted(f"verifying blob {digest}: its digest is {found}")

    def _close_raw(self) -> None:
        raw, self._raw = self._raw, None
        if raw is not None:
            raw.close()
