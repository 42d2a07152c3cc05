"""What a service manager hears from us, and the sockets it hands over."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from ocicore.engine import pull_timeout, sd_notify
from ocicore.errors import InvalidInput
from ocicore.image.progress import Progress


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(tmp_path / "notify"))
        sock.settimeout(5)
        yield sock


def engine(environ: dict[str, str]) -> SimpleNamespace:
    warnings: list[str] = []
    return SimpleNamespace(environ=environ, warn=warnings.append, warnings=warnings)


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("conmon", b"MAINPID=77\nREADY=1"),
        ("container", b"MAINPID=77"),
        ("healthy", b"MAINPID=77"),
        ("ignore", b""),
    ],
)
def test_who_is_ready_when(manager: socket.socket, tmp_path: Path, mode: str, expected: bytes) -> None:
    container = SimpleNamespace(config={"sdnotify": mode}, conmon_pid=77)
    sd_notify.started(engine({"NOTIFY_SOCKET": str(tmp_path / "notify")}), container)  # type: ignore[arg-type]
    manager.setblocking(False)
    try:
        heard = manager.recv(4096)
    except BlockingIOError:
        heard = b""
    assert heard == expected


def test_a_manager_that_has_gone_is_a_warning(tmp_path: Path) -> None:
    container = SimpleNamespace(config={"sdnotify": "conmon"}, conmon_pid=77)
    one = engine({"NOTIFY_SOCKET": str(tmp_path / "gone")})
    sd_notify.started(one, container)  # type: ignore[arg-type]
    assert one.warnings == [f"notifying {tmp_path}/gone: no such file or directory"]


def test_ready_once_healthy(manager: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ocicore.engine import health_check
    from ocicore.linux import process

    states = iter(["starting", "starting", "healthy"])
    monkeypatch.setattr(health_check, "read", lambda *_: {"Status": next(states)})
    monkeypatch.setattr(sd_notify, "_POLL", 0)
    container = SimpleNamespace(
        config={"sdnotify": "healthy"}, pid=os.getpid(), pid_start=process.start_time(os.getpid())
    )
    sd_notify.wait_ready(engine({"NOTIFY_SOCKET": str(tmp_path / "notify")}), container)  # type: ignore[arg-type]
    assert manager.recv(4096) == b"READY=1"


def test_what_has_ended_is_never_ready(manager: socket.socket, tmp_path: Path) -> None:
    container = SimpleNamespace(
        config={"sdnotify": "healthy", "health": None}, pid=1, pid_start=1 << 60, id="x" * 64
    )
    one = engine({"NOTIFY_SOCKET": str(tmp_path / "notify")})
    one.store = SimpleNamespace(container_run_dir=lambda _: str(tmp_path))
    sd_notify.wait_ready(one, container)  # type: ignore[arg-type]
    manager.setblocking(False)
    with pytest.raises(BlockingIOError):
        manager.recv(4096)


def test_sockets_are_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    try:
        monkeypatch.setattr(sd_notify, "FIRST_LISTEN_FD", reader)
        one = engine({"LISTEN_PID": "4711", "LISTEN_FDS": "1", "LISTEN_FDNAMES": "web", "PATH": "/bin"})
        descriptors, variables = sd_notify.listen(one, ())  # type: ignore[arg-type]
        assert descriptors == (reader,)
        assert variables == {"LISTEN_PID": "1", "LISTEN_FDS": "1", "LISTEN_FDNAMES": "web"}
        assert sd_notify.listen(one, (5,)) == ((), {})  # type: ignore[arg-type]
        assert one.warnings == ["Ignoring LISTEN_FDS to preserve custom user-specified FDs"]
        sd_notify.forget_listen(one)  # type: ignore[arg-type]
        assert one.environ == {"PATH": "/bin"}
        assert sd_notify.listen(one, ()) == ((), {})  # type: ignore[arg-type]
    finally:
        os.close(reader)
        os.close(writer)


@pytest.mark.parametrize(("count", "reason"), [("many", "not a number"), ("900", "is not open")])
def test_sockets_that_are_none(count: str, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        sd_notify.listen(engine({"LISTEN_FDS": count}), ())  # type: ignore[arg-type]


def test_a_pull_takes_its_time(
    manager: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes: list[str] = []

    class Notes(Progress):
        def note(self, text: str) -> None:
            notes.append(text)

    monkeypatch.setattr(pull_timeout, "_EVERY_SECONDS", 0.01)
    monkeypatch.setattr(pull_timeout, "_TIMES", 3)
    extending = pull_timeout.Extending(Notes(), str(tmp_path / "notify"))
    extending.note("Trying to pull r.example/x:1...")
    extending.note("Trying to pull s.example/x:1...")
    assert [manager.recv(100) for _ in range(3)] == [b"EXTEND_TIMEOUT_USEC=30000000"] * 3
    extending.finish()
    manager.settimeout(0.1)
    with pytest.raises(TimeoutError):
        manager.recv(100)
    assert notes == [
        "Trying to pull r.example/x:1...",
        "Pulling image //r.example/x:1 inside systemd: setting pull timeout to 1m0s",
        "Trying to pull s.example/x:1...",
    ]
