"""Standing in for a container's terminal or pipes: conmon's attach socket, as long as the caller stays.

Frames (SOCK_SEQPACKET): what we send is stdin; what we get is one byte naming the stream (2 stdout, 3 stderr) and data.
The window's size goes through conmon's `ctl` FIFO ("1 ROWS COLUMNS"). Everything runs in one poll loop with one buffer.
"""

from __future__ import annotations

import errno
import os

from ocicore.errors import InvalidInput, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket
    from collections.abc import Callable, Sequence
    from typing import Any

STDOUT_FRAME = 2
STDERR_FRAME = 3
#: conmon reads at most this much of one frame; the rest of a longer one would be lost.
INPUT_FRAME_SIZE = 32768
#: Larger than any frame a conmon sends.
_OUTPUT_BUFFER = 1 << 17
_WIN_RESIZE_EVENT = 1
_SIGWINCH = 28

_KEY_NAMES = {"@": 0, "[": 27, "\\": 28, "]": 29, "^": 30, "_": 31}


def parse_detach_keys(text: str) -> bytes:
    """The bytes of a key sequence such as "ctrl-p,ctrl-q"; "" switches detaching off.

    Grammar (Docker's): comma-separated single characters or ctrl- with a letter or one of @ [ ] ^ \\ _.
    Raises InvalidInput.
    """
    if not text:
        return b""
    result = bytearray()
    for key in text.split(","):
        if len(key) == 1 and key.isascii():
            result.append(ord(key))
            continue
        name = key[5:] if key[:5].lower() == "ctrl-" else ""
        if len(name) == 1 and name.isascii() and name.isalpha():
            result.append(ord(name.lower()) - ord("a") + 1)
        elif name in _KEY_NAMES:
            result.append(_KEY_NAMES[name])
        else:
            raise InvalidInput(f"invalid detach keys: unknown character: '{key}'")
    return bytes(result)


