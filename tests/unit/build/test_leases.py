"""Leases of working containers, scratch folders and cache mounts while somebody else looks at them, or takes them away."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ocicore.build import cache_mounts, leases, scratch
from ocicore.files import locks


class Containers:
    """As much of a store as leases need: containers by id."""

    def __init__(self, folder: Path, *ids: str) -> None:
        self.container_store = SimpleNamespace(folder=str(folder))
        self.ids = list(ids)
        for identity in ids:
            self.container_dir(identity)

    def container_dir(self, identity: str) -> str:
        path = os.path.join(self.container_store.folder, identity, "userdata")
        os.makedirs(path, exist_ok=True)
        return path

    def containers(self) -> list[Any]:
        return [SimpleNamespace(id=identity) for identity in self.ids]

    def unmount(self, identity: str, *, force: bool) -> None:
        assert force

    def delete_container(self, identity: str) -> None:
        self.ids.remove(identity)


def test_leftovers_are_what_nobody_holds(tmp_path: Path) -> None:
    store: Any = Containers(tmp_path, "held", "left", "without")
    held = leases.take(store, "held")
    os.close(leases.take(store, "left"))
    assert [leases.in_use(store, name) for name in ("held", "left", "without")] == [True, False, False]
    assert list(leases.leftovers(store)) == ["left"]
    assert store.ids == ["held", "without"]
    os.close(held)


def test_a_container_that_is_kept_at_that_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the look for its lease and the lock of it: there is no lease to be made again."""
    store: Any = Containers(tmp_path, "kept", "deleted")
    held = {name: leases.take(store, name) for name in store.ids}
    original = locks.try_lease

    def late(path: str, **how: bool) -> int | None:
        name = path.split("/")[-3]
        if name in held:
            leases.give_up(store, name)
            os.close(held.pop(name))
            if name == "deleted":
                store.ids.remove(name)
                os.rmdir(os.path.dirname(path))
        return original(path, **how)

    monkeypatch.setattr(locks, "try_lease", late)
    assert not leases.in_use(store, "deleted")
    assert not os.path.exists(tmp_path / "deleted" / "userdata")
    assert list(leases.leftovers(store)) == []
    assert store.ids == ["kept"]
    assert not leases.in_use(store, "kept") and os.listdir(tmp_path / "kept" / "userdata") == []


def test_a_lease_is_held_from_the_first_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever prunes between its making and its locking would take a new build's folder away."""
    original = fcntl.fcntl

    def prune(descriptor: int, *rest: Any) -> Any:
        monkeypatch.setattr(fcntl, "fcntl", original)
        assert list(scratch.leftovers(str(tmp_path), os.getuid(), lambda path: None)) == []
        return original(descriptor, *rest)

    monkeypatch.setattr(fcntl, "fcntl", prune)
    with scratch.Scratch(str(tmp_path)) as path:
        assert os.listdir(path) == [".lease"]
        assert list(scratch.leftovers(str(tmp_path), os.getuid(), lambda path: None)) == []


def test_a_cache_that_is_removed_while_somebody_waits_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who waited locks the file that is there now, as those who come later do."""
    folder = str(tmp_path / "cache")
    original = fcntl.flock
    waits = [f"{folder}.lock"]

    def flock(descriptor: int, how: int) -> None:
        if waits:
            os.unlink(waits.pop())  # what `remove` does before it gives up its own lock
        original(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", flock)
    release = cache_mounts.lock(folder)
    assert cache_mounts.private(folder)[0] == f"{folder}.1"
    release()
