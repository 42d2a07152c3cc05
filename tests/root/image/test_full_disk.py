"""A destination without room: one line, and nothing left of the attempt."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ocicore.errors import Error
from ocicore.image import pull, transport
from ocicore.image.copy import copy
from ocicore.image.local import LocalImages
from ocicore.storage.store import Store
from support import stores
from support.contexts import system_context
from support.images import make_image, publish
from support.registry_server import RegistryServer, registry_server

pytestmark = pytest.mark.root


@pytest.fixture
def server() -> Iterator[RegistryServer]:
    with registry_server() as running:
        publish(running, "a", "v1", make_image(layers=3, size=2_000_000))
        yield running


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of three megabytes."""
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize(
    "place", ["dir:{}/d", "oci:{}/o:x", "oci-archive:{}/o.tar:x", "docker-archive:{}/d.tar:a:b"]
)
def test_copies(server: RegistryServer, small: Path, tmp_path: Path, place: str) -> None:
    with (
        system_context(tmp_path, tmp=str(small)) as context,
        pytest.raises(Error, match="no space left on device") as caught,
    ):
        copy(
            transport.parse(f"docker://{server.address}/a:v1"),
            transport.parse(place.format(small)),
            source_context=context,
            destination_context=context,
        )
    assert "\n" not in caught.value.message
    assert [path for path in small.rglob("*") if path.name != "home"] == []


def test_pull(server: RegistryServer, small: Path, tmp_path: Path) -> None:
    images = LocalImages(Store(stores.config(small)))
    with system_context(tmp_path) as context, pytest.raises(Error) as caught:
        pull.pull(images, f"{server.address}/a:v1", context=context)
    assert "no space left on device" in caught.value.message.lower()
    assert images.list() == []
    assert images.store.layers() == []
    assert list((small / "graph").rglob("*file-*")) == []
