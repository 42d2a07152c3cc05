"""The temporary folder of one build or command: all of it in one place, held by a lease while its process lives.

Whoever is killed cannot tidy up: a folder whose lease nobody holds is a leftover, which prune removes.
"""

from __future__ import annotations

import os

from ocicore.files import locks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

_PREFIX = "pybuildah-"
_LEASE = ".lease"
#: A folder without a lease: its maker was killed at once, unless it is only just being made.
_YOUNG = 60.0


class Scratch:
    """A new folder below `parent`; others may pass through it, not look into it. As a context: removed after it.

    Attributes:
        path: of the folder.
    """

    __slots__ = ("_lease", "path")

    def __init__(self, parent: str) -> None:
        self.path = os.path.join(parent, f"{_PREFIX}{os.getpid()}-{os.urandom(4).hex()}")
        self._lease = -1
        os.mkdir(self.path, 0o711)
        try:
            self._lease = locks.new_lease(os.path.join(self.path, _LEASE))
        except BaseException:
            _remove(self.path)
            raise

    def __enter__(self) -> str:
        return self.path

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()

    def remove(self) -> None:
        """Remove the folder and what is in it."""
        _remove(self.path)
        if self._lease >= 0:
            os.close(self._lease)
            self._lease = -1


def leftovers(parent: str, uid: int, before: Callable[[str], None]) -> Iterator[str]:
    """Remove the folders of killed processes, and give their paths.

    Args:
        uid: only folders of this user are looked at.
        before: called with the path of each before it is removed.
    """
    from time import time

    try:
        entries = [entry for entry in os.scandir(parent) if entry.name.startswith(_PREFIX)]
    except OSError:
        return
    for entry in entries:
        try:
            status = entry.stat(follow_symlinks=False)
            if status.st_uid != uid or not entry.is_dir(follow_symlinks=False):
                continue
            try:
                lease = locks.try_lease(os.path.join(entry.path, _LEASE), make=False)
            except FileNotFoundError:
                if time() - status.st_ctime > _YOUNG:
                    _remove(entry.path)
                    yield entry.path
                continue
            if lease is None:
                continue
            try:
                before(entry.path)
                _remove(entry.path)
            finally:
                os.close(lease)
            yield entry.path
        except FileNotFoundError:
            continue  # its owner removed it meanwhile


def _remove(path: str) -> None:
    """Remove a tree; what is mounted in it is unmounted first, not emptied."""
    from ocicore.linux import archive, mount

    below = f"{path}/"
    for entry in reversed(mount.mountinfo()):
        if entry.target.startswith(below):
            mount.umount(entry.target, mount.MNT_DETACH)
    parent = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        archive.remove_tree(parent, os.path.basename(path))
    finally:
        os.close(parent)
