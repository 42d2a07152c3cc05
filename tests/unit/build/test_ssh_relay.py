"""The socket that a command has in the place of an agent's."""

from __future__ import annotations

import contextlib
import os
import socket
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ocicore.build.ssh_relay import Relay
from ocicore.errors import Error

OWN = (os.getuid(), os.getgid())


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Path]:
    """An agent that answers each connection with all it said, once that has ended."""
    path = tmp_path / "agent"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()

        def answer() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return  # shut down
                with contextlib.suppress(OSError), connection, connection.makefile("rb") as stream:
                    connection.sendall(b"said " + stream.read())

        thread = threading.Thread(target=answer)
        thread.start()
        yield path
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


def ask(path: Path, text: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        client.sendall(text)
        client.shutdown(socket.SHUT_WR)
        with client.makefile("rb") as stream:
            return stream.read()


def test_conversations(tmp_path: Path, agent: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    path = tmp_path / "own"
    relay = Relay(str(path), str(agent), owner=OWN, mode=0o640)
    try:
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
        large = os.urandom(300_000)
        assert ask(path, b"a") == b"said a"
        assert ask(path, large) == b"said " + large
    finally:
        relay.close()
    assert len(os.listdir("/proc/self/fd")) == before


def test_the_end_ends_what_goes_on(tmp_path: Path, agent: Path) -> None:
    path = tmp_path / "own"
    relay = Relay(str(path), str(agent), owner=OWN, mode=0o600)
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        client.sendall(b"a")
        relay.close()
        with contextlib.suppress(ConnectionResetError):  # what was sent was not read
            assert client.recv(1) == b""
    with pytest.raises(ConnectionRefusedError):
        ask(path, b"")


def test_an_agent_that_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "own"
    relay = Relay(str(path), str(tmp_path / "nobody"), owner=OWN, mode=0o600)
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
            assert client.recv(1) == b""
    finally:
        relay.close()


def test_long_names_and_taken_ones(tmp_path: Path, agent: Path) -> None:
    folder = tmp_path / ("long" * 40)
    folder.mkdir()
    relay = Relay(str(folder / "own"), str(agent), owner=OWN, mode=0o600)
    try:
        with pytest.raises(Error, match=r"socket for --mount=type=ssh: .*/own: address already in use"):
            Relay(str(folder / "own"), str(agent), owner=OWN, mode=0o600)
    finally:
        relay.close()
