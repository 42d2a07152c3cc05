"""Many processes at once on one store: ours, and podman and buildah among them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ocicore.storage.store import Store
from support.programs import theirs
from support.rootfs import busybox_tar
from support.stores import add_image, config, tar

pytestmark = [pytest.mark.root, pytest.mark.compat]

_WORKER = """
import io, os, sys
from pathlib import Path
sys.path[:0] = sys.argv[1].split(os.pathsep)
from ocicore.storage.store import Store
from support.stores import add_image, config, tar

folder, number, rounds = Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
store = Store(config(folder))
image = store.image("localhost/base:latest")
for turn in range(rounds):
    name = f"w{number}-{turn}"
    container = store.create_container(names=[name], image=image.id, volatile=bool(turn % 2))
    root = store.mount(container.id)
    Path(root, "written").write_text(name)
    assert Path(root, "bin/busybox").exists()
    assert store.mount(container.id) == root
    store.unmount(container.id)
    assert Path(root, "written").read_text() == name
    if number % 3 == 0:
        staged = store.stage_container_diff(container.id)
        layer = store.commit_layer(staged, image.layer)
        made = store.create_image(names=[f"localhost/{name}:latest"], layer=layer.id, big_data={"manifest": name.encode()})
        assert store.delete_image(made.id) == [layer.id]
    if number % 3 == 1:
        add_image(store, [tar({name: b"x"})], f"localhost/{name}:latest", f"localhost/shared{turn}:latest")
        store.delete_image(f"localhost/{name}:latest")
    if number % 3 == 2:
        assert store.image("localhost/base:latest").id == image.id
        assert len(store.layers()) >= 2
    store.unmount(container.id)
    store.delete_container(name)
print("fine")
"""


_started: list[subprocess.Popen[str]] = []


@pytest.fixture
def folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="st", dir="/tmp"))
    yield path
    for worker in _started:
        worker.communicate()
    _started.clear()
    Store(config(path)).shutdown(force=True)
    shutil.rmtree(path)


def _worker(folder: Path, number: int, rounds: int) -> subprocess.Popen[str]:
    argv = [sys.executable, "-c", _WORKER, os.pathsep.join(sys.path), str(folder), str(number), str(rounds)]
    _started.append(subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True))
    return _started[-1]


def _finish(workers: list[subprocess.Popen[str]]) -> None:
    outputs = [worker.communicate(timeout=200)[0] for worker in workers]
    for worker in workers:
        _started.remove(worker)
    assert [out for out in outputs if out != "fine\n"] == []


def _is_clean(folder: Path, layer: str | None) -> None:
    store = Store(config(folder))
    assert store.containers() == []
    assert [found.id for found in store.layers() if found.id == layer] == [layer]
    assert os.listdir(store.layer_store.temp_root) == []
    assert store.gc().removed == []
    assert store.check(contents=True).problems == []


def test_fifty_processes_of_ours(folder: Path) -> None:
    image = add_image(Store(config(folder)), [busybox_tar()], "localhost/base:latest")
    _finish([_worker(folder, number, 4) for number in range(50)])
    _is_clean(folder, image.layer)


def test_ours_with_podman_and_buildah(folder: Path) -> None:
    image = add_image(Store(config(folder)), [busybox_tar()], "localhost/base:latest")
    roots = ["--root", f"{folder}/graph", "--runroot", f"{folder}/run", "--storage-driver", "overlay"]
    podman, buildah = theirs("podman", *roots), theirs("buildah", *roots)
    # One container of theirs stays mounted throughout: its mount count must survive all of ours.
    kept = buildah.out("from", "localhost/base")
    place = buildah.out("mount", kept)
    workers = [_worker(folder, number, 12) for number in range(8)]
    (folder / "their.tar").write_bytes(tar({"theirs": b"x"}))
    for turn in range(4):
        name = buildah.out("from", "--name", f"b{turn}", "localhost/base")
        buildah("copy", "-q", name, str(folder / "their.tar"), "/copied.tar")
        buildah("commit", "-q", name, f"localhost/built{turn}")
        podman("images", "-q", status=None)  # podman fails when an image goes while it lists them
        podman("import", "-q", str(folder / "their.tar"), f"localhost/imported{turn}")
        podman("rmi", f"localhost/built{turn}", f"localhost/imported{turn}")
        buildah("rm", name)
    _finish(workers)
    assert os.path.exists(f"{place}/bin/busybox")
    store = Store(config(folder))
    assert store.mounted(kept) == 1
    buildah("rm", kept)
    _is_clean(folder, image.layer)
