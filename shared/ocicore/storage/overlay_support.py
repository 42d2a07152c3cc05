"""What overlay can do here: asked of the kernel once, remembered in the run root.

The files `<run root>/overlay/<feature>-true|false` and `<home>/.has-mount-program` are those of
containers/storage (drivers/overlay), so a probe that podman made serves us and the other way round.
"""

from __future__ import annotations

import errno
import os

from ocicore.errors import Error
from ocicore.files import atomic
from ocicore.files.locks import try_lease

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_FLAG = ".has-mount-program"


def cached(run_home: str, feature: str, probe: Callable[[], bool]) -> bool:
    """The remembered answer, or the probe's, which is then remembered."""
    for answer in (True, False):
        if os.path.exists(_file(run_home, feature, answer)):
            return answer
    found = probe()
    try:
        os.makedirs(run_home, 0o700, exist_ok=True)
        os.close(os.open(_file(run_home, feature, found), os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o644))
    except OSError:
        pass  # only a cache
    return found


def _file(run_home: str, feature: str, answer: bool) -> str:
    return os.path.join(run_home, f"{feature}-{'true' if answer else 'false'}")


def usable(graph_root: str, *, rootless: bool) -> bool:
    """Does a native overlay work below `graph_root`, or is there fuse-overlayfs? Raises Error when that cannot be told."""
    home = os.path.join(graph_root, "overlay")
    made = not os.path.isdir(home)
    os.makedirs(home, 0o700, exist_ok=True)
    found = False
    try:
        found = probe_native(home, rootless=rootless) or find_fuse_overlayfs() is not None
    finally:
        if made and not found:
            _discard(home)
    return found


def _discard(home: str) -> None:
    """Remove a directory made for nothing, unless somebody uses it by now."""
    try:
        os.rmdir(home)
    except OSError:
        pass


def native(home: str, run_home: str, *, rootless: bool) -> bool:
    """May layers of this home be mounted by the kernel?

    Not where earlier layers were written for a mount program: their whiteouts are of another kind.
    Raises Error when it cannot be told: a full disk is no reason to write layers of the other kind.
    """
    flag = os.path.join(home, _FLAG)
    try:
        with open(flag, encoding="utf-8") as file:
            if file.read().strip() == "true":
                return False
    except FileNotFoundError:
        _claim(flag)
    return cached(run_home, "overlay", lambda: probe_native(home, rootless=rootless))


