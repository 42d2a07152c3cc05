"""What a synchronisation has done so far, on disk, so that the next process goes on where a killed one stopped.

One JSON object a line: the plan's key first, then each image that is at its destination. A line is written in one
piece; one that was cut by a crash is ignored. When the whole plan is done the file is removed.
"""

from __future__ import annotations

import json
import os
import threading
from typing import TYPE_CHECKING

from ocicore.errors import Error, InvalidInput
from ocicore.image import go_json

if TYPE_CHECKING:
    from typing import IO

_VERSION = 1


class SyncState:
    """A state file.

    Args:
        path: of the file; made when it is not there.
        key: what makes two plans the same (arguments and options); a file of another plan is refused.

    Raises:
        InvalidInput: the file is another plan's, or no state file at all.
    """

    def __init__(self, path: str, key: str) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._done: dict[tuple[str, str], str] = {}
        self._file: IO[bytes] | None = None
        try:
            self._read(key)
            self._file = open(path, "ab")
            if self._file.tell() == 0:
                self._write({"sync": _VERSION, "plan": key})
        except OSError as exc:
            raise Error(f"opening the state file {path}: {(exc.strerror or str(exc)).lower()}") from exc

    def digest(self, source: str, destination: str) -> str:
        """Digest of an image that an earlier process brought to its destination, "" when it did not."""
        return self._done.get((source, destination), "")

    def add(self, source: str, destination: str, digest: str) -> None:
        """An image is at its destination."""
        with self._lock:
            self._done[source, destination] = digest
            try:
                self._write({"source": source, "destination": destination, "digest": digest})
            except OSError as exc:
                raise Error(
                    f"writing the state file {self._path}: {(exc.strerror or str(exc)).lower()}"
                ) from exc

    def finish(self) -> None:
        """The whole plan is done: the next run begins anew."""
        self.close()
        try:
            os.unlink(self._path)
        except FileNotFoundError:
            return

    def close(self) -> None:
        """Close the file; it stays."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _write(self, value: dict[str, object]) -> None:
        assert self._file is not None
        self._file.write(go_json.dumps(value) + b"\n")
        self._file.flush()

    def _read(self, key: str) -> None:
        try:
            with open(self._path, "rb") as file:
                data = file.read()
        except FileNotFoundError:
            return
        lines = data.split(b"\n")
        if lines[-1]:
            # The process was killed, or the machine, in the middle of a line.
            with open(self._path, "r+b") as file:
                file.truncate(len(data) - len(lines[-1]))
        lines.pop()
        if not lines:
            return
        first = _object(lines[0])
        if first.get("sync") != _VERSION:
            raise InvalidInput(f"{self._path} is not a state file of sync", hint="name another, or remove it")
        if first.get("plan") != key:
            raise InvalidInput(
                f"{self._path} belongs to another plan", hint="name another file, or remove it to begin anew"
            )
        for line in lines[1:]:
            value = _object(line)
            if "source" in value and "destination" in value:
                place = str(value["source"]), str(value["destination"])
                self._done[place] = str(value.get("digest") or "")


def _object(line: bytes) -> dict[str, object]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
