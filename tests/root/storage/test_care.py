"""df, gc, check and repair."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ocicore.linux import mount
from ocicore.storage import overlay_support
from ocicore.storage.store import Store
from support.stores import add_image, add_layer, config, tar

pytestmark = pytest.mark.root

_BASE = tar({"etc/": None, "etc/one": b"1\n" * 500})
_UPPER = tar({"two": b"2\n" * 200})


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


def _messages(store: Store, **options: bool) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for problem in store.check(**options).problems:
        found.setdefault(problem.kind, []).append(problem.message)
    return found


def _real_usage(folder: str) -> int:
    """Every byte below a folder, hard links once, mounts left out."""
    seen = {}
    device = os.lstat(folder).st_dev
    for path, names, files in os.walk(folder):
        names[:] = [n for n in names if os.lstat(f"{path}/{n}").st_dev == device]
        for name in [*files, *(name for name in names if os.path.islink(f"{path}/{name}"))]:
            info = os.lstat(f"{path}/{name}")
            seen[info.st_ino] = info.st_size
    return sum(seen.values())


def test_usage_adds_up(overlay: Store) -> None:
    image = add_image(overlay, [_BASE, _UPPER], "one")
    add_image(overlay, [_BASE], "two")
    container = overlay.create_container(image=image.id, big_data={"k": b"x" * 50})
    Path(overlay.container_dir(container.id), "file").write_bytes(b"x" * 70)
    Path(overlay.mount(container.id), "written").write_bytes(b"x" * 1234)
    Path(overlay.graph_root, "volumes").mkdir()
    Path(overlay.graph_root, "volumes/data").write_bytes(b"x" * 99)
    os.makedirs(f"{overlay.driver.home}/{'a' * 64}/diff")
    Path(overlay.driver.home, "a" * 64, "diff/file").write_bytes(b"x" * 11)
    usage = overlay.df()
    assert usage.layers[image.layer or ""] == 400
    assert usage.layers[container.layer] == 1234
    assert usage.containers[container.id] == 120
    assert (usage.other, usage.orphans) == ({"volumes": 99}, 11)
    overlay.unmount(container.id)
    assert overlay.df().total == usage.total
    assert usage.total == _real_usage(overlay.graph_root)


def test_garbage_goes_and_nothing_else(store: Store) -> None:
    image = add_image(store, [_BASE, _UPPER], "one")
    container = store.create_container(image=image.id)
    before = store.df().total
    orphan = "b" * 64
    layer = store.create_layer(id=orphan)
    with store.layer_store.writing() as files:
        files.drop(files.by_id[layer.id])
        files.save([layer.location])
    Path(store.layer_store.folder, f"{orphan}.tar-split.gz").write_bytes(b"x")
    for folder in (store.image_store.folder, store.container_store.folder, store.container_store.run_folder):
        os.mkdir(f"{folder}/{orphan}")
        Path(folder, ".tmp-images.json123").touch()
    with store.partial_blob("sha256:" + "0" * 64) as blob:  # type: ignore[union-attr]
        blob.append(b"x")
        os.utime(blob.path, (0, 0))
    os.makedirs(f"{store.driver.home}/staging/123")
    os.utime(f"{store.driver.home}/staging/123", (0, 0))
    report = store.gc()
    assert len(report.removed) >= 9
    assert store.driver.exists(orphan) is False
    assert store.df().total == before
    assert store.check(contents=True).problems == []
    assert store.gc().removed == []
    store.delete_container(container.id)


def test_a_mount_left_by_a_killed_probe_goes(overlay: Store) -> None:
    container = overlay.create_container()
    overlay.mount(container.id)
    left = Path(overlay.driver.home, "compat1234")
    for name in ("lower", "upper", "work", "merged"):
        (left / name).mkdir(parents=True)
    mount.overlay(str(left / "merged"), [str(left / "lower")], str(left / "upper"), str(left / "work"))
    assert overlay.check().problems == []
    assert overlay.gc().removed == []  # it may be another program's, a moment ago
    os.utime(left, (0, 0))
    assert overlay.gc().removed == [str(left)]
    assert mount.mounts_below(str(left)) == []
    assert os.listdir(overlay.layer_store.temp_root) == []


def test_what_a_killed_start_leaves_in_the_mount_point(overlay: Store) -> None:
    """A second mount on top of one that was never counted; files written there after the unmount."""
    image = add_image(overlay, [_BASE, _UPPER], "one")
    container = overlay.create_container(image=image.id)
    merged = overlay.mount(container.id)
    lower = Path(overlay.graph_root, "elsewhere")
    lower.mkdir()
    mount.bind(str(lower), merged)
    Path(merged, "in-both").touch()
    overlay.unmount(container.id, force=True)
    assert mount.mounts_below(merged) == []
    assert os.listdir(merged) == []
    overlay.mount(container.id)
    mount.umount(merged)
    os.makedirs(f"{merged}/proc/late")
    overlay.unmount(container.id, force=True)
    assert os.listdir(merged) == []
    assert overlay.mount(container.id) == merged
    assert Path(merged, "two").exists()
    overlay.unmount(container.id)
    overlay.delete_container(container.id)
    assert overlay.check().problems == []


def test_the_next_probe_removes_one_that_was_killed(overlay: Store) -> None:
    home = overlay.driver.home
    with overlay_support._Trial(home) as live:
        pid = os.fork()
        if pid == 0:
            overlay_support._Trial(home).__enter__()
            os.kill(os.getpid(), signal.SIGKILL)
        os.waitpid(pid, 0)
        trials = {name for name in os.listdir(home) if name.startswith("compat")}
        (killed,) = trials - {os.path.basename(live.path)}
        assert overlay.check().problems == []
        with overlay_support._Trial(home):  # a moment ago its maker may just not have had the lock yet
            assert os.path.exists(f"{home}/{killed}")
        os.utime(f"{home}/{killed}", (0, 0))
        with overlay_support._Trial(home) as new:
            left = {name for name in os.listdir(home) if name.startswith("compat")}
            assert left == {os.path.basename(live.path), os.path.basename(new.path)}
    assert overlay.gc().removed == []


def _remove(path: str) -> None:
    for folder, names, files in os.walk(path, topdown=False):
        for name in files:
            os.unlink(f"{folder}/{name}")
        for name in names:
            os.rmdir(f"{folder}/{name}")
    os.rmdir(path)


def _no_directory(store: Store, layer_id: str) -> None:
    _remove(store.driver.diff_path(layer_id))


def _changed_file(store: Store, layer_id: str) -> None:
    Path(store.driver.diff_path(layer_id), "etc/one").write_bytes(b"3\n" * 500)


def _missing_file(store: Store, layer_id: str) -> None:
    os.unlink(Path(store.driver.diff_path(layer_id), "etc/one"))


def _no_tar_split(store: Store, layer_id: str) -> None:
    os.unlink(store.layer_store.tar_split_path(layer_id))


def _torn_tar_split(store: Store, layer_id: str) -> None:
    path = store.layer_store.tar_split_path(layer_id)
    os.truncate(path, os.stat(path).st_size // 2)


def _wrong_record(store: Store, layer_id: str) -> None:
    with store.layer_store.writing() as files:
        files.by_id[layer_id].raw["diff-digest"] = "sha256:" + "0" * 64
        files.save([0])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_no_directory, "layer is missing"),
        (_changed_file, "layer content modified"),
        (_missing_file, "layer content modified"),
        (_no_tar_split, "layer data item is missing"),
        (_torn_tar_split, "layer content modified"),
        (_wrong_record, "layer content incorrect digest"),
    ],
)
def test_a_damaged_layer_takes_what_stands_on_it(
    store: Store, damage: Callable[[Store, str], None], message: str
) -> None:
    broken = add_image(store, [_BASE, _UPPER], "broken")
    sound = add_image(store, [tar({"sound": b"x"})], "sound")
    base = store.layer(broken.layer or "").parent or ""
    damage(store, base)
    found = _messages(store, contents=True)
    assert any(message in text for text in found["layer"])
    assert found["image"] == [f"stands on layer {broken.layer}, which is damaged"]
    report = store.check(repair=True, contents=True)
    assert report.ok
    assert [image.id for image in store.images()] == [sound.id]
    assert [layer.id for layer in store.layers()] == [sound.layer]
    assert store.check(contents=True).problems == []


def test_containers_stay_unless_told(overlay: Store) -> None:
    image = add_image(overlay, [_BASE], "one")
    container = overlay.create_container(image=image.id)
    os.unlink(bigdata_of(overlay, image.id))
    report = overlay.check(repair=True)
    assert not report.ok
    assert [found.id for found in overlay.containers()] == [container.id]
    report = overlay.check(repair=True, remove_containers=True)
    assert report.ok
    assert (overlay.containers(), overlay.images(), overlay.layers()) == ([], [], [])


def bigdata_of(store: Store, image_id: str) -> str:
    """The file of the image's manifest."""
    return os.path.join(store.image_store.folder, image_id, "manifest")


