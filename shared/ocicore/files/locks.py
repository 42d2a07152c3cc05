"""Lock files that containers/storage programs share (its pkg/lockfile).

A lock is an fcntl record lock over the whole file: shared for readers, exclusive for
writers. The file holds a 64-byte token that the last writer chose, so that readers know
whether what they have parsed is still current. Ours are open-file-description locks: they
conflict with the process-owned locks of the Go programs, but belong to the descriptor,
so that threads exclude each other and closing another descriptor of the file releases nothing.
"""

from __future__ import annotations

import errno
import fcntl
import os
import sys
import time
from _thread import RLock, get_ident
from itertools import count

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

# <fcntl.h>; struct flock on 64-bit: short type, short whence, off_t start, off_t len, pid_t pid.
_F_OFD_SETLK = 37
_F_OFD_SETLKW = 38
_TOKEN_SIZE = 64
_writes = count(1)


def _flock(kind: int) -> bytes:
    """struct flock over the whole file, native layout (l_pid must be 0 for OFD locks)."""
    return kind.to_bytes(2, sys.byteorder) + b"\0" * 30


_SHARED = _flock(fcntl.F_RDLCK)
_EXCLUSIVE = _flock(fcntl.F_WRLCK)


def try_lease(path: str, *, make: bool = True) -> int | None:
    """Lock a file exclusively without waiting; the descriptor that holds the lock, or None.

    Unlike a `FileLock` the lease belongs to nobody but the descriptor: any thread may give it up, by closing it.

    Args:
        make: make the file, and its folder, when missing. Who only looks whether somebody holds a lease must not: its
            holder may remove the file at any moment, and to a new one nothing belongs.

    Raises:
        OSError: FileNotFoundError without `make`.
    """
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT if make else 0), 0o600)
    except FileNotFoundError:
        if not make:
            raise
        os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.fcntl(fd, _F_OFD_SETLK, _EXCLUSIVE)
        # Whoever held it before may have removed the file between our open and our lock.
        if os.fstat(fd).st_nlink:
            return fd
    except OSError as error:
        if error.errno not in (errno.EAGAIN, errno.EACCES):
            os.close(fd)
            raise
    os.close(fd)
    return None


def new_lease(path: str) -> int:
    """Make a file that is locked from the first moment somebody sees it; the descriptor that holds it. Raises OSError."""
    before = f"{path}.{os.urandom(6).hex()}"
    fd = os.open(before, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        fcntl.fcntl(fd, _F_OFD_SETLK, _EXCLUSIVE)
        os.rename(before, path)
    except BaseException:
        os.close(fd)
        os.unlink(before)
        raise
    return fd


def new_token() -> bytes:
    """64 bytes that no other writer chose: time, counter, process, randomness (lastwrite.go)."""
    head = time.time_ns().to_bytes(8, "little") + next(_writes).to_bytes(8, "little")
    head += (os.getpid() & 0xFFFFFFFF).to_bytes(4, "little")
    return head + os.urandom(_TOKEN_SIZE - len(head))


class FileLock:
    """One lock file. Shared and exclusive sections may nest within a thread; threads exclude each other.

    An exclusive section may not be entered from inside a shared one (two processes doing so
    would wait for each other).

    Args:
        path: the lock file; it and its folder are made when missing, and never removed.
        read_only: the file belongs to a read-only store: only shared sections, nothing is made.
    """

    __slots__ = ("_depth", "_exclusive", "_fd", "_owner", "_thread_lock", "path", "read_only")

    def __init__(self, path: str, *, read_only: bool = False) -> None:
        self.path = path
        self.read_only = read_only
        self._thread_lock = RLock()
        self._fd = -1
        self._depth = 0
        self._exclusive = False
        self._owner = 0

    def shared(self) -> _Section:
        """`with lock.shared():` – hold it for reading. Raises OSError."""
        return _Section(self, False)

    def exclusive(self) -> _Section:
        """`with lock.exclusive():` – hold it for writing. Raises OSError."""
        return _Section(self, True)

    def acquire(self, exclusive: bool) -> None:
        """Take the lock, waiting for it; prefer the context managers. Raises OSError."""
        self._thread_lock.acquire()
        if self._depth:
            if exclusive and not self._exclusive:
                self._thread_lock.release()
                raise AssertionError(f"exclusive section inside a shared one: {self.path}")
            self._depth += 1
            return
        fd = -1
        try:
            fd = self._open()
            fcntl.fcntl(fd, _F_OFD_SETLKW, _EXCLUSIVE if exclusive else _SHARED)
        except BaseException:
            if fd >= 0:
                os.close(fd)
            self._thread_lock.release()
            raise
        self._taken(fd, exclusive)

    def release(self) -> None:
        """Undo one `acquire`."""
        self._depth -= 1
        if not self._depth:
            fd, self._fd = self._fd, -1
            self._owner = 0
            os.close(fd)
        self._thread_lock.release()

    def held(self, exclusive: bool = False) -> bool:
        """Does the calling thread hold it (exclusively)?"""
        return self._owner == get_ident() and (self._exclusive or not exclusive)

    def token(self) -> bytes:
        """The last writer's token; fewer than 64 bytes when nobody wrote. The lock must be held."""
        return os.pread(self._fd, _TOKEN_SIZE, 0)

    def modified_since(self, token: bytes | None) -> tuple[bytes, bool]:
        """(current token, was it written since `token` was current?). The lock must be held."""
        current = self.token()
        return current, current != token

    def touch(self) -> bytes:
        """Record that the holder writes; returns the new token.

        To be called before the protected files change: a writer killed in between then only
        makes the others read again. The lock must be held exclusively.
        """
        if not self.held(exclusive=True):
            raise AssertionError(f"not locked for writing: {self.path}")
        token = new_token()
        if os.pwrite(self._fd, token, 0) != _TOKEN_SIZE:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), self.path)
        return token

    def _taken(self, fd: int, exclusive: bool) -> None:
        self._fd = fd
        self._depth = 1
        self._exclusive = exclusive
        self._owner = get_ident()

    def _open(self) -> int:
        if self.read_only:
            try:
                return os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                # A copy of a store, or one that nobody opened for writing: there is no writer to wait for.
                return os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        try:
            return os.open(self.path, flags, 0o644)
        except FileNotFoundError:
            os.makedirs(os.path.dirname(self.path), 0o700, exist_ok=True)
            return os.open(self.path, flags, 0o644)


class _Section:
    """One `with` block over a lock."""

    __slots__ = ("_exclusive", "_lock")

    def __init__(self, lock: FileLock, exclusive: bool) -> None:
        self._lock = lock
        self._exclusive = exclusive

    def __enter__(self) -> FileLock:
        self._lock.acquire(self._exclusive)
        return self._lock

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()
