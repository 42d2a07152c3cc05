"""Paths inside a root: what an image or container names is resolved by the kernel without leaving it.

openat2(2) with RESOLVE_IN_ROOT: absolute links and ".." stay below the root, magic links are refused.
Every resolution of an untrusted path in this suite goes through here (or its C twin in native/tree.c).
"""

from __future__ import annotations

import os

from ocicore.errors import Error
from ocicore.native._native import ffi, lib

RESOLVE_NO_XDEV = 0x01
RESOLVE_NO_MAGICLINKS = 0x02
RESOLVE_NO_SYMLINKS = 0x04
RESOLVE_BENEATH = 0x08
RESOLVE_IN_ROOT = 0x10

_SAFE = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS


class ResolveError(Error):
    """A path cannot be resolved inside its root; `.errno` is the system call's (2: it does not exist)."""

    def __init__(self, message: str, *, errno: int) -> None:
        super().__init__(message)
        self.errno = errno


def open_in_root(root_fd: int, path: str, flags: int = os.O_RDONLY, mode: int = 0) -> int:
    """open(2) of a path as seen by a process chrooted into `root_fd`; the descriptor is close-on-exec.

    Raises:
        OSError: with the number and path, so that FileNotFoundError and friends work.
    """
    fd: int = lib.oci_open_in_root(root_fd, os.fsencode(path) or b".", flags | os.O_CLOEXEC, mode, _SAFE)
    if fd < 0:
        number = ffi.errno
        raise OSError(number, os.strerror(number), path)
    return fd


def resolve_in_root(root: str, path: str, *, missing_ok: bool = False) -> str:
    """The host path of `path` inside `root`, all symbolic links resolved inside the root.

    The answer is a string and so only as good as the moment: where the tree may change underneath (a running
    container), work on descriptors from `open_in_root` instead.

    Args:
        missing_ok: the last components may be missing; they are then appended as they are ("..": refused).

    Raises:
        ResolveError: not found, a loop, not a directory.
    """
    root_real = os.path.realpath(root)
    root_fd = os.open(root_real, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    missing: list[str] = []
    inside = "/" + path.lstrip("/")
    try:
        while True:
            try:
                fd = open_in_root(root_fd, inside, os.O_PATH)
            except FileNotFoundError:
                head, _, tail = inside.rstrip("/").rpartition("/")
                if not missing_ok or not tail or tail in (".", ".."):
                    raise
                link = _dangling(root_fd, inside)
                if link is not None:
                    inside = link
                    continue
                missing.insert(0, tail)
                inside = head or "/"
                continue
            break
    except OSError as error:
        raise ResolveError(
            f"resolving {path} in {root}: {os.strerror(error.errno or 0).lower()}", errno=error.errno or 0
        ) from None
    finally:
        os.close(root_fd)
    try:
        found = os.readlink(f"/proc/self/fd/{fd}")
    finally:
        os.close(fd)
    return os.path.join(found, *missing)


def _dangling(root_fd: int, inside: str) -> str | None:
    """Where a link with a missing target points, as a path in the root; None when it is no link."""
    try:
        fd = open_in_root(root_fd, inside, os.O_PATH | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    try:
        target = os.readlink("", dir_fd=fd)
    except OSError:
        return None
    finally:
        os.close(fd)
    return target if target.startswith("/") else os.path.join(os.path.dirname(inside), target)
