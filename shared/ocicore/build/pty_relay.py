"""A terminal for a command whose caller has none (`run --terminal` with pipes): a pseudo-terminal, and copies both ways."""

from __future__ import annotations

import os
import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

_CHUNK = 1 << 16


class PtyRelay:
    """Used as a context: `number` is the descriptor for the command's three streams.

    What comes out of the terminal goes to `stdout`; what `stdin` has goes in, until it ends.
    """

    def __init__(self, stdin: int, stdout: int) -> None:
        self._stdin = stdin
        self._stdout = stdout
        self._master = -1
        self.number = -1
        self._reader: threading.Thread | None = None
        self._stop = -1

    def __enter__(self) -> PtyRelay:
        import pty

        self._master, self.number = pty.openpty()
        self._stop = os.eventfd(0, os.EFD_CLOEXEC)
        self._reader = threading.Thread(target=self._out, name="terminal", daemon=True)
        self._reader.start()
        threading.Thread(target=self._in, name="keyboard", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Without our end of the slave the master reports the end once everything was read.
        os.close(self.number)
        if self._reader is not None:
            self._reader.join()
        os.eventfd_write(self._stop, 1)

    def _out(self) -> None:
        while True:
            try:
                data = os.read(self._master, _CHUNK)
            except OSError:
                return  # EIO: nobody has the slave any more
            if not data:
                return
            view = memoryview(data)
            while view:
                view = view[os.write(self._stdout, view) :]

    def _in(self) -> None:
        import select

        poller = select.poll()
        poller.register(self._stdin, select.POLLIN)
        poller.register(self._stop, select.POLLIN)
        try:
            while True:
                ready = {number for number, _ in poller.poll()}
                if self._stop in ready:
                    return
                data = os.read(self._stdin, _CHUNK)
                if not data:
                    os.write(self._master, b"\x04")  # end of file, as typed
                    return
                os.write(self._master, data)
        except OSError:
            return
