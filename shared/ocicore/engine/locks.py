"""One lock for each container, volume or pod: flock on a file of the tmp directory (volatile, like podman's SHM locks).

The kernel drops a dead process's locks, so kill -9 leaves nothing to repair. A lock's file goes away with
the thing it protects; whoever waited for it finds the file unlinked and takes the new one.
"""

from __future__ import annotations

import fcntl
import os

from ocicore.errors import Error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType


class Lock:
    """Exclusive, re-entrant within one process (one thread); a context manager."""

    __slots__ = ("_depth", "_fd", "path")

    def __init__(self, path: str) -> None:
        self.path = path
        self._fd = -1
        self._depth = 0

    def acquire(self, *, wait: bool = True) -> bool:
        """Take the lock; without `wait` only when nobody holds it. Returns whether it is taken.

        Raises Error when its directory cannot be written.
        """
        if self._depth:
            self._depth += 1
            return True
        while True:
            try:
                fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            except FileNotFoundError:
                os.makedirs(os.path.dirname(self.path), mode=0o700, exist_ok=True)
                continue
            except OSError as error:
                raise Error(f"opening lock {self.path}: {(error.strerror or '').lower()}") from error
            try:
                fcntl.flock(fd, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(fd)
                return False
            if os.fstat(fd).st_nlink:
                self._fd, self._depth = fd, 1
                return True
            os.close(fd)

    def release(self, *, discard: bool = False) -> None:
        """Let go; with `discard` the file is removed first, for what it protected is gone."""
        self._depth -= 1
        if discard:
            try:
                os.unlink(self.path)
            except OSError:
                pass
        if not self._depth:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> Lock:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


class Locks:
    """The locks of one engine, one object for each name, so that re-entry is seen."""

    __slots__ = ("_directory", "_known")

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._known: dict[str, Lock] = {}

    def get(self, name: str) -> Lock:
        """The lock of a container id, "volume-NAME" or "pod-ID"."""
        lock = self._known.get(name)
        if lock is None:
            lock = self._known[name] = Lock(f"{self._directory}/{name}")
        return lock

    def discard(self, name: str) -> None:
        """Remove the lock's file: what it protects is gone. The caller holds the lock."""
        lock = self._known.pop(name, None)
        path = lock.path if lock is not None else f"{self._directory}/{name}"
        try:
            os.unlink(path)
        except OSError:
            pass