def connect(bundle: str) -> socket:
    """The attach socket below a bundle. Raises NotFound when no monitor listens there."""
    import _socket

    folder = -1
    sock = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET | _socket.SOCK_CLOEXEC)
    try:
        # Bundles lie deeper than the 108 bytes of a socket address; a descriptor of the folder makes a short path.
        folder = os.open(bundle, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        sock.connect(f"/proc/self/fd/{folder}/attach")
    except OSError as error:
        sock.close()
        reason = os.strerror(error.errno or 0).lower()
        raise NotFound(f"failed to connect to container's attach socket: {bundle}/attach: {reason}") from None
    finally:
        if folder >= 0:
            os.close(folder)
    return sock


def resize(bundle: str, rows: int, columns: int) -> None:
    """Tell a container's terminal its size; nothing happens when its monitor is gone."""
    try:
        fd = os.open(f"{bundle}/ctl", os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return
    try:
        os.write(fd, f"{_WIN_RESIZE_EVENT} {rows} {columns}\n".encode())
    except OSError:
        return
    finally:
        os.close(fd)


def terminal_size(*descriptors: int | None) -> tuple[int, int] | None:
    """(rows, columns) of the first of our descriptors that is a terminal with a size; None when there is none."""
    for fd in descriptors:
        if fd is None:
            continue
        try:
            size = os.get_terminal_size(fd)
        except OSError:
            continue
        if size.lines and size.columns:
            return size.lines, size.columns
    return None


def resize_to(bundle: str, terminal: int) -> None:
    """Give a container's terminal the size of one of ours."""
    size = terminal_size(terminal)
    if size is not None:
        resize(bundle, *size)


def attach(
    sock: socket,
    *,
    stdin: int | None,
    stdout: int | None,
    stderr: int | None,
    terminal: bool,
    detach_keys: bytes,
    bundle: str,
    on_signal: Callable[[int], None] | None = None,
    proxy: Sequence[int] = (),
) -> str:
    """Copy both ways until the container's streams end or the user detaches.

    Args:
        sock: from connect(); closed before returning.
        stdin, stdout, stderr: our descriptors, None not to attach that one.
        terminal: the container has a terminal; ours (stdin) is then put into raw mode and its size passed on.
        detach_keys: from parse_detach_keys(), looked for when `stdin` is a terminal or the container has one.
        on_signal, proxy: signals to catch while attached, and who is told.
    Returns "ended" or "detached".
    Raises BrokenPipeError (OSError) when our own stdout or stderr is closed.
    """
    raw = _RawMode(stdin) if terminal and stdin is not None and os.isatty(stdin) else None
    watch = [_SIGWINCH] if terminal and raw is not None else []
    signals = _Signals([*watch, *(proxy if on_signal is not None else ())])
    try:
        if raw is not None:
            raw.enter()
            resize_to(bundle, raw.fd)
        loop = _Loop(sock, stdin, stdout, stderr, detach_keys if terminal or raw is not None else b"")
        return loop.run(signals, lambda number: _dispatch(number, raw, bundle, on_signal))
    finally:
        if raw is not None:
            raw.leave()
        signals.close()
        sock.close()


def _dispatch(
    number: int, raw: _RawMode | None, bundle: str, on_signal: Callable[[int], None] | None
) -> None:
    if number == _SIGWINCH and raw is not None:
        resize_to(bundle, raw.fd)
    elif on_signal is not None:
        on_signal(number)


class _Loop:
    """One poll loop over the socket, stdin and the signal pipe."""

    __slots__ = ("_keys", "_matched", "_pending", "_sock", "_stdin", "_targets")

    def __init__(
        self, sock: socket, stdin: int | None, stdout: int | None, stderr: int | None, keys: bytes
    ) -> None:
        self._sock = sock
        self._stdin = stdin
        self._targets = {STDOUT_FRAME: stdout, STDERR_FRAME: stderr}
        self._keys = keys
        self._matched = 0
        self._pending = b""

    def run(self, signals: _Signals, dispatch: Callable[[int], None]) -> str:
        import select

        sock, stdin = self._sock, self._stdin
        sock.setblocking(False)
        sock_fd = sock.fileno()
        poller = select.poll()
        poller.register(sock_fd, select.POLLIN)
        if signals.fd >= 0:
            poller.register(signals.fd, select.POLLIN)
        if stdin is not None:
            poller.register(stdin, select.POLLIN)
        buffer = bytearray(_OUTPUT_BUFFER)
        view = memoryview(buffer)
        while True:
            for fd, events in poller.poll():
                if fd == sock_fd:
                    if events & select.POLLOUT and self._flush():
                        poller.modify(sock_fd, select.POLLIN)
                        if stdin is not None:
                            poller.register(stdin, select.POLLIN)
                    if events & ~select.POLLOUT and not self._receive(buffer, view):
                        return "ended"
                elif fd == signals.fd:
                    for number in signals.read():
                        dispatch(number)
                elif stdin is not None:
                    outcome = self._send(stdin)
                    if outcome == "detached":
                        return outcome
                    if outcome == "end":
                        poller.unregister(stdin)
                        stdin = None
                        if not self._pending:
                            self._half_close()
                    elif outcome == "full":
                        # The container does not read: neither do we, or its output would wait behind our input.
                        poller.unregister(stdin)
                        poller.modify(sock_fd, select.POLLIN | select.POLLOUT)

    def _receive(self, buffer: bytearray, view: memoryview) -> bool:
        """Copy frames while there are any; False at the end of the stream."""
        while True:
            try:
                count = self._sock.recv_into(buffer)
            except BlockingIOError:
                return True
            except ConnectionResetError:
                return False
            if count == 0:
                return False
            target = self._targets.get(buffer[0])
            if target is not None:
                write_all(target, view[1:count])

    def _send(self, stdin: int) -> str:
        try:
            data = os.read(stdin, INPUT_FRAME_SIZE - len(self._keys))
        except BlockingIOError:
            return ""
        except OSError as error:
            # EIO: the terminal's other end is gone. EBADF: we were started with stdin closed.
            if error.errno not in (errno.EIO, errno.EBADF):
                raise
            data = b""
        if not data:
            return "end"
        if self._keys:
            data, detached = self._filter(data)
            if detached:
                if data:
                    self._pending += data
                    self._flush()
                return "detached"
            if not data:
                return ""
        self._pending += data
        return "" if self._flush() else "full"

    def _filter(self, data: bytes) -> tuple[bytes, bool]:
        """What of the input goes on, and whether the detach sequence is complete; a begun sequence is held back."""
        keys = self._keys
        if not self._matched and keys[0] not in data:
            return data, False
        passed = bytearray()
        for byte in data:
            if byte == keys[self._matched]:
                self._matched += 1
                if self._matched == len(keys):
                    return bytes(passed), True
                continue
            passed += keys[: self._matched]
            self._matched = 0
            if byte == keys[0]:
                self._matched = 1
            else:
                passed.append(byte)
        return bytes(passed), False

    def _flush(self) -> bool:
        """Send what is pending; False when the socket is full."""
        while self._pending:
            try:
                sent = self._sock.send(self._pending[:INPUT_FRAME_SIZE])
            except BlockingIOError:
                return False
            except (BrokenPipeError, ConnectionResetError):
                # The container's end is closed; its last output may still be on the way.
                self._pending = b""
                return True
            self._pending = self._pending[sent:]
        return True

    def _half_close(self) -> None:
        import _socket

        try:
            self._sock.shutdown(_socket.SHUT_WR)
        except OSError:
            return


def write_all(fd: int, data: memoryview) -> None:
    """Write everything, waiting where the descriptor is non-blocking."""
    while data:
        try:
            data = data[os.write(fd, data) :]
        except BlockingIOError:
            import select

            poller = select.poll()
            poller.register(fd, select.POLLOUT)
            poller.poll()


class _RawMode:
    """A terminal without line editing, echo and signal keys (cfmakeraw(3)), put back on leave()."""

    __slots__ = ("_saved", "fd")

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._saved: list[Any] | None = None

    def enter(self) -> None:
        import termios

        self._saved = termios.tcgetattr(self.fd)
        mode = termios.tcgetattr(self.fd)
        mode[0] &= ~(
            termios.IGNBRK | termios.BRKINT | termios.PARMRK | termios.ISTRIP
            | termios.INLCR | termios.IGNCR | termios.ICRNL | termios.IXON
        )  # fmt: skip
        mode[1] &= ~termios.OPOST
        mode[2] = (mode[2] & ~(termios.CSIZE | termios.PARENB)) | termios.CS8
        mode[3] &= ~(termios.ECHO | termios.ECHONL | termios.ICANON | termios.ISIG | termios.IEXTEN)
        mode[6][termios.VMIN] = 1
        mode[6][termios.VTIME] = 0
        termios.tcsetattr(self.fd, termios.TCSANOW, mode)

    def leave(self) -> None:
        if self._saved is None:
            return
        import termios

        try:
            termios.tcsetattr(self.fd, termios.TCSANOW, self._saved)
        except termios.error:
            # The terminal was hung up.
            return


class _Signals:
    """Signals as readable bytes, so that poll sees them; earlier handlers come back on close()."""

    __slots__ = ("_previous", "_wakeup", "_write", "fd")

    def __init__(self, numbers: Sequence[int]) -> None:
        self.fd = self._write = -1
        self._previous: dict[int, Any] = {}
        if not numbers:
            return
        import _signal  # type: ignore[import-not-found]

        self.fd, self._write = os.pipe()
        os.set_blocking(self.fd, False)
        os.set_blocking(self._write, False)
        self._wakeup = _signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        for number in numbers:
            self._previous[number] = _signal.signal(number, _ignore)

    def read(self) -> bytes:
        try:
            return os.read(self.fd, 256)
        except BlockingIOError:
            return b""

    def close(self) -> None:
        if self.fd < 0:
            return
        import _signal

        _signal.set_wakeup_fd(self._wakeup)
        for number, handler in self._previous.items():
            _signal.signal(number, _signal.SIG_DFL if handler is None else handler)
        os.close(self.fd)
        os.close(self._write)
        self.fd = -1


def _ignore(number: int, frame: object) -> None:
    """The wake-up descriptor carries the signal; Python only needs some handler to be set."""
