"""Private directories inside the store for work in progress, and their recovery after a kill.

Format of containers/storage's internal/tempdir: `<root>/temp-dir-X` belongs to whoever holds
the fcntl lock on `<root>/lock-X`; where nobody does it is stale, and the next opener (ours or
a newer podman) removes it. Ours live in `<driver>-layers/tmp`: same file system as the layers,
known to storage ≥ 1.60, and not touched by older versions, whose driver clean-up deletes
`overlay/staging` without looking.

A directory may carry intents, empty files `intent-<layer id>`: whatever of that layer is found
without a record belongs to an interrupted operation and goes too.
"""

from __future__ import annotations

import os

from ocicore.files.locks import FileLock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_DIR = "temp-dir-"
_LOCK = "lock-"
_INTENT = "intent-"


class TempDir:
    """A directory that is ours as long as this object is.

    Attributes:
        path: the directory.
    """

    __slots__ = ("_count", "_lock", "path")

    def __init__(self, root: str) -> None:
        """Make one below `root`. Raises OSError."""
        while True:
            name = os.urandom(6).hex()
            lock = FileLock(os.path.join(root, _LOCK + name))
            if not lock.try_exclusive():
                continue
            # A recovery may have seen the lock file between its creation and our lock, and have
            # removed it: then the name in the folder is not what we hold.
            if os.path.exists(lock.path):
                break
            lock.release()
        self._lock: FileLock | None = lock
        self.path = os.path.join(root, _DIR + name)
        self._count = 0
        os.mkdir(self.path, 0o700)

    def intend(self, layer_id: str) -> None:
        """Say that an operation on this layer is under way (before the operation's first rename)."""
        fd = os.open(os.path.join(self.path, _INTENT + layer_id), os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        os.close(fd)

    def take(self, path: str) -> bool:
        """Move a file or directory of the same file system in here, to be deleted; False when it is missing."""
        target = os.path.join(self.path, f"{self._count}-{os.path.basename(path)}")
        self._count += 1
        try:
            os.rename(path, target)
        except FileNotFoundError:
            return False
        return True

    def remove(self) -> None:
        """Delete the directory with all it holds, and give up the lock. May be repeated."""
        if self._lock is None:
            return
        lock, self._lock = self._lock, None
        try:
            _remove(self.path)
            os.unlink(lock.path)
        finally:
            lock.release()


def _remove(path: str) -> None:
    from ocicore.linux import archive

    folder, name = os.path.split(path)
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        archive.remove_tree(fd, name)
    finally:
        os.close(fd)


def stale_names(root: str) -> set[str]:
    """Names X for which there is a directory or a lock, in use or not; one readdir."""
    try:
        entries = os.listdir(root)
    except FileNotFoundError:
        return set()
    names = set()
    for entry in entries:
        if entry.startswith(_DIR):
            names.add(entry[len(_DIR) :])
        elif entry.startswith(_LOCK):
            names.add(entry[len(_LOCK) :])
    return names


def recover(root: str, names: set[str], undo: Callable[[str], None]) -> int:
    """Remove what nobody holds among `names`; returns how many there were.

    `undo(layer_id)` is called for each intent before the directory that carries it goes. Call with
    the layers locked for writing, so that a record is there or is not.
    """
    removed = 0
    for name in names:
        lock = FileLock(os.path.join(root, _LOCK + name))
        if not lock.try_exclusive():
            continue
        try:
            path = os.path.join(root, _DIR + name)
            try:
                entries = os.listdir(path)
            except FileNotFoundError:
                entries = []
            for entry in entries:
                if entry.startswith(_INTENT):
                    undo(entry[len(_INTENT) :])
            _remove(path)
            os.unlink(lock.path)
            removed += 1
        finally:
            lock.release()
    return removed
