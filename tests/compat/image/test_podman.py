"""The image library and the real podman on one store: pull, push, save, load, tags, removal."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ocicore.image import ancestry, pull, push, save
from ocicore.image.local import LocalImages
from ocicore.image.types import SystemContext
from ocicore.storage.store import Store
from support import stores, tree
from support.contexts import system_context
from support.debian_image import device_layer, hard_layer, write_layout
from support.docker_registry import docker_registry
from support.programs import Tool, theirs

pytestmark = [pytest.mark.compat, pytest.mark.root]


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with docker_registry(tmp_path_factory.mktemp("registry")) as address:
        layout = tmp_path_factory.mktemp("layout")
        write_layout(layout, [hard_layer(), device_layer()])
        target = f"docker://{address}/hard:1"
        theirs("skopeo", "--insecure-policy")(
            "copy", "-q", "--dest-tls-verify=false", f"oci:{layout}:1", target
        )
        yield address


@pytest.fixture
def context(tmp_path: Path) -> Iterator[SystemContext]:
    made = system_context(tmp_path)
    yield made
    made.close()


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder with a short name: podman refuses run roots of more than 50 characters."""
    with tempfile.TemporaryDirectory(prefix="i-", dir="/tmp", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / "ours").mkdir()
        (folder / "theirs").mkdir()
        yield folder
        for side in ("ours", "theirs"):
            subprocess.run(["umount", "-q", str(folder / side / "graph/overlay")], check=False)


@pytest.fixture
def images(short: Path) -> LocalImages:
    return LocalImages(Store(stores.config(short / "ours")))


def podman_on(folder: Path) -> Tool:
    return theirs("podman", "--root", str(folder / "graph"), "--runroot", str(folder / "run"))


@pytest.fixture
def podman(short: Path) -> Tool:
    """podman on the same store."""
    return podman_on(short / "ours")


@pytest.fixture
def other(short: Path) -> Tool:
    """podman on a store of its own."""
    return podman_on(short / "theirs")


def inspected(tool: Tool, name: str) -> dict[str, object]:
    (value,) = json.loads(tool.out("image", "inspect", name))
    return {
        key: value[key]
        for key in ("Id", "Digest", "RepoTags", "RepoDigests", "RootFS", "ManifestType", "History")
    }


def test_pulled_images_are_the_same(
    registry: str, context: SystemContext, images: LocalImages, podman: Tool, other: Tool, short: Path
) -> None:
    name = f"{registry}/hard:1"
    (image,) = pull.pull(images, name, context=context)
    other("pull", "-q", "--tls-verify=false", name)
    assert inspected(podman, name) == inspected(other, name)
    for layer in image.layers():
        left, right = (
            tree.describe(str(short / side / "graph/overlay" / layer.id / "diff"))
            for side in ("ours", "theirs")
        )
        assert len(left) > 2
        assert tree.differences(left, right) == []


def test_pushed_again_it_is_the_same_image(
    registry: str, context: SystemContext, images: LocalImages, other: Tool
) -> None:
    name = f"{registry}/hard:1"
    (image,) = pull.pull(images, name, context=context)
    result = push.push(images, name, f"docker://{registry}/pushed:ours", context=context)
    # podman compresses anew, and so changes the manifest; the registry has the layers, and we use them.
    assert result.digest == image.digest
    other("pull", "-q", "--tls-verify=false", name)
    other("push", "-q", "--tls-verify=false", name, f"docker://{registry}/pushed:theirs")
    (back,) = pull.pull(images, f"{registry}/pushed:theirs", context=context)
    assert back.id == image.id
    assert other.out("pull", "-q", "--tls-verify=false", f"{registry}/pushed:ours") == image.id


@pytest.mark.parametrize("format", ["docker-archive", "oci-archive", "oci-dir", "docker-dir"])
def test_archives_both_ways(
    registry: str,
    context: SystemContext,
    images: LocalImages,
    other: Tool,
    tmp_path: Path,
    format: save.SaveFormat,
) -> None:
    name = f"{registry}/hard:1"
    (image,) = pull.pull(images, name, context=context)
    save.save(images, [name], str(tmp_path / "mine"), format=format, context=context)
    other("load", "-i", str(tmp_path / "mine"))
    there = json.loads(other.out("images", "--format", "json"))
    layers = image.config().diff_ids
    (loaded,) = there
    assert json.loads(other.out("image", "inspect", loaded["Id"]))[0]["RootFS"]["Layers"] == layers
    if format in ("docker-archive", "oci-archive"):
        assert loaded["Names"] == [name]
    images.remove(image, force=True)
    other("tag", loaded["Id"], "localhost/again:2")
    other("save", "-q", "--format", format, "-o", str(tmp_path / "yours"), "localhost/again:2")
    (back,) = save.load(images, str(tmp_path / "yours"), context=context)
    assert back.config().diff_ids == layers
    if format in ("docker-archive", "oci-archive"):
        assert back.names == ["localhost/again:2"]


def test_names_and_history_agree(
    registry: str, context: SystemContext, images: LocalImages, podman: Tool
) -> None:
    (image,) = pull.pull(images, f"{registry}/hard:1", context=context)
    images.tag(image, "short")
    podman("tag", "short", "other:2")
    assert sorted(images.find("other:2").names) == sorted(
        [f"{registry}/hard:1", "localhost/short:latest", "localhost/other:2"]
    )
    lines = ancestry.Ancestry(images).history(images.find("short"))
    theirs_ = json.loads(podman.out("history", "--format", "json", "short"))
    assert [(line.id, line.size) for line in lines] == [(entry["id"], entry["size"]) for entry in theirs_]
    for asked in ("short", "other:2", image.id[:10], f"{registry}/hard@{image.digest}"):
        assert podman.out("image", "inspect", "-f", "{{.Id}}", asked) == images.find(asked).id
    error = podman("image", "inspect", "nothing", status=125).stderr
    assert "image not known" in error
    images.remove(images.find("short"), referenced_by="short")
    assert podman("image", "exists", "short", status=None).returncode == 1
    report = images.remove(images.find(image.id), force=True)
    assert report.deleted == [image.id]
    assert podman.out("images", "-q") == ""
