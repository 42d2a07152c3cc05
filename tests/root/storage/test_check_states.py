"""Every corrupted state that `podman system check` knows (containers/storage check.go), named, made, found and repaired."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ocicore.errors import Unsupported
from ocicore.storage.store import Store
from support.stores import add_image, add_layer, config, tar

pytestmark = pytest.mark.root

_BASE = tar({"etc/": None, "etc/one": b"1\n", "bin/": None, "bin/tool": b"#!\n" * 100})
_UPPER = tar({"etc/": None, "etc/three": b"3\n"})


class Scene:
    """A store with an image of two layers and a container on it."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.image = add_image(store, [_BASE, _UPPER], "one")
        self.container = store.create_container(image=self.image.id, big_data={"item": b"12345"})
        self.top = store.layer(self.image.layer or "")
        self.base = store.layer(self.top.parent or "")

    def file(self, name: str) -> str:
        """A file of the base layer."""
        return os.path.join(self.store.driver.diff_path(self.base.id), name)

    def drop(self, kind: str, id: str) -> None:
        """Remove a record and nothing else."""
        files = {
            "layer": self.store.layer_store.files,
            "image": self.store.image_store.files,
        }[kind]
        with files.writing():
            record = files.by_id[id]
            files.drop(record)
            files.save([record.location])

    def change(self, id: str, **keys: object) -> None:
        """Write other values into a layer's record."""
        with self.store.layer_store.writing() as files:
            for key, value in keys.items():
                files.by_id[id].raw[key.replace("_", "-")] = value
            files.save([files.by_id[id].location])


@pytest.fixture(params=["overlay", "vfs"])
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scene]:
    store = Store(config(tmp_path, request.param), warn=lambda text: None)
    yield Scene(store)
    store.shutdown(force=True)


def _unaccounted(scene: Scene) -> None:
    home = Path(scene.store.driver.home)
    folder = home if scene.store.driver_name == "overlay" else home / "dir"
    (folder / ("f" * 64)).mkdir()


def _unreferenced(scene: Scene) -> None:
    layer = add_layer(scene.store, tar({"loose": b"x"}))
    scene.change(layer.id, created="2020-01-01T00:00:00Z")


def _unreferenced_of_unknown_age(scene: Scene) -> None:
    layer = add_layer(scene.store, tar({"loose": b"x"}))
    scene.change(layer.id, created="0001-01-01T00:00:00Z")


def _layer_data(scene: Scene) -> None:
    scene.store.set_big_data("layer", scene.top.id, "item", b"x")
    folder = os.path.join(scene.store.layer_store.folder, scene.top.id)
    os.unlink(os.path.join(folder, "item"))


def _container_data(scene: Scene) -> Path:
    return Path(scene.store.container_store.folder, scene.container.id, "item")


def _link(scene: Scene) -> None:
    os.unlink(scene.file("etc/one"))
    os.symlink("elsewhere", scene.file("etc/one"))


def _tree(scene: Scene) -> None:
    shutil.rmtree(scene.store.driver.diff_path(scene.base.id))


def _owner(uid: int, gid: int) -> Callable[[Scene], None]:
    return lambda scene: os.chown(scene.file("bin"), uid, gid)


def _manifest(scene: Scene) -> str:
    return os.path.join(scene.store.image_store.folder, scene.image.id, "manifest")


_STATES: dict[str, tuple[Callable[[Scene], object], str, str]] = {
    # state: (what does it, kind of the finding, end of its message)
    "layer unaccounted for": (
        _unaccounted,
        "layer",
        "layer in lower level storage driver not accounted for",
    ),
    "layer unreferenced": (_unreferenced, "layer", "layer not referenced by any images or containers"),
    "layer unreferenced, made nobody knows when": (
        _unreferenced_of_unknown_age,
        "layer",
        "layer not referenced by any images or containers",
    ),
    "layer digest": (
        lambda scene: scene.change(scene.top.id, diff_digest="sha256:" + "0" * 64),
        "layer",
        "layer content incorrect digest",
    ),
    "layer digest that is none": (
        lambda scene: scene.change(scene.top.id, diff_digest="nonsense"),
        "layer",
        "layer content incorrect digest",
    ),
    "layer size": (
        lambda scene: scene.change(scene.top.id, diff_size=1),
        "layer",
        "layer content incorrect size",
    ),
    "layer cannot be mounted": (_tree, "layer", "its directory is missing: layer is missing"),
    "layer content added": (
        lambda scene: Path(scene.file("etc/new")).touch(),
        "layer",
        "etc/new: not in the layer: layer content modified",
    ),
    "layer content removed": (
        lambda scene: os.unlink(scene.file("etc/one")),
        "layer",
        "layer content modified",
    ),
    "layer content, bytes": (
        lambda scene: Path(scene.file("etc/one")).write_bytes(b"2\n"),
        "layer",
        "layer content modified",
    ),
    "layer content, size": (
        lambda scene: Path(scene.file("etc/one")).write_bytes(b"longer"),
        "layer",
        "layer content modified",
    ),
    "layer content, type": (_link, "layer", "layer content modified"),
    "layer content, user": (
        _owner(7, 0),
        "layer",
        "bin: owner 7:0, expected 0:0: layer content modified",
    ),
    "layer content, group": (
        _owner(0, 8),
        "layer",
        "bin: owner 0:8, expected 0:0: layer content modified",
    ),
    "layer content, mode": (
        lambda scene: os.chmod(scene.file("bin/tool"), 0o4755),
        "layer",
        "bin/tool: mode 4755, expected 0644: layer content modified",
    ),
    "layer content, time": (
        lambda scene: os.utime(scene.file("bin/tool"), (5, 5)),
        "layer",
        "bin/tool: time 5, expected 1700000000: layer content modified",
    ),
    "layer data": (_layer_data, "layer", "big data item: layer data item is missing"),
    "layer's tar-split": (
        lambda scene: os.unlink(scene.store.layer_store.tar_split_path(scene.top.id)),
        "layer",
        "layer data item is missing",
    ),
    "layer's parent": (
        lambda scene: scene.drop("layer", scene.base.id),
        "layer",
        "is missing: layer is missing",
    ),
    "image's layer": (
        lambda scene: scene.drop("layer", scene.top.id),
        "image",
        "image layer is missing",
    ),
    "image data": (lambda scene: os.unlink(_manifest(scene)), "image", "image data item is missing"),
    "image data size": (
        lambda scene: os.truncate(_manifest(scene), 3),
        "image",
        "image data item has incorrect size",
    ),
    "container's image": (
        lambda scene: scene.drop("image", scene.image.id),
        "container",
        "image missing",
    ),
    "container data": (
        lambda scene: _container_data(scene).unlink(),
        "container",
        "container data item is missing",
    ),
    "container data size": (
        lambda scene: _container_data(scene).write_bytes(b"1"),
        "container",
        "container data item has incorrect size",
    ),
}


