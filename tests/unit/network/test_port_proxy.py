"""The proxy of published ports, both ends on loopback: bytes arrive complete, ends are passed on, datagrams answered."""

from __future__ import annotations

import os
import socket
import threading

import pytest

from ocicore.network import port_proxy, ports
from support.docker_registry import free_port


def proxy(*mappings: dict[str, object]) -> None:
    made = port_proxy._Proxy("127.0.0.1")
    for mapping in mappings:
        made.listen(mapping)  # type: ignore[arg-type]
    threading.Thread(target=made.run, daemon=True).start()


def mapping(container: int, protocol: str = "tcp") -> dict[str, object]:
    made = ports.assign(ports.parse(f"127.0.0.1::{container}/{protocol}"))[0]
    return dict(made)


def test_streams_and_half_close() -> None:
    data = os.urandom(3_000_000)
    with socket.create_server(("127.0.0.1", 0)) as server:
        entry = mapping(server.getsockname()[1])
        proxy(entry)

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                got = b""
                while chunk := connection.recv(65536):
                    got += chunk
                connection.sendall(got[::-1])

        thread = threading.Thread(target=serve)
        thread.start()
        with socket.create_connection(("127.0.0.1", int(str(entry["host_port"]))), 10) as client:
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)
            answer = b""
            while chunk := client.recv(65536):
                answer += chunk
        thread.join()
        assert answer == data[::-1]


def test_nobody_behind_the_port() -> None:
    entry = mapping(free_port())
    proxy(entry)
    with socket.create_connection(("127.0.0.1", int(str(entry["host_port"]))), 10) as client:
        client.settimeout(10)
        try:
            assert client.recv(10) == b""
        except ConnectionResetError:
            pass


def test_datagrams() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(10)
        entry = mapping(server.getsockname()[1], "udp")
        proxy(entry)
        clients = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
        for number, client in enumerate(clients):
            client.settimeout(10)
            client.sendto(f"q{number}".encode(), ("127.0.0.1", int(str(entry["host_port"]))))
            question, sender = server.recvfrom(100)
            server.sendto(question + b"!", sender)
            assert client.recv(100) == f"q{number}!".encode()
            client.close()


def test_a_port_in_use() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        entry = {**mapping(80), "host_port": taken.getsockname()[1]}
        with pytest.raises(OSError, match="in use"):
            port_proxy._Proxy("127.0.0.1").listen(entry)  # type: ignore[arg-type]
