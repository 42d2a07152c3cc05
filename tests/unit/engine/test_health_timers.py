"""Who starts the health checks, and what the engine asks of a manager about it."""

from __future__ import annotations

import contextlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ocicore.engine import health_check, health_timers
from ocicore.systemd import bus, timers


class Engine:
    """As much as the modules ask for."""

    def __init__(self, folder: Path, *, key: bool = False, **environ: str) -> None:
        self.environ = environ
        self.rootless = True
        self.user = SimpleNamespace(uid=7, runtime_dir=str(folder))
        self.config = SimpleNamespace(engine=SimpleNamespace(healthcheck_timers=key))
        self.options = SimpleNamespace(global_words=["--root=/r"])
        self.self_command = ["/opt/bin/pypod"]
        self.warnings: list[str] = []
        self.warn = self.warnings.append
        self.state = SimpleNamespace(containers=SimpleNamespace(update=self.update))

    @staticmethod
    def update(container: Any, **columns: Any) -> None:
        vars(container).update(columns)


def container(**state: object) -> Any:
    check = {"Interval": 5_000_000_000, "Test": ["CMD", "true"], "startup": {"Interval": 2_000_000_000}}
    return SimpleNamespace(id="c1d", name="web", config={"health": check}, state=state)


class Asked:
    """Instead of a manager."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, error: bus.ManagerError | None = None) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.error = error
        monkeypatch.setattr(timers, "start", self.start)
        monkeypatch.setattr(timers, "stop", self.stop)

    def start(self, place: timers.Place, name: str, command: list[str], **more: Any) -> None:
        self.calls.append(("start", place.uid, name, command, more))
        if self.error:
            raise self.error

    def stop(self, place: timers.Place, name: str) -> None:
        self.calls.append(("stop", place.uid, name))
        if self.error:
            raise self.error


@pytest.fixture
def booted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's runtime directory, with a manager."""
    monkeypatch.setattr(bus, "BOOTED", str(tmp_path))
    (tmp_path / "systemd").mkdir()
    (tmp_path / "systemd/private").write_text("")
    return tmp_path


