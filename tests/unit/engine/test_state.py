"""The state database: names, look-up by id, prefix and name, transactions, migrations, dependents, volumes."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ocicore.engine import schema
from ocicore.engine.errors import HasDependents, NameTaken, NoSuchContainer, NoSuchVolume, VolumeInUse
from ocicore.engine.records import Container, ExecSession, Volume
from ocicore.engine.state import State
from ocicore.errors import Conflict, Corrupted, Unsupported


@pytest.fixture(autouse=True)
def _closed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Close every database a test opened: since Python 3.13 a connection left open is a warning."""
    opened: list[State] = []
    original = State.__init__

    def init(self: State, path: str) -> None:
        original(self, path)
        opened.append(self)

    monkeypatch.setattr(State, "__init__", init)
    yield
    for state in opened:
        state.close()


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(str(tmp_path / "db" / "state.sqlite"))


def add(state: State, number: int, name: str, **more: Any) -> Container:
    values: dict[str, Any] = {
        "id": f"{number:064x}",
        "name": name,
        "created": number % 1_000_003,
        "image_id": "i" * 64,
        "image_name": "localhost/x:latest",
        "command": ["sh"],
        "labels": {"a": "b"},
        "ports": [],
        "exposed": {},
        "networks": [],
        "mounts": [],
        "config": {"n": number},
        **more,
    }
    return state.containers.add(**values)


def test_found_by_id_name_and_prefix(state: State) -> None:
    one = add(state, 0xAAA << 240, "one")
    assert state.containers.find(one.id).name == "one"
    assert state.containers.find("one").id == one.id
    assert state.containers.find("/one").id == one.id
    assert state.containers.find(one.id[:5]).id == one.id
    assert state.containers.find("one").config == {"n": 0xAAA << 240}


def test_unknown_names_have_podmans_words(state: State) -> None:
    with pytest.raises(NoSuchContainer, match='no container with name or ID "x" found: no such container'):
        state.containers.find("x")
    with pytest.raises(NoSuchContainer):
        state.containers.find("")


def test_ambiguous_prefix(state: State) -> None:
    add(state, 1, "one")
    add(state, 2, "two")
    with pytest.raises(Conflict, match="more than one result"):
        state.containers.find("0000")


def test_a_name_that_looks_like_a_prefix_wins(state: State) -> None:
    add(state, 0xBEE << 240, "other")
    named = add(state, 1, "bee"[:3])
    assert state.containers.find("bee").id == named.id


def test_name_taken_leaves_nothing(state: State) -> None:
    holder = add(state, 1, "one")
    with pytest.raises(NameTaken, match=holder.id):
        add(state, 2, "one")
    assert [c.id for c in state.containers.all()] == [holder.id]


def test_rename_frees_the_old_name(state: State) -> None:
    one = add(state, 1, "one")
    add(state, 2, "two")
    with pytest.raises(NameTaken):
        state.containers.rename(one, "two")
    assert state.containers.find("one").id == one.id
    state.containers.rename(one, "three")
    add(state, 3, "one")
    assert state.containers.find("three").id == one.id


def test_changes_are_seen_by_another_process(state: State) -> None:
    one = add(state, 1, "one")
    other = State(state.path)
    seen = other.containers.find("one")
    state.containers.update(one, status="running", pid=7, state={"network": {"podman": 1}}, oom_killed=True)
    assert seen.status == "configured"
    other.containers.refresh(seen)
    assert (seen.status, seen.pid, seen.state, seen.oom_killed) == (
        "running",
        7,
        {"network": {"podman": 1}},
        True,
    )


def test_what_never_changes_cannot_be_changed(state: State) -> None:
    one = add(state, 1, "one")
    with pytest.raises(KeyError):
        state.containers.update(one, image_id="x")


def test_a_failed_block_changes_nothing(state: State) -> None:
    one = add(state, 1, "one")
    with pytest.raises(RuntimeError), state:
        state.containers.update(one, status="running")
        with state:
            state.containers.update(one, pid=3)
        raise RuntimeError
    state.containers.refresh(one)
    assert (one.status, one.pid) == ("configured", 0)


