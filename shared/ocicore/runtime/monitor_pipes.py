"""The pipes between us and conmon: lines of JSON towards us, single bytes towards it (monitor_protocol.py has the names)."""

from __future__ import annotations

import os

from ocicore.errors import Error
from ocicore.files import quick_json
from ocicore.linux import spawn
from ocicore.runtime import monitor_protocol as protocol

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: How long a runtime may take to create a container (podman's limit), milliseconds.
CREATE_TIMEOUT_MS = 240_000


class MonitorFailure(Error):
    """conmon itself failed, before or beside the runtime."""


class Pipes:
    """The pipes between us and conmon, in the order of their numbers in conmon: sync, start, attach, owner."""

    __slots__ = ("_attach", "_buffer", "_start", "_sync", "child", "env", "first")

    def __init__(
        self, preserved: int, *, attach: bool, owner_fd: int, held_fds: tuple[int, ...] = ()
    ) -> None:
        self.first = 3 + preserved
        self.child: dict[int, int] = {}
        self.env: dict[str, str] = {}
        self._buffer = b""
        self._sync, sync_child = os.pipe()
        start_child, self._start = os.pipe()
        self._attach = -1
        self._add(protocol.ENV_SYNC_PIPE, sync_child)
        self._add(protocol.ENV_START_PIPE, start_child)
        if attach:
            self._attach, attach_child = os.pipe()
            self._add(protocol.ENV_ATTACH_PIPE, attach_child)
        if owner_fd >= 0:
            self._add(protocol.ENV_OWNER_PIPE, os.dup(owner_fd))
        for held in held_fds:
            # Nobody reads these: conmon keeps them open as long as it lives.
            self.child[self.first + len(self.child)] = os.dup(held)

    def _add(self, variable: str, fd: int) -> None:
        number = self.first + len(self.child)
        self.child[number] = fd
        self.env[variable] = str(number)

    def close_child(self) -> None:
        """Close conmon's ends here, so that its death reads as end of file."""
        spawn.close(self.child.values())
        self.child = {}

    def release(self) -> None:
        """Let conmon pass its next wait on the start pipe."""
        try:
            os.write(self._start, b"\0")
        except BrokenPipeError:
            # conmon has ended; whoever reads the answer next learns why.
            return

    def ready(self) -> tuple[int, str] | None:
        """The next message of the attach pipe."""
        line = _read_line(self._attach, b"", CREATE_TIMEOUT_MS)[0]
        return _parse(line)

    def answer(self, timeout_ms: int | None = CREATE_TIMEOUT_MS) -> tuple[int, str] | None:
        """The next (data, message) of the sync pipe, None at its end. Raises MonitorFailure after the timeout."""
        line, self._buffer = _read_line(self._sync, self._buffer, timeout_ms)
        return _parse(line)

    def close(self) -> None:
        """Close all ends we have."""
        self.close_child()
        spawn.close(fd for fd in (self._sync, self._start, self._attach) if fd >= 0)
        self._sync = self._start = self._attach = -1


def _read_line(fd: int, buffer: bytes, timeout_ms: int | None) -> tuple[bytes, bytes]:
    """(line, rest) from a pipe; the line is empty at the end."""
    poller = None
    if timeout_ms is not None:
        import select

        poller = select.poll()
        poller.register(fd, select.POLLIN)
    while b"\n" not in buffer:
        if poller is not None and not poller.poll(timeout_ms):
            raise MonitorFailure(
                f"container creation timeout: no answer from conmon in {(timeout_ms or 0) // 1000} s"
            )
        chunk = os.read(fd, 65536)
        if not chunk:
            return buffer, b""
        buffer += chunk
    line, _, rest = buffer.partition(b"\n")
    return line, rest


def _parse(line: bytes) -> tuple[int, str] | None:
    if not line.strip():
        return None
    try:
        answer: Any = quick_json.loads(line)
        return int(answer[protocol.SYNC_KEY_DATA]), str(answer.get(protocol.SYNC_KEY_MESSAGE) or "")
    except (ValueError, KeyError, TypeError):
        raise MonitorFailure(f"conmon bytes {line!r}: not an answer") from None
