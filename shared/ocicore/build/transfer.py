"""Copying one file or tree into a mounted root, and digesting it in the same pass.

The tree that is written and the digest in history come from one walk, in Go's filepath.Walk order, so that a
cache hit promises the same content. Works on directory descriptors and never follows a link. On the hot path.
"""

from __future__ import annotations

import errno
import os
import stat

from ocicore.errors import Error, InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ocicore.build.content import ItemDigest
    from ocicore.build.ignore import IgnorePatterns
    from ocicore.storage.records import IdMap

_CHUNK = 1 << 20
_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW
_KEPT_XATTRS = ("security.capability", "security.ima")


class Ownership:
    """Who owns and who may do what with the copies.

    Args:
        owner: container ids for everything; None keeps the source's.
        mode: permission bits for everything; None keeps the source's.
        strip_setid: drop setuid and setgid bits of the source (files of a build context).
        mtime: seconds since the epoch for everything, None for the source's.
        uid_map, gid_map: from container ids to those of this process; empty when they are the same.
    """

    __slots__ = ("gid_map", "mode", "mtime", "owner", "strip_setid", "uid_map")

    def __init__(
        self,
        *,
        owner: tuple[int, int] | None = None,
        mode: int | None = None,
        strip_setid: bool = False,
        mtime: int | None = None,
        uid_map: list[IdMap] | None = None,
        gid_map: list[IdMap] | None = None,
    ) -> None:
        self.owner = owner
        self.mode = mode
        self.strip_setid = strip_setid
        self.mtime = mtime
        self.uid_map = uid_map or []
        self.gid_map = gid_map or []

    def ids(self, status: os.stat_result) -> tuple[int, int]:
        """Container ids of a copy."""
        if self.owner is not None:
            return self.owner
        return _to_container(status.st_uid, self.uid_map), _to_container(status.st_gid, self.gid_map)

    def host_ids(self, uid: int, gid: int) -> tuple[int, int]:
        """The same ids as this process sees them."""
        return to_host(uid, self.uid_map), to_host(gid, self.gid_map)

    def mode_of(self, status: os.stat_result) -> int:
        """Permission bits of a copy."""
        if self.mode is not None:
            return self.mode
        mode = stat.S_IMODE(status.st_mode)
        return mode & 0o1777 if self.strip_setid else mode

    def time_of(self, status: os.stat_result) -> int:
        """Modification time of a copy in nanoseconds; whole seconds, because layers hold no more."""
        if self.mtime is not None:
            return self.mtime * 1_000_000_000
        return (status.st_mtime_ns + 500_000_000) // 1_000_000_000 * 1_000_000_000


def to_host(number: int, ranges: list[IdMap]) -> int:
    """A container id as the caller's; raises InvalidInput when it has no mapping."""
    if not ranges:
        return number
    for inside, outside, size in ranges:
        if inside <= number < inside + size:
            return outside + number - inside
    raise InvalidInput(f"id {number} has no mapping in the container's user namespace")


def _to_container(number: int, ranges: list[IdMap]) -> int:
    for inside, outside, size in ranges:
        if outside <= number < outside + size:
            return inside + number - outside
    return number


