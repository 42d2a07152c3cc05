"""One store, two programs: what ours writes theirs uses, and the other way round."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ocicore.errors import InUse, NotFound
from ocicore.storage.store import Store
from support.programs import PODMAN_RUN_FLAGS, Tool, theirs
from support.rootfs import busybox_tar
from support.stores import add_image, config, sha256, tar

pytestmark = [pytest.mark.root, pytest.mark.compat]


class Pair:
    """The same store for both."""

    def __init__(self, folder: Path) -> None:
        self.config = config(folder)
        self.store = Store(self.config, warn=lambda text: None)
        roots = ["--root", self.config.graph_root, "--runroot", self.config.run_root]
        driver = ["--storage-driver", "overlay"]
        self.podman = theirs("podman", *roots, *driver)
        self.storage = Tool(
            [
                "containers-storage",
                "--graph",
                self.config.graph_root,
                "--run",
                self.config.run_root,
                "--storage-driver",
                "overlay",
            ]
        )
        self.buildah = theirs("buildah", *roots, *driver)

    def layers_json(self) -> list[dict[str, object]]:
        return json.loads(Path(self.config.graph_root, "overlay-layers", "layers.json").read_text())  # type: ignore[no-any-return]


@pytest.fixture
def pair() -> Iterator[Pair]:
    # podman refuses run roots of more than 50 characters, so pytest's own directory will not do.
    folder = Path(tempfile.mkdtemp(prefix="st", dir="/tmp"))
    both = Pair(folder)
    yield both
    both.podman("rm", "-fa", "-t", "0", status=None)
    both.store.shutdown(force=True)
    shutil.rmtree(folder)


def test_podman_lists_runs_and_saves_our_image(pair: Pair, tmp_path: Path) -> None:
    base = busybox_tar()
    upper = tar({"data/": None, "data/hello": b"hello\n"})
    image = add_image(pair.store, [base, upper], "localhost/ours:latest")

    listed = json.loads(pair.podman.out("images", "--format", "json"))
    assert [entry["Id"] for entry in listed] == [image.id]
    assert listed[0]["Names"] == ["localhost/ours:latest"]
    out = pair.podman.out(
        "run", "--rm", "--network", "none", *PODMAN_RUN_FLAGS, "localhost/ours", "cat", "/data/hello"
    )
    assert out == "hello"
    # podman computes the tars from tar-split: it fails on a digest that is not the diff id.
    pair.podman("save", "-o", str(tmp_path / "saved.tar"), "--format", "oci-archive", "localhost/ours")
    for layer in pair.store.layers():
        tarball = tmp_path / "layer.tar"
        pair.storage("diff", "-u", "-f", str(tarball), layer.id)
        assert sha256(tarball.read_bytes()) == layer.diff_id
    pair.podman("rmi", "localhost/ours")
    assert pair.store.images() == []
    assert pair.store.layers() == []
    assert pair.store.check().problems == []


def test_our_store_reads_mounts_and_deletes_what_podman_made(pair: Pair, tmp_path: Path) -> None:
    archive = tmp_path / "root.tar"
    archive.write_bytes(busybox_tar())
    pair.podman("import", "-q", str(archive), "localhost/theirs:latest")
    pair.podman("create", "--name", "made", *PODMAN_RUN_FLAGS, "localhost/theirs", "true")

    image = pair.store.image("localhost/theirs:latest")
    layer = pair.store.layer(image.layer or "")
    assert layer.diff_id == sha256(archive.read_bytes())
    with pair.store.diff(layer.id) as stream:
        assert stream.read() == archive.read_bytes()
    container = next(c for c in pair.store.containers() if "made" in c.metadata)
    root = pair.store.mount(container.id)
    assert os.path.exists(f"{root}/bin/busybox")
    Path(root, "written").write_text("by ours")
    assert pair.store.unmount(container.id) is False
    with pytest.raises(InUse):
        pair.store.delete_image(image.id)
    assert "A /written" in pair.podman.out("diff", "made")
    pair.podman("rm", "made")
    assert pair.store.delete_image(image.id) == [layer.id]
    assert pair.podman.out("images", "-q") == ""
    with pytest.raises(NotFound):
        pair.store.image("localhost/theirs:latest")


def test_mount_counts_are_shared(pair: Pair) -> None:
    image = add_image(pair.store, [busybox_tar()], "localhost/ours:latest")
    name = pair.buildah.out("from", "localhost/ours")
    container = pair.store.container(name)
    theirs_at = pair.buildah.out("mount", name)
    assert pair.store.mounted(container.id) == 1
    assert pair.store.mount(container.id) == theirs_at
    pair.buildah("umount", name)
    assert pair.store.mounted(container.id) == 1
    assert os.path.exists(f"{theirs_at}/bin/busybox")
    assert pair.store.unmount(container.id) is False
    assert not os.path.exists(f"{theirs_at}/bin/busybox")
    pair.store.mount(container.id)
    pair.buildah("rm", name)
    assert pair.store.containers() == []
    assert [layer.id for layer in pair.store.layers()] == [image.layer]


def test_buildah_commits_on_our_layers(pair: Pair) -> None:
    base = add_image(pair.store, [busybox_tar()], "localhost/base:latest")
    name = pair.buildah.out("from", "localhost/base")
    root = pair.store.mount(pair.store.container(name).id)
    Path(root, "new").write_text("new\n")
    os.unlink(f"{root}/etc/group")
    pair.store.unmount(pair.store.container(name).id)
    pair.buildah("commit", "-q", name, "localhost/child")
    child = pair.store.image("localhost/child:latest")
    top = pair.store.layer(child.layer or "")
    assert top.parent == base.layer
    assert sorted(map(repr, pair.store.changes(top.id))) == ["A /new", "C /etc", "D /etc/group"]
    assert pair.store.check(contents=True).problems == []


def test_names_move_between_both(pair: Pair) -> None:
    first = add_image(pair.store, [busybox_tar()], "localhost/name:latest")
    second = add_image(pair.store, [tar({"other": b"x"})], "localhost/name:latest")
    assert pair.store.image("localhost/name:latest").id == second.id
    assert pair.store.image(first.id).names == []
    pair.podman("tag", first.id, "localhost/name:latest")
    assert pair.store.image("localhost/name:latest").id == first.id
    assert pair.store.image(second.id).names == []
    pair.store.set_names("image", first.id, ["localhost/a:1", "localhost/b:2"])
    listed = pair.podman.out("images", "--format", "{{.Repository}}:{{.Tag}}")
    assert sorted(line for line in listed.splitlines() if "none" not in line) == [
        "localhost/a:1",
        "localhost/b:2",
    ]


def test_records_keep_unknown_keys(pair: Pair) -> None:
    image = add_image(pair.store, [busybox_tar()], "localhost/ours:latest")
    path = Path(pair.config.graph_root, "overlay-images", "images.json")
    records = json.loads(path.read_text())
    records[0]["from-the-future"] = {"kept": [1, 2.5, None]}
    path.write_text(json.dumps(records))
    pair.store.add_names("image", image.id, ["localhost/second:latest"])
    assert json.loads(path.read_text())[0]["from-the-future"] == {"kept": [1, 2.5, None]}


def test_podman_cleans_up_an_incomplete_layer_and_so_do_we(pair: Pair) -> None:
    add_image(pair.store, [busybox_tar()], "localhost/ours:latest")
    for tool in ("ours", "theirs"):
        layer = pair.store.create_layer()
        path = Path(pair.config.graph_root, "overlay-layers", "layers.json")
        records = json.loads(path.read_text())
        next(r for r in records if r["id"] == layer.id)["flags"] = {"incomplete": True}
        path.write_text(json.dumps(records))
        if tool == "ours":
            assert layer.id not in [other.id for other in pair.store.layers()]
        else:
            # The token tells podman to read again, as a writer's death would not: touch it.
            with pair.store.layer_store.files.locks[0].exclusive() as lock:
                lock.touch()
            pair.podman("images", "-q")
        assert layer.id not in [record["id"] for record in pair.layers_json()]
        assert not Path(pair.config.graph_root, "overlay", layer.id).exists()


def test_container_made_by_ours_is_an_external_container_for_podman(pair: Pair) -> None:
    image = add_image(pair.store, [busybox_tar()], "localhost/ours:latest")
    container = pair.store.create_container(
        names=["working"], image=image.id, metadata=json.dumps({"image-name": "ours", "name": "working"})
    )
    assert container.id[:12] in pair.podman.out("ps", "-a", "--external", "--format", "{{.ID}}")
    pair.podman("rm", "--storage", "working", status=None)
    assert pair.store.containers() == []
    assert pair.store.check().problems == []
