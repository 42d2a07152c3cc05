"""A container committed again: what is there already is not unpacked once more."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ocicore.storage.known_layers import KnownLayer
from ocicore.storage.records import Container, Layer
from ocicore.storage.store import Store
from support.stores import add_image, add_layer, config, sha256, tar

pytestmark = pytest.mark.root


@pytest.fixture(params=["overlay", "vfs"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    opened = Store(config(tmp_path, request.param), warn=lambda text: None)
    yield opened
    opened.shutdown(force=True)


@pytest.fixture
def container(store: Store) -> Container:
    image = add_image(store, [tar({"base": b"1"})], "base")
    made = store.create_container(image=image.id)
    _write(store, made, "new", "text")
    return made


def _write(store: Store, container: Container, name: str, text: str) -> None:
    Path(store.mount(container.id), name).write_text(text)
    store.unmount(container.id)


def _commit(store: Store, container: Container) -> tuple[Layer, bool]:
    """(layer under the id that podman gives it, was it known)."""
    parent = store.layer(container.layer).parent
    with store.stage_container_diff(container.id) as staged:
        known = isinstance(staged, KnownLayer)
        layer_id = sha256(f"{parent}+{staged.diff_id[7:]}".encode())[7:]
        with staged.open_blob() as blob:
            assert sha256(blob.read()) == staged.diff_id
        layer = store.commit_layer(staged, parent, id=layer_id)
    assert os.listdir(store.layer_store.temp_root) == []
    return layer, known


def test_unchanged_changed_and_changed_back(store: Store, container: Container) -> None:
    first, known = _commit(store, container)
    assert not known
    again, known = _commit(store, container)
    assert known and again.id == first.id
    _write(store, container, "second", "more")
    other, known = _commit(store, container)
    assert not known and other.id != first.id
    assert store.check(contents=True).problems == []


def test_another_id_gets_a_layer_of_its_own(store: Store, container: Container) -> None:
    first, _ = _commit(store, container)
    staged = store.stage_container_diff(container.id)
    assert isinstance(staged, KnownLayer)
    second = store.commit_layer(staged, first.parent)
    assert second.id != first.id and second.diff_id == first.diff_id
    assert Path(store.driver.diff_path(second.id), "new").read_text() == "text"
    assert os.listdir(store.layer_store.temp_root) == []
    assert store.check(contents=True).problems == []


def test_deleted_meanwhile_it_is_made_again(store: Store, container: Container) -> None:
    first, _ = _commit(store, container)
    staged = store.stage_container_diff(container.id)
    store.delete_layer(first.id)
    layer = store.commit_layer(staged, first.parent, id=first.id)
    assert layer.id == first.id
    assert Path(store.driver.diff_path(layer.id), "new").read_text() == "text"
    assert store.check(contents=True).problems == []


def test_the_same_changes_on_another_parent_are_another_layer(store: Store, container: Container) -> None:
    first, _ = _commit(store, container)
    with store.diff(first.id) as stream:
        blob = stream.read()
    add_layer(store, blob)
    store.delete_layer(first.id)
    assert _commit(store, container) == (store.layer(first.id), False)