def test_images(store: Store) -> None:
    for name, damage in (
        ("missing", os.unlink),
        ("short", lambda path: os.truncate(path, 3)),
    ):
        image = add_image(store, [tar({name: b"x"})], name)
        damage(bigdata_of(store, image.id))
    found = _messages(store)
    assert sorted(text.rpartition(": ")[2] for text in found["image"]) == [
        "image data item has incorrect size",
        "image data item is missing",
    ]
    assert store.check(repair=True).ok
    assert store.images() == []


def test_a_mounted_and_written_container_is_no_damage(store: Store) -> None:
    image = add_image(store, [_BASE, _UPPER], "one")
    container = store.create_container(image=image.id)
    root = store.mount(container.id)
    Path(root, "etc/one").write_text("changed")
    Path(root, "etc/new").write_text("new")
    assert store.check(contents=True).problems == []
    store.unmount(container.id)
    assert store.check(contents=True).problems == []


def test_a_container_without_its_layer_is_removed(overlay: Store) -> None:
    container = overlay.create_container()
    with overlay.layer_store.writing() as files:
        files.drop(files.by_id[container.layer])
        files.save([0])
    assert any("layer is missing" in text for text in _messages(overlay)["container"])
    assert overlay.check(repair=True).ok
    assert overlay.containers() == []
    assert overlay.driver.layer_ids() == []


