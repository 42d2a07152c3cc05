"""Transient timers: what is asked of the manager, as bytes that are taken apart by a reader of its own."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ocicore.systemd import bus, timers
from unit.systemd.test_scopes import JOB, message, removed, text

UID = os.geteuid()


class Values:
    """D-Bus values of a message's body, by signature."""

    ALIGNED = {"s": 4, "u": 4, "i": 4, "b": 4, "a": 4, "t": 8, "(": 8, "g": 1, "v": 1}  # noqa: RUF012

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def number(self, form: str) -> int:
        size = struct.calcsize(form)
        self.at += -self.at % size
        self.at += size
        return int(struct.unpack(form, self.data[self.at - size : self.at])[0])

    @staticmethod
    def first(signature: str) -> str:
        """The first complete type."""
        if signature[0] == "a":
            return "a" + Values.first(signature[1:])
        if signature[0] != "(":
            return signature[0]
        depth = 0
        for position, letter in enumerate(signature):
            depth += {"(": 1, ")": -1}.get(letter, 0)
            if not depth:
                return signature[: position + 1]
        raise AssertionError(signature)

    def all(self, signature: str) -> list[Any]:
        found = []
        while signature:
            kind = self.first(signature)
            found.append(self.one(kind))
            signature = signature[len(kind) :]
        return found

    def one(self, kind: str) -> Any:
        if kind == "s":
            size = self.number("<I")
            self.at += size + 1
            assert self.data[self.at - 1] == 0
            return self.data[self.at - 1 - size : self.at - 1].decode()
        if kind in "ub":
            return self.number("<I")
        if kind == "i":
            return self.number("<i")
        if kind == "t":
            return self.number("<Q")
        if kind == "v":
            size = self.data[self.at]
            signature = self.data[self.at + 1 : self.at + 1 + size].decode()
            self.at += size + 2
            return self.one(signature)
        if kind[0] == "(":
            self.at += -self.at % 8
            return tuple(self.all(kind[1:-1]))
        size = self.number("<I")
        self.at += -self.at % self.ALIGNED[kind[1]]
        end, found = self.at + size, []
        while self.at < end:
            found.append(self.one(kind[1:]))
        assert self.at == end
        return found


class Manager:
    """Answers every call of a connection: a job that is done, or the errors given by the method's name."""

    def __init__(self, folder: Path) -> None:
        (folder / "systemd").mkdir()
        self.place = timers.Place(UID, str(folder))
        self.calls: list[tuple[str, list[Any]]] = []
        self.refused: dict[str, str] = {}
        self.result = "done"
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(str(folder / "systemd/private"))
        self.server.listen()
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                link, _ = self.server.accept()
                with link, link.makefile("rb") as stream, contextlib.suppress(struct.error, BrokenPipeError):
                    assert stream.readline().startswith(b"\0AUTH EXTERNAL ")
                    assert stream.readline() == b"BEGIN\r\n"
                    link.sendall(b"OK 0\r\n")
                    while True:
                        self.answer(link, *self.read(stream))

    @staticmethod
    def read(stream: Any) -> tuple[int, str, bytes, str]:
        head = stream.read(16)
        _, _, _, _, size, serial, fields = struct.unpack("<cBBBIII", head)
        packed = Values(stream.read(fields + -fields % 8))
        found = {}
        while packed.at < fields:
            packed.at += -packed.at % 8
            code = packed.data[packed.at]
            packed.at += 1
            size_of = packed.data[packed.at]
            kind = packed.data[packed.at + 1 : packed.at + 1 + size_of].decode()
            packed.at += size_of + 2
            if kind == "g":
                length = packed.data[packed.at]
                found[code] = packed.data[packed.at + 1 : packed.at + 1 + length].decode()
                packed.at += length + 2
            else:
                found[code] = packed.one("s")
        return serial, found[3], stream.read(size), found.get(8, "")

    def answer(self, link: socket.socket, serial: int, member: str, body: bytes, signature: str) -> None:
        values = Values(body)
        self.calls.append((member, values.all(signature)))
        assert values.at == len(body)
        if member in self.refused:
            link.sendall(
                message(3, [(4, "s", self.refused[member]), (5, "u", serial)], text(b"", "it said no"))
            )
            return
        job = f"{JOB}{serial}"
        link.sendall(message(2, [(5, "u", serial)], text(b"", job)) + removed(self.result, job))


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    found = Manager(tmp_path)
    with found.server:
        yield found


