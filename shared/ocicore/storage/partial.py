"""Blobs that were fetched in part, kept under their digest so that the next process goes on.

`<driver>-layers/partial/<algorithm>-<hex>`: plain bytes from the start of the blob. Whoever holds
the lock on the file appends; others fetch on their own. Nothing here is trusted: the whole blob is
verified when it is complete. Old ones go at `Store.gc`, the oldest first where they are too many.
"""

from __future__ import annotations

import os

from ocicore.errors import InvalidInput
from ocicore.files.locks import try_lease

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_MAX_AGE = 7 * 86400  # seconds
_MAX_BYTES = 20 << 30


class PartialBlob:
    """One blob under way. A context manager: what was appended stays when the block ends.

    Attributes:
        path: the file.
        size: bytes there are.
    """

    __slots__ = ("_fd", "path", "size")

    def __init__(self, path: str, fd: int) -> None:
        self.path = path
        self._fd = fd
        self.size = os.fstat(fd).st_size

    def append(self, data: bytes) -> None:
        """Add bytes at the end. Raises OSError; what was written of them counts."""
        view = memoryview(data)
        while view:
            written = os.pwrite(self._fd, view, self.size)
            self.size += written
            view = view[written:]

    def read_at(self, offset: int, size: int) -> bytes:
        """Up to `size` bytes from `offset`."""
        return os.pread(self._fd, size, offset)

    def restart(self) -> None:
        """Throw the bytes away (the server cannot go on, or they were wrong)."""
        os.ftruncate(self._fd, 0)
        self.size = 0

    def done(self) -> None:
        """The blob was used: delete the file."""
        try:
            os.unlink(self.path)
        except FileNotFoundError:
            pass
        self.close()

    def close(self) -> None:
        """Leave the bytes for later. May be repeated."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.close(fd)

    def __enter__(self) -> PartialBlob:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def open_partial(root: str, digest: str) -> PartialBlob | None:
    """The partial blob of a digest, made when missing; None while another process works on it.

    Raises InvalidInput for what is no digest, OSError.
    """
    algorithm, colon, encoded = digest.partition(":")
    if not colon or not algorithm.isalnum() or not encoded.isalnum():
        raise InvalidInput(f"keeping a partial blob: not a digest: {digest}")
    path = os.path.join(root, f"{algorithm}-{encoded}")
    fd = try_lease(path)
    return None if fd is None else PartialBlob(path, fd)


def expire(root: str, *, max_age: int = _MAX_AGE, max_bytes: int = _MAX_BYTES) -> Iterator[tuple[str, int]]:
    """Delete partial blobs that nobody works on: older than `max_age` seconds, then the oldest until
    `max_bytes` suffice. Yields (path, size) of each."""
    import time

    try:
        entries = [(os.stat(entry.path), entry.path) for entry in os.scandir(root)]
    except FileNotFoundError:
        return
    entries.sort(key=lambda item: item[0].st_mtime)
    total = sum(info.st_size for info, _ in entries)
    now = time.time()
    for info, path in entries:
        if now - info.st_mtime <= max_age and total <= max_bytes:
            break
        lease = try_lease(path)
        if lease is None:
            continue
        try:
            os.unlink(path)
        finally:
            os.close(lease)
        total -= info.st_size
        yield path, info.st_size
