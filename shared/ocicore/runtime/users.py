"""USER[:GROUP] looked up in the container's own /etc/passwd and /etc/group.

The files belong to the image, so they are opened inside the root (openat2 RESOLVE_IN_ROOT) and read with a limit.
Rules and wording are podman's: a number needs no entry, a name does.
"""

from __future__ import annotations

import os

from ocicore.errors import InvalidInput, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_LARGEST_ID = 2147483647
#: Larger files are no user databases (a guard against an image made to exhaust memory).
_LIMIT = 16 << 20


class ResolvedUser:
    """Numeric identity of a process: uid, gid, supplementary groups (sorted), home folder, name ("" when unknown)."""

    __slots__ = ("gid", "home", "supplementary", "uid", "username")

    def __init__(self, uid: int, gid: int, supplementary: list[int], home: str, username: str) -> None:
        self.uid = uid
        self.gid = gid
        self.supplementary = supplementary
        self.home = home
        self.username = username


def resolve(
    user: str, rootfs: str, groups: Sequence[str] = (), *, passwd: str = "", group: str = ""
) -> ResolvedUser:
    """Look up "USER[:GROUP]" ("" is root) and more groups (names or numbers) in a root file system.

    Args:
        rootfs: host path of the mounted root.
        passwd, group: host files that will be bound over /etc/passwd and /etc/group, "" for the image's.
    Raises NotFound ("unable to find user …"), InvalidInput for ids outside 0…2147483647.
    """
    user_part, colon, group_part = user.partition(":")
    user_part = user_part or "0"
    accounts = _read(rootfs, "etc/passwd", passwd)
    uid, gid, home, username = _find_user(user_part, accounts)

    group_rows: list[list[bytes]] | None = None
    supplementary: set[int] = set()
    if colon and group_part:
        group_rows = _rows(_read(rootfs, "etc/group", group))
        gid = _find_group(group_part, group_rows)
    elif username:
        text = _read(rootfs, "etc/group", group)
        # Most users are in no second group: splitting is worth it only when the name occurs at all.
        if os.fsencode(username) in text:
            group_rows = _rows(text)
            supplementary = _memberships(username, group_rows)
    for name in groups:
        if group_rows is None:
            group_rows = _rows(_read(rootfs, "etc/group", group))
        supplementary.add(_find_group(name, group_rows))
    return ResolvedUser(uid, gid, sorted(supplementary), home or "/", username)


def _read(rootfs: str, path: str, replaced_by: str) -> bytes:
    """A file of the root, or the host file bound over it; empty when there is none."""
    from ocicore.linux.resolve import open_in_root

    try:
        if replaced_by:
            fd = os.open(replaced_by, os.O_RDONLY | os.O_CLOEXEC)
        else:
            root = os.open(rootfs, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                # O_NONBLOCK: an image may hold a FIFO of this name, which would block the open.
                fd = open_in_root(root, path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK, 0)
            finally:
                os.close(root)
    except OSError:
        return b""
    try:
        chunks = []
        left = _LIMIT
        while left > 0:
            chunk = os.read(fd, min(left, 1 << 20))
            if not chunk:
                break
            chunks.append(chunk)
            left -= len(chunk)
        return b"".join(chunks)
    except OSError:
        return b""
    finally:
        os.close(fd)


def _rows(text: bytes) -> list[list[bytes]]:
    return [line.split(b":") for line in text.split(b"\n") if line and not line.startswith(b"#")]


def _number(text: str) -> int | None:
    if not text.isascii() or not text.removeprefix("-").isdigit():
        return None
    return int(text)


def _check_range(value: int) -> int:
    if not 0 <= value <= _LARGEST_ID:
        raise InvalidInput(f"uids and gids must be in range 0-{_LARGEST_ID}")
    return value


def _field(row: list[bytes], index: int) -> int | None:
    try:
        return int(row[index])
    except (IndexError, ValueError):
        return None


def _find_user(wanted: str, text: bytes) -> tuple[int, int, str, str]:
    """(uid, gid, home, name) by name first, then by number."""
    number = _number(wanted)
    if number is not None:
        _check_range(number)
    name = os.fsencode(wanted)
    by_number = None
    for row in _rows(text):
        uid = _field(row, 2)
        if uid is None:
            continue
        if row[0] == name:
            return _account(row, uid)
        if by_number is None and number is not None and uid == number:
            by_number = _account(row, uid)
    if by_number is not None:
        return by_number
    if number is None:
        raise NotFound(f"unable to find user {wanted}: no matching entries in passwd file")
    return number, 0, "/", ""


def _account(row: list[bytes], uid: int) -> tuple[int, int, str, str]:
    gid = _field(row, 3)
    home = os.fsdecode(row[5]) if len(row) > 5 else ""
    return _check_range(uid), _check_range(gid or 0), home, os.fsdecode(row[0])


def _find_group(wanted: str, rows: list[list[bytes]]) -> int:
    name = os.fsencode(wanted)
    for row in rows:
        if row[0] == name:
            gid = _field(row, 2)
            if gid is not None:
                return _check_range(gid)
    number = _number(wanted)
    if number is None:
        raise NotFound(f"unable to find group {wanted}: no matching entries in group file")
    return _check_range(number)


def _memberships(username: str, rows: list[list[bytes]]) -> set[int]:
    name = os.fsencode(username)
    result = set()
    for row in rows:
        gid = _field(row, 2)
        if gid is not None and len(row) > 3 and name in row[3].split(b","):
            result.add(_check_range(gid))
    return result
