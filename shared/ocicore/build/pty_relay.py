"""A terminal for a command whose caller has none (`run --terminal` with pipes): a pseudo-terminal, and copies both ways."""

from __future__ import annotations

import os
import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
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
        import tty

        self._master, self.number = pty.openpty()
        # The runtime has a terminal of its own for the command. This one is only a pipe to it: if it were in line mode until
        # the runtime changes that, an end of file typed before would arrive as a NUL and be echoed.
        tty.setraw(self.number)
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


class ConsoleRelay(PtyRelay):
    """The same for a runtime that hands its terminal over: crun by itself loses what a command writes last.

    Args:
        folder: where the socket is made; the caller removes it.

    Attributes:
        path: of the socket, short however long the folder's is (a socket's address has room for 107 bytes).
    """

    def __init__(self, stdin: int, stdout: int, folder: str) -> None:
        super().__init__(stdin, stdout)
        self._folder = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        self.path = f"/proc/{os.getpid()}/fd/{self._folder}/console"
        self._listener: socket.socket | None = None

    def __enter__(self) -> ConsoleRelay:
        import socket

        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(self.path)
        self._listener.listen(1)
        self._stop = os.eventfd(0, os.EFD_CLOEXEC)
        self._reader = threading.Thread(target=self._accept, name="terminal", daemon=True)
        self._reader.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        import socket

        assert self._listener is not None
        assert self._reader is not None
        # A runtime that failed has never connected, and one that was quick may wait for us still: this comes after it.
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as nobody:
            nobody.setblocking(False)
            nobody.connect_ex(self.path)
        # The end is reported when the last process with the terminal is gone; one that lives on is not waited for.
        self._reader.join(5)
        self._listener.close()
        os.close(self._folder)
        os.eventfd_write(self._stop, 1)

    def _accept(self) -> None:
        import socket

        assert self._listener is not None
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return
        with connection:
            _, numbers, _, _ = socket.recv_fds(connection, 4096, 1)
        if not numbers:
            return
        self._master = numbers[0]
        threading.Thread(target=self._in, name="keyboard", daemon=True).start()
        self._out()
