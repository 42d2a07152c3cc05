"""The ids of a build with --userns=auto are nobody else's while it lasts."""

from __future__ import annotations

import os
import threading
from typing import Any

import pytest

from ocicore.build import leases
from ocicore.build.reserved_ids import reserved
from ocicore.storage import auto_userns
from ocicore.storage.containers import ContainerStore
from ocicore.storage.records import IdMaps
from ocicore.storage.store import Store

pytestmark = pytest.mark.root


def free(store: Store) -> IdMaps:
    return auto_userns.allocate(store, "size=100", rootless=False)


def test_builds_at_once(store_with_ids: Store) -> None:
    chosen = []
    everybody = threading.Barrier(5)

    def one() -> None:
        with reserved(store_with_ids, lambda: free(store_with_ids)) as maps:
            chosen.append(maps[0][0][1])
            everybody.wait()

    threads = [threading.Thread(target=one) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(chosen) == [5_000_000 + 100 * number for number in range(5)]
    assert store_with_ids.containers() == []
    with reserved(store_with_ids, lambda: free(store_with_ids)) as maps:
        assert maps[0] == [(0, 5_000_000, 100)], "ids of builds that have ended are free"


def test_a_build_that_is_killed_leaves_what_prune_removes(store_with_ids: Store) -> None:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            with reserved(store_with_ids, lambda: free(store_with_ids)):
                os.write(writing, b"x")
                os.kill(os.getpid(), 9)
        finally:
            os._exit(1)
    assert os.read(reading, 1) == b"x"
    os.waitpid(child, 0)
    os.close(reading)
    os.close(writing)
    assert free(store_with_ids)[0] == [(0, 5_000_100, 100)]
    assert len(list(leases.leftovers(store_with_ids))) == 1
    assert free(store_with_ids)[0] == [(0, 5_000_000, 100)]


@pytest.mark.parametrize("recorded", [False, True])
def test_a_kill_while_its_container_is_made(
    store_with_ids: Store, monkeypatch: pytest.MonkeyPatch, recorded: bool
) -> None:
    """Before the record, which nobody sees then, or at once after it: it has its lease by then."""
    original = ContainerStore.create_locked

    def killed(self: ContainerStore, **settings: Any) -> None:
        if recorded:
            original(self, **settings)
        os.kill(os.getpid(), 9)

    child = os.fork()
    if child == 0:
        try:
            monkeypatch.setattr(ContainerStore, "create_locked", killed)
            with reserved(store_with_ids, lambda: free(store_with_ids)):
                pass
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -9
    assert len(store_with_ids.containers()) == recorded
    assert len(list(leases.leftovers(store_with_ids))) == recorded
    assert store_with_ids.containers() == []
    store_with_ids.delete_container(store_with_ids.create_container().id)  # the next writer tidies up
    folder = store_with_ids.container_store.folder
    assert [name for name in os.listdir(folder) if len(name) == 64] == []
    assert store_with_ids.layers() == []
