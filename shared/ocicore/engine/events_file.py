"""The events log as a file: appending, rotation by size, and reading it while others append and rotate.

Rotation is podman's (libpod/events/logfile.go): a new file with a "log-rotation" event that begins, the younger half of
the old one, and an event that ends it. Appending takes a shared lock and rotation an exclusive one, so that no event is
written to a file that has just been replaced.
"""

from __future__ import annotations

import os

from ocicore.files import quick_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    Event = dict[str, Any]

_ROTATION = "log-rotation"
_ATTRIBUTE = "io.podman.event.rotate"


def append(path: str, event: Event, limit: int) -> None:
    """Append one event, after a rotation when the file has reached `limit` bytes (0: never). Raises OSError."""
    import fcntl

    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
    try:
        guard = os.open(f"{path}.lock", flags, 0o600)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        guard = os.open(f"{path}.lock", flags, 0o600)
    try:
        if limit > 0 and _size(path) >= limit:
            fcntl.flock(guard, fcntl.LOCK_EX)
            if _size(path) >= limit:  # another one may have been faster
                _rotate(path)
        else:
            fcntl.flock(guard, fcntl.LOCK_SH)
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.write(descriptor, _line(event))
        finally:
            os.close(descriptor)
    finally:
        os.close(guard)


def _line(event: Event) -> bytes:
    return (quick_json.dumps(event) + "\n").encode()


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def _rotate(path: str) -> None:
    temporary = f"{path}.new"
    with open(path, "rb") as old, open(temporary, "wb") as new:
        os.fchmod(new.fileno(), os.fstat(old.fileno()).st_mode & 0o7777)
        new.write(_line(_mark(path, "begin")))
        old.seek(_size(path) // 2)
        old.readline()  # the rest of the line in whose middle this is
        while block := old.read(1 << 20):
            new.write(block)
        new.write(_line(_mark(path, "end")))
    os.rename(temporary, path)


def _mark(path: str, phase: str) -> Event:
    import time

    from ocicore.engine.quantities import rfc3339

    return {
        "Name": path,
        "Status": _ROTATION,
        "Time": rfc3339(time.time_ns()),
        "Type": "system",
        "Attributes": {_ATTRIBUTE: phase},
    }


class Reader:
    """Reads events of a log, each once, across rotations."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._file: Any = None
        self._rest = b""
        self._skipping = False

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def new(self) -> Iterator[Event]:
        """The events that have come since the last call."""
        yield from self._read()
        while self._successor():
            yield from self._read()

    def _read(self) -> Iterator[Event]:
        if self._file is None and not self._open():
            return
        *lines, self._rest = (self._rest + self._file.read()).split(b"\n")
        for line in lines:
            try:
                event = quick_json.loads(line)
            except ValueError:
                continue
            if not isinstance(event, dict):
                continue
            if self._skipping:
                # What the rotation has kept was read from the old file; its end is new.
                attributes = event.get("Attributes") or {}
                if event.get("Status") != _ROTATION or attributes.get(_ATTRIBUTE) != "end":
                    continue
                self._skipping = False
            yield event

    def _open(self) -> bool:
        try:
            self._file = open(self._path, "rb", buffering=0)
        except FileNotFoundError:
            return False
        return True

    def _successor(self) -> bool:
        """Whether another file has taken the place of ours; it is opened then."""
        if self._file is None:
            return False
        known = os.fstat(self._file.fileno())
        try:
            now = os.stat(self._path)
        except FileNotFoundError:
            return False
        if (now.st_ino, now.st_dev) == (known.st_ino, known.st_dev):
            return False
        self.close()
        self._rest = b""
        self._skipping = True
        return self._open()
