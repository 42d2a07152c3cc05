"""Private directories inside the store for work in progress, and their recovery after a kill.

Format of containers/storage's internal/tempdir: `<root>/temp-dir-X` belongs to whoever holds
the fcntl lock on `<root>/lock-X`; where nobody does it is stale, and the next opener (ours or
a newer podman) removes it. Ours live in `<driver>-layers/tmp`: same file system as the layers,
known to storage ≥ 1.60, and not looked at by older versions – whose driver clean-up deletes
`overlay/staging` (≤ 1.50), and whose garbage collection takes everything else in the driver's home
for a layer (1.45 to 1.59).

A directory may carry intents, empty files that say what to undo when their maker was killed:
`intent-<layer>`  what is on disk of a layer without a record is left over: remove it;
`doomed-<layer>`  the same, and a record that nothing refers to goes too;
`container-<id>`, `image-<id>`  directories of one without a record are left over: remove them.
"""

from __future__ import annotations

import errno
import os

from ocicore.files.locks import try_lease

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_DIR = "temp-dir-"
_LOCK = "lock-"
_INTENTS = ("intent", "doomed", "container", "image")


class TempDir:
    """A directory that is ours as long as this object is. Any thread may finish it.

    Attributes:
        path: the directory.
    """

    __slots__ = ("_count", "_lease", "_lock_path", "path")

    def __init__(self, root: str) -> None:
        """Make one below `root`. Raises OSError."""
        lease = None
        while lease is None:
            name = os.urandom(6).hex()
            self._lock_path = os.path.join(root, _LOCK + name)
            lease = try_lease(self._lock_path)
        self._lease = lease
        self.path = os.path.join(root, _DIR + name)
        self._count = 0
        try:
            os.mkdir(self.path, 0o700)
        except BaseException:  # the disk is full, say: the lock would look like work under way
            os.unlink(self._lock_path)
            self.abandon()
            raise

    def intend(self, layer_id: str, *, doomed: bool = False) -> None:
        """Say that an operation on this layer is under way (before its first lasting step)."""
        self._note(_INTENTS[doomed], layer_id)

    def intend_record(self, kind: str, id: str) -> None:
        """Say that a "container" or an "image" comes or goes, with its directories."""
        self._note(kind, id)

    def _note(self, kind: str, id: str) -> None:
        path = os.path.join(self.path, f"{kind}-{id}")
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600))

    def take(self, path: str) -> bool:
        """Move a file or directory in here, to be deleted; False when it is missing.

        What is on another file system is deleted at once. Raises OSError, ArchiveError.
        """
        target = os.path.join(self.path, f"{self._count}-{os.path.basename(path)}")
        self._count += 1
        try:
            move(path, target)
        except FileNotFoundError:
            return False
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            remove_tree(path)
        return True

    def remove(self) -> None:
        """Delete the directory with all it holds, and give up the lock. May be repeated."""
        if self._lease < 0:
            return
        try:
            remove_tree(self.path)
            os.unlink(self._lock_path)
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Give up the lock and leave the rest, intents included, to the next opener."""
        if self._lease >= 0:
            lease, self._lease = self._lease, -1
            os.close(lease)


def move(source: str, target: str) -> None:
    """rename(2) inside one store. Raises OSError.

    The driver's home is a bind mount of itself (overlay_mount.py), and the kernel renames nothing
    from one mount to another, same file system or not. A copy of the store's mount without the one
    on the home brings both names together.
    """
    try:
        os.rename(source, target)
        return
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        failure = error
    from ocicore.linux import mount

    root = os.path.commonpath([source, target])
    try:
        fd = mount.detached(root)
    except mount.MountError:
        raise failure from None
    try:
        names = (os.path.relpath(source, root), os.path.relpath(target, root))
        os.rename(*names, src_dir_fd=fd, dst_dir_fd=fd)
    finally:
        os.close(fd)


def remove_tree(path: str) -> None:
    """Remove a file or directory tree; not finding it is no error. Raises ArchiveError."""
    folder, name = os.path.split(path)
    try:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        # The simple cases need no C helper, and so not its import.
        try:
            os.unlink(name, dir_fd=fd)
            return
        except FileNotFoundError:
            return
        except (IsADirectoryError, PermissionError):
            pass
        try:
            os.rmdir(name, dir_fd=fd)
            return
        except OSError:
            pass
        from ocicore.linux import archive

        archive.remove_tree(fd, name)
    finally:
        os.close(fd)


def stale(root: str) -> list[str]:
    """Names of directories whose maker is gone. One readdir in the usual case of none."""
    try:
        entries = os.listdir(root)
    except FileNotFoundError:
        return []
    names = {entry[len(_DIR) :] for entry in entries if entry.startswith(_DIR)}
    names |= {entry[len(_LOCK) :] for entry in entries if entry.startswith(_LOCK)}
    found = []
    for name in names:
        lease = try_lease(os.path.join(root, _LOCK + name))
        if lease is not None:
            os.close(lease)
            found.append(name)
    return found


def recover(root: str, names: list[str], undo: Callable[[dict[str, str]], None]) -> int:
    """Remove those of `names` that nobody holds; returns how many.

    `undo` is called with a directory's intents, {id: kind}, before the directory goes.
    Call with the layers locked for writing, so that a record is either there or not.
    """
    removed = 0
    for name in names:
        lock_path = os.path.join(root, _LOCK + name)
        lease = try_lease(lock_path)
        if lease is None:
            continue
        try:
            path = os.path.join(root, _DIR + name)
            try:
                entries = os.listdir(path)
            except FileNotFoundError:
                entries = []
            found = [entry.partition("-") for entry in entries]
            intents = {id: kind for kind, dash, id in found if dash and kind in _INTENTS}
            if intents:
                undo(intents)
            remove_tree(path)
            os.unlink(lock_path)
            removed += 1
        finally:
            os.close(lease)
    return removed
