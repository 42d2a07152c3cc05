"""Mounts: mount(2) and the newer mount API, the table of mounts, overlays with any number of lower layers.

Follows mount(2), mount_setattr(2), proc_pid_mountinfo(5) and the kernel's filesystems/overlayfs.rst.
Failures are `MountError`; the text names the call's purpose and the path.
"""

from __future__ import annotations

import os

from ocicore.errors import Error
from ocicore.linux import namespaces
from ocicore.native._native import ffi, lib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ocicore.linux.userns import IdMap

MS_RDONLY = 0x1
MS_NOSUID = 0x2
MS_NODEV = 0x4
MS_NOEXEC = 0x8
MS_SYNCHRONOUS = 0x10
MS_REMOUNT = 0x20
MS_MANDLOCK = 0x40
MS_DIRSYNC = 0x80
MS_NOSYMFOLLOW = 0x100
MS_NOATIME = 0x400
MS_NODIRATIME = 0x800
MS_BIND = 0x1000
MS_MOVE = 0x2000
MS_REC = 0x4000
MS_SILENT = 0x8000
MS_UNBINDABLE = 0x20000
MS_PRIVATE = 0x40000
MS_SLAVE = 0x80000
MS_SHARED = 0x100000
MS_RELATIME = 0x200000
MS_STRICTATIME = 0x1000000
MS_LAZYTIME = 0x2000000

MNT_FORCE = 1
MNT_DETACH = 2
MNT_EXPIRE = 4
UMOUNT_NOFOLLOW = 8

MOUNT_ATTR_RDONLY = 0x1
MOUNT_ATTR_NOSUID = 0x2
MOUNT_ATTR_NODEV = 0x4
MOUNT_ATTR_NOEXEC = 0x8
MOUNT_ATTR_NOATIME = 0x10
MOUNT_ATTR_IDMAP = 0x100000
AT_EMPTY_PATH = 0x1000
AT_RECURSIVE = 0x8000
AT_FDCWD = -100
OPEN_TREE_CLONE = 1
OPEN_TREE_CLOEXEC = 0o2000000
MOVE_MOUNT_F_EMPTY_PATH = 4

OVERLAYFS_MAGIC = 0x794C7630
TMPFS_MAGIC = 0x01021994
FUSE_MAGIC = 0x65735546
NFS_MAGIC = 0x6969
EXT_MAGIC = 0xEF53
XFS_MAGIC = 0x58465342
BTRFS_MAGIC = 0x9123683E
CGROUP2_MAGIC = 0x63677270
CGROUP_MAGIC = 0x27E0EB
ZFS_MAGIC = 0x2FC12FC1
ECRYPTFS_MAGIC = 0xF15F

#: mount(2) copies at most a page of options.
_OPTION_SPACE = 4095
#: fsconfig(2) takes strings of at most 255 bytes.
_FSCONFIG_SPACE = 255

_ATTRIBUTES = {
    MS_RDONLY: MOUNT_ATTR_RDONLY,
    MS_NOSUID: MOUNT_ATTR_NOSUID,
    MS_NODEV: MOUNT_ATTR_NODEV,
    MS_NOEXEC: MOUNT_ATTR_NOEXEC,
    MS_NOATIME: MOUNT_ATTR_NOATIME,
}