def test_dependents_keep_a_container(state: State) -> None:
    one = add(state, 1, "one")
    two = add(state, 2, "two", dependencies=[one.id])
    with pytest.raises(HasDependents, match=two.id):
        state.containers.remove(one)
    assert state.containers.dependencies(two.id) == [one.id]
    state.containers.remove(two)
    state.containers.remove(one)
    assert state.containers.all() == []
    with pytest.raises(NoSuchContainer):
        state.containers.refresh(one)


def test_exit_codes_outlive_containers(state: State) -> None:
    one = add(state, 1, "one")
    state.containers.record_exit_code(one.id, 3, 1_000)
    state.containers.remove(one)
    assert state.containers.exit_code(one.id) == 3
    state.containers.record_exit_code("other", 0, 1_000 + 301 * 1_000_000_000)
    assert state.containers.exit_code(one.id) is None


def test_latest(state: State) -> None:
    with pytest.raises(NoSuchContainer, match="no containers to show"):
        state.containers.latest()
    add(state, 5, "new")
    add(state, 1, "old")
    assert state.containers.latest().name == "new"


def test_volumes_and_their_users(state: State) -> None:
    state.volumes.add(Volume(name="data", created=1, mountpoint="/v", labels={"k": "v"}, anonymous=True))
    with pytest.raises(Conflict, match="already exists"):
        state.volumes.add(Volume(name="data", created=1, mountpoint="/v"))
    one = add(state, 1, "one", volumes=["data"])
    volume = state.volumes.find("da")
    assert (volume.labels, volume.anonymous, volume.needs_copy_up) == ({"k": "v"}, True, True)
    assert state.volumes.used_by(one.id) == ["data"]
    with pytest.raises(VolumeInUse) as caught:
        state.volumes.remove(volume)
    assert caught.value.exit_status == 2
    state.containers.remove(one)
    state.volumes.update(volume, needs_copy_up=False)
    assert state.volumes.find("data").needs_copy_up is False
    state.volumes.remove(volume)
    with pytest.raises(NoSuchVolume):
        state.volumes.find("data")


def test_exec_sessions_go_with_their_container(state: State) -> None:
    one = add(state, 1, "one")
    state.execs.add(ExecSession(id="e" * 64, container_id=one.id, config={"command": ["x"]}))
    session = state.execs.find("e" * 64)
    state.execs.update(session, status="running", pid=4)
    assert [s.pid for s in state.execs.of_container(one.id)] == [4]
    state.containers.remove(one)
    assert state.execs.of_container(one.id) == []


def test_a_newer_schema_is_refused(state: State) -> None:
    state.close()
    raw = sqlite3.connect(state.path)
    raw.execute(f"PRAGMA user_version={len(schema.MIGRATIONS) + 1}")
    raw.close()
    with pytest.raises(Unsupported, match="newer pypod"):
        State(state.path)


def test_an_interrupted_migration_is_done_again(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    raw = sqlite3.connect(path)
    raw.execute("PRAGMA journal_mode=WAL")
    raw.close()
    add(State(str(path)), 1, "one")
    assert State(str(path)).containers.find("one").name == "one"


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    path.write_bytes(b"not a database at all" * 100)
    with pytest.raises(Corrupted, match=str(path)):
        State(str(path))


MAKE = """
import os, sys
sys.path.insert(0, {shared!r})
from ocicore.engine.state import State
state = State({path!r})
name = os.urandom(32).hex()
state.containers.add(id=name, name=name, created=1, image_id="", image_name="", command=[], labels={{}}, ports=[],
                     exposed={{}}, networks=[], mounts=[], config={{}})
os._exit(0)
"""


def test_many_make_it_at_once(tmp_path: Path) -> None:
    """The first commands of a new store may come together, and none of them closes the database."""
    path = str(tmp_path / "new" / "state.sqlite")
    shared = str(Path(__file__).resolve().parents[3] / "shared")
    script = MAKE.format(shared=shared, path=path)
    makers = [
        subprocess.Popen([sys.executable, "-IS", "-c", script], stderr=subprocess.PIPE) for _ in range(10)
    ]
    answers = [maker.communicate(timeout=60)[1] for maker in makers]
    assert answers == [b""] * 10
    assert len(State(path).containers.all()) == 10
