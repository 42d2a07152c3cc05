"""One conmon with a fake runtime below it: pipes, attach clients and files, as its parent sees them."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import select
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from ocicore.runtime import monitor_protocol as protocol
from support.programs import REPOSITORY

#: Another binary (an ASan build, upstream's) can be put to the same tests.
CONMON = os.environ.get("CONMON_UNDER_TEST", str(REPOSITORY / "build" / "conmon" / "conmon"))
FAKE_RUNTIME = REPOSITORY / "tests" / "conmon" / "fake_runtime.py"
PATIENCE = 20.0


def wait_until(condition, what: str, patience: float = PATIENCE) -> None:
    """Poll until `condition()` is true; fails the test with `what` when it never is."""
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, f"timed out waiting for {what}"
        select.select([], [], [], 0.01)


class Monitor:
    """Starts conmon; `sync` are the objects from the sync pipe so far. A context manager that kills what is left."""

    def __init__(
        self,
        folder: Path,
        command: str | list[str],
        *options: str,
        log: tuple[str, ...] | None = None,
        spec: dict[str, object] | None = None,
        owner: bool = False,
        api: bool = True,
        exec_mode: bool = False,
        attach_pipe: bool = False,
        start_pipe: bool = False,
        env: dict[str, str] | None = None,
        runtime: str | Path = FAKE_RUNTIME,
        prefix: tuple[str, ...] = (),
        pass_fds: tuple[int, ...] = (),
    ) -> None:
        self.folder = folder
        self.id = secrets.token_hex(32)
        self.bundle = folder / "bundle"
        self.persist = folder / "persist"
        self.exits = folder / "exits"
        for path in (self.bundle, self.persist, self.exits, folder / "sockets"):
            path.mkdir(parents=True, exist_ok=True)
        self.log = folder / "ctr.log"
        args = ["sh", "-c", command] if isinstance(command, str) else command
        name = "process.json" if exec_mode else "config.json"
        (self.bundle / name).write_text(json.dumps({"args": args, **(spec or {})}))
        self.pid_file = folder / "pidfile"
        self.conmon_pid_file = folder / "conmon.pid"
        argv = [
            *prefix,
            CONMON,
            "--cid",
            self.id,
            "--cuuid",
            self.id,
            "--name",
            "test",
            "--runtime",
            str(runtime),
        ]
        argv += ["--bundle", str(self.bundle), "--container-pidfile", str(self.pid_file)]
        argv += ["--conmon-pidfile", str(self.conmon_pid_file), "--persist-dir", str(self.persist)]
        argv += ["--exit-dir", str(self.exits)]
        if "--socket-dir-path" not in options:
            argv += ["--full-attach"]
        if api:
            argv += ["--api-version", "1"]
        if exec_mode:
            argv += ["--exec", "--exec-process-spec", str(self.bundle / name)]
        for path in log if log is not None else (f"k8s-file:{self.log}",):
            argv += ["--log-path", path]
        self.argv = [*argv, *options]
        self.environ = {**os.environ, **(env or {})}
        self.sync_fd, sync_end = os.pipe()
        ends = [sync_end, *pass_fds]
        self.environ[protocol.ENV_SYNC_PIPE] = str(sync_end)
        self.owner_fd = self.attach_fd = self.start_fd = -1
        if owner:
            owner_end, self.owner_fd = os.pipe()
            self.environ[protocol.ENV_OWNER_PIPE] = str(owner_end)
            ends.append(owner_end)
        if attach_pipe:
            self.attach_fd, attach_end = os.pipe()
            self.environ[protocol.ENV_ATTACH_PIPE] = str(attach_end)
            ends.append(attach_end)
        if start_pipe:
            start_end, self.start_fd = os.pipe()
            self.environ[protocol.ENV_START_PIPE] = str(start_end)
            ends.append(start_end)
        self.stderr_path = folder / "conmon.err"
        with self.stderr_path.open("wb") as stderr:
            self.process = subprocess.Popen(
                self.argv, env=self.environ, pass_fds=ends, stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=stderr,
            )  # fmt: skip
        for fd in ends:
            if fd not in pass_fds:
                os.close(fd)
        self._buffer = b""

    def launched(self) -> Monitor:
        """Wait for the first process to end well; the monitor lives on."""
        status = self.process.wait(PATIENCE)
        assert status == 0, self.stderr
        return self

    @property
    def stderr(self) -> str:
        return self.stderr_path.read_text(errors="replace")

    def sync(self, patience: float = PATIENCE) -> dict[str, object] | None:
        """The next object from the sync pipe; None at its end."""
        return self._line(self.sync_fd, patience)

    def _line(self, fd: int, patience: float) -> dict[str, object] | None:
        while b"\n" not in self._buffer:
            ready, _, _ = select.select([fd], [], [], patience)
            assert ready, f"nothing on the pipe; conmon said: {self.stderr}"
            data = os.read(fd, 65536)
            if not data:
                assert not self._buffer
                return None
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        value = json.loads(line)
        assert isinstance(value, dict)
        return value

    def attach_message(self) -> dict[str, object] | None:
        return self._line(self.attach_fd, PATIENCE)

    @property
    def conmon_pid(self) -> int:
        return int(self.conmon_pid_file.read_text())

    @property
    def container_pid(self) -> int:
        return int(self.pid_file.read_text())

    def ended(self) -> bool:
        try:
            os.kill(self.conmon_pid, 0)
        except (ProcessLookupError, FileNotFoundError):
            return True
        with contextlib.suppress(OSError):
            state = Path(f"/proc/{self.conmon_pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
            return state == "Z"
        return True

    def wait_end(self, patience: float = PATIENCE) -> None:
        wait_until(self.ended, "conmon to end", patience)

    def exit_status(self) -> int:
        wait_until((self.exits / self.id).exists, "the exit file")
        text = (self.exits / self.id).read_text()
        assert text == (self.persist / protocol.EXIT_FILE_NAME).read_text()
        return int(text)

    @contextlib.contextmanager
    def attach(self) -> Iterator[Client]:
        client = Client(str(self.bundle / protocol.ATTACH_SOCKET_NAME))
        try:
            yield client
        finally:
            client.close()

    def control(self, line: str, fifo: str = protocol.CONTROL_FIFO_NAME) -> None:
        fd = os.open(self.bundle / fifo, os.O_WRONLY | os.O_NONBLOCK)
        os.write(fd, line.encode())
        os.close(fd)

    def log_text(self) -> str:
        return self.log.read_text(errors="replace")

    def records(self, path: Path | None = None) -> list[tuple[str, str, str]]:
        """k8s-file records: stream, tag, text."""
        result = []
        for line in (path or self.log).read_bytes().decode(errors="surrogateescape").split("\n")[:-1]:
            _, stream, tag, text = line.split(" ", 3)
            result.append((stream, tag, text))
        return result

    def lines(self, *paths: Path) -> list[str]:
        """Lines of the container put together from the records of the files, oldest file first."""
        text = ""
        for path in paths or (self.log,):
            for _, tag, part in self.records(path):
                text += part + ("\n" if tag == protocol.K8S_TAG_FULL else "")
        return text.split("\n")[:-1]

    def __enter__(self) -> Monitor:
        return self

    def __exit__(self, *exc: object) -> None:
        for path in (self.pid_file, self.conmon_pid_file):
            with contextlib.suppress(OSError, ValueError):
                os.kill(int(path.read_text()), signal.SIGKILL)
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for fd in (self.sync_fd, self.owner_fd, self.attach_fd, self.start_fd):
            if fd >= 0:
                with contextlib.suppress(OSError):
                    os.close(fd)


class Client:
    """An attach client."""

    def __init__(self, path: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        directory, name = os.path.split(path)
        fd = os.open(directory, os.O_PATH)
        try:
            self.socket.connect(f"/proc/self/fd/{fd}/{name}")
        finally:
            os.close(fd)
        self.socket.settimeout(PATIENCE)

    def send(self, data: bytes) -> None:
        self.socket.send(data)

    def end_input(self) -> None:
        self.socket.shutdown(socket.SHUT_WR)

    def frame(self) -> tuple[int, bytes] | None:
        data = self.socket.recv(protocol.ATTACH_PAYLOAD_MAX + 2)
        assert len(data) <= protocol.ATTACH_PAYLOAD_MAX + 1
        return (data[0], data[1:]) if data else None

    def read_all(self) -> bytes:
        """Everything until the end, of both streams."""
        parts = []
        while (frame := self.frame()) is not None:
            parts.append(frame[1])
        return b"".join(parts)

    def read_until(self, text: bytes) -> bytes:
        seen = bytearray()
        while text not in seen[-len(text) - protocol.ATTACH_PAYLOAD_MAX :]:
            frame = self.frame()
            assert frame is not None, f"end of output; so far: {bytes(seen[-500:])!r}"
            seen += frame[1]
        return bytes(seen)

    def close(self) -> None:
        self.socket.close()
