"""The power goes at any instant: only what was flushed is sure to be on the disk, of the rest anything may be.

SOAK=1 plays some hundreds of cuts for each file system instead of a few.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from ocicore.config.storage_conf import StorageConfig
from ocicore.storage.store import Store
from support import loop_disk
from support.recording_disk import RecordingDisk, recording
from support.stores import add_image, config, tar

pytestmark = pytest.mark.root

_BASE = tar({"etc/": None, "etc/one": b"1\n", "big": os.urandom(200_000)})
_CUTS = int(os.environ.get("POWER_CUTS") or (300 if os.environ.get("SOAK") else 8))

#: (instant, names of images, names of containers) after each acknowledged step.
State = tuple[int, set[str], set[str]]


def _settings(folder: Path) -> StorageConfig:
    # Durability is what is tested: no "sync=none" here.
    return config(folder, driver_options=["overlay.sync=filesystem"])


def _live(disk: RecordingDisk, folder: Path) -> list[State]:
    """A day in the life of a store, each step noted when it has returned."""
    store = Store(_settings(folder))
    images: set[str] = set()
    containers: set[str] = set()
    states: list[State] = []

    def done() -> None:
        states.append((disk.position(), set(images), set(containers)))

    done()
    for turn in range(3):
        image = add_image(store, [_BASE, tar({f"own{turn}": b"x" * 5000})], f"image{turn}")
        images.add(f"image{turn}")
        done()
        container = store.create_container(names=[f"c{turn}"], image=image.id, big_data={"k": b"v" * 3000})
        containers.add(f"c{turn}")
        done()
        root = Path(store.mount(container.id))
        (root / "written").write_bytes(b"y" * 40_000)
        (root / "etc/one").unlink()
        store.unmount(container.id)
        layer = store.commit_layer(store.stage_container_diff(container.id), image.layer)
        store.create_image(names=[f"child{turn}"], layer=layer.id, big_data={"manifest": b"{}"})
        images.add(f"child{turn}")
        done()
        store.set_names("image", f"child{turn}", [f"renamed{turn}"])
        images.remove(f"child{turn}")
        images.add(f"renamed{turn}")
        done()
        if turn:
            store.delete_container(f"c{turn - 1}")
            containers.remove(f"c{turn - 1}")
            done()
            store.delete_image(f"renamed{turn - 1}")
            images.remove(f"renamed{turn - 1}")
            done()
            store.delete_image(f"image{turn - 1}")
            images.remove(f"image{turn - 1}")
            done()
    store.shutdown(force=True)
    return states


def _examine(folder: Path, before: State, after: State) -> None:
    """The store opens with the state before the step that was under way or the one after it, whole and clean."""
    store = Store(_settings(folder))
    images = {name for image in store.images() for name in image.names}
    containers = {name for container in store.containers() for name in container.names}
    assert images in (before[1], after[1])
    assert containers in (before[2], after[2])
    store.delete_layer(store.create_layer().id)
    assert os.listdir(store.layer_store.temp_root) == []
    report = store.gc()
    assert report.interrupted == 0
    assert store.check(contents=True).problems == []
    assert store.gc().removed == []
    for container in store.containers():
        assert len(Path(store.mount(container.id), "big").read_bytes()) == 200_000
        store.unmount(container.id)
    store.shutdown(force=True)


@pytest.mark.timeout(0)
@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs"])
def test_the_power_goes(kind: str, tmp_path: Path) -> None:
    chance = random.Random(kind)
    image = loop_disk.make(tmp_path / "image", kind, 64 << 20)
    with recording(image, tmp_path) as (disk, folder):
        states = _live(disk, folder)
        end = disk.position()
    first = states[0][0]
    # Around flushes is where orders matter; anywhere else is a cut, too.
    flushes = [instant for instant in disk.flushes() if instant > first]
    for number in range(_CUTS):
        instant = (
            chance.choice(flushes) + chance.choice((-1, 0, 1)) if number % 2 else chance.randint(first, end)
        )
        disk.image_after_cut(tmp_path / "cut", instant, chance)
        before = max((state for state in states if state[0] <= instant), key=lambda state: state[0])
        after = min(
            (state for state in states if state[0] > instant), key=lambda state: state[0], default=before
        )
        with loop_disk.mounted(tmp_path / "cut", tmp_path / "after") as again:
            try:
                _examine(again, before, after)
            except BaseException as error:
                error.add_note(
                    f"{kind}: cut {number} at byte {instant} of the log, steps at {[s[0] for s in states]}"
                )
                raise