def start(manager: Manager) -> None:
    command = ["/opt/a b/pypod", "--root=/x$HOME%n", "healthcheck", "run", "c1d"]
    environment = {"PATH": "/bin:/usr/bin", "CONTAINERS_CONF": "/etc/ä"}
    timers.start(
        manager.place, "c1d-0f", command, interval=1_500_000_000, environment=environment, harmless=(1,)
    )


def test_a_timer_with_its_service(manager: Manager) -> None:
    start(manager)
    (made, values), began = manager.calls
    assert made == "StartTransientUnit"
    name, mode, timer, [(service, about)] = values
    assert (name, mode, service) == ("c1d-0f.timer", "replace", "c1d-0f.service")
    shown = "/opt/a b/pypod --root=/x$HOME%n healthcheck run c1d"
    assert dict(timer) == {
        "Description": shown,
        "CollectMode": "inactive-or-failed",
        "TimersMonotonic": [("OnUnitInactiveSec", 1_500_000)],
        "AccuracyUSec": 1_000_000,
        "RemainAfterElapse": 0,
    }
    # systemd replaces variables in the words of a command, and $$ by $.
    words = ["/opt/a b/pypod", "--root=/x$$HOME%n", "healthcheck", "run", "c1d"]
    assert dict(about) == {
        "Description": shown,
        "CollectMode": "inactive-or-failed",
        "ExecStart": [("/opt/a b/pypod", words, 0)],
        "Environment": ["PATH=/bin:/usr/bin", "CONTAINERS_CONF=/etc/ä"],
        "SuccessExitStatus": ([1], []),
        "TimeoutStopUSec": 5_000_000,
        "LogLevelMax": 5,
    }
    assert began == ("StartUnit", ["c1d-0f.service", "replace"])


def test_a_timer_that_does_not_start(manager: Manager) -> None:
    manager.result = "failed"
    with pytest.raises(bus.ManagerError, match=r"c1d-0f\.timer: its start ended as failed"):
        start(manager)
    assert len(manager.calls) == 1


def test_both_are_stopped(manager: Manager) -> None:
    timers.stop(manager.place, "c1d-0f")
    assert manager.calls == [
        ("StopUnit", ["c1d-0f.timer", "replace"]),
        ("StopUnit", ["c1d-0f.service", "replace"]),
    ]


def test_what_is_not_there_needs_no_stop(manager: Manager) -> None:
    manager.refused["StopUnit"] = bus.NO_SUCH_UNIT
    timers.stop(manager.place, "c1d-0f")
    assert len(manager.calls) == 2


def test_other_refusals_are_told(manager: Manager) -> None:
    manager.refused["StopUnit"] = "org.freedesktop.DBus.Error.AccessDenied"
    with pytest.raises(bus.ManagerError, match=r"asking systemd for c1d-0f\.timer: it said no"):
        timers.stop(manager.place, "c1d-0f")


def test_no_service_stops_itself(manager: Manager, monkeypatch: pytest.MonkeyPatch) -> None:
    """A check that ends its container removes the units that started it."""
    inside = {"": "/user.slice/user@7.service/app.slice/c1d-0f.service"}
    monkeypatch.setattr(timers.cgroups, "own_paths", lambda: inside)
    timers.stop(manager.place, "c1d-0f")
    assert manager.calls == [("StopUnit", ["c1d-0f.timer", "replace"])]


def test_nobody_is_there(tmp_path: Path) -> None:
    with pytest.raises(bus.ManagerError) as caught:
        timers.stop(timers.Place(UID, str(tmp_path)), "c1d-0f")
    assert caught.value.kind == bus.NOBODY