class MountError(Error):
    """A mount or unmount failed; `.errno` is the system call's."""

    def __init__(self, message: str, *, errno: int, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.errno = errno


class MountEntry:
    """One line of mountinfo. Paths are unescaped; root is the part of the file system that is mounted.

    propagation holds the optional fields, "shared:12 master:3", "" for a private mount.
    """

    __slots__ = (
        "device",
        "fstype",
        "mount_id",
        "options",
        "parent_id",
        "propagation",
        "root",
        "source",
        "super_options",
        "target",
    )

    def __init__(self, line: str) -> None:
        first, _, second = line.partition(" - ")
        fields = first.split(" ")
        self.mount_id = int(fields[0])
        self.parent_id = int(fields[1])
        self.device = fields[2]
        self.root = _unescape(fields[3])
        self.target = _unescape(fields[4])
        self.options = fields[5]
        self.propagation = " ".join(fields[6:])
        self.fstype, _, rest = second.partition(" ")
        source, _, self.super_options = rest.partition(" ")
        self.source = _unescape(source)

    def __repr__(self) -> str:
        return f"MountEntry({self.target!r}, {self.fstype!r}, {self.source!r})"


def mount(
    source: str | None, target: str, fstype: str | None = None, flags: int = 0, data: str | None = None
) -> None:
    """mount(2). Raises MountError."""
    if lib.oci_mount(_c(source), os.fsencode(target), _c(fstype), flags, _c(data)) < 0:
        raise _failure(f"mounting {fstype or source or 'propagation'} on {target}", ffi.errno)


def umount(target: str, flags: int = 0) -> None:
    """umount2(2); pass MNT_DETACH for a lazy one. Raises MountError (EINVAL: not a mount point)."""
    if lib.oci_umount(os.fsencode(target), flags) < 0:
        raise _failure(f"unmounting {target}", ffi.errno)


def bind(source: str, target: str, *, recursive: bool = True, flags: int = 0) -> None:
    """Bind mount; flags such as MS_RDONLY are put on with a second call, as the kernel wants it."""
    mount(source, target, None, MS_BIND | (MS_REC if recursive else 0))
    if flags:
        try:
            remount(target, flags)
        except MountError:
            umount(target, MNT_DETACH)
            raise


def remount(target: str, flags: int, *, bind: bool = True, data: str | None = None) -> None:
    """Change the flags of a mount (of the bind only, unless bind=False).

    In a user namespace flags inherited from the parent are locked; they are kept by adding those the mount has.
    """
    kind = MS_REMOUNT | (MS_BIND if bind else 0)
    if lib.oci_mount(ffi.NULL, os.fsencode(target), ffi.NULL, kind | flags, _c(data)) < 0:
        number = ffi.errno
        locked = _current_flags(target)
        if (
            locked & ~flags
            and lib.oci_mount(ffi.NULL, os.fsencode(target), ffi.NULL, kind | flags | locked, _c(data)) >= 0
        ):
            return
        raise _failure(f"remounting {target}", number)


def move(source: str, target: str) -> None:
    """Move a mount to another place."""
    mount(source, target, None, MS_MOVE)


def make_private(target: str, *, recursive: bool = False) -> None:
    """No propagation to or from here."""
    mount(None, target, None, MS_PRIVATE | (MS_REC if recursive else 0))


def make_shared(target: str, *, recursive: bool = False) -> None:
    """Propagate mounts both ways."""
    mount(None, target, None, MS_SHARED | (MS_REC if recursive else 0))


def make_slave(target: str, *, recursive: bool = False) -> None:
    """Receive mounts, do not send them."""
    mount(None, target, None, MS_SLAVE | (MS_REC if recursive else 0))


def make_rslave(target: str) -> None:
    """`make_slave` for the whole subtree."""
    make_slave(target, recursive=True)


def mountinfo(pid: int | str = "self") -> list[MountEntry]:
    """The mounts of a process's namespace, oldest first."""
    with open(f"/proc/{pid}/mountinfo", encoding="utf-8", errors="surrogateescape") as stream:
        return [MountEntry(line.rstrip("\n")) for line in stream]


def mounts_below(path: str) -> list[str]:
    """Mount points at or below a path, deepest and newest first: the order to unmount them in."""
    path = os.path.realpath(path)
    below = "/" if path == "/" else path + "/"
    entries = mountinfo()
    parents = {entry.mount_id: entry.parent_id for entry in entries}

    def depth(mount_id: int) -> int:
        levels = 0
        # The root's parent is not listed (or is itself, in the first namespace).
        while mount_id in parents and parents[mount_id] != mount_id:
            mount_id = parents[mount_id]
            levels += 1
        return levels

    found = [entry for entry in entries if entry.target == path or entry.target.startswith(below)]
    # A mount covers what was there before it, so among equals the later one goes first.
    found.reverse()
    found.sort(key=lambda entry: -depth(entry.mount_id))
    return [entry.target for entry in found]


def is_mount_point(path: str) -> bool:
    """Whether something is mounted exactly there (bind mounts of the same file system included)."""
    target = os.path.join(os.path.realpath(os.path.dirname(path) or "."), os.path.basename(path))
    return any(entry.target == target for entry in mountinfo())


def fs_magic(path: str) -> int:
    """The file system's magic number (statfs(2)), see the *_MAGIC constants. Raises MountError."""
    magic: int = lib.oci_fs_magic(os.fsencode(path))
    if magic < 0:
        raise _failure(f"asking for the file system of {path}", ffi.errno)
    return magic


def overlay(
    target: str,
    lowers: Sequence[str],
    upper: str | None = None,
    work: str | None = None,
    options: Sequence[str] = (),
    *,
    flags: int = 0,
    label: str | None = None,
) -> None:
    """Mount an overlay: `lowers` topmost first, upper and work absent for a read-only view.

    Args:
        options: file system options ("index=off", "metacopy=on", "volatile" …). "userxattr" is added in a user
            namespace, where the trusted.* attributes cannot be used.
        flags: MS_NODEV and the like.
        label: SELinux context, put into `context="…"`.

    The page of options that mount(2) takes is not a limit: more goes through fsconfig's "lowerdir+", or on kernels
    before 6.7 (and for very long paths) through a child in which the layers are short descriptor names.

    Raises:
        MountError: the kernel refused; EINVAL has the cause in its log only.
    """
    given = list(options)
    if namespaces.in_user_namespace() and "userxattr" not in given:
        given.append("userxattr")
    if label:
        given.append(f'context="{label}"')
    if upper is not None and not lowers:
        raise MountError(f"mounting overlay on {target}: no lower layer", errno=22)
    layers = list(lowers)
    if len(layers) == 1 and upper is None:
        # The kernel wants two layers or an upper one; the same lower twice is refused too, so bind it.
        bind(layers[0], target, recursive=False, flags=flags | MS_RDONLY)
        return
    parts = ["lowerdir=" + ":".join(_escape_lower(path) for path in layers)]
    if upper is not None and work is not None:
        parts += ["upperdir=" + _escape(upper), "workdir=" + _escape(work)]
    data = os.fsencode(",".join(parts + given))
    if len(data) <= _OPTION_SPACE:
        if lib.oci_mount(b"overlay", os.fsencode(target), b"overlay", flags, data) < 0:
            raise _overlay_failure(target, ffi.errno)
        return
    error = ffi.new("struct oci_error *")
    names = [ffi.new("char[]", os.fsencode(path)) for path in layers]
    array = ffi.new("char *[]", names)
    upper_c, work_c = _c(upper), _c(work)
    if max(len(os.fsencode(path)) for path in (*layers, upper or "", work or "")) <= _FSCONFIG_SPACE:
        settings = [ffi.new("char[]", os.fsencode(option)) for option in given]
        attributes = 0
        for flag, attribute in _ATTRIBUTES.items():
            if flags & flag:
                attributes |= attribute
        settings_array = ffi.new("char *[]", settings)
        if (
            lib.oci_overlay_fsopen(
                os.fsencode(target),
                array,
                len(names),
                upper_c,
                work_c,
                settings_array,
                len(settings),
                attributes,
                error,
            )
            >= 0
        ):
            return
        error = ffi.new("struct oci_error *")
    joined = os.fsencode(",".join(given))
    if (
        lib.oci_overlay_by_fd(os.fsencode(target), array, len(names), upper_c, work_c, joined, flags, error)
        < 0
    ):
        raise _overlay_failure(target, error.number)


def idmapped_bind(
    source: str, target: str, uid_map: Sequence[IdMap], gid_map: Sequence[IdMap], *, recursive: bool = True
) -> None:
    """Bind mount in which ids on disk appear shifted by the maps (container_id on disk → host_id seen).

    Needs Linux 5.12, a file system that supports it, and root in the file system's user namespace.

    Raises:
        MountError: EINVAL – the file system does not support it; EPERM – not privileged; ENOSYS – old kernel.
    """
    from ocicore.linux import userns

    user_ns = userns.namespace_with(uid_map, gid_map)
    try:
        flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (AT_RECURSIVE if recursive else 0)
        tree = lib.oci_open_tree(AT_FDCWD, os.fsencode(source), flags)
        if tree < 0:
            raise _failure(f"opening {source} to map its ids", ffi.errno)
        try:
            attr_flags = AT_EMPTY_PATH | (AT_RECURSIVE if recursive else 0)
            if lib.oci_mount_setattr(tree, b"", attr_flags, MOUNT_ATTR_IDMAP, 0, 0, user_ns) < 0:
                raise _failure(f"mapping ids of {source}", ffi.errno)
            if lib.oci_move_mount(tree, b"", AT_FDCWD, os.fsencode(target), MOVE_MOUNT_F_EMPTY_PATH) < 0:
                raise _failure(f"mounting {source} with mapped ids on {target}", ffi.errno)
        finally:
            os.close(tree)
    finally:
        os.close(user_ns)


def detached(path: str) -> int:
    """A copy of the mount that `path` is on, without what is mounted below: a descriptor of `path` in it.

    Names below the descriptor lead to the file system itself, past any bind mount on the way; so rename(2)
    works between directories that a bind mount of one of them has separated. Raises MountError.
    """
    tree: int = lib.oci_open_tree(AT_FDCWD, os.fsencode(path), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)
    if tree < 0:
        raise _failure(f"copying the mount of {path}", ffi.errno)
    return tree


def _c(text: str | None) -> bytes | object:
    return ffi.NULL if text is None else os.fsencode(text)


def _escape(path: str) -> str:
    return path.replace("\\", "\\\\").replace(",", "\\,")


def _escape_lower(path: str) -> str:
    return _escape(path).replace(":", "\\:")


def _unescape(text: str) -> str:
    if "\\" not in text:
        return text
    for code in ("040", "011", "012", "043"):
        text = text.replace("\\" + code, chr(int(code, 8)))
    return text.replace("\\134", "\\")


def _current_flags(target: str) -> int:
    try:
        facts = os.statvfs(target)
    except OSError:
        return 0
    names = (
        (os.ST_RDONLY, MS_RDONLY),
        (os.ST_NOSUID, MS_NOSUID),
        (os.ST_NODEV, MS_NODEV),
        (os.ST_NOEXEC, MS_NOEXEC),
        (os.ST_NOATIME, MS_NOATIME),
        (os.ST_NODIRATIME, MS_NODIRATIME),
        (os.ST_RELATIME, MS_RELATIME),
    )
    return sum(flag for bit, flag in names if facts.f_flag & bit)


def _failure(doing: str, number: int) -> MountError:
    import errno

    hint = None
    if number == errno.EPERM:
        hint = "run as root, or inside a user namespace (pypod unshare)"
    return MountError(f"{doing}: {os.strerror(number).lower()}", errno=number, hint=hint)


def _overlay_failure(target: str, number: int) -> MountError:
    import errno

    hint = None
    if number in (errno.EINVAL, errno.EPERM, errno.ENODEV):
        hint = "the kernel's log (dmesg) has the reason; fuse-overlayfs or the vfs driver may work instead"
    return MountError(f"mounting overlay on {target}: {os.strerror(number).lower()}", errno=number, hint=hint)
