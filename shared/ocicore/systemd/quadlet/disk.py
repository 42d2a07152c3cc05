"""All that the generator looks at: folders, links, files. What it makes follows from these answers, its program and its
environment, and from nothing else; `Witness` remembers the answers, so that a later run can tell whether they still hold.
"""

from __future__ import annotations

import os
import stat


class Disk:
    """The file system. Asking changes nothing."""

    __slots__ = ()

    def real(self, path: str) -> str:
        """The path without links; what is not there is taken as it is written."""
        return os.path.realpath(path)

    def exists(self, path: str) -> bool:
        return os.path.exists(path)

    def entries(self, path: str) -> dict[str, bool] | None:
        """Names in a folder, in order, and whether each is a folder (links followed); None: it cannot be read."""
        try:
            with os.scandir(path) as found:
                return dict(sorted([(entry.name, _is_folder(entry)) for entry in found]))
        except OSError:
            return None

    def read(self, path: str, limit: int) -> bytes | None:
        """The first bytes of a file, `limit` at most; None: it is not a regular file. Raises OSError."""
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return None
            data = b""
            while len(data) < limit and (chunk := os.read(descriptor, limit - len(data))):
                data += chunk
            return data
        finally:
            os.close(descriptor)


#: For whoever wants to look without leaving a trace.
DISK = Disk()


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


class Witness(Disk):
    """The file system, and a memory of what it answered.

    Slots:
        answers: (kind, question, answer), each kind a letter of `kept`'s file. A file that cannot be read is not among
            them: it is complained of, and what is complained of is looked at anew every time.
    """

    __slots__ = ("answers",)

    def __init__(self) -> None:
        self.answers: list[tuple[str, bytes, bytes]] = []

    def real(self, path: str) -> str:
        # Which of the folders on the way are there does not matter: /run/containers comes and goes with the containers.
        found = super().real(path)
        self.answers.append(("R", os.fsencode(path), os.fsencode(found)))
        return found

    def exists(self, path: str) -> bool:
        found = super().exists(path)
        self.answers.append(("X" if found else "N", os.fsencode(path), b""))
        return found

    def entries(self, path: str) -> dict[str, bool] | None:
        found = super().entries(path)
        if found is None:
            self.answers.append(("U", os.fsencode(path), b""))
        else:
            names = sorted([os.fsencode(name) + (b"/" if folder else b"") for name, folder in found.items()])
            self.answers.append(("L", os.fsencode(path), b"\0".join(names)))
        return found

    def read(self, path: str, limit: int) -> bytes | None:
        data = super().read(path, limit)
        if data is not None:
            self.answers.append(("F", os.fsencode(path), data))
        return data
