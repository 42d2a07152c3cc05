"""The store on each file system it may meet, on a loop device of its own: a day's work, and a disk that fills up."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ocicore.errors import Error
from ocicore.storage.store import Store
from support import loop_disk
from support.stores import add_image, config, sha256, tar

pytestmark = pytest.mark.root

_BASE = tar({"etc/": None, "etc/one": b"1\n", "bin/": None, "bin/tool": b"#!\n" * 1000})
_UPPER = tar({"etc/": None, "etc/.wh.one": b"", "etc/two": b"2\n"})


@pytest.fixture(params=["ext4", "xfs", "btrfs"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    image = loop_disk.make(tmp_path / "image", request.param)
    with loop_disk.mounted(image, tmp_path / "disk") as folder:
        yield folder


@pytest.mark.parametrize("driver", ["overlay", "vfs"])
def test_a_days_work(disk: Path, driver: str) -> None:
    store = Store(config(disk, driver))
    image = add_image(store, [_BASE, _UPPER], "one")
    for digest, layer in ((sha256(_BASE), store.layers()[0]), (sha256(_UPPER), store.layers()[1])):
        with store.diff(layer.id) as stream:
            assert sha256(stream.read()) == digest
    container = store.create_container(image=image.id)
    root = Path(store.mount(container.id))
    assert sorted(os.listdir(root / "etc")) == ["two"]
    (root / "etc/three").write_text("3\n")
    (root / "bin/tool").unlink()
    store.unmount(container.id)
    assert [repr(change) for change in store.changes(container.id)] == [
        "C /bin",
        "D /bin/tool",
        "C /etc",
        "A /etc/three",
    ]
    layer = store.commit_layer(store.stage_container_diff(container.id), image.layer)
    child = store.create_image(names=["child"], layer=layer.id, big_data={"manifest": b"{}"})
    mapped = store.create_container(image=child.id, id_maps=([(0, 100000, 1000)], [(0, 100000, 1000)]))
    root = Path(store.mount(mapped.id))
    assert (root / "etc/three").stat().st_uid == 100000
    store.unmount(mapped.id)
    assert store.check(contents=True).problems == []
    usage = store.df()
    assert usage.orphans == 0
    for number in (container.id, mapped.id):
        store.delete_container(number)
    store.delete_image("child")
    store.delete_image("one")
    assert (store.layers(), store.driver.layer_ids(), store.gc().removed) == ([], [], [])
    store.shutdown(force=True)


def _fill(fd: int, piece: int, size: int) -> None:
    """Let a file grow by pieces to `size` bytes, or until there is no room for one more."""
    at = os.fstat(fd).st_size
    try:
        while at + piece <= size:
            os.posix_fallocate(fd, at, piece)
            at += piece
        os.fsync(fd)
    except OSError:
        return


def test_the_disk_is_full(disk: Path) -> None:
    """While a layer is unpacked, and while records are written: one line, and everything as before."""
    store = Store(config(disk, driver_options=["overlay.sync=filesystem"]))
    image = add_image(store, [_BASE], "one")
    ballast = os.open(disk / "ballast", os.O_CREAT | os.O_WRONLY)
    free = os.statvfs(disk)
    _fill(ballast, 1 << 20, free.f_bavail * free.f_frsize - (6 << 20))
    with pytest.raises(Error, match=r"(?i)no space left"):
        store.stage_layer(io.BytesIO(tar({"big": os.urandom(12 << 20)})))
    assert os.listdir(store.layer_store.temp_root) == []
    for size in (1 << 20, 4096):
        _fill(ballast, size, free.f_blocks * free.f_frsize)
    os.close(ballast)
    refused = 0
    for number in range(40):
        try:
            add_image(store, [tar({"f": os.urandom(30_000)})], f"more{number}")
            store.create_container(image=image.id, names=[f"c{number}"], big_data={"k": b"x" * 30_000})
        except (Error, OSError) as error:
            refused += 1
            assert "no space left" in str(error).lower()
            assert "\n" not in str(error)
    assert refused
    again = Store(config(disk, driver_options=["overlay.sync=filesystem"]))
    made = {name for found in again.images() for name in found.names}
    assert "one" in made
    (disk / "ballast").unlink()
    assert again.check(contents=True).problems == []
    for container in again.containers():
        again.delete_container(container.id)
    for name in made - {"one"}:
        again.delete_image(name)
    again.gc()
    assert again.gc().removed == []
    assert os.listdir(again.layer_store.temp_root) == []
    assert again.check(contents=True).problems == []
    again.delete_container(again.create_container(image=image.id).id)
    again.shutdown(force=True)
