"""Layers of very many entries in a store: unpacked with little memory, or refused with nothing left behind.

MANY_ENTRIES=10000000 is the whole of it, on a tmpfs: some gigabytes of the kernel's memory.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ocicore.linux import archive
from ocicore.storage.store import Store
from support import many_entries, stores

pytestmark = pytest.mark.root

_COUNT = int(os.environ.get("MANY_ENTRIES", "20000"))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    # The number of links to a file has no limit there, as it has on ext4 (65,000).
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=90%,nr_inodes=0", "tmpfs", str(tmp_path)], check=True)
    opened = Store(stores.config(tmp_path))
    yield opened
    opened.shutdown(force=True)
    subprocess.run(["umount", str(tmp_path)], check=True)


@pytest.mark.parametrize("links", [True, False], ids=["links", "files"])
def test_very_many_entries(store: Store, links: bool) -> None:
    before = many_entries.reset_peak()
    start = time.monotonic()
    with store.stage_layer(
        many_entries.Stream(_COUNT, links=links), limits=archive.Limits(entries=_COUNT)
    ) as staged:
        grown = many_entries.peak_memory() - before
        print(
            f"{_COUNT} entries unpacked in {time.monotonic() - start:.1f} s with {grown / 1e6:.0f} MB of memory"
        )
        assert staged.entries == _COUNT
        assert grown < 32 * _COUNT + (64 << 20)
        layer = store.commit_layer(staged)
    assert os.stat(f"{store.driver.diff_path(layer.id)}/d/x").st_nlink == (_COUNT if links else 1)
    before = many_entries.reset_peak()
    with store.diff(layer.id) as stream:
        size = sum(len(piece) for piece in stream)
    assert size == 512 * (_COUNT + 3)
    assert many_entries.peak_memory() - before < 64 << 20
    start = time.monotonic()
    store.delete_layer(layer.id)
    print(f"removed in {time.monotonic() - start:.1f} s")


def test_more_than_the_limit_leave_nothing(store: Store) -> None:
    default = archive.Limits().entries
    limits = None if default < _COUNT else archive.Limits(entries=_COUNT - 1)
    with pytest.raises(archive.LimitExceeded) as caught:
        store.stage_layer(many_entries.Stream(_COUNT, links=True), limits=limits)
    assert f"more than {min(default, _COUNT - 1)} entries" in caught.value.message
    assert os.listdir(store.layer_store.temp_root) == []
    assert store.check().ok
