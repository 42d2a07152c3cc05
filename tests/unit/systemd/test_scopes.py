"""Scopes asked for over a manager's private socket; the manager here is a thread that speaks just enough D-Bus."""

from __future__ import annotations

import contextlib
import os
import random
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ocicore.systemd import bus, scopes

UID = os.geteuid()
JOB = "/org/freedesktop/systemd1/job/7"


def text(data: bytes, value: str) -> bytes:
    """`data` and an aligned string after it."""
    data += bytes(-len(data) % 4)
    return data + struct.pack("<I", len(value)) + value.encode() + b"\0"


def message(kind: int, fields: list[tuple[int, str, str | int]], body: bytes, *, order: str = "l") -> bytes:
    packed = b""
    for code, signature, value in fields:
        packed += bytes(-len(packed) % 8) + bytes((code, 1)) + signature.encode() + b"\0"
        packed = packed + struct.pack("<I", value) if isinstance(value, int) else text(packed, value)
    head = struct.pack("<cBBBIII", order.encode(), kind, 1, 1, len(body), 9, len(packed))
    return head + packed + bytes(-len(packed) % 8) + body


REPLY = message(2, [(5, "u", 1), (7, "s", "org.x")], text(b"", JOB))
OTHERS = message(2, [(5, "u", 3)], text(b"", "/other"))
NEW = message(4, [(1, "o", "/x"), (3, "s", "JobNew")], struct.pack("<I", 7) + text(b"", JOB))


def removed(result: str, job: str = JOB) -> bytes:
    body = text(text(text(struct.pack("<I", 7), job), "x.scope"), result)
    return message(4, [(1, "o", "/x"), (2, "s", "i"), (3, "s", "JobRemoved")], body)


class Manager:
    """Answers one request with given bytes."""

    def __init__(self, folder: Path) -> None:
        (folder / "systemd").mkdir()
        self.folder = folder
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(str(folder / "systemd/private"))
        self.server.listen()
        self.received = b""

    @contextlib.contextmanager
    def answering(self, *parts: bytes, ok: bytes = b"OK 0123456789abcdef\r\n") -> Iterator[None]:
        with self.answering_each(parts, ok=ok):
            yield

    @contextlib.contextmanager
    def answering_each(
        self, *answers: tuple[bytes, ...], ok: bytes = b"OK 0123456789abcdef\r\n"
    ) -> Iterator[None]:
        def serve() -> None:
            for parts in answers:
                link, _ = self.server.accept()
                with link:
                    got = b""
                    while b"systemd1.Manager" not in got:
                        got += link.recv(65536)
                    self.received += got
                    with contextlib.suppress(OSError):
                        for part in (ok, *parts):
                            link.sendall(part)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield
        thread.join(10)

    def move(self) -> None:
        scopes.move(4711, "libpod-conmon-x.scope", "user.slice", uid=UID, runtime_dir=str(self.folder))


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    found = Manager(tmp_path)
    with found.server:
        yield found


def test_what_is_asked(manager: Manager) -> None:
    with manager.answering(NEW, REPLY, removed("done")):
        manager.move()
    hello, request = manager.received.split(b"BEGIN\r\n", 1)
    assert hello == b"\0AUTH EXTERNAL " + str(UID).encode().hex().encode() + b"\r\n"
    order, kind, flags, version, size, serial, fields = struct.unpack("<cBBBIII", request[:16])
    assert (order, kind, flags, version, serial) == (b"l", 1, 0, 1, 1)
    start = 16 + fields + -fields % 8
    body = request[start:]
    assert len(body) == size
    wanted = text(text(b"", "libpod-conmon-x.scope"), "replace")
    properties = b""
    for name, signature, value in (
        ("PIDs", "au", struct.pack("<II", 4, 4711)),
        ("Slice", "s", text(b"", "user.slice")),
        ("Description", "s", text(b"", "libpod-conmon-x.scope")),
        ("Delegate", "b", struct.pack("<I", 1)),
        ("DefaultDependencies", "b", struct.pack("<I", 0)),
    ):
        properties += bytes(-len(properties) % 8)
        properties = text(properties, name) + bytes((len(signature),)) + signature.encode() + b"\0"
        properties += bytes(-len(properties) % 4) + value
    wanted += bytes(-len(wanted) % 4) + struct.pack("<I", len(properties))
    wanted += bytes(-len(wanted) % 8) + properties
    wanted += bytes(-len(wanted) % 4) + struct.pack("<I", 0)
    wanted += bytes(-len(wanted) % 8)
    assert body == wanted
    assert b"org.freedesktop.systemd1.Manager\0" in request[16:start]


