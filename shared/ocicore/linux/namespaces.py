"""Namespaces: entering, leaving and pinning them (namespaces(7), setns(2), unshare(2))."""

from __future__ import annotations

import os

from ocicore.errors import Error
from ocicore.native._native import ffi, lib

CLONE_NEWTIME = 0x80
CLONE_FS = 0x200
CLONE_FILES = 0x400
CLONE_NEWNS = 0x20000
CLONE_NEWCGROUP = 0x2000000
CLONE_NEWUTS = 0x4000000
CLONE_NEWIPC = 0x8000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

#: Names below /proc/PID/ns and the flag of each.
KINDS = {
    "cgroup": CLONE_NEWCGROUP,
    "ipc": CLONE_NEWIPC,
    "mnt": CLONE_NEWNS,
    "net": CLONE_NEWNET,
    "pid": CLONE_NEWPID,
    "time": CLONE_NEWTIME,
    "user": CLONE_NEWUSER,
    "uts": CLONE_NEWUTS,
}

_MS_BIND = 0x1000
_MNT_DETACH = 2
_WHOLE_RANGE = ["0", "0", "4294967295"]


class NamespaceError(Error):
    """A namespace cannot be opened, entered or made; `.errno` is the system call's."""

    def __init__(self, message: str, *, errno: int, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.errno = errno


def open_ns(pid: int | str, kind: str) -> int:
    """A descriptor of a process's namespace; kind as in KINDS. Raises NamespaceError (ENOENT: no such process)."""
    try:
        return os.open(f"/proc/{pid}/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise _failure(f"opening {kind} namespace of process {pid}", error.errno or 0) from None


def ns_id(pid: int | str, kind: str) -> tuple[int, int]:
    """Device and inode that identify a namespace; equal means the same one."""
    try:
        facts = os.stat(f"/proc/{pid}/ns/{kind}")
    except OSError as error:
        raise _failure(f"asking for {kind} namespace of process {pid}", error.errno or 0) from None
    return facts.st_dev, facts.st_ino


def setns(fd: int, kind: str | int = 0) -> None:
    """Enter the namespace behind a descriptor. A user namespace needs a process with one thread."""
    flag = KINDS[kind] if isinstance(kind, str) else kind
    if lib.oci_setns(fd, flag) < 0:
        raise _failure(f"entering {kind} namespace", ffi.errno)


def unshare(flags: int) -> None:
    """Leave namespaces for new ones. Raises NamespaceError."""
    if lib.oci_unshare(flags) < 0:
        raise _failure("creating namespaces", ffi.errno)


def in_user_namespace() -> bool:
    """Whether this process is in a user namespace other than the first (whose map is the whole range)."""
    try:
        with open("/proc/self/uid_map", encoding="utf-8") as stream:
            return stream.readline().split() != _WHOLE_RANGE
    except FileNotFoundError:  # a kernel without user namespaces
        return False


def new_netns(path: str) -> None:
    """Create a network namespace and pin it with a bind mount on the (new) file `path`."""
    os.close(os.open(path, os.O_RDONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644))
    _pin_in_child(path, CLONE_NEWNET, "net")


def remove_netns(path: str) -> None:
    """Unpin and remove what `new_netns` made; not finding it is no error."""
    import errno

    if lib.oci_umount(os.fsencode(path), _MNT_DETACH) < 0 and ffi.errno not in (errno.EINVAL, errno.ENOENT):
        raise _failure(f"unmounting {path}", ffi.errno)
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass


def _pin_in_child(path: str, flags: int, kind: str) -> None:
    """A child unshares and waits while this process binds /proc/CHILD/ns/KIND: the caller's own stay as they are."""
    error = ffi.new("struct oci_error *")
    sync = ffi.new("int *")
    pid = lib.oci_namespace_child(flags, sync, error)
    if pid < 0:
        os.unlink(path)
        raise _failure(f"creating {kind} namespace", error.number)
    try:
        if (
            lib.oci_mount(f"/proc/{pid}/ns/{kind}".encode(), os.fsencode(path), ffi.NULL, _MS_BIND, ffi.NULL)
            < 0
        ):
            number = ffi.errno
            os.unlink(path)
            raise _failure(f"pinning {kind} namespace on {path}", number)
    finally:
        os.close(sync[0])


def _failure(doing: str, number: int) -> NamespaceError:
    import errno

    hint = None
    if number == errno.EPERM:
        hint = "run as root, or inside a user namespace (pypod unshare)"
    elif number == errno.ENOSPC:
        hint = "raise the limits under /proc/sys/user"
    return NamespaceError(f"{doing}: {os.strerror(number).lower()}", errno=number, hint=hint)