def _claim(flag: str) -> None:
    """Say that no mount program serves this home, unless another process has said something meanwhile."""
    try:
        fd = os.open(flag, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return
    os.write(fd, b"false")
    os.close(fd)


def write_flag(home: str) -> None:
    """Remember that a mount program serves this home, from now on and for good."""
    flag = os.path.join(home, _FLAG)
    try:
        with open(flag, "rb") as file:
            if file.read() == b"true":
                return
    except FileNotFoundError:
        pass
    # Whole or not at all: who reads an empty file takes it for the other answer.
    atomic.write(flag, b"true", mode=0o600)


def find_fuse_overlayfs() -> str | None:
    """Path of fuse-overlayfs, or None."""
    for folder in ("/usr/bin", "/usr/local/bin", "/bin"):
        path = os.path.join(folder, "fuse-overlayfs")
        if os.access(path, os.X_OK):
            return path
    return None


#: How the directories of test mounts are called, containers/storage's as well.
TRIAL = "compat"
_LOCK = "lock"
#: Seconds after which a trial of another program, which holds no lock, is taken for abandoned; one takes milliseconds.
_ABANDONED = 60
#: Seconds in which a trial that nobody has locked is only just being made.
_YOUNG = 5


def stale_trials(home: str) -> list[str]:
    """Directories of test mounts whose makers were killed."""
    import time

    found = []
    for name in os.listdir(home):
        path = os.path.join(home, name)
        if not name.startswith(TRIAL) or not os.path.isdir(path):
            continue
        lock = os.path.join(path, _LOCK)
        try:
            if time.time() - os.lstat(path).st_mtime < _YOUNG:
                continue  # its maker may be about to take the lock
            if os.path.exists(lock):
                lease = try_lease(lock)
                if lease is None:
                    continue
                os.close(lease)
            elif time.time() - os.lstat(path).st_mtime < _ABANDONED:
                continue
        except FileNotFoundError:
            continue  # it ended meanwhile
        found.append(path)
    return found


class _Trial:
    """Directories for a test mount: lower1, lower2/subdir, upper, work, merged; removed at the end.

    A lock in it says that its maker lives; `Store.gc` and the next trial remove the others.
    """

    def __init__(self, home: str) -> None:
        self.path = os.path.join(home, f"{TRIAL}{os.urandom(5).hex()}")
        self._lease: int | None = None

    def __enter__(self) -> _Trial:
        for path in stale_trials(os.path.dirname(self.path)):
            _remove(path)
        os.mkdir(self.path, 0o700)
        self._lease = try_lease(self.at(_LOCK))
        for name in ("merged", "lower1", "lower2", "lower2/subdir", "upper", "work", "mapped"):
            os.mkdir(self.at(name), 0o700)
        with open(self.at("lower2/file"), "wb") as file:
            file.write(b"\xff")
        return self

    def at(self, name: str) -> str:
        return os.path.join(self.path, name)

    def __exit__(self, *exception: object) -> None:
        try:
            _remove(self.path)
        finally:
            if self._lease is not None:
                os.close(self._lease)


def _remove(trial: str) -> None:
    from ocicore.linux import mount
    from ocicore.storage.tempdirs import remove_tree

    for name in ("merged", "mapped"):
        try:
            mount.umount(os.path.join(trial, name), mount.MNT_DETACH)
        except mount.MountError:
            pass
    remove_tree(trial)


#: So the kernel says that it cannot, or may not, do what was asked (EIO: an overlay that cannot write its attributes).
#: Any other failure, a full disk or too many open files, says nothing about overlays.
_REFUSALS = frozenset(
    (
        errno.EACCES,
        errno.EINVAL,
        errno.EIO,
        errno.ELOOP,
        errno.ENODATA,
        errno.ENODEV,
        errno.ENOSYS,
        errno.EOPNOTSUPP,
        errno.EPERM,
        errno.EXDEV,
    )
)
_ATTEMPTS = 3


def _ask(home: str, question: Callable[[_Trial], bool]) -> bool:
    """Put a question to the kernel in directories made for it; a refusal is a no. Raises Error when it has no answer."""
    from ocicore.linux import mount

    for attempt in range(1, _ATTEMPTS + 1):
        try:
            with _Trial(home) as trial:
                return question(trial)
        except (OSError, mount.MountError) as error:
            number = error.errno or 0
            if number in _REFUSALS:
                return False
            if attempt == _ATTEMPTS:
                raise Error(f"overlay: trying it out in {home}: {os.strerror(number).lower()}") from None
    raise AssertionError("unreachable")


def probe_native(home: str, *, rootless: bool) -> bool:
    """Mount two lowers below an upper with a whiteout, and remove a directory through it. Raises Error, as all probes do."""
    from ocicore.linux import mount

    def question(trial: _Trial) -> bool:
        os.mknod(trial.at("upper/whiteout"), 0o020600, 0)
        lowers = [trial.at("lower1"), trial.at("lower2")]
        options = ["userxattr"] if rootless else []
        mount.overlay(trial.at("merged"), lowers, trial.at("upper"), trial.at("work"), options)
        os.rmdir(trial.at("merged/subdir"))
        return True

    return _ask(home, question)


def probe_metacopy(home: str, options: list[str], flags: int) -> bool:
    """Does a change of mode leave a copy without data in the upper, with these options?"""
    from ocicore.linux import mount

    def question(trial: _Trial) -> bool:
        merged, lowers = trial.at("merged"), [trial.at("lower2")]
        mount.overlay(merged, lowers, trial.at("upper"), trial.at("work"), options, flags=flags)
        os.chmod(os.path.join(merged, "file"), 0o640)
        return bool(os.getxattr(trial.at("upper/file"), b"trusted.overlay.metacopy") is not None)

    return _ask(home, question)


def probe_native_diff(home: str, options: list[str], flags: int, *, rootless: bool) -> bool:
    """Does the upper say all about the difference: no redirects of renamed directories?"""
    from ocicore.linux import mount

    name = b"user.overlay.redirect" if rootless else b"trusted.overlay.redirect"
    given = [*options, "userxattr"] if rootless else options

    def question(trial: _Trial) -> bool:
        merged, lowers = trial.at("merged"), [trial.at("lower2")]
        mount.overlay(merged, lowers, trial.at("upper"), trial.at("work"), given, flags=flags)
        try:
            os.rename(os.path.join(merged, "subdir"), os.path.join(merged, "moved"))
        except OSError:
            return True  # EXDEV: the kernel makes the caller copy
        try:
            os.getxattr(trial.at("upper/moved"), name)
        except OSError:
            return True
        return False

    return _ask(home, question)


def probe_volatile(home: str, *, rootless: bool) -> bool:
    """Does the kernel know "volatile" (5.10)?"""
    from ocicore.linux import mount

    options = ["volatile", "userxattr"] if rootless else ["volatile"]

    def question(trial: _Trial) -> bool:
        mount.overlay(trial.at("merged"), [trial.at("lower1")], trial.at("upper"), trial.at("work"), options)
        return True

    return _ask(home, question)


def probe_idmapped(home: str) -> bool:
    """May a lower directory be an id-mapped mount (5.19)?"""
    from ocicore.linux import mount

    if os.geteuid() != 0:
        return False

    def question(trial: _Trial) -> bool:
        mapped = trial.at("mapped")
        mount.idmapped_bind(trial.at("lower2"), mapped, [(0, 0, 1)], [(0, 0, 1)], recursive=False)
        mount.overlay(trial.at("merged"), [mapped], trial.at("upper"), trial.at("work"))
        return True

    return _ask(home, question)
