"""Extended attributes of a path itself, never of what a symbolic link points to (xattr(7)).

Names are bytes. Where Python's own functions do the work, this only fixes their arguments.
"""

from __future__ import annotations

import os

NO_DATA = 61  # ENODATA


def lget(path: str, name: bytes) -> bytes | None:
    """The value, or None when the attribute is not there. Other failures are OSError."""
    try:
        return os.getxattr(path, name, follow_symlinks=False)
    except OSError as error:
        if error.errno == NO_DATA:
            return None
        raise


def lset(path: str, name: bytes, value: bytes) -> None:
    """Set or replace."""
    os.setxattr(path, name, value, follow_symlinks=False)


def llist(path: str) -> list[bytes]:
    """Names, sorted."""
    return sorted(os.fsencode(name) for name in os.listxattr(path, follow_symlinks=False))


def lremove(path: str, name: bytes) -> bool:
    """Remove; False when it was not there."""
    try:
        os.removexattr(path, name, follow_symlinks=False)
    except OSError as error:
        if error.errno == NO_DATA:
            return False
        raise
    return True
