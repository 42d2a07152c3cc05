"""Replacing files whole: temporary beside the target → sync → rename → sync of the folder.

A reader sees the old bytes or the new ones, never a part; after a crash of the host the
same holds when `fsync` is on. Temporary names start with ".tmp-" as containers/storage's
do, so that either program's clean-up knows them.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

_PREFIX = ".tmp-"


def fsync_dir(path: str) -> None:
    """Make renames and creations inside the directory `path` durable.

    Raises OSError, except where the file system has no such operation (EINVAL).
    """
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno != 22:  # EINVAL: some FUSE and network file systems
            raise
    finally:
        os.close(fd)


def fsync_file(path: str) -> None:
    """Make the bytes of an existing file durable. Raises OSError."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fdatasync(fd)
    finally:
        os.close(fd)


def write(path: str, data: bytes, mode: int = 0o600, fsync: bool = True) -> None:
    """Replace (or create) the file `path` by `data` with permission bits `mode`.

    Raises OSError; the old file is then untouched and no temporary is left.
    """
    with AtomicFile(path, mode, fsync) as file:
        file.write(data)


class AtomicFile:
    """A file that appears under its name only when the `with` block ends without an exception.

    Args:
        path: final name; a file there is replaced.
        mode: permission bits, whatever the umask is.
        fsync: sync the bytes before, and the folder after, the rename.
    """

    __slots__ = ("_fsync", "_mode", "fd", "path", "temporary")

    def __init__(self, path: str, mode: int = 0o600, fsync: bool = True) -> None:
        self.path = path
        self._mode = mode
        self._fsync = fsync
        folder, name = os.path.split(path)
        self.temporary = os.path.join(folder, f"{_PREFIX}{name[:100]}{os.urandom(6).hex()}")
        self.fd = -1

    def __enter__(self) -> AtomicFile:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        self.fd = os.open(self.temporary, flags, 0o600)
        return self

    def write(self, data: bytes | memoryview) -> None:
        """Append all of `data`."""
        view = memoryview(data)
        while view:
            view = view[os.write(self.fd, view) :]

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                if self._mode != 0o600:
                    os.fchmod(self.fd, self._mode)
                if self._fsync:
                    os.fdatasync(self.fd)
                os.rename(self.temporary, self.path)
        except BaseException:
            self._discard()
            raise
        finally:
            os.close(self.fd)
            self.fd = -1
        if kind is not None:
            self._discard()
        elif self._fsync:
            fsync_dir(os.path.dirname(self.path) or ".")

    def _discard(self) -> None:
        try:
            os.unlink(self.temporary)
        except FileNotFoundError:
            pass