def test_a_torn_record_file_is_salvaged(overlay: Store) -> None:
    first = add_image(overlay, [_BASE], "first")
    add_image(overlay, [_UPPER], "second")
    path = Path(overlay.image_store.folder, "images.json")
    text = path.read_text()
    path.write_text(text[: len(json.dumps(json.loads(text)[0])) + 10])
    again = Store(overlay.config)
    report = again.check()
    assert [problem.kind for problem in report.problems] == ["store"]
    report = again.check(repair=True)
    assert report.ok
    assert [image.id for image in again.images()] == [first.id]
    assert [name for name in os.listdir(overlay.image_store.folder) if ".broken-" in name]


def test_unreferenced_layers_get_a_day(overlay: Store) -> None:
    layer = add_layer(overlay, _BASE)
    assert overlay.check().problems == []
    with overlay.layer_store.writing() as files:
        files.by_id[layer.id].raw["created"] = "2020-01-01T00:00:00Z"
        files.save([0])
    assert _messages(overlay)["layer"] == ["layer not referenced by any images or containers"]
    assert overlay.check(repair=True).ok
    assert overlay.layers() == []


def test_a_lower_file_that_names_others(overlay: Store) -> None:
    image = add_image(overlay, [_BASE, _UPPER], "one")
    other = add_layer(overlay, tar({"other": b"x"}))
    link = Path(overlay.driver.home, other.id, "link").read_text()
    Path(overlay.driver.home, image.layer or "", "lower").write_text(f"l/{link}")
    assert "its lower file does not name its parents: layer content modified" in _messages(overlay)["layer"]
