"""The socket a command sees for `RUN --mount=type=ssh`: one of its own, with the owner and mode that were asked for.

An agent's socket is only for the agent's owner; the command may run as another user, or with other ids altogether.
"""

from __future__ import annotations

import os
import socket
import threading

from ocicore.errors import Error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_AT_ONCE = 65536


class Relay:
    """A socket whose connections go to an agent's, until it is closed.

    Args:
        path: of the new socket; nothing is there yet.
        agent: path of the agent's socket.
        owner: host's user and group id of the new one.
        mode: its permissions.

    Raises:
        Error: the socket cannot be made.
    """

    def __init__(self, path: str, agent: str, *, owner: tuple[int, int], mode: int) -> None:
        self._agent = agent
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._closed = False
        self._listening = _socket()
        try:
            _at(path, self._listening.bind)
            os.chown(path, *owner)
            os.chmod(path, mode)
            self._listening.listen()
        except OSError as error:
            self._listening.close()
            raise Error(f"socket for --mount=type=ssh: {path}: {(error.strerror or '').lower()}") from error
        self._run(self._serve)

    def close(self) -> None:
        """No more connections; those there are end."""
        with self._lock:
            self._closed = True
            _shut_down(self._listening)
            for connection in self._open:
                _shut_down(connection)
        while self._threads:
            self._threads.pop().join()
        self._listening.close()

    def _run(self, work: Callable[..., None], *args: socket.socket) -> None:
        thread = threading.Thread(target=work, args=args, name="ssh", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return  # shut down
            agent = _socket()
            try:
                _at(self._agent, agent.connect)
            except OSError:
                client.close()
                agent.close()
                continue
            with self._lock:
                if self._closed:
                    client.close()
                    agent.close()
                    return
                self._open |= {client, agent}
                self._run(self._converse, client, agent)

    def _converse(self, client: socket.socket, agent: socket.socket) -> None:
        """Copy both ways; a side that sends no more is told to the other."""
        back = threading.Thread(target=_copy, args=(agent, client), name="ssh", daemon=True)
        back.start()
        _copy(client, agent)
        back.join()
        with self._lock:
            self._open -= {client, agent}
        client.close()
        agent.close()


def _copy(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(_AT_ONCE):
            target.sendall(data)
    except OSError:
        _shut_down(source)
    try:
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # it is gone


def _shut_down(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # it is gone


def _socket() -> socket.socket:
    return socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)


def _at(path: str, use: Callable[[str], object]) -> None:
    """Call `use` with a name for the path that is short enough for a socket's (107 bytes)."""
    folder, name = os.path.split(path)
    opened = os.open(folder or ".", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        use(f"/proc/self/fd/{opened}/{name}")
    finally:
        os.close(opened)
