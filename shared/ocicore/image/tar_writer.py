"""Tar archives written so that the same content gives the same bytes: fixed owners, modes and times.

USTAR headers with pax records only for sizes and names that do not fit; the fields of containers/image's archives.
"""

from __future__ import annotations

import io
import os
import tarfile
from typing import IO

from ocicore.errors import Error


def written_in_place(path: str) -> bool:
    """Whether an archive is not renamed to its name: a pipe, a device, and any link, as /dev/stdout is one."""
    return os.path.islink(path) or (os.path.exists(path) and not os.path.isfile(path))


class DeterministicTar:
    """Appends members to a stream."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._names: set[str] = set()

    def add_bytes(self, name: str, data: bytes) -> None:
        """A small file."""
        self.add_stream(name, len(data), io.BytesIO(data))

    def add_stream(self, name: str, size: int, source: IO[bytes]) -> None:
        """A file of a known size in bytes; raises Error when the source has another."""
        self._header(name, size, tarfile.REGTYPE, "")
        left = size
        while left > 0:
            data = source.read(min(left, 1 << 18))
            if not data:
                raise Error(f"writing archive member {name}: {left} bytes are missing")
            self._stream.write(data)
            left -= len(data)
        padding = -size % tarfile.BLOCKSIZE
        self._stream.write(b"\0" * padding)

    def add_symlink(self, name: str, target: str) -> None:
        """A symbolic link."""
        self._header(name, 0, tarfile.SYMTYPE, target)

    def add_directory(self, name: str) -> None:
        """A directory."""
        self._header(name.rstrip("/") + "/", 0, tarfile.DIRTYPE, "")

    def has(self, name: str) -> bool:
        """Whether a member of this name was written."""
        return name in self._names

    def close(self) -> None:
        """Write the end of the archive; the stream stays open."""
        self._stream.write(b"\0" * (2 * tarfile.BLOCKSIZE))

    def _header(self, name: str, size: int, kind: bytes, target: str) -> None:
        member = tarfile.TarInfo(name)
        member.size = size
        member.type = kind
        member.linkname = target
        member.mode = {tarfile.REGTYPE: 0o444, tarfile.SYMTYPE: 0o777, tarfile.DIRTYPE: 0o755}[kind]
        member.mtime = 0
        member.uid = member.gid = 0
        self._names.add(name)
        self._stream.write(member.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape"))
