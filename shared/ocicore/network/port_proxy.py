"""Published ports of an ordinary user's bridge: a small process between the host and the user's network namespace.

A socket stays in the namespace it was made in, so one process can listen on the host, enter the namespace afterwards
and connect from there. Runs as a program of its own: its settings are JSON on standard input, "1" on descriptor 3 says
that all ports are open, and it ends when killed.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from socket import socket
    from typing import Any

    from ocicore.network.ports import PortMapping

READY_FD = 3
_CHUNK = 1 << 16
#: A UDP client that said nothing for this long is forgotten, seconds.
_UDP_IDLE = 90.0


def start(env: Mapping[str, str], *, netns: str, address: str, ports: list[PortMapping]) -> int:
    """Start the process; its pid once every port is open.

    Args:
        netns: namespace from which `address` (the container's) can be reached.
    Raises Error with the port that cannot be opened.
    """
    import sys

    from ocicore.errors import Error
    from ocicore.files import quick_json
    from ocicore.linux import spawn

    source = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    settings = {"netns": netns, "address": address, "ports": ports, "path": [source, *sys.path]}
    ready, ready_child = os.pipe()
    stdin = os.memfd_create("settings", os.MFD_CLOEXEC)
    log = os.memfd_create("log", os.MFD_CLOEXEC)
    try:
        os.write(stdin, quick_json.dumps(settings).encode())
        os.lseek(stdin, 0, os.SEEK_SET)
        argv = [sys.executable, "-I", "-S", os.path.abspath(__file__)]
        pid = spawn.spawn(argv, env, {0: stdin, 1: log, 2: log, READY_FD: ready_child}, new_session=True)
        os.close(ready_child)
        ready_child = -1
        if os.read(ready, 1) != b"1":
            spawn.wait(pid)
            text = os.pread(log, 4096, 0).decode("utf-8", "replace").strip().split("\n")[-1]
            raise Error(f"publishing ports: {text or 'the proxy ended'}")
        return pid
    finally:
        spawn.close(fd for fd in (ready, ready_child, stdin, log) if fd >= 0)


class _Half:
    """One direction of a connection: what was read from `source` and not yet written to `target`."""

    __slots__ = ("buffer", "done", "ended", "source", "target")

    def __init__(self, source: socket, target: socket) -> None:
        self.source = source
        self.target = target
        self.buffer = b""
        self.ended = False
        self.done = False


class _Proxy:
    """The event loop. Listening sockets are made before enter(), connections after."""

    def __init__(self, address: str) -> None:
        import select
        import socket

        self._socket = socket
        self._select = select
        self._epoll = select.epoll()
        self._address = address
        self._listeners: dict[int, tuple[socket.socket, int]] = {}
        self._datagrams: dict[int, tuple[socket.socket, int]] = {}
        self._halves: dict[int, tuple[_Half, _Half]] = {}
        self._clients: dict[tuple[int, Any], tuple[socket.socket, float]] = {}
        self._answers: dict[int, tuple[int, Any]] = {}

    def listen(self, mapping: PortMapping) -> None:
        """Open the host ports of one mapping. Raises OSError."""
        for offset in range(mapping["range"]):
            stream = mapping["protocol"] == "tcp"
            sock = self._bind(mapping["host_ip"], mapping["host_port"] + offset, stream=stream)
            table = self._listeners if stream else self._datagrams
            table[sock.fileno()] = (sock, mapping["container_port"] + offset)
            self._epoll.register(sock.fileno(), self._select.EPOLLIN)

    def _bind(self, host: str, port: int, *, stream: bool) -> socket:
        kind = self._socket.SOCK_STREAM if stream else self._socket.SOCK_DGRAM
        families = [self._socket.AF_INET6, self._socket.AF_INET]
        if host:
            families = [self._socket.AF_INET6 if ":" in host else self._socket.AF_INET]
        for family in families:
            try:
                sock = self._socket.socket(family, kind)
            except OSError:
                if family == families[-1]:
                    raise
                continue  # a kernel without IPv6
            sock.setblocking(False)
            if stream:
                sock.setsockopt(self._socket.SOL_SOCKET, self._socket.SO_REUSEADDR, 1)
            if family == self._socket.AF_INET6:
                sock.setsockopt(self._socket.IPPROTO_IPV6, self._socket.IPV6_V6ONLY, 1 if host else 0)
            try:
                sock.bind((host or ("::" if family == self._socket.AF_INET6 else "0.0.0.0"), port))
                if stream:
                    sock.listen(128)
            except OSError:
                sock.close()
                raise
            return sock
        raise OSError("no address family")

    def run(self) -> None:
        """Copy for ever."""
        import time

        while True:
            for fd, events in self._epoll.poll(_UDP_IDLE):
                if fd in self._listeners:
                    self._accept(fd)
                elif fd in self._datagrams:
                    self._from_client(fd, time.monotonic())
                elif fd in self._answers:
                    self._to_client(fd)
                elif fd in self._halves:
                    self._copy(fd, events)
            self._forget(time.monotonic())

    def _accept(self, fd: int) -> None:
        listener, port = self._listeners[fd]
        try:
            client, _ = listener.accept()
        except OSError:
            return
        family = self._socket.AF_INET6 if ":" in self._address else self._socket.AF_INET
        server = self._socket.socket(family, self._socket.SOCK_STREAM)
        for sock in (client, server):
            sock.setblocking(False)
            sock.setsockopt(self._socket.IPPROTO_TCP, self._socket.TCP_NODELAY, 1)
        # Not connected yet: the error of a refused connection comes with the first read or write.
        server.connect_ex((self._address, port))
        there, back = _Half(client, server), _Half(server, client)
        self._halves[client.fileno()] = (there, back)
        self._halves[server.fileno()] = (back, there)
        self._epoll.register(client.fileno(), self._select.EPOLLIN)
        self._epoll.register(server.fileno(), self._select.EPOLLIN | self._select.EPOLLOUT)

    def _copy(self, fd: int, events: int) -> None:
        """`fd` is the source of the first half and the target of the second."""
        reads, writes = self._halves[fd]
        try:
            if events & ~self._select.EPOLLOUT and not reads.buffer and not reads.ended:
                data = reads.source.recv(_CHUNK)
                reads.buffer, reads.ended = data, not data
            for half in (reads, writes):
                self._push(half)
        except BlockingIOError:
            pass
        except OSError:
            self._drop(reads)
            return
        if reads.done and writes.done:
            self._drop(reads)
            return
        for number, (source, target) in ((fd, (reads, writes)), (reads.target.fileno(), (writes, reads))):
            wanted = 0
            if not source.buffer and not source.ended:
                wanted |= self._select.EPOLLIN
            if target.buffer:
                wanted |= self._select.EPOLLOUT
            self._epoll.modify(number, wanted)

    def _push(self, half: _Half) -> None:
        if half.buffer:
            try:
                half.buffer = half.buffer[half.target.send(half.buffer) :]
            except BlockingIOError:
                return
        if half.ended and not half.buffer and not half.done:
            half.done = True
            half.target.shutdown(self._socket.SHUT_WR)

    def _drop(self, half: _Half) -> None:
        for sock in (half.source, half.target):
            self._halves.pop(sock.fileno(), None)
            self._epoll.unregister(sock.fileno())
            sock.close()

    def _from_client(self, fd: int, now: float) -> None:
        listener, port = self._datagrams[fd]
        try:
            data, client = listener.recvfrom(_CHUNK)
        except OSError:
            return
        known = self._clients.get((fd, client))
        if known is None:
            family = self._socket.AF_INET6 if ":" in self._address else self._socket.AF_INET
            sock = self._socket.socket(family, self._socket.SOCK_DGRAM)
            sock.setblocking(False)
            sock.connect_ex((self._address, port))
            self._answers[sock.fileno()] = (fd, client)
            self._epoll.register(sock.fileno(), self._select.EPOLLIN)
        else:
            sock = known[0]
        self._clients[(fd, client)] = (sock, now)
        try:
            sock.send(data)
        except OSError:
            # Nobody listens in the container: datagrams are lost then, as everywhere.
            return

    def _to_client(self, fd: int) -> None:
        listener, client = self._answers[fd]
        sock = self._clients[(listener, client)][0]
        try:
            self._datagrams[listener][0].sendto(sock.recv(_CHUNK), client)
        except OSError:
            return

    def _forget(self, now: float) -> None:
        for key, (sock, last) in list(self._clients.items()):
            if now - last > _UDP_IDLE:
                self._epoll.unregister(sock.fileno())
                del self._answers[sock.fileno()], self._clients[key]
                sock.close()


def main() -> int:
    """The program: 0 never, 1 when a port cannot be opened or the namespace not entered."""
    import json
    import sys

    settings = json.load(sys.stdin)
    sys.path[:] = settings["path"]
    from ocicore.errors import Error
    from ocicore.linux import namespaces

    proxy = _Proxy(settings["address"])
    for mapping in settings["ports"]:
        try:
            proxy.listen(mapping)
        except OSError as error:
            where = f"{mapping['host_ip'] or '0.0.0.0'}:{mapping['host_port']}"
            sys.stderr.write(
                f"listen {mapping['protocol']} {where}: bind: {(error.strerror or '').lower()}\n"
            )
            return 1
    try:
        fd = os.open(settings["netns"], os.O_RDONLY | os.O_CLOEXEC)
        namespaces.setns(fd, "net")
        os.close(fd)
    except (Error, OSError) as error:
        sys.stderr.write(f"entering {settings['netns']}: {error}\n")
        return 1
    os.write(READY_FD, b"1")
    os.close(READY_FD)
    proxy.run()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
