"""The attach loop against a socket of our own: frames, half-close, detach keys, a container that does not read."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ocicore.errors import InvalidInput, NotFound
from ocicore.runtime import attach


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", b""),
        ("ctrl-p,ctrl-q", b"\x10\x11"),
        ("a", b"a"),
        ("CTRL-A,x,ctrl-@", b"\x01x\x00"),
        ("ctrl-[,ctrl-],ctrl-^,ctrl-_,ctrl-\\", b"\x1b\x1d\x1e\x1f\x1c"),
    ],
)
def test_detach_keys(text: str, expected: bytes) -> None:
    assert attach.parse_detach_keys(text) == expected


@pytest.mark.parametrize("text", ["ctrl-", "ctrl-1", "ab", "ctrl-p,", "é"])
def test_malformed_detach_keys(text: str) -> None:
    with pytest.raises(InvalidInput, match="invalid detach keys"):
        attach.parse_detach_keys(text)


class Bench:
    """A monitor's end of the socket, and pipes for our three streams."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        os.chdir(folder)
        self.listener.bind("attach")
        self.listener.listen()
        self.stdin_reader, self.stdin = os.pipe()
        self.out_reader, self.stdout = os.pipe()
        self.err_reader, self.stderr = os.pipe()
        self.outcome = ""
        self.server: socket.socket | None = None
        self.keys = b""
        self.terminal = False

    def run(self, script: Callable[[socket.socket], None]) -> str:
        """Attach in this thread while `script` plays the monitor in another."""
        failures: list[BaseException] = []

        def play() -> None:
            server, _ = self.listener.accept()
            try:
                script(server)
            except BaseException as error:  # noqa: BLE001 - handed to the test's thread
                failures.append(error)
            finally:
                server.close()

        thread = threading.Thread(target=play)
        thread.start()
        try:
            return attach.attach(
                attach.connect(str(self.folder)),
                stdin=self.stdin_reader,
                stdout=self.stdout,
                stderr=self.stderr,
                terminal=self.terminal,
                detach_keys=self.keys,
                bundle=str(self.folder),
            )
        finally:
            thread.join()
            if failures:
                raise failures[0]

    def close(self) -> None:
        self.listener.close()
        for fd in (self.stdin_reader, self.out_reader, self.stdout, self.err_reader, self.stderr):
            os.close(fd)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    here = os.getcwd()
    # A path far longer than a socket address.
    folder = tmp_path / ("long-" * 20) / ("deep-" * 20)
    folder.mkdir(parents=True)
    made = Bench(folder)
    yield made
    made.close()
    os.chdir(here)


def test_frames_go_to_their_streams_and_stdin_is_half_closed(bench: Bench) -> None:
    os.write(bench.stdin, b"question\n")
    os.close(bench.stdin)

    def script(server: socket.socket) -> None:
        assert server.recv(1 << 16) == b"question\n"
        assert server.recv(1 << 16) == b""
        server.send(b"\x02answer\n")
        server.send(b"\x03oops\n")
        server.send(b"\x07unknown")

    assert bench.run(script) == "ended"
    assert os.read(bench.out_reader, 100) == b"answer\n"
    assert os.read(bench.err_reader, 100) == b"oops\n"


def test_detach_keys_split_over_reads(bench: Bench) -> None:
    bench.keys, bench.terminal = b"\x10\x11", True

    def script(server: socket.socket) -> None:
        os.write(bench.stdin, b"a\x10")
        assert server.recv(100) == b"a"
        # The begun sequence comes once it turns out to be none.
        os.write(bench.stdin, b"b")
        assert server.recv(100) == b"\x10b"
        os.write(bench.stdin, b"\x10\x10\x11rest")
        assert server.recv(100) == b"\x10"
        assert server.recv(100) == b""

    assert bench.run(script) == "detached"
    os.close(bench.stdin)


def test_keys_in_a_pipe_are_data(bench: Bench) -> None:
    bench.keys = b"\x10\x11"
    os.write(bench.stdin, b"\x10\x11")
    os.close(bench.stdin)

    def script(server: socket.socket) -> None:
        assert server.recv(100) == b"\x10\x11"

    assert bench.run(script) == "ended"


def test_a_container_that_does_not_read_still_gets_its_output_out(bench: Bench) -> None:
    def feed() -> None:
        view = memoryview(b"i" * 3_000_000)
        while view:
            view = view[os.write(bench.stdin, view) :]
        os.close(bench.stdin)

    collected = bytearray()
    all_out = threading.Event()

    def drain() -> None:
        while len(collected) < 400_000:
            collected.extend(os.read(bench.out_reader, 65536))
        all_out.set()

    helpers = [threading.Thread(target=feed), threading.Thread(target=drain)]
    for helper in helpers:
        helper.start()

    def script(server: socket.socket) -> None:
        # Nothing is read here until all output has been taken from us.
        for _ in range(50):
            server.send(b"\x02" + b"o" * 8000)
        assert all_out.wait(20)
        total = 0
        while chunk := server.recv(65536):
            assert len(chunk) <= attach.INPUT_FRAME_SIZE
            total += len(chunk)
        assert total == 3_000_000

    assert bench.run(script) == "ended"
    for helper in helpers:
        helper.join()
    assert bytes(collected) == b"o" * 400_000


def test_no_monitor(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="failed to connect to container's attach socket"):
        attach.connect(str(tmp_path))
    attach.resize(str(tmp_path), 10, 20)


def test_resize_message(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "ctl")
    reader = os.open(tmp_path / "ctl", os.O_RDONLY | os.O_NONBLOCK)
    attach.resize(str(tmp_path), 24, 80)
    assert os.read(reader, 100) == b"1 24 80\n"
    os.close(reader)
