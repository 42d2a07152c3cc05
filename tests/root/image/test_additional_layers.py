"""Layers that an additional layer store provides: pulled without fetching them, mounted, pushed, removed."""

from __future__ import annotations

import base64
import gzip
import io
import json
import os
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ocicore.errors import Corrupted, InvalidInput
from ocicore.image import pull, push
from ocicore.image.local import LocalImages
from ocicore.image.types import SystemContext
from ocicore.storage.store import Store
from support import stores
from support.contexts import system_context
from support.images import MadeImage, digest_of, make_image, publish
from support.programs import theirs
from support.registry_server import RegistryServer, registry_server

pytestmark = pytest.mark.root

_TOC = "sha256:" + "7" * 64
_KEYS = ("io.github.containers.zstd-chunked.manifest-checksum", "containerd.io/snapshot/stargz/toc.digest")


def _sha(text: str) -> str:
    return digest_of(text.encode()).removeprefix("sha256:")


class Provider:
    """A registry with an image of three layers, of which the middle one has a table of contents; and a store with it."""

    def __init__(
        self, server: RegistryServer, folder: Path, *, by_reference: bool, key: str = _KEYS[0]
    ) -> None:
        made = make_image(layers=3, size=3000)
        manifest = json.loads(made.manifest)
        manifest["layers"][1]["annotations"] = {key: _TOC}
        self.image = MadeImage(
            made.blobs,
            json.dumps(manifest).encode(),
            made.media_type,
            made.config,
            made.layers,
            made.diff_ids,
        )
        publish(server, "lazy", "1", self.image)
        self.server = server
        self.name = f"{server.address}/lazy:1"
        self.root = folder / "provider"
        encoded = base64.b64encode(self.name.encode()).decode()
        self.place = self.root / (encoded if by_reference else "") / _TOC
        (self.place / "diff").mkdir(parents=True)
        blob = made.blobs[made.layers[1]]
        with tarfile.open(fileobj=io.BytesIO(gzip.decompress(blob))) as archive:
            for member in archive:
                (self.place / "diff" / member.name).write_bytes(archive.extractfile(member).read())  # type: ignore[union-attr]
        (self.place / "blob").write_bytes(blob)
        self.tell({})

    def tell(self, changes: dict[str, object]) -> None:
        """Write what the store says about the layer."""
        info = {
            "compressed-diff-digest": self.image.layers[1],
            "compressed-size": 1234,
            "compression": 2,
            "toc-digest": _TOC,
            "flags": {"expected-layer-diffid": self.image.diff_ids[1]},
        }
        (self.place / "info").write_text(json.dumps({**info, **changes}))


@pytest.fixture
def server() -> Iterator[RegistryServer]:
    with registry_server() as running:
        yield running


@pytest.fixture
def context(tmp_path: Path) -> Iterator[SystemContext]:
    made = system_context(tmp_path)
    yield made
    made.close()


def _opened(folder: Path, *stores_: str) -> LocalImages:
    return LocalImages(Store(stores.config(folder, layer_stores=stores_)))


def _shut(images: LocalImages) -> None:
    images.store.shutdown(force=True)


def _fetched(server: RegistryServer, digest: str) -> int:
    return sum(1 for method, path, _ in server.log if method == "GET" and path.endswith(digest))


@pytest.mark.parametrize("by_reference", [False, True])
@pytest.mark.parametrize("key", _KEYS)
def test_a_layer_that_is_there_is_not_fetched(
    server: RegistryServer, context: SystemContext, tmp_path: Path, by_reference: bool, key: str
) -> None:
    provider = Provider(server, tmp_path, by_reference=by_reference, key=key)
    images = _opened(tmp_path, f"{provider.root}{':ref' if by_reference else ''}")
    store = images.store
    try:
        (image,) = pull.pull(images, provider.name, context=context)
        assert _fetched(server, provider.image.layers[1]) == 0
        assert _fetched(server, provider.image.layers[0]) == 1
        # The identifiers of c/image's storage transport: nobody compared this layer with the configuration.
        first, second, third = image.layers()
        assert first.id == provider.image.diff_ids[0][7:]
        assert second.id == _sha(f"{first.id}+@TOC={_TOC[7:]}")
        assert third.id == _sha(f"{second.id}+{provider.image.diff_ids[2][7:]}")
        assert image.id == _sha(f"@With TOC:|{_TOC}||")
        assert (second.diff_id, second.raw["toc-digest"], second.compressed_size) == (None, _TOC, 1234)
        folder = tmp_path / "graph/overlay" / second.id
        assert os.readlink(folder / "diff") == f"{provider.place}/diff"
        assert (folder / "additionallayer").read_text() == str(provider.place)
        assert sorted(os.listdir(provider.place)) == ["blob", "diff", "info"]
        root = Path(store.mount_image(image.id))
        assert sorted(os.listdir(root)) == ["file-0", "file-1", "file-2"]
        assert (root / "file-1").read_bytes() == (provider.place / "diff/file-1").read_bytes()
        store.unmount_image(image.id)
        with store.diff(second.id) as stream:
            assert stream.read() == gzip.decompress(provider.image.blobs[provider.image.layers[1]])
        assert store.check(contents=True).ok
        # Pulled again nothing changes, and pushed it is the image it was.
        pull.pull(images, provider.name, context=context)
        assert len(store.layers()) == 3
        saved = tmp_path / "saved.tar"
        push.push(images, provider.name, f"docker-archive:{saved}:x", context=context)
        assert saved.stat().st_size > 9000
        result = push.push(images, provider.name, f"docker://{server.address}/copy:1", context=context)
        assert result.digest == provider.image.digest
        store.delete_image(image.id)
        assert (provider.place / "diff/file-1").exists()
        assert [name for name in os.listdir(tmp_path / "graph/overlay") if len(name) == 64] == []
        assert store.check().ok
    finally:
        _shut(images)


