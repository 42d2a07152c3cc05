"""Whole programs killed at random instants: the next command works, nothing that was committed is lost, one gc cleans up.

KILLS says how many (1,000 with `make soak`).
"""

from __future__ import annotations

import os
import random
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ocicore.storage.store import Store
from support.interop import World
from support.interop_operations import derived, full
from support.stores import config

pytestmark = pytest.mark.root

_KILLS = int(os.environ.get("KILLS", "24"))
_EVERY = 8  # kills between two looks at everything


@pytest.fixture
def world(registry: str) -> Iterator[World]:
    made = World(Path(tempfile.mkdtemp(prefix="kp", dir="/tmp")), registry)
    made.prepare()
    yield made
    made.close()


class _Victims:
    """Commands to kill, each on material of its own so that all of them have work to do."""

    def __init__(self, world: World) -> None:
        self.world, self.pypod, self.pybuildah = world, world.ours.engine, world.ours.builder
        self.pulled = world.published()
        self.archive = world.place()
        name, _ = derived(world, world.ours)
        self.pypod("save", "-q", "-o", str(self.archive), name)
        self.pypod("rmi", name)
        self.loaded = name
        self.context = world.context("FROM localhost/base\nCOPY data /data\nENV A=1\n", data="x" * 2_000_000)

    def pull(self) -> list[str]:
        self.pypod("rmi", "-f", self.pulled, status=None)
        return [*self.pypod.argv, "pull", "-q", self.pulled]

    def load(self) -> list[str]:
        self.pypod("rmi", "-f", self.loaded, status=None)
        return [*self.pypod.argv, "load", "-q", "-i", str(self.archive)]

    def build(self) -> list[str]:
        return [*self.pybuildah.argv, "build", "-q", "--no-cache", "-t", "localhost/built", str(self.context)]

    def commit(self) -> list[str]:
        container = self.pybuildah.out("from", "localhost/base")
        self.pybuildah("copy", "-q", container, str(self.context / "data"), "/data")
        return [*self.pybuildah.argv, "commit", "-q", "--rm", container, "localhost/committed"]

    def create(self) -> list[str]:
        return [*self.pypod.argv, "create", "-q", "localhost/base", "true"]

    def rm(self) -> list[str]:
        return [*self.pypod.argv, "rm", "-f", self.pypod.out("create", "localhost/base", "true")]

    def rmi(self) -> list[str]:
        return [*self.pypod.argv, "rmi", "-f", derived(self.world, self.world.ours)[0]]

    def prune(self) -> list[str]:
        name, _ = derived(self.world, self.world.ours)
        self.pypod("untag", name)
        return [*self.pypod.argv, "image", "prune", "-f"]


_ACTS = ("pull", "load", "build", "commit", "create", "rm", "rmi", "prune")


@pytest.mark.timeout(0)
def test_killed_programs(world: World) -> None:
    chance = random.Random(11)
    kept, text = derived(world, world.ours)
    kept_container = world.ours.engine.out("create", "--name", "kept", kept, "true")
    victims = _Victims(world)
    took = dict.fromkeys(_ACTS, 0.3)  # seconds
    for number in range(_KILLS):
        act = _ACTS[number % len(_ACTS)]
        argv = getattr(victims, act)()
        started = time.monotonic()
        process = subprocess.Popen(
            argv,
            env=world.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            process.wait(chance.uniform(0.02, took[act]))
            took[act] = max(0.1, (time.monotonic() - started) * 1.05)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            took[act] = min(took[act] * 1.1, 3.0)
        # The next command works, and sees what was there before.
        assert full(kept) in world.ours.ids(), f"after killing {act}"
        if (number + 1) % _EVERY == 0:
            _look(world, kept, text, kept_container)


def _look(world: World, kept: str, text: str, container: str) -> None:
    """One gc, and nothing is left over or broken."""
    store = Store(config(world.folder))
    store.gc()
    assert store.gc().removed == []
    assert os.listdir(store.layer_store.temp_root) == []
    assert store.check(contents=True).problems == []
    assert container in {found.id for found in store.containers()}
    assert world.ours.read(kept, "new") == text
    known = set(world.ours.engine.out("ps", "-a", "-q", "--no-trunc").split())
    assert container in known
    world.ours.engine("rm", "-f", *(known - {container}), status=None)
    world.ours.builder("rm", "-a", status=None)
    world.ours.engine("image", "prune", "-f")
    world.check()