@pytest.mark.parametrize(
    "parts",
    [
        (REPLY, removed("done")),
        (removed("done"), REPLY),
        (removed("failed", "/another"), OTHERS, REPLY, removed("done")),
        (REPLY[:5], REPLY[5:], removed("done")[:20], removed("done")[20:]),
    ],
)
def test_it_waits_for_the_end_of_its_own_job(manager: Manager, parts: tuple[bytes, ...]) -> None:
    with manager.answering(*parts):
        manager.move()


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        (
            (message(3, [(4, "s", "org.x.Bad"), (5, "u", 1)], text(b"", "No such process")),),
            "No such process",
        ),
        ((message(3, [(4, "s", "org.x.Bad"), (5, "u", 1)], b""),), "org.x.Bad"),
        ((REPLY, removed("timeout")), "its start ended as timeout"),
        ((REPLY,), "it hung up"),
        ((), "it hung up"),
        ((REPLY[:20],), "it hung up"),
        ((message(2, [(5, "u", 1)], b"", order="B"),), "another byte order"),
        ((struct.pack("<cBBBIII", b"l", 2, 1, 1, 1 << 30, 1, 0),), "too large"),
        ((message(2, [(5, "u", 1)], struct.pack("<I", 99) + b"x"),), "cut off"),
        ((message(2, [(5, "x", 1)], b""),), "unknown header field"),
    ],
)
def test_refusals_are_one_line(manager: Manager, parts: tuple[bytes, ...], said: str) -> None:
    with manager.answering(*parts), pytest.raises(bus.ManagerError) as caught:
        manager.move()
    assert said in caught.value.message and "\n" not in caught.value.message


EXISTS = message(3, [(4, "s", "org.freedesktop.systemd1.UnitExists"), (5, "u", 1)], text(b"", "it is there"))
GONE = message(3, [(4, "s", "org.freedesktop.systemd1.NoSuchUnit"), (5, "u", 1)], text(b"", "it is not"))
DONE = message(2, [(5, "u", 1)], b"")


def test_a_scope_whose_former_process_is_ending_takes_the_new_one(manager: Manager) -> None:
    with manager.answering_each((EXISTS,), (DONE,)):
        manager.move()
    assert manager.received.endswith(
        text(text(b"", "libpod-conmon-x.scope"), "") + bytes(3) + struct.pack("<II", 4, 4711)
    )


def test_it_ends_before_that(manager: Manager) -> None:
    with manager.answering_each((EXISTS,), (GONE,), (REPLY, removed("done"))):
        manager.move()


def test_it_does_not_end(manager: Manager, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scopes, "_PATIENCE", 0)
    with manager.answering_each((EXISTS,)), pytest.raises(bus.ManagerError, match="it is there"):
        manager.move()


def test_a_manager_that_only_talks_of_others(manager: Manager, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bus, "_LIMIT", 0.3)
    talking = threading.Event()

    def serve() -> None:
        link, _ = manager.server.accept()
        with link, contextlib.suppress(OSError):
            link.sendall(b"OK 0\r\n")
            while not talking.wait(0.01):
                link.sendall(NEW)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    with pytest.raises(bus.ManagerError, match=r"it does not answer|timed out"):
        manager.move()
    talking.set()
    thread.join(10)


def test_a_name_that_is_no_text(manager: Manager) -> None:
    """It came from a command line whose bytes are no UTF-8; D-Bus has no other strings."""
    with pytest.raises(bus.ManagerError, match="no UTF-8"):
        scopes.move(1, "x.scope", "a\udcff.slice", uid=UID, runtime_dir=str(manager.folder))


def test_it_is_not_let_in(manager: Manager) -> None:
    with manager.answering(ok=b"REJECTED EXTERNAL\r\n"), pytest.raises(bus.ManagerError, match="let us in"):
        manager.move()


def test_there_is_no_manager(tmp_path: Path) -> None:
    with pytest.raises(bus.ManagerError, match="systemd/private: no such file or directory"):
        scopes.move(1, "x.scope", "user.slice", uid=UID, runtime_dir=str(tmp_path))


def test_any_bytes_are_an_answer_or_an_error(manager: Manager) -> None:
    chosen = random.Random(8)
    whole = REPLY + removed("done")
    for _ in range(200):
        data = bytearray(whole)
        for _ in range(chosen.randrange(1, 4)):
            data[chosen.randrange(len(data))] = chosen.randrange(256)
        manager.received = b""
        with manager.answering(bytes(data)), contextlib.suppress(bus.ManagerError):
            manager.move()


@pytest.mark.parametrize("owner", ["own", "another's", "unknown"])
def test_a_group_that_is_the_user_s_is_not_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: str
) -> None:
    (tmp_path / "g").mkdir()
    (tmp_path / "g/cgroup.procs").write_text("")
    monkeypatch.setattr(scopes.cgroups, "ROOT", str(tmp_path))
    monkeypatch.setattr(scopes.cgroups, "own_paths", lambda: {} if owner == "unknown" else {"": "/g"})
    monkeypatch.setattr(bus, "BOOTED", str(tmp_path))
    if owner == "another's":
        monkeypatch.setattr(os, "geteuid", lambda: UID + 1)
    asked: list[tuple[object, ...]] = []
    answer: Callable[..., None] = lambda *words, **names: asked.append(words)  # noqa: E731
    monkeypatch.setattr(scopes, "move", answer)
    scopes.leave_session(uid=7, runtime_dir="/run/user/7")
    assert asked == ([] if owner == "own" else [(os.getpid(), f"podman-{os.getpid()}.scope", "user.slice")])
