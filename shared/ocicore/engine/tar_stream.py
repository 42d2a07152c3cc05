"""Trees as tar streams, and back: export, import, cp from and to streams, volume export and import."""

from __future__ import annotations

import os

from ocicore.linux import archive

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.linux.archive import UnpackResult
    from ocicore.linux.userns import IdMap


def write_tree(
    root: str,
    out_fd: int,
    *,
    uid_map: list[IdMap] | None = None,
    gid_map: list[IdMap] | None = None,
    owner: tuple[int, int] | None = None,
    prefix: str = "",
) -> None:
    """Write everything below a directory. Raises ArchiveError."""
    root_fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        archive.pack(
            root_fd,
            out_fd,
            whiteouts="keep",
            uid_map=uid_map or (),
            gid_map=gid_map or (),
            owner=owner,
            prefix=prefix,
        )
    finally:
        os.close(root_fd)


def read_tree(
    stream_fd: int, root: str, *, owner: tuple[int, int] | None = None, rootless: bool = False
) -> UnpackResult:
    """Unpack a tar stream into a directory. Raises CorruptedArchive, ArchiveError."""
    root_fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        return archive.unpack(stream_fd, root_fd, whiteouts="keep", owner=owner, in_user_namespace=rootless)
    finally:
        os.close(root_fd)
