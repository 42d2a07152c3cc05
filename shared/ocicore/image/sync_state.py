"""What synchronisations have done, on disk: for going on where a killed one stopped, and for asking less the next time.

One JSON object a line: a header first, then each image that is at its destination. A line is written in one piece; one
that was cut by a crash is ignored.
"""

from __future__ import annotations

import os
from _thread import allocate_lock

from ocicore.errors import Error, InvalidInput
from ocicore.files import quick_json
from ocicore.image import go_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import IO

_VERSION = 1


class SyncMemory:
    """What each destination was given, so that the next run only asks the source whether that is still right.

    Whoever uses it says that nobody else changes the destinations. A later line replaces an earlier one.

    Args:
        path: of the file; made when it is not there.
        purpose: what of an image is copied (all of a list, or which platform); lines for another count for nothing.

    Raises:
        InvalidInput: it is another kind of file.
    """

    def __init__(self, path: str, purpose: str) -> None:
        self._purpose = purpose
        self._log = _Log(path, {"sync-memory": _VERSION})
        self._known = {
            (str(line["source"]), str(line["destination"])): (
                str(line.get("found") or ""),
                str(line.get("digest") or ""),
            )
            for line in self._log.lines
            if "source" in line and "destination" in line and line.get("for") == purpose
        }

    def digest(self, source: str, destination: str, found: str) -> str:
        """Digest the destination got when the source's was `found`; "" when it was another, or is not known."""
        then, digest = self._known.get((source, destination), ("", ""))
        return digest if found and then == found else ""

    def expected(self, source: str, destination: str, platforms: Sequence[object]) -> str:
        """Digest the source had when its image was brought for just these platforms; "" when that is not known."""
        then, brought = self._known.get((source, destination), ("", ""))
        digest, *wanted = then.split() or [""]
        return digest if brought and wanted == [str(item) for item in platforms] else ""

    def add(self, source: str, destination: str, found: str, digest: str) -> None:
        """The destination has what the source had."""
        if self._known.get((source, destination)) != (found, digest):
            self._known[source, destination] = found, digest
            line = {"source": source, "destination": destination, "found": found, "digest": digest}
            self._log.add({**line, "for": self._purpose})

    def close(self) -> None:
        """Close the file."""
        self._log.close()


class SyncState:
    """A state file; it is removed when the whole plan is done.

    Args:
        path: of the file; made when it is not there.
        key: what makes two plans the same (arguments and options); a file of another plan is refused.

    Raises:
        InvalidInput: the file is another plan's, or no state file at all.
    """

    def __init__(self, path: str, key: str) -> None:
        self._log = _Log(path, {"sync": _VERSION, "plan": key})
        self._done = {
            (str(line["source"]), str(line["destination"])): str(line.get("digest") or "")
            for line in self._log.lines
            if "source" in line and "destination" in line
        }

    def digest(self, source: str, destination: str) -> str:
        """Digest of an image that an earlier process brought to its destination, "" when it did not."""
        return self._done.get((source, destination), "")

    def add(self, source: str, destination: str, digest: str) -> None:
        """An image is at its destination."""
        self._done[source, destination] = digest
        self._log.add({"source": source, "destination": destination, "digest": digest})

    def finish(self) -> None:
        """The whole plan is done: the next run begins anew."""
        self._log.remove()

    def close(self) -> None:
        """Close the file; it stays."""
        self._log.close()


class _Log:
    """A file of lines that is only added to.

    Attributes:
        lines: what was in it, without the header.
    """

    def __init__(self, path: str, header: dict[str, object]) -> None:
        self._path = path
        self._lock = allocate_lock()
        self._file: IO[bytes] | None = None
        try:
            self.lines = self._read(header)
            self._file = open(path, "ab")
            if self._file.tell() == 0:
                self._write(header)
        except OSError as exc:
            raise Error(f"opening the state file {path}: {(exc.strerror or str(exc)).lower()}") from exc

    def add(self, value: dict[str, object]) -> None:
        """Write a line down."""
        try:
            with self._lock:
                self._write(value)
        except OSError as exc:
            raise Error(f"writing the state file {self._path}: {(exc.strerror or str(exc)).lower()}") from exc

    def remove(self) -> None:
        """The file is not needed any more."""
        self.close()
        try:
            os.unlink(self._path)
        except FileNotFoundError:
            return

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _write(self, value: dict[str, object]) -> None:
        assert self._file is not None
        self._file.write(go_json.dumps(value) + b"\n")
        self._file.flush()

    def _read(self, header: dict[str, object]) -> list[dict[str, object]]:
        try:
            with open(self._path, "rb") as file:
                data = file.read()
        except FileNotFoundError:
            return []
        lines = data.split(b"\n")
        if lines[-1]:
            # The process was killed, or the machine, in the middle of a line.
            with open(self._path, "r+b") as file:
                file.truncate(len(data) - len(lines[-1]))
        lines.pop()
        if not lines:
            return []
        first = _object(lines[0])
        kind = next(iter(header))
        if first.get(kind) != header[kind]:
            raise InvalidInput(f"{self._path} is not a state file of sync", hint="name another, or remove it")
        if first != header:
            raise InvalidInput(
                f"{self._path} belongs to another plan", hint="name another file, or remove it to begin anew"
            )
        return [_object(line) for line in lines[1:]]


def _object(line: bytes) -> dict[str, object]:
    try:
        value = quick_json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