@pytest.mark.parametrize("state", _STATES)
def test_state(scene: Scene, state: str) -> None:
    damage, kind, message = _STATES[state]
    assert scene.store.check(contents=True).problems == []
    damage(scene)
    found = [p.message for p in scene.store.check(contents=True).problems if p.kind == kind]
    assert any(text.endswith(message) for text in found), found
    assert scene.store.check(repair=True, contents=True, remove_containers=True).ok
    assert scene.store.check(contents=True).problems == []


def test_what_only_looks_like_damage(scene: Scene) -> None:
    from support.malicious_layers import END, directory, entry, hardlink, pax, record, symlink

    add_layer(
        scene.store,
        b"".join(
            (
                directory("a", mtime=5),
                entry("a/f", data=b"2", mode=0o644),
                hardlink("a/g", "a/f", mode=0o640),
                directory("b"),
                entry("b/c"),
                symlink("l", "a"),
                entry("l/through"),
                entry(".wh.gone"),
                pax(record("mtime", b"-5.5")) + entry("./old"),
            )
        )
        + END,
    )
    assert scene.store.check(contents=True).problems == []


def test_layers_of_composefs_are_named_and_left_alone(tmp_path: Path) -> None:
    store = Store(config(tmp_path), warn=lambda text: None)
    try:
        image = add_image(store, [_BASE, _UPPER], "one")
        container = store.create_container(image=image.id)
        base = store.layer(image.layer or "").parent or ""
        os.mkdir(f"{store.driver.home}/{base}/composefs-data")
        for read in (
            lambda: store.mount(container.id),
            lambda: store.mount_image(image.id),
            lambda: store.diff(base),
        ):
            with pytest.raises(Unsupported, match=f"layer {base}.* is a composefs layer"):
                read()
        assert store.check(contents=True).problems == []
        store.delete_container(container.id)
        store.delete_image(image.id)
        assert store.layers() == []
    finally:
        store.shutdown(force=True)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("directory", "its directory is missing"),
        ("tar-split", "its tar-split is missing"),
        ("big data", "big data note: layer data item is missing"),
    ],
)
def test_a_damaged_layer_of_an_additional_store(tmp_path: Path, damage: str, words: str) -> None:
    """It is reported, and left to the programs that may write there."""
    shared = Store(config(tmp_path / "shared"))
    image = add_image(shared, [_BASE], "one")
    layer = image.layer or ""
    data = Path(shared.layer_store.folder, layer)
    with shared.layer_store.writing() as files:
        files.by_id[layer].raw["big-data-names"] = ["note"]
        files.save([files.by_id[layer].location])
    data.mkdir()
    (data / "note").write_bytes(b"kept")
    own = Store(config(tmp_path / "own", image_stores=[shared.graph_root]), warn=lambda text: None)
    assert own.check(contents=True).problems == []
    assert own.big_data("layer", layer, "note") == b"kept"
    match damage:
        case "directory":
            shutil.rmtree(shared.driver.layer_dir(layer))
        case "tar-split":
            os.unlink(shared.layer_store.tar_split_path(layer))
        case _:
            os.unlink(data / "note")
    before = sorted(tmp_path.glob("shared/**"))
    for report in (own.check(), own.check(repair=True)):
        found = {(problem.kind, problem.id): problem for problem in report.problems}
        assert words in found[("layer", layer)].message
        assert not any(problem.repaired for problem in report.problems)
        assert "damaged" in found[("image", image.id)].message
    assert sorted(tmp_path.glob("shared/**")) == before
    own.shutdown(force=True)
    shared.shutdown(force=True)