def test_when_systemd_can(booted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    possible: Any = health_timers.possible
    assert possible(Engine(booted))
    assert not possible(Engine(booted, DISABLE_HC_SYSTEMD="true"))
    assert possible(Engine(booted, DISABLE_HC_SYSTEMD="1"))  # podman's word for it is "true"
    assert not possible(Engine(booted / "nobody"))
    monkeypatch.setattr(bus, "BOOTED", str(booted / "none"))
    assert not possible(Engine(booted))


@pytest.mark.parametrize(
    ("ours", "key", "environ", "by", "said"),
    [
        (True, False, {}, None, 0),
        (True, True, {}, "", 0),
        (True, True, {"DISABLE_HC_SYSTEMD": "true"}, None, 0),  # our conmon does it then
        (False, False, {}, "", 0),
        (False, True, {}, "", 0),
        (False, False, {"DISABLE_HC_SYSTEMD": "true"}, "", 1),
    ],
)
def test_who_runs_the_checks(
    booted: Path,
    monkeypatch: pytest.MonkeyPatch,
    ours: bool,
    key: bool,
    environ: dict[str, str],
    by: str | None,
    said: int,
) -> None:
    from ocicore.engine import health_judging, runtime_choice

    begun: list[object] = []
    monkeypatch.setattr(health_check, "_is_ours", lambda *_: ours)
    monkeypatch.setattr(health_check, "_options", lambda *_: ("--health-interval=5s",))
    monkeypatch.setattr(health_check, "forget", lambda *_: None)
    monkeypatch.setattr(health_judging, "begin", lambda *words: begun.append(words))
    monkeypatch.setattr(runtime_choice, "conmon", lambda _: "/bin/some-conmon")
    engine: Any = Engine(booted, key=key, **environ)
    web = container()
    words = health_check.words(engine, web, "/run", {})
    assert words == (("--health-interval=5s",) if by is None else ())
    assert web.state.get(health_timers.HEALTH_BY) == by
    assert len(begun) == (by is not None)
    assert len(engine.warnings) == said


def test_units_of_a_start(booted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Asked(monkeypatch)
    engine: Any = Engine(
        booted, PATH="/bin", CONTAINERS_CONF="/c", SECRET="x", _CONTAINERS_ROOTLESS_UID="7", HOME="a\nb"
    )
    web = container(health_by="")
    health_timers.start(engine, web, startup=True)
    ((_, uid, name, command, more),) = asked.calls
    assert uid == 7
    assert name.startswith("c1d-startup-")
    assert len(name) == len("c1d-startup-") + 16
    assert command == ["/opt/bin/pypod", "--root=/r", "healthcheck", "run", "c1d"]
    assert more["interval"] == 2_000_000_000
    assert more["harmless"] == (1,)
    assert more["environment"] == {"PATH": "/bin", "CONTAINERS_CONF": "/c", "PYPOD_HEALTH_UNIT": name}
    assert web.state == {"health_by": name}
    health_timers.start(engine, web)
    assert [call[0] for call in asked.calls[1:]] == ["start", "stop"]  # the new one first: no check is missed
    assert asked.calls[2][2] == name
    assert web.state["health_by"].startswith("c1d-")
    assert "startup" not in web.state["health_by"]


@pytest.mark.parametrize(
    ("unit", "status", "by", "stray"),
    [
        ("c1d-1", "running", "c1d-1", False),
        ("c1d-1", "stopping", "c1d-1", False),
        ("c1d-1", "paused", "c1d-1", False),
        ("c1d-1", "exited", "c1d-1", True),  # who cleaned up was killed
        ("c1d-1", "running", "c1d-2", True),
        ("c1d-1", "running", None, True),  # conmon's business in this run
        ("c1d-1", None, None, True),
        ("", "exited", "c1d-1", False),  # called by hand
        ("", None, None, False),
    ],
)
def test_units_that_nobody_has_ended_end_themselves(
    booted: Path, monkeypatch: pytest.MonkeyPatch, unit: str, status: str | None, by: str | None, stray: bool
) -> None:
    from ocicore.engine import liveness

    asked = Asked(monkeypatch)
    monkeypatch.setattr(liveness, "sync", lambda *_, **__: None)
    engine: Any = Engine(booted, **({"PYPOD_HEALTH_UNIT": unit} if unit else {}))
    engine.lock = lambda _: contextlib.nullcontext()
    engine.state.containers.refresh = lambda _: None
    web = None
    if status is not None:
        web = container(**({} if by is None else {"health_by": by}))
        web.status = status
    assert health_timers.end_stray(engine, web) == stray
    assert asked.calls == ([("stop", 7, unit)] if stray else [])


def test_none_for_the_monitor_s_containers_and_without_interval(
    booted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Asked(monkeypatch)
    engine: Any = Engine(booted)
    health_timers.start(engine, container())
    web = container(health_by="c1d-0f")
    web.config["health"]["Interval"] = 0
    health_timers.start(engine, web)
    assert asked.calls == [("stop", 7, "c1d-0f")]
    assert web.state == {"health_by": ""}


def test_what_cannot_be_had_is_a_warning(booted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Asked(monkeypatch, bus.ManagerError("asking systemd for x: it said no"))
    engine: Any = Engine(booted)
    health_timers.start(engine, container(health_by=""))
    assert engine.warnings == [
        "the health check of container web does not run by itself: asking systemd for x: it said no"
    ]


def test_the_end(booted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Asked(monkeypatch)
    engine: Any = Engine(booted)
    health_timers.stop(engine, container())
    health_timers.stop(engine, container(health_by=""))
    assert asked.calls == []
    health_timers.stop(engine, container(health_by="c1d-0f"))
    assert asked.calls == [("stop", 7, "c1d-0f")]
    asked.error = bus.ManagerError("nobody", bus.NOBODY)
    health_timers.stop(
        engine, container(health_by="c1d-0f")
    )  # the user's manager has ended, and its units with it
    asked.error = bus.ManagerError("it said no")
    with pytest.raises(bus.ManagerError):
        health_timers.stop(engine, container(health_by="c1d-0f"))
