"""The store as root: layers, images, containers and mounts with both drivers."""

from __future__ import annotations

import gzip
import io
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ocicore.config.storage_conf import StorageConfig
from ocicore.errors import Conflict, Corrupted, Error, InUse, InvalidInput, NotFound, Unsupported
from ocicore.storage.store import Store
from support.stores import add_image, add_layer, config, sha256, tar

pytestmark = pytest.mark.root

_BASE = tar({"etc/": None, "etc/one": b"1\n", "etc/two": b"2\n", "bin/": None, "bin/tool": b"#!\n" * 1000})
_UPPER = tar({"etc/": None, "etc/.wh.two": b"", "etc/three": b"3\n"})


@pytest.fixture(params=["overlay", "vfs"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    opened = Store(config(tmp_path, request.param), warn=lambda text: None)
    yield opened
    opened.shutdown(force=True)


@pytest.fixture
def overlay(tmp_path: Path) -> Iterator[Store]:
    opened = Store(config(tmp_path), warn=lambda text: None)
    yield opened
    opened.shutdown(force=True)


def _working(store: Store) -> list[str]:
    """What operations under way, or their leftovers, have in the store."""
    return os.listdir(store.layer_store.temp_root) if os.path.isdir(store.layer_store.temp_root) else []


def test_a_layer_goes_in_and_comes_out_bit_for_bit(store: Store) -> None:
    blob = gzip.compress(_BASE)
    staged = store.stage_layer(io.BytesIO(blob), expected_diff_id=sha256(_BASE))
    assert (staged.diff_id, staged.size, staged.entries) == (sha256(_BASE), len(_BASE), 5)
    layer = store.commit_layer(staged)
    assert layer.compressed_digest == sha256(blob)
    assert (layer.compressed_size, layer.compression) == (len(blob), "gzip")
    assert (layer.uids, layer.gids) == ([0], [0])
    with store.diff(layer.id) as stream:
        assert stream.read() == _BASE
    with store.diff(layer.id, compression="gzip") as stream:
        assert gzip.decompress(stream.read()) == _BASE
    assert [found.id for found in store.layers_by_diff_id(sha256(_BASE))] == [layer.id]
    assert [found.id for found in store.layers_by_compressed_digest(sha256(blob))] == [layer.id]
    assert _working(store) == []


def test_layers_stage_in_any_order_and_commit_in_theirs(store: Store) -> None:
    upper = store.stage_layer(io.BytesIO(_UPPER))
    base = store.stage_layer(io.BytesIO(_BASE))
    below = store.commit_layer(base)
    top = store.commit_layer(upper, below.id, names=["top"])
    assert store.layer("top").parent == below.id
    with store.diff(top.id) as stream:
        assert stream.read() == _UPPER
    path = store.mount(top.id, options=["ro"])
    assert sorted(os.listdir(f"{path}/etc")) == ["one", "three"]
    assert store.unmount(top.id) is False


def test_staged_layers_can_be_thrown_away(store: Store) -> None:
    with store.stage_layer(io.BytesIO(_BASE)) as staged:
        assert len(_working(store)) == 2
        with staged.open_blob() as blob:
            assert blob.read() == _BASE
    assert _working(store) == []
    assert store.layers() == []


@pytest.mark.parametrize(
    "blob",
    [
        pytest.param(_BASE[:5000], id="truncated tar"),
        pytest.param(gzip.compress(_BASE)[:-20], id="truncated gzip"),
        pytest.param(b"not a tar" * 200, id="no tar"),
    ],
)
def test_damaged_streams_leave_nothing(store: Store, blob: bytes) -> None:
    with pytest.raises(Corrupted):
        store.stage_layer(io.BytesIO(blob))
    assert _working(store) == []


def test_a_wrong_diff_id_leaves_nothing(store: Store) -> None:
    with pytest.raises(Corrupted, match="diff id"):
        store.stage_layer(io.BytesIO(_BASE), expected_diff_id="sha256:" + "0" * 64)
    assert _working(store) == []


def test_a_stream_that_fails_is_reported_as_it_failed(store: Store) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            data = super().read(2000)
            if not data:
                raise ConnectionResetError("gone")
            return data

    with pytest.raises(ConnectionResetError):
        store.stage_layer(Broken(_BASE[:4000]))
    assert _working(store) == []


def test_a_descriptor_and_progress(store: Store, tmp_path: Path) -> None:
    (tmp_path / "layer.tar").write_bytes(_BASE)
    seen: list[int] = []
    fd = os.open(tmp_path / "layer.tar", os.O_RDONLY)
    with store.stage_layer(fd, on_progress=seen.append):
        assert seen[-1] == len(_BASE)
    os.close(fd)


def test_committing_the_same_id_twice_gives_the_layer_that_is_there(store: Store) -> None:
    first = add_layer(store, _BASE)
    assert add_layer(store, _BASE).raw == first.raw
    with pytest.raises(Conflict):
        store.commit_layer(store.stage_layer(io.BytesIO(_UPPER)), id=first.id)
    assert len(store.layers()) == 1


def test_unknown_parents_are_refused(store: Store) -> None:
    with store.stage_layer(io.BytesIO(_UPPER)) as staged, pytest.raises(NotFound, match="layer not known"):
        store.commit_layer(staged, "0" * 64)
    assert store.layers() == []
    assert store.driver.layer_ids() == []


def test_images(store: Store) -> None:
    image = add_image(store, [_BASE, _UPPER], "localhost/a:1", "localhost/a:2")
    assert store.image("localhost/a:1").id == image.id
    assert store.image(image.id[:10]).id == image.id
    assert [found.id for found in store.images_by_digest(image.digest or "")] == [image.id]
    assert [found.id for found in store.images_by_layer(image.layer or "")] == [image.id]
    assert store.big_data("image", image.id, "manifest").startswith(b"{")
    store.set_big_data("image", image.id, "signature-x", b"sig")
    assert store.image(image.id).big_data_sizes["signature-x"] == 3
    with pytest.raises(NotFound, match="image not known"):
        store.image("localhost/b")
    other = store.create_image(names=["localhost/a:1"])
    assert store.image("localhost/a:1").id == other.id
    assert store.image(image.id).names == ["localhost/a:2"]
    assert store.remove_names("image", image.id, ["localhost/a:2"]) == []
    assert store.add_names("image", image.id, ["localhost/c:1"]) == ["localhost/c:1"]
    assert store.image(image.id).names_history == ["localhost/c:1", "localhost/a:2", "localhost/a:1"]


def test_an_image_made_again_keeps_its_record(store: Store) -> None:
    image = add_image(store, [_BASE], "localhost/a:1")
    again = add_image(store, [_BASE], "localhost/a:2")
    assert again.id == image.id
    assert sorted(again.names) == ["localhost/a:1", "localhost/a:2"]
    assert len(store.images()) == 1


def test_deleting_follows_what_is_needed(store: Store) -> None:
    one = add_image(store, [_BASE, _UPPER], "one")
    two = add_image(store, [_BASE], "two")
    container = store.create_container(image=one.id)
    with pytest.raises(InUse, match=f"image used by {container.id}: image is in use by a container"):
        store.delete_image("one")
    with pytest.raises(InUse, match="layer is in use by a container"):
        store.delete_layer(container.layer)
    with pytest.raises(InUse, match="layer has children"):
        store.delete_layer(two.layer or "")
    store.delete_container(container.id)
    with pytest.raises(InUse, match="layer is in use by an image"):
        store.delete_layer(one.layer or "")
    assert store.delete_image("one") == [one.layer]
    assert store.delete_image("two") == [two.layer]
    assert (store.layers(), store.images(), store.driver.layer_ids()) == ([], [], [])
    assert os.listdir(store.image_store.folder) == ["images.lock", "images.json"] or sorted(
        os.listdir(store.image_store.folder)
    ) == ["images.json", "images.lock"]


def test_containers(store: Store) -> None:
    image = add_image(store, [_BASE, _UPPER], "one")
    container = store.create_container(
        names=["name"], image=image.id, metadata='{"a":1}', big_data={"file": b"x"}, flags={"Own": 1}
    )
    assert store.container("name").id == container.id
    assert store.container(container.layer).id == container.id
    assert store.container(container.id[:8]).metadata == '{"a":1}'
    assert store.big_data("container", "name", "file") == b"x"
    with pytest.raises(Conflict, match=f'the container name "name" is already in use by {container.id}'):
        store.create_container(names=["name"], image=image.id)
    with pytest.raises(Conflict):
        store.create_container(id=container.id, image=image.id)
    store.set_container_metadata("name", "new")
    assert store.container("name").metadata == "new"
    assert os.path.isdir(store.container_dir(container.id))
    assert os.path.isdir(store.container_run_dir(container.id))
    store.delete_container("name")
    with pytest.raises(NotFound, match="container not known"):
        store.container("name")
    assert not os.path.exists(os.path.dirname(store.container_store.folder + f"/{container.id}/x"))
    assert [layer.id for layer in store.layers() if layer.parent == image.layer] == []
    assert _working(store) == []


def test_a_container_from_scratch(store: Store) -> None:
    container = store.create_container()
    path = store.mount(container.id)
    assert os.listdir(path) == []
    Path(path, "file").write_text("x")
    store.unmount(container.id)
    assert [repr(change) for change in store.changes(container.id)] == ["A /file"]
    store.delete_container(container.id)


def test_mount_counts(store: Store) -> None:
    image = add_image(store, [_BASE], "one")
    container = store.create_container(image=image.id)
    assert (store.mounted(container.id), store.mount_point(container.id)) == (0, None)
    assert store.unmount(container.id) is False
    path = store.mount(container.id)
    assert store.mount(container.id) == path
    assert (store.mounted(container.id), store.mount_point(container.id)) == (2, path)
    with pytest.raises(InUse, match="a layer is mounted"):
        store.shutdown()
    assert store.unmount(container.id) is True
    assert store.unmount(container.id) is False
    store.mount(container.id)
    store.mount(container.id)
    assert store.unmount(container.id, force=True) is False
    assert store.mounted(container.id) == 0
    store.mount(container.id)
    store.delete_container(container.id)
    assert store.shutdown() == []


def test_image_mounts_are_read_only(overlay: Store) -> None:
    image = add_image(overlay, [_BASE], "one")
    path = overlay.mount_image("one")
    assert Path(path, "etc/one").read_text() == "1\n"
    with pytest.raises(OSError, match="Read-only"):
        Path(path, "etc/one").write_text("x")
    assert overlay.unmount_image("one") is False
    with pytest.raises(InvalidInput):
        overlay.mount_image(image.id, options=["rw"])


def test_commit_of_a_container(store: Store) -> None:
    image = add_image(store, [_BASE], "one")
    container = store.create_container(image=image.id)
    root = store.mount(container.id)
    Path(root, "new").mkdir()
    Path(root, "new/file").write_bytes(b"x" * 5000)
    os.chmod(f"{root}/new/file", 0o4755)
    os.unlink(f"{root}/etc/one")
    staged = store.stage_container_diff(container.id)
    with staged.open_blob() as blob:
        data = blob.read()
    assert sha256(data) == staged.diff_id
    layer = store.commit_layer(staged, image.layer)
    store.unmount(container.id)
    assert sorted(map(repr, store.changes(layer.id))) == ["A /new", "A /new/file", "C /etc", "D /etc/one"]
    path = store.mount(layer.id, options=["ro"])
    assert os.listdir(f"{path}/etc") == ["two"]
    assert os.stat(f"{path}/new/file").st_mode & 0o7777 == 0o4755
    store.unmount(layer.id)
    with store.diff(layer.id) as stream:
        assert stream.read() == data
    store.delete_container(container.id)
    assert store.check(contents=True).problems == []


def test_commit_leaves_out_and_dates(overlay: Store) -> None:
    container = overlay.create_container(image=add_image(overlay, [_BASE], "one").id)
    root = overlay.mount(container.id)
    for name in ("kept", "left"):
        Path(root, name).mkdir()
        Path(root, name, "file").write_text(name)
    os.unlink(f"{root}/etc/one")
    os.unlink(f"{root}/etc/two")
    digests = set()
    for _ in range(2):
        os.utime(f"{root}/kept/file")
        with overlay.stage_container_diff(
            container.id, timestamp=1000, exclude=["/left", "/etc/two"]
        ) as staged:
            digests.add(staged.diff_id)
            names = sorted(os.path.join(f, n) for f, d, fs in os.walk(staged.diff_dir) for n in [*d, *fs])
            assert [os.path.relpath(name, staged.diff_dir) for name in names] == [
                "etc",
                "etc/one",
                "kept",
                "kept/file",
            ]
            assert os.stat(f"{staged.diff_dir}/kept/file").st_mtime == 1000
    assert len(digests) == 1
    overlay.delete_container(container.id)


def test_several_layers_at_once(store: Store) -> None:
    """Threads stage side by side; the store is one."""
    tars = [tar({f"dir{n}/": None, **{f"dir{n}/f{m}": b"x" * 5000 for m in range(60)}}) for n in range(8)]
    with ThreadPoolExecutor(8) as pool:
        staged = list(pool.map(lambda data: store.stage_layer(io.BytesIO(gzip.compress(data))), tars))
    layer = None
    for one in staged:
        layer = store.commit_layer(one, layer.id if layer else None)
    assert [found.diff_id for found in store.layers()] == [sha256(data) for data in tars]
    assert layer is not None
    path = store.mount(layer.id, options=["ro"])
    assert len(os.listdir(path)) == 8
    store.unmount(layer.id)
    assert store.check(contents=True).problems == []


def test_sizes(store: Store) -> None:
    layer = add_layer(store, _BASE)
    assert store.layer_size(layer.id) == 2 + 2 + 3000


def test_the_root_directory_is_the_parents_whatever_the_archive_says(overlay: Store) -> None:
    base = add_layer(overlay, tar({"./": None, "./x": b""}))
    assert os.stat(overlay.driver.diff_path(base.id)).st_mode & 0o7777 == 0o555
    os.chmod(overlay.driver.diff_path(base.id), 0o750)
    child = overlay.commit_layer(overlay.stage_layer(io.BytesIO(_UPPER)), base.id)
    assert os.stat(overlay.driver.diff_path(child.id)).st_mode & 0o7777 == 0o750


def test_many_layers(overlay: Store) -> None:
    layer = None
    for number in range(130):
        layer = add_layer(overlay, tar({f"file{number}": b"x"}), layer)
    assert layer is not None
    container = overlay.create_container(layer=layer.id)
    assert len(os.listdir(overlay.mount(container.id))) == 130
    overlay.delete_container(container.id)


def test_a_user_namespace_shifts_owners(overlay: Store) -> None:
    image = add_image(overlay, [tar({"root": b"", "etc/": None}), tar({"user": b""}, owner=(5, 6))], "one")
    maps = ([(0, 100000, 65536)], [(0, 200000, 65536)])
    container = overlay.create_container(image=image.id, id_maps=maps)
    assert container.id_maps == maps
    root = overlay.mount(container.id)
    owners = {
        name: (os.stat(f"{root}/{name}").st_uid, os.stat(f"{root}/{name}").st_gid)
        for name in (".", "root", "user")
    }
    assert owners == {".": (100000, 200000), "root": (100000, 200000), "user": (100005, 200006)}
    Path(root, "new").write_text("x")
    os.chown(f"{root}/new", 100007, 200008)
    overlay.unmount(container.id)
    with overlay.stage_container_diff(container.id) as staged:
        info = os.stat(f"{staged.diff_dir}/new")
        assert (info.st_uid, info.st_gid) == (7, 8)
    overlay.delete_container(container.id)


def test_shifting_by_copying(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(store.driver), "supports_shifting", lambda self: False)
    image = add_image(store, [_BASE, tar({"user": b"u"}, owner=(5, 6))], "one")
    maps = ([(0, 100000, 65536)], [(0, 200000, 65536)])
    first = store.create_container(image=image.id, id_maps=maps)
    mapped = store.image("one").mapped_layers
    assert len(mapped) == 1
    second = store.create_container(image=image.id, id_maps=maps)
    assert store.image("one").mapped_layers == mapped
    for container in (first, second):
        root = store.mount(container.id)
        assert (os.stat(f"{root}/user").st_uid, os.stat(f"{root}/user").st_gid) == (100005, 200006)
        assert os.stat(f"{root}/etc/one").st_uid == 100000
        store.unmount(container.id)
    with store.diff(mapped[0]) as stream:
        assert stream.read() == tar({"user": b"u"}, owner=(5, 6))
    assert store.check().problems == []
    for container in (first, second):
        store.delete_container(container.id)
    store.delete_image("one")
    assert store.layers() == []


@pytest.mark.parametrize("apart", [False, True])
def test_volatile_containers(overlay: Store, apart: bool) -> None:
    """Their records have a file of their own only where a newer program made it: old ones do not read it."""
    image = add_image(overlay, [_BASE], "one")
    if apart:
        Path(overlay.container_store.folder, "volatile-containers.json").write_text("[]")
        Path(overlay.layer_store.folder, "volatile-layers.json").write_text("[]")
    container = overlay.create_container(image=image.id, volatile=True)
    assert container.flags["Volatile"] is True
    prefix = "volatile-" if apart else ""
    assert container.id in Path(overlay.container_store.folder, f"{prefix}containers.json").read_text()
    assert container.layer in Path(overlay.layer_store.folder, f"{prefix}layers.json").read_text()
    path = overlay.mount(container.id)
    Path(path, "x").write_text("x")
    overlay.unmount(container.id)
    assert Path(overlay.mount(container.id), "x").read_text() == "x"
    overlay.delete_container(container.id)


def test_a_transient_store_keeps_containers_in_the_run_root(tmp_path: Path) -> None:
    store = Store(config(tmp_path, transient=True))
    container = store.create_container(image=add_image(store, [_BASE], "one").id)
    run = tmp_path / "run"
    assert container.id in (run / "overlay-containers/volatile-containers.json").read_text()
    assert container.layer in (run / "overlay-layers/volatile-layers.json").read_text()
    store.shutdown(force=True)
    os.unlink(run / "overlay-containers/volatile-containers.json")
    os.unlink(run / "overlay-layers/volatile-layers.json")
    again = Store(config(tmp_path, transient=True))
    assert again.containers() == []
    assert len(again.images()) == 1
    assert again.driver.layer_ids() != [layer.id for layer in again.layers()]
    again.gc()
    assert again.driver.layer_ids() == [layer.id for layer in again.layers()]


def test_additional_image_stores(tmp_path: Path) -> None:
    shared = Store(config(tmp_path / "shared"))
    image = add_image(shared, [_BASE, _UPPER], "one")
    store = Store(config(tmp_path / "own", image_stores=[shared.graph_root]))
    found = store.image("one")
    assert (found.id, found.read_only) == (image.id, True)
    assert store.big_data("image", "one", "manifest") == shared.big_data("image", "one", "manifest")
    container = store.create_container(image=found.id)
    root = store.mount(container.id)
    assert sorted(os.listdir(f"{root}/etc")) == ["one", "three"]
    with store.diff(image.layer or "") as stream:
        assert stream.read() == _UPPER
    path = store.mount_image("one")
    assert path.startswith(store.run_root)
    store.unmount_image("one")
    assert not os.path.exists(path)
    with pytest.raises(Unsupported, match="read-only"):
        store.delete_image("one")
    with pytest.raises(Unsupported, match="read/only"):
        store.mount(image.layer or "")
    own = store.commit_layer(store.stage_layer(io.BytesIO(tar({"top": b""}))), image.layer)
    assert sorted(os.listdir(store.mount(own.id))) == ["bin", "etc", "top"]
    assert store.check().problems == []
    store.shutdown(force=True)
    shared.shutdown()


def test_several_additional_image_stores(tmp_path: Path) -> None:
    """Searched in their order, after the own store; an own image on a layer of each, and none of them is written."""
    first, second = (Store(config(tmp_path / name)) for name in ("first", "second"))
    add_image(first, [_BASE], "both", "a")
    add_image(second, [_BASE, _UPPER], "both", "b")
    for shared in (first, second):
        shared.shutdown()
    before = {path: path.stat().st_mtime_ns for path in sorted(tmp_path.rglob("*"))}
    store = Store(config(tmp_path / "own", image_stores=[first.graph_root, second.graph_root]))
    assert store.image("both").id == store.image("a").id
    assert sorted(name for image in store.images() for name in image.names) == ["a", "b", "both", "both"]
    for name, names in (("a", ["one", "two"]), ("b", ["one", "three"])):
        container = store.create_container(image=store.image(name).id)
        root = store.mount(container.id)
        assert sorted(os.listdir(f"{root}/etc")) == names
        Path(root, "written").write_text("x")
        assert [repr(change) for change in store.changes(container.id)] == ["A /written"]
        layer = store.commit_layer(store.stage_container_diff(container.id), store.image(name).layer)
        add = store.create_image(names=[f"own-{name}"], layer=layer.id, big_data={"manifest": b"{}"})
        assert store.delete_image(add.id) == [layer.id]
    add_image(store, [_BASE, _UPPER], "b")  # the same image in two stores is listed twice, ours first
    assert [image.read_only for image in store.images() if image.id == store.image("b").id] == [False, True]
    add_image(store, [_UPPER], "both")
    assert store.image("both").read_only is False
    assert store.check(contents=True).problems == []
    assert store.df().orphans == 0
    store.shutdown(force=True)
    after = {path: path.stat().st_mtime_ns for path in before}
    assert after == before


def test_an_additional_store_on_a_read_only_file_system(tmp_path: Path) -> None:
    from ocicore.linux import mount

    shared = Store(config(tmp_path / "shared"))
    image = add_image(shared, [_BASE, _UPPER], "one")
    shared.shutdown()
    for name in ("overlay-layers/layers.lock", "overlay-images/images.lock"):
        os.unlink(Path(shared.graph_root, name))
    frozen = tmp_path / "frozen"
    frozen.mkdir()
    mount.bind(shared.graph_root, str(frozen), flags=mount.MS_RDONLY)
    try:
        store = Store(config(tmp_path / "own", image_stores=[str(frozen)]))
        container = store.create_container(image=store.image("one").id)
        assert sorted(os.listdir(store.mount(container.id) + "/etc")) == ["one", "three"]
        path = store.mount_image(image.id)
        assert sorted(os.listdir(f"{path}/etc")) == ["one", "three"]
        store.shutdown(force=True)
        with pytest.raises(Error, match=r"locking the store: .*: read-only file system"):
            Store(StorageConfig(str(frozen), str(tmp_path / "run"), driver="overlay")).images()
    finally:
        mount.umount(str(frozen))
    with pytest.raises(InvalidInput, match="can't stat imageStore dir"):
        Store(config(tmp_path / "own", image_stores=[str(tmp_path / "none")]))


def test_a_separate_image_store(tmp_path: Path) -> None:
    store = Store(config(tmp_path, image_store=str(tmp_path / "images")))
    image = add_image(store, [_BASE, _UPPER], "one")
    assert os.path.isdir(tmp_path / "images/overlay" / (image.layer or "") / "diff")
    container = store.create_container(image=image.id)
    assert os.path.isdir(tmp_path / "graph/overlay" / container.layer / "diff")
    assert sorted(os.listdir(store.mount(container.id) + "/etc")) == ["one", "three"]
    assert store.check(contents=True).problems == []
    store.delete_container(container.id)
    store.delete_image("one")
    assert os.listdir(tmp_path / "images/overlay") == ["l"]
    assert os.listdir(tmp_path / "images/overlay/l") == []
    store.shutdown()


def test_fuse_overlayfs_as_mount_program(tmp_path: Path) -> None:
    options = ["overlay.mount_program=/usr/bin/fuse-overlayfs"]
    store = Store(config(tmp_path, driver_options=options))
    image = add_image(store, [_BASE, _UPPER], "one")
    assert os.path.exists(store.driver.diff_path(image.layer or "") + "/etc/.wh.two")
    container = store.create_container(image=image.id)
    root = store.mount(container.id)
    assert sorted(os.listdir(f"{root}/etc")) == ["one", "three"]
    os.unlink(f"{root}/etc/one")
    Path(root, "new").write_text("x")
    staged = store.stage_container_diff(container.id)
    layer = store.commit_layer(staged, image.layer)
    assert sorted(map(repr, store.changes(layer.id))) == ["A /new", "C /etc", "D /etc/one"]
    store.delete_container(container.id)
    assert (tmp_path / "graph/overlay/.has-mount-program").read_text() == "true"
    store.shutdown(force=True)


def test_lost_links_are_made_anew(overlay: Store) -> None:
    image = add_image(overlay, [_BASE, _UPPER], "one")
    for name in os.listdir(f"{overlay.driver.home}/l"):
        os.unlink(f"{overlay.driver.home}/l/{name}")
    path = overlay.mount_image(image.id)
    assert sorted(os.listdir(f"{path}/etc")) == ["one", "three"]
    overlay.unmount_image(image.id)
    assert overlay.check().problems == []


def test_unknown_drivers_and_options_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Unsupported, match="zfs"):
        Store(config(tmp_path, "zfs"))
    with pytest.raises(InvalidInput, match="unknown option nonsense"):
        Store(config(tmp_path, driver_options=["overlay.nonsense=1"]))
