"""A way for the container's root through our own directories.

A runtime that has entered a container's user namespace opens root file system and bundle as an id of that namespace.
Our directories belong to root and are closed to all; the last bit of those on the way is opened (podman does the same).
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


def open_way(paths: Iterable[str], uid: int, gid: int) -> None:
    """Give search permission to others on every directory of the paths that `uid` and `gid` could not pass."""
    seen: set[str] = set()
    for path in paths:
        while path not in ("", "/") and path not in seen:
            seen.add(path)
            _open(path, uid, gid)
            path = os.path.dirname(path)


def _open(path: str, uid: int, gid: int) -> None:
    try:
        info = os.stat(path)
        bit = 0o100 if info.st_uid == uid else 0o010 if info.st_gid == gid else 0o001
        if not info.st_mode & bit:
            os.chmod(path, (info.st_mode & 0o7777) | bit)
    except OSError:
        return  # another's directory: the runtime will say what it could not open
