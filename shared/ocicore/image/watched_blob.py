"""A source's blob on its way: verified as it is read, and able to go back when a destination asks for bytes again.

Going back costs little: the last mebibytes are kept in memory, because a destination whose connection was cut lacks just
what was on its way; and the state of the hash every quarter of a mebibyte, so that from further back, too, only a little
more is fetched a second time than is asked for.
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
#: Bytes kept in memory: what a socket's buffers may hold on both sides.
_WINDOW = 8 << 20


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


class Remade:
    """A stream made from another one, piece by piece; sub-classes say what comes next.

    Args:
        stream: the source.
    """

    def __init__(self, stream: BlobReader) -> None:
        self._raw = stream
        self._rest = b""

    def next_piece(self) -> bytes:
        """Some bytes, b"" at the end."""
        raise NotImplementedError

    def read(self, amount: int = -1, /) -> bytes:
        """Up to `amount` bytes, b"" at the end."""
        rest = self._rest or self.next_piece()
        if amount < 0 or amount >= len(rest):
            self._rest = b""
            return rest
        self._rest = rest[amount:]
        return rest[:amount]

    def finish(self) -> None:
        """Read the source to its very end, so that its digest is checked."""
        while self._raw.read(_CHUNK):
            pass

    def close(self) -> None:
        """Close the source."""
        self._raw.close()


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
        #: Its first bytes, once they were read; b"" where reading began further on.
        self.beginning = b""
        self._hash: Any = None
        if not hashed_elsewhere:
            self._hash = digests.new_hash(digests.algorithm(digests.validate(layer.digest)))
        #: (offset, state of the hash there), so that `go_back` need not begin at 0.
        self._states: list[tuple[int, Any]] = []
        #: (offset, bytes) read last, if the destination can ask for them; and what is read again of it.
        self._recent: list[tuple[int, bytes]] = []
        self._replayed: list[bytes] = []
        self.keeps_recent = False

    def read(self, amount: int = -1, /) -> bytes:
        """Up to `amount` bytes, b"" at the end; raises Corrupted as soon as something is wrong."""
        if self._replayed:
            return self._replayed.pop()
        if self._raw is None:
            self._raw = self._open_at(self._position)
        data = self._raw.read(amount if amount > 0 else _CHUNK)
        if not data:
            self._finish()
            return data
        if self._position == 0:
            self.beginning = data[:16]
        if self._hash is not None:
            self._note_state()
            self._hash.update(data)
        if self.keeps_recent:
            self._remember(data)
        self._position += len(data)
        if self._size is not None and self._position > self._size:
            raise Corrupted(f"verifying blob {self._layer.digest}: more than the expected {self._size} bytes")
        if self._position > self._told:
            self._told = self._position
            self._tell(self._position)
        return data

    def go_back(self, offset: int) -> None:
        """Read on from an earlier place; what follows is still verified as a whole."""
        if self._recent and self._recent[0][0] <= offset <= self._position:
            pieces = [data[max(0, offset - place) :] for place, data in self._recent]
            self._replayed = [piece for piece in reversed(pieces) if piece]
            return
        self._recent.clear()
        self._replayed.clear()
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

    def _remember(self, data: bytes) -> None:
        self._recent.append((self._position, data))
        while self._position + len(data) - self._recent[0][0] - len(self._recent[0][1]) > _WINDOW:
            self._recent.pop(0)

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
