"""What `RUN --mount=type=cache` keeps between builds: one folder an identity, in buildah's place; locks, use, and clearing.

Beside the folder HASH lie HASH.lock and HASH.id: the identity, and by its time when the folder was used last.
"""

from __future__ import annotations

import os
import stat

from ocicore.errors import Error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ocicore.build.environment import BuildEnvironment

_NAME = 16


def root(temporary: str, uid: int) -> str:
    """Where cache mounts of a user are kept; buildah's place."""
    return os.path.join(temporary, f"buildah-cache-{uid}")


def folder_of(environment: BuildEnvironment, identity: str) -> str:
    """The directory of one cache mount; it need not be there yet, its parent is. Raises Error."""
    parent = root(environment.temporary_root(), environment.paths.uid)
    try:
        os.makedirs(parent, 0o700, exist_ok=True)
    except OSError as error:
        raise Error(f"cache mounts: {parent}: {(error.strerror or '').lower()}") from error
    status = os.lstat(parent)
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
        raise Error(
            f"cache mounts: {parent}: belongs to somebody else", hint="set TMPDIR to a folder of your own"
        )
    return os.path.join(parent, name_of(identity))


def name_of(identity: str) -> str:
    """The name of a cache mount's folder."""
    from ocicore.build.content import new_sha256

    digest = new_sha256()
    digest.update(identity.encode("utf-8", "surrogateescape"))
    return str(digest.hexdigest()[:_NAME])


def make(folder: str, identity: str) -> bool:
    """Make the folder where it is missing, and note that it is used; whether it was missing."""
    try:
        os.mkdir(folder, 0o755)
        made = True
    except FileExistsError:
        made = False
    with open(f"{folder}.id", "w", encoding="utf-8", errors="surrogateescape") as stream:
        stream.write(identity)
    return made


def private(folder: str) -> tuple[str, Callable[[], None]]:
    """A cache nobody uses at this moment, the first free one of FOLDER, FOLDER.1, FOLDER.2 …; and how to release it."""
    number = 0
    while True:
        candidate = folder if number == 0 else f"{folder}.{number}"
        release = _try_lock(candidate, wait=False)
        if release is not None:
            return candidate, release
        number += 1


def lock(folder: str) -> Callable[[], None]:
    """Wait until nobody else has locked the cache; how to release it."""
    release = _try_lock(folder, wait=True)
    if release is None:
        raise Error(f"cache mounts: {folder}: cannot be locked")
    return release


def _try_lock(folder: str, *, wait: bool) -> Callable[[], None] | None:
    import fcntl

    while True:
        descriptor = os.open(folder + ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            # Whoever held it before may have removed the file (`remove`): then others lock another one.
            if os.fstat(descriptor).st_nlink:
                return lambda: os.close(descriptor)
        except BlockingIOError:
            os.close(descriptor)
            return None
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


class CacheMount:
    """One folder that is there.

    Attributes:
        used: nanoseconds since the epoch.
        size: bytes of its files, hard links once.
    """

    __slots__ = ("folder", "size", "used")

    def __init__(self, folder: str, used: int, size: int) -> None:
        self.folder = folder
        self.used = used
        self.size = size


def all_mounts(parent: str) -> list[CacheMount]:
    """The cache mounts below `root`."""
    found = []
    for entry in _entries(parent):
        if not entry.is_dir(follow_symlinks=False):
            continue
        try:
            used = os.stat(f"{entry.path}.id").st_mtime_ns
        except OSError:
            used = entry.stat(follow_symlinks=False).st_mtime_ns  # buildah's
        found.append(CacheMount(entry.path, used, _size(entry.path, set())))
    return found


def _size(folder: str, seen: set[tuple[int, int]]) -> int:
    total = 0
    for entry in _entries(folder):
        if entry.is_dir(follow_symlinks=False):
            total += _size(entry.path, seen)
            continue
        status = entry.stat(follow_symlinks=False)
        if (status.st_dev, status.st_ino) not in seen:
            seen.add((status.st_dev, status.st_ino))
            total += status.st_size
    return total


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except (FileNotFoundError, NotADirectoryError):
        return []


def remove(folder: str) -> None:
    """Delete one cache mount, unless a command has locked it."""
    release = _try_lock(folder, wait=False)
    if release is None:
        return
    try:
        _delete(folder)
        for name in (f"{folder}.id", f"{folder}.lock"):
            try:
                os.unlink(name)
            except FileNotFoundError:
                pass
    finally:
        release()


def clear(parent: str) -> None:
    """Delete all cache mounts of a user (`prune`)."""
    if os.path.isdir(parent) and not os.path.islink(parent):
        _delete(parent)


def _delete(folder: str) -> None:
    from ocicore.linux import archive

    parent, name = os.path.split(folder)
    descriptor = os.open(parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        archive.remove_tree(descriptor, name)
    finally:
        os.close(descriptor)
