"""Copying a directory tree with owners, modes, times, links, devices and extended attributes (volume copy-up)."""

from __future__ import annotations

import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


def copy_tree(source: str, destination: str) -> None:
    """Copy the content of one directory into another, which takes over the source's attributes.

    Both are trusted directories of the caller: symbolic links are copied, never followed. Raises OSError.
    """
    linked: dict[tuple[int, int], str] = {}
    _copy_level(source, destination, linked)
    copy_attributes(source, destination)


def _entries(path: str) -> Iterator[os.DirEntry[str]]:
    with os.scandir(path) as entries:
        yield from entries


def _copy_level(source: str, destination: str, linked: dict[tuple[int, int], str]) -> None:
    for entry in _entries(source):
        info = entry.stat(follow_symlinks=False)
        target = f"{destination}/{entry.name}"
        kind = stat.S_IFMT(info.st_mode)
        if kind != stat.S_IFDIR and info.st_nlink > 1:
            key = (info.st_dev, info.st_ino)
            if key in linked:
                os.link(linked[key], target, follow_symlinks=False)
                continue
            linked[key] = target
        if kind == stat.S_IFDIR:
            os.mkdir(target, 0o700)
            _copy_level(entry.path, target, linked)
        elif kind == stat.S_IFREG:
            _copy_file(entry.path, target, info.st_size)
        elif kind == stat.S_IFLNK:
            os.symlink(os.readlink(entry.path), target)
        elif kind in (stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO, stat.S_IFSOCK):
            try:
                os.mknod(target, info.st_mode, info.st_rdev)
            except PermissionError:
                continue  # an ordinary user may not make devices; the image could not have had them either
        copy_attributes(entry.path, target)


def _copy_file(source: str, target: str, size: int) -> None:
    reader = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        writer = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            left = size
            while left > 0:
                sent = os.copy_file_range(reader, writer, left)
                if sent == 0:
                    break
                left -= sent
        except OSError:
            # Not every pair of file systems can: go through user space.
            os.lseek(reader, 0, os.SEEK_SET)
            os.ftruncate(writer, 0)
            os.lseek(writer, 0, os.SEEK_SET)
            while chunk := os.read(reader, 1 << 20):
                os.write(writer, chunk)
        finally:
            os.close(writer)
    finally:
        os.close(reader)


def copy_attributes(source: str, target: str) -> None:
    """Owner, extended attributes, mode and times of one file."""
    info = os.lstat(source)
    os.chown(target, info.st_uid, info.st_gid, follow_symlinks=False)
    for name in _attributes(source):
        try:
            os.setxattr(target, name, os.getxattr(source, name, follow_symlinks=False), follow_symlinks=False)
        except OSError:
            continue  # trusted.* and security.* need rights we may not have
    if not stat.S_ISLNK(info.st_mode):
        os.chmod(target, stat.S_IMODE(info.st_mode))
    os.utime(target, ns=(info.st_atime_ns, info.st_mtime_ns), follow_symlinks=False)


def _attributes(path: str) -> list[str]:
    try:
        names = os.listxattr(path, follow_symlinks=False)
    except OSError:
        return []
    return [name for name in names if not name.startswith(("trusted.overlay.", "user.overlay."))]
