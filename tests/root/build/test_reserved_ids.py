"""The ids of a build with --userns=auto are nobody else's while it lasts."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ocicore.build import leases
from ocicore.build.reserved_ids import reserved
from ocicore.linux import userns
from ocicore.storage import auto_userns
from ocicore.storage.records import IdMaps
from ocicore.storage.store import Store
from support.stores import config

pytestmark = pytest.mark.root


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    ranges = ([(1, 5_000_000, 1_000_000)], [(1, 5_000_000, 1_000_000)])
    monkeypatch.setattr(userns, "read_subids", lambda user, uid: ranges)
    opened = Store(config(tmp_path), warn=lambda text: None)
    yield opened
    opened.shutdown(force=True)


def free(store: Store) -> IdMaps:
    return auto_userns.allocate(store, "size=100", rootless=False)


def test_builds_at_once(store: Store) -> None:
    chosen = []
    everybody = threading.Barrier(5)

    def one() -> None:
        with reserved(store, lambda: free(store)) as maps:
            chosen.append(maps[0][0][1])
            everybody.wait()

    threads = [threading.Thread(target=one) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(chosen) == [5_000_000 + 100 * number for number in range(5)]
    assert store.containers() == []
    with reserved(store, lambda: free(store)) as maps:
        assert maps[0] == [(0, 5_000_000, 100)], "ids of builds that have ended are free"


def test_a_build_that_is_killed_leaves_what_prune_removes(store: Store) -> None:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            with reserved(store, lambda: free(store)):
                os.write(writing, b"x")
                os.kill(os.getpid(), 9)
        finally:
            os._exit(1)
    assert os.read(reading, 1) == b"x"
    os.waitpid(child, 0)
    os.close(reading)
    os.close(writing)
    assert free(store)[0] == [(0, 5_000_100, 100)]
    assert len(list(leases.leftovers(store))) == 1
    assert free(store)[0] == [(0, 5_000_000, 100)]
