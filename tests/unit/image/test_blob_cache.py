"""The folder of --blob-cache: what is put into it, and what is taken from it."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from ocicore.errors import Corrupted, Error
from ocicore.image import transport
from ocicore.image.blob_cache import BlobCache
from ocicore.image.copy import CopyOptions, copy
from ocicore.image.types import SystemContext
from ocicore.image.watched_blob import MemoryBlob
from ocicore.oci import media_types
from ocicore.oci.descriptor import Descriptor
from support.contexts import system_context
from support.images import digest_of, layer_tar, make_image, publish
from support.registry_server import RegistryServer, registry_server


@pytest.fixture
def server() -> Iterator[RegistryServer]:
    with registry_server() as running:
        yield running


@pytest.fixture
def context(tmp_path: Path) -> Iterator[SystemContext]:
    made = system_context(tmp_path)
    yield made
    made.close()


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def copy_into(context: SystemContext, source: str, target: Path, cache: BlobCache) -> None:
    copy(
        transport.parse(source),
        transport.parse(f"dir:{target}"),
        source_context=context,
        destination_context=context,
        options=CopyOptions(blob_cache=cache),
    )


def test_what_is_copied_is_kept_with_its_notes(
    server: RegistryServer, context: SystemContext, tmp_path: Path
) -> None:
    image = make_image(layers=1, size=5000)
    publish(server, "some/image", "1", image)
    folder = tmp_path / "cache"
    copy_into(
        context,
        f"docker://{server.address}/some/image:1",
        tmp_path / "one",
        BlobCache(str(folder), keeps=True),
    )
    manifest = (tmp_path / "one/manifest.json").read_bytes()
    layer = next(name for name in names(folder) if name.endswith(".decompressed")).removesuffix(
        ".decompressed"
    )
    plain = (folder / f"{layer}.decompressed").read_text()
    assert (folder / f"{plain}.compressed").read_text() == layer
    assert digest_of((folder / layer).read_bytes()) == layer
    assert gzip.decompress((folder / layer).read_bytes()) == (folder / plain).read_bytes()
    assert digest_of((folder / plain).read_bytes()) == plain
    assert (folder / digest_of(manifest)).read_bytes() == manifest
    assert len([name for name in names(folder) if name.endswith(".config")]) == 1
    assert len(names(folder)) == 6


def test_blobs_come_from_the_folder_not_from_the_registry(
    server: RegistryServer, context: SystemContext, tmp_path: Path
) -> None:
    publish(server, "some/image", "1", make_image(layers=1, size=5000))
    source = f"docker://{server.address}/some/image:1"
    cache = BlobCache(str(tmp_path / "cache"), keeps=True)
    copy_into(context, source, tmp_path / "one", cache)
    layer = next(name for name in names(tmp_path / "cache") if name.endswith(".decompressed"))
    layer = layer.removesuffix(".decompressed")
    del server.blobs[layer]
    copy_into(context, source, tmp_path / "two", BlobCache(str(tmp_path / "cache")))
    encoded = layer.partition(":")[2]
    assert (tmp_path / "two" / encoded).read_bytes() == (tmp_path / "one" / encoded).read_bytes()


def test_a_damaged_blob_is_found_and_named(
    server: RegistryServer, context: SystemContext, tmp_path: Path
) -> None:
    publish(server, "some/image", "1", make_image(layers=1, size=5000))
    source = f"docker://{server.address}/some/image:1"
    folder = tmp_path / "cache"
    copy_into(context, source, tmp_path / "one", BlobCache(str(folder), keeps=True))
    layer = next(name for name in names(folder) if name.endswith(".decompressed")).removesuffix(
        ".decompressed"
    )
    data = bytearray((folder / layer).read_bytes())
    data[20] ^= 1
    (folder / layer).write_bytes(data)
    with pytest.raises(Corrupted) as failure:
        copy_into(context, source, tmp_path / "two", BlobCache(str(folder)))
    assert failure.value.hint == f"remove {layer} from the blob cache {folder}"
    assert not (tmp_path / "two").exists()


def test_only_what_was_read_whole_is_kept(tmp_path: Path) -> None:
    cache = BlobCache(str(tmp_path))

    class Broken:
        def read(self, amount: int = -1, /) -> bytes:
            raise Error("the connection was cut")

        def close(self) -> None: ...

    with pytest.raises(Error, match="cut"):
        cache.keep_blob(Broken())
    with pytest.raises(Corrupted), cache.keeping(MemoryBlob(b"abc")) as stream:
        stream.read(1)
        raise Corrupted("verifying failed")
    assert names(tmp_path) == set()


def test_a_bare_tar_needs_no_notes(tmp_path: Path) -> None:
    data = layer_tar({"a": b"x"})
    assert BlobCache(str(tmp_path)).keep_blob(MemoryBlob(data)) == (digest_of(data), len(data))
    assert names(tmp_path) == {digest_of(data)}


@pytest.mark.parametrize("wish", ["compress", "decompress", "preserve"])
@pytest.mark.parametrize("docker", [False, True])
def test_the_wished_form_is_put_forward(tmp_path: Path, wish: str, docker: bool) -> None:
    plain = layer_tar({"a": b"x"})
    packed = gzip.compress(plain)
    cache = BlobCache(str(tmp_path), wish=wish)  # type: ignore[arg-type]
    cache.keep_blob(MemoryBlob(packed))
    tar_type = media_types.DOCKER_LAYER if docker else media_types.OCI_LAYER
    gzip_type = media_types.DOCKER_LAYER_GZIP if docker else media_types.OCI_LAYER_GZIP
    tar = Descriptor(tar_type, digest_of(plain), len(plain))
    gzipped = Descriptor(gzip_type, digest_of(packed), len(packed))
    assert cache.suggestion(tar) == (gzipped if wish == "compress" else tar)
    # Docker's manifests have no name for a layer that is not compressed.
    assert cache.suggestion(gzipped) == (tar if wish == "decompress" and not docker else gzipped)
    (tmp_path / digest_of(packed)).unlink()
    assert cache.suggestion(tar) == tar


def test_a_full_or_forbidden_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Error, match=f"blob cache {tmp_path}/file/x: not a directory"):
        BlobCache(str(tmp_path / "file/x"))


def test_gzip_by_its_looks_only(tmp_path: Path) -> None:
    data = b"\x1f\x8b\x08" + b"no gzip at all"
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    assert BlobCache(str(tmp_path)).keep_blob(MemoryBlob(data))[0] == digest
    assert names(tmp_path) == {digest}