class _Folder:
    """A target directory that is made when the first thing goes into it."""

    __slots__ = ("_fd", "_make")

    def __init__(self, make: Callable[[], int]) -> None:
        self._make = make
        self._fd = -1

    def fd(self) -> int:
        if self._fd < 0:
            self._fd = self._make()
        return self._fd

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class Copier:
    """Copies items into a root and feeds their digest.

    Args:
        ownership: owners, modes and times.
        patterns: what is left out, by path relative to the source's root; None for nothing.
        digest: receives every entry, None to do without.
        write: False only digests.
        in_user_namespace: device nodes are left out, as podman does without privileges.
    """

    def __init__(
        self,
        ownership: Ownership,
        *,
        patterns: IgnorePatterns | None = None,
        digest: ItemDigest | None = None,
        write: bool = True,
        in_user_namespace: bool = False,
    ) -> None:
        self.ownership = ownership
        self.patterns = patterns or None
        self.digest = digest
        self.write = write
        self.in_user_namespace = in_user_namespace
        self.copied = 0
        self._links: dict[tuple[int, int], tuple[int, str]] = {}
        self._link_fds: list[int] = []

    def file(self, source_dir: int, name: str, target_dir: int, target_name: str) -> None:
        """Copy one entry (no directory) under a new name. The digest sees the new name."""
        status = os.stat(name, dir_fd=source_dir, follow_symlinks=False)
        self._entry(source_dir, name, status, _Folder(lambda: os.dup(target_dir)), target_name, target_name)
        self._finish()

    def tree(self, source_fd: int, target_fd: int, path: str) -> None:
        """Copy what is below a directory into another; the directory itself is not an entry.

        Args:
            path: of the source directory relative to the root that `patterns` speak of, "" for the root.
        """
        folder = _Folder(lambda: os.dup(target_fd))
        try:
            self._walk(source_fd, folder, "", path)
        finally:
            folder.close()
            self._finish()

    def _finish(self) -> None:
        for descriptor in self._link_fds:
            os.close(descriptor)
        self._link_fds.clear()
        self._links.clear()

    def _walk(self, source_fd: int, target: _Folder, prefix: str, path: str) -> None:
        names = os.listdir(source_fd)
        if all(name.isascii() for name in names):
            names.sort()
        else:
            names.sort(key=os.fsencode)
        patterns = self.patterns
        for name in names:
            entry = f"{prefix}/{name}" if prefix else name
            full = f"{path}/{name}" if path else name
            try:
                status = os.stat(name, dir_fd=source_fd, follow_symlinks=False)
            except FileNotFoundError:
                continue  # it went away while the folder was read
            is_folder = stat.S_ISDIR(status.st_mode)
            if patterns is not None and patterns.excludes(full):
                if is_folder and patterns.may_hold_included(full):
                    self._folder(source_fd, name, status, target, entry, full, included=False)
                continue
            if is_folder:
                self._folder(source_fd, name, status, target, entry, full, included=True)
            else:
                self._entry(source_fd, name, status, target, name, entry)

    def _folder(
        self,
        source_fd: int,
        name: str,
        status: os.stat_result,
        target: _Folder,
        entry: str,
        full: str,
        *,
        included: bool,
    ) -> None:
        ownership = self.ownership
        uid, gid = ownership.ids(status)
        mode = ownership.mode_of(status)
        source = _open_source(source_fd, name, _FOLDER, full)
        try:
            if included:
                self.copied += 1
                if self.digest is not None:
                    xattrs = read_xattrs(source)
                    self.digest.begin(
                        entry,
                        status,
                        mode=mode,
                        uid=uid,
                        gid=gid,
                        xattrs=xattrs,
                        given_owner=ownership.owner is not None,
                    )
            owner = (
                ownership.host_ids(uid, gid) if included else ownership.host_ids(*(ownership.owner or (0, 0)))
            )
            folder = _Folder(lambda: _make_folder(target.fd(), name, owner))
            try:
                if included and self.write:
                    folder.fd()
                self._walk(source, folder, entry, full)
                if included and self.write:
                    made = folder.fd()
                    os.fchown(made, *owner)
                    os.fchmod(made, mode)
                    for key, value in read_xattrs(source).items():
                        _set_xattr(made, key, value)
                    when = ownership.time_of(status)
                    os.utime(made, ns=(when, when))
            finally:
                folder.close()
        finally:
            os.close(source)

    def _entry(
        self,
        source_fd: int,
        name: str,
        status: os.stat_result,
        target: _Folder,
        target_name: str,
        entry: str,
    ) -> None:
        kind = stat.S_IFMT(status.st_mode)
        if kind == stat.S_IFSOCK:
            return
        self.copied += 1
        if kind == stat.S_IFREG:
            self._regular(source_fd, name, status, target, target_name, entry)
            return
        ownership = self.ownership
        uid, gid = ownership.ids(status)
        link = os.readlink(name, dir_fd=source_fd) if kind == stat.S_IFLNK else ""
        mode = 0o777 if kind == stat.S_IFLNK and ownership.mode is None else ownership.mode_of(status)
        if self.digest is not None:
            self.digest.begin(
                entry, status, mode=mode, uid=uid, gid=gid, link=link, given_owner=ownership.owner is not None
            )
        if not self.write:
            return
        device = kind in (stat.S_IFCHR, stat.S_IFBLK)
        if device and self.in_user_namespace:
            return
        folder = target.fd()
        while True:
            try:
                if kind == stat.S_IFLNK:
                    os.symlink(link, target_name, dir_fd=folder)
                else:
                    os.mknod(target_name, kind | 0o600, status.st_rdev if device else 0, dir_fd=folder)
                break
            except FileExistsError:
                _remove(folder, target_name)
        os.chown(target_name, *ownership.host_ids(uid, gid), dir_fd=folder, follow_symlinks=False)
        if kind != stat.S_IFLNK:
            os.chmod(target_name, mode, dir_fd=folder)
        when = ownership.time_of(status)
        os.utime(target_name, ns=(when, when), dir_fd=folder, follow_symlinks=False)

    def _regular(
        self,
        source_fd: int,
        name: str,
        status: os.stat_result,
        target: _Folder,
        target_name: str,
        entry: str,
    ) -> None:
        ownership = self.ownership
        uid, gid = ownership.ids(status)
        mode = ownership.mode_of(status)
        source = _open_source(source_fd, name, _READ, entry)
        out = -1
        try:
            xattrs = read_xattrs(source)
            hard = ""
            if self.digest is not None:
                hard = self.digest.begin(
                    entry,
                    status,
                    mode=mode,
                    uid=uid,
                    gid=gid,
                    xattrs=xattrs,
                    given_owner=ownership.owner is not None,
                )
            if self.write:
                folder = target.fd()
                if status.st_nlink > 1:
                    known = self._links.get((status.st_dev, status.st_ino))
                    if known is not None:
                        self._hard_link(known, folder, target_name)
                        return
                    kept = os.dup(folder)
                    self._link_fds.append(kept)
                    self._links[(status.st_dev, status.st_ino)] = (kept, target_name)
                out = _create(folder, target_name)
            if not hard:
                self._content(source, out, status.st_size, entry)
            if out >= 0:
                owner = ownership.host_ids(uid, gid)
                os.fchown(out, *owner)
                os.fchmod(out, mode)
                for key, value in xattrs.items():
                    _set_xattr(out, key, value)
                when = ownership.time_of(status)
                os.utime(out, ns=(when, when))
        finally:
            os.close(source)
            if out >= 0:
                os.close(out)

    def _content(self, source: int, out: int, size: int, entry: str) -> None:
        digest = self.digest
        left = size
        while left > 0:
            data = os.read(source, min(left, _CHUNK))
            if not data:
                raise Error(f'copying "{entry}": it became shorter while it was read')
            left -= len(data)
            if digest is not None:
                digest.update(data)
            if out >= 0:
                view = data
                while view:
                    written = os.write(out, view)
                    view = view[written:]
        if digest is not None:
            digest.end(size)

    @staticmethod
    def _hard_link(known: tuple[int, str], folder: int, name: str) -> None:
        while True:
            try:
                os.link(known[1], name, src_dir_fd=known[0], dst_dir_fd=folder, follow_symlinks=False)
                return
            except FileExistsError:
                _remove(folder, name)