def test_podman_runs_what_we_took_from_there(
    server: RegistryServer, context: SystemContext, tmp_path: Path
) -> None:
    provider = Provider(server, tmp_path, by_reference=False)
    # podman before 5 knows no layer without a diff id; the real provider tells it.
    plain = gzip.decompress(provider.image.blobs[provider.image.layers[1]])
    provider.tell({"diff-digest": provider.image.diff_ids[1], "diff-size": len(plain)})
    # podman refuses run roots of more than 50 characters.
    with tempfile.TemporaryDirectory(prefix="a-", dir="/tmp", ignore_cleanup_errors=True) as name:
        short = Path(name)
        images = _opened(short, str(provider.root))
        podman = theirs("podman", "--root", str(short / "graph"), "--runroot", str(short / "run"))
        try:
            (image,) = pull.pull(images, provider.name, context=context)
            assert podman.out("images", "-q", "--no-trunc") == f"sha256:{image.id}"
            root = Path(podman.out("image", "mount", provider.name))
            assert (root / "file-1").read_bytes() == (provider.place / "diff/file-1").read_bytes()
            podman("image", "umount", provider.name)
            podman("rmi", provider.name)
            assert images.store.layers() == []
            assert (provider.place / "diff/file-1").exists()
        finally:
            _shut(images)
            subprocess.run(["umount", "-q", str(short / "graph/overlay")], check=False)


def test_a_store_without_the_layer_changes_nothing(
    server: RegistryServer, context: SystemContext, tmp_path: Path
) -> None:
    provider = Provider(server, tmp_path, by_reference=False)
    empty = tmp_path / "empty"
    empty.mkdir()
    images = _opened(tmp_path, str(empty))
    try:
        (image,) = pull.pull(images, provider.name, context=context)
        assert image.id == digest_of(provider.image.config)[7:]
        assert _fetched(server, provider.image.layers[1]) == 1
    finally:
        _shut(images)


def test_a_store_that_is_wrong_is_named(
    server: RegistryServer, context: SystemContext, tmp_path: Path
) -> None:
    provider = Provider(server, tmp_path, by_reference=False)
    images = _opened(tmp_path, str(provider.root))
    try:
        provider.tell({"toc-digest": "sha256:" + "8" * 64})
        with pytest.raises(Corrupted, match="reports unexpected TOCDigest"):
            pull.pull(images, provider.name, context=context)
        for text in ("{", "[]", '"'):
            (provider.place / "info").write_text(text)
            with pytest.raises(Corrupted, match=r"reading additional layer: .*/info: "):
                pull.pull(images, provider.name, context=context)
        assert images.store.layers() == []
        assert images.store.check().ok
    finally:
        _shut(images)


def test_a_store_that_went_away_is_reported_and_nothing_removed(
    server: RegistryServer, context: SystemContext, tmp_path: Path
) -> None:
    provider = Provider(server, tmp_path, by_reference=False)
    images = _opened(tmp_path, str(provider.root))
    try:
        (image,) = pull.pull(images, provider.name, context=context)
        provider.root.rename(tmp_path / "away")
        report = images.store.check(repair=True)
        assert [problem.message for problem in report.problems] == [
            f"the additional layer store has no {provider.place} now: layer is missing"
        ]
        assert images.store.image(image.id).id == image.id
        (tmp_path / "away").rename(provider.root)
        assert images.store.check(contents=True).ok
    finally:
        _shut(images)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("relative", 'additionallayerstore path "relative" is not absolute'),
        ("{}/none", "can't stat additionallayerstore dir: .*/none: no such file or directory"),
        ("{}/file", "must be a directory"),
        ("{}:reef", 'contains unknown option "reef"'),
        ("{}:ref:ref", 'contains "ref" option twice'),
    ],
)
def test_what_cannot_be_a_store(tmp_path: Path, given: str, message: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InvalidInput, match=message):
        _opened(tmp_path, given.format(tmp_path))


def test_vfs_has_none(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="vfs driver does not support additionallayerstore options"):
        Store(stores.config(tmp_path, "vfs", layer_stores=[str(tmp_path)]))