def _open_source(folder: int, name: str, flags: int, shown: str) -> int:
    try:
        return os.open(name, flags, dir_fd=folder)
    except OSError as error:
        raise Error(f'reading "{shown}": {(error.strerror or "").lower()}') from error


def _create(folder: int, name: str) -> int:
    while True:
        try:
            return os.open(name, _CREATE, 0o600, dir_fd=folder)
        except FileExistsError:
            _remove(folder, name)


def _remove(folder: int, name: str) -> None:
    try:
        os.unlink(name, dir_fd=folder)
    except FileNotFoundError:
        pass
    except OSError as error:
        if error.errno not in (errno.EISDIR, errno.EPERM):
            raise
        from ocicore.linux import archive

        archive.remove_tree(folder, name)


def _make_folder(parent: int, name: str, owner: tuple[int, int]) -> int:
    """Open the directory, making it (root's 0755 until its own mode is set) or replacing what is none."""
    while True:
        try:
            os.mkdir(name, 0o755, dir_fd=parent)
            made = os.open(name, _FOLDER, dir_fd=parent)
            os.fchmod(made, 0o755)
            os.fchown(made, *owner)
            return made
        except FileExistsError:
            try:
                return os.open(name, _FOLDER, dir_fd=parent)
            except OSError as error:
                if error.errno not in (errno.ENOTDIR, errno.ELOOP):
                    raise
            _remove(parent, name)


def read_xattrs(descriptor: int) -> dict[bytes, bytes]:
    """The extended attributes that belong to content: capabilities, IMA hashes and the user's own."""
    try:
        names = os.listxattr(descriptor)
    except OSError:
        return {}
    result: dict[bytes, bytes] = {}
    for name in names:
        if name in _KEPT_XATTRS or (name.startswith("user.") and not name.startswith("user.overlay.")):
            try:
                result[os.fsencode(name)] = os.getxattr(descriptor, name)
            except OSError:
                continue
    return result


def _set_xattr(descriptor: int, key: bytes, value: bytes) -> None:
    try:
        os.setxattr(descriptor, key, value)
    except OSError as error:
        if error.errno not in (errno.ENOTSUP, errno.EPERM):
            raise
