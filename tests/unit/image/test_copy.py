"""The copy engine between a registry in memory and the transports that are files."""

from __future__ import annotations

import gzip
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ocicore.errors import Corrupted, Error, InvalidInput, NotFound, Unsupported
from ocicore.image import transport
from ocicore.image.copy import CopyOptions, CopyResult, copy
from ocicore.image.progress import PlainProgress, Progress
from ocicore.image.types import SystemContext
from ocicore.oci.platform import Platform
from support.contexts import system_context
from support.images import (
    DOCKER_MANIFEST,
    OCI_MANIFEST,
    digest_of,
    listing,
    make_image,
    publish,
    publish_index,
)
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


def run(
    context: SystemContext, source: str, destination: str, progress: Progress | None = None, **options: Any
) -> CopyResult:
    return copy(
        transport.parse(source),
        transport.parse(destination),
        source_context=context,
        destination_context=context,
        options=CopyOptions(**options),
        progress=progress,
    )


def temporaries(folder: Path) -> list[str]:
    """Files that a copy should not leave behind."""
    return [
        path.name
        for path in folder.rglob("*")
        if path.name.startswith((".blob-", ".tmp-", "docker-archive-", "container_images_oci"))
        or path.name.endswith(".partial")
    ]


def test_registry_to_directory(server: RegistryServer, context: SystemContext, tmp_path: Path) -> None:
    image = make_image()
    publish(server, "a", "v1", image)
    lines: list[str] = []
    result = run(
        context, f"docker://{server.address}/a:v1", f"dir:{tmp_path / 'd'}", PlainProgress(lines.append)
    )
    assert result.digest == image.digest
    expected = {digest[7:]: data for digest, data in image.blobs.items()}
    expected |= {"manifest.json": image.manifest, "version": b"Directory Transport Version: 1.1\n"}
    assert listing(tmp_path / "d") == expected
    assert lines == [
        "Getting image source signatures\n",
        *[f"Copying blob {digest}\n" for digest in image.layers],
        f"Copying config {digest_of(image.config)}\n",
        "Writing manifest to image destination\n",
    ]


def test_every_transport_keeps_the_digest(
    server: RegistryServer, context: SystemContext, tmp_path: Path
) -> None:
    image = make_image(layers=4)
    publish(server, "a", "v1", image)
    chain = [
        f"docker://{server.address}/a:v1",
        f"oci:{tmp_path / 'layout'}:name",
        f"oci-archive:{tmp_path / 'layout.tar'}:name",
        f"dir:{tmp_path / 'd'}",
        f"docker://{server.address}/b:v2",
    ]
    for source, target in itertools.pairwise(chain):
        assert run(context, source, target).digest == image.digest
    assert temporaries(tmp_path) == []


def test_docker_archive_there_and_back(
    server: RegistryServer, context: SystemContext, tmp_path: Path
) -> None:
    image = make_image(docker=True)
    publish(server, "a", "v1", image)
    archive = tmp_path / "image.tar"
    run(
        context,
        f"docker://{server.address}/a:v1",
        f"docker-archive:{archive}:x/y:z",
        additional_tags=["docker.io/x/y:w"],
    )
    first = archive.read_bytes()
    archive.unlink()
    run(
        context,
        f"docker://{server.address}/a:v1",
        f"docker-archive:{archive}:x/y:z",
        additional_tags=["docker.io/x/y:w"],
    )
    assert archive.read_bytes() == first, "archives are deterministic"
    run(context, f"docker-archive:{archive}:x/y:w", f"dir:{tmp_path / 'd'}")
    manifest = json.loads((tmp_path / "d/manifest.json").read_bytes())
    assert [layer["digest"] for layer in manifest["layers"]] == image.diff_ids
    assert manifest["config"]["digest"] == digest_of(image.config)
    with pytest.raises(NotFound, match="not found"):
        run(context, f"docker-archive:{archive}:other:tag", f"dir:{tmp_path / 'e'}")
    with pytest.raises(InvalidInput, match="doesn't support modifying"):
        run(context, f"docker://{server.address}/a:v1", f"docker-archive:{archive}:a:b")


def test_nothing_is_sent_twice(server: RegistryServer, context: SystemContext) -> None:
    image = make_image(layers=3)
    publish(server, "a", "v1", image)
    run(context, f"docker://{server.address}/a:v1", f"docker://{server.address}/b:v1")
    assert server.count("PATCH", "upload") == 0, "layers are mounted"
    before = server.count("GET", "blob")
    run(context, f"docker://{server.address}/a:v1", f"docker://{server.address}/b:v2")
    assert server.count("GET", "blob") - before == 1, "only the configuration is read again"


def test_a_blob_goes_to_a_registry_once(
    server: RegistryServer, context: SystemContext, tmp_path: Path
) -> None:
    image = make_image(layers=3)
    publish(server, "a", "v1", image)
    run(context, f"docker://{server.address}/a:v1", f"dir:{tmp_path / 'd'}")
    with registry_server() as other:
        run(context, f"dir:{tmp_path / 'd'}", f"docker://{other.address}/one:v1")
        sent = other.count("PUT", "upload")
        run(context, f"dir:{tmp_path / 'd'}", f"docker://{other.address}/two:v1")
        assert other.count("PUT", "upload") == sent, (
            "the second repository takes the blobs over from the first"
        )
        assert other.tags["two"]["v1"] == image.digest
        context.close()


def test_conversion_to_docker_and_back(server: RegistryServer, context: SystemContext) -> None:
    image = make_image()
    publish(server, "a", "v1", image)
    base = f"docker://{server.address}"
    result = run(context, f"{base}/a:v1", f"{base}/a:docker", manifest_type=DOCKER_MANIFEST)
    value = json.loads(result.manifest)
    assert value["mediaType"] == DOCKER_MANIFEST
    assert list(value["config"]) == ["mediaType", "size", "digest"]
    assert {layer["mediaType"] for layer in value["layers"]} == {
        "application/vnd.docker.image.rootfs.diff.tar.gzip"
    }
    back = run(context, f"{base}/a:docker", f"{base}/a:oci", manifest_type=OCI_MANIFEST)
    value = json.loads(back.manifest)
    assert {layer["mediaType"] for layer in value["layers"]} == {
        "application/vnd.oci.image.layer.v1.tar+gzip"
    }
    config = server.blobs[value["config"]["digest"]]
    assert b"\\u003ctest\\u003e \\u0026 co" in config, "written as Go writes it"
    assert json.loads(config)["rootfs"]["diff_ids"] == image.diff_ids


def test_registry_that_refuses_a_type_gets_another(server: RegistryServer, context: SystemContext) -> None:
    publish(server, "a", "v1", make_image())
    server.refused_types.add(OCI_MANIFEST)
    result = run(context, f"docker://{server.address}/a:v1", f"docker://{server.address}/b:v1")
    assert result.media_type == DOCKER_MANIFEST


def test_preserved_digests_forbid_changes(
    server: RegistryServer, context: SystemContext, tmp_path: Path
) -> None:
    image = make_image()
    publish(server, "a", "v1", image)
    source = f"docker://{server.address}/a:v1"
    assert run(context, source, f"dir:{tmp_path / 'd'}", preserve_digests=True).digest == image.digest
    with pytest.raises(Error, match="Manifest conversion"):
        run(context, source, f"dir:{tmp_path / 'e'}", preserve_digests=True, manifest_type=DOCKER_MANIFEST)
    assert not (tmp_path / "e").exists()


@pytest.mark.parametrize("kind", ["gzip", "zstd"])
def test_compression(server: RegistryServer, context: SystemContext, tmp_path: Path, kind: str) -> None:
    image = make_image(size=20_000)
    publish(server, "a", "v1", image)
    result = run(
        context,
        f"docker://{server.address}/a:v1",
        f"oci:{tmp_path / 'o'}",
        compression=kind,
        force_compression=True,
    )
    layers = json.loads(result.manifest)["layers"]
    assert {layer["mediaType"].rpartition("+")[2] for layer in layers} == {kind}
    for layer in layers:
        data = (tmp_path / "o/blobs/sha256" / layer["digest"][7:]).read_bytes()
        assert len(data) == layer["size"]
    # What was compressed again is the same image.
    plain = run(context, f"oci:{tmp_path / 'o'}", f"docker-archive:{tmp_path / 'x.tar'}:a:b")
    assert [layer["digest"] for layer in json.loads(plain.manifest)["layers"]] == image.diff_ids


def test_signed_image_is_not_compressed_for_a_folder(server: RegistryServer, tmp_path: Path) -> None:
    image = make_image()
    publish(server, "a", "v1", image)
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    plain = system_context(tmp_path / "one", directory_decompress=True)
    run(plain, f"docker://{server.address}/a:v1", f"dir:{tmp_path}/plain")
    plain.close()
    (tmp_path / "plain" / "signature-1").write_bytes(b"a signature")
    packing = system_context(tmp_path / "two", directory_compress=True)
    run(packing, f"dir:{tmp_path}/plain", f"dir:{tmp_path}/signed")
    manifest = (tmp_path / "plain" / "manifest.json").read_bytes()
    assert (tmp_path / "signed" / "manifest.json").read_bytes() == manifest
    assert (tmp_path / "signed" / "signature-1").read_bytes() == b"a signature"
    run(packing, f"dir:{tmp_path}/plain", f"dir:{tmp_path}/bare", remove_signatures=True)
    assert (tmp_path / "bare" / "manifest.json").read_bytes() != manifest
    packing.close()


def test_zstd_in_docker_manifests_is_refused(
    server: RegistryServer, context: SystemContext, tmp_path: Path
) -> None:
    publish(server, "a", "v1", make_image(docker=True))
    with pytest.raises(Error):
        run(
            context,
            f"docker://{server.address}/a:v1",
            f"dir:{tmp_path / 'd'}",
            compression="zstd",
            force_compression=True,
            manifest_type=DOCKER_MANIFEST,
        )
    assert not (tmp_path / "d").exists()


def test_precomputed_digests_spare_uploads(
    server: RegistryServer, context: SystemContext, tmp_path: Path
) -> None:
    image = make_image()
    publish(server, "a", "v1", image)
    run(context, f"docker://{server.address}/a:v1", f"docker-archive:{tmp_path / 'x.tar'}:a:b")
    run(
        context,
        f"docker-archive:{tmp_path / 'x.tar'}",
        f"docker://{server.address}/c:1",
        precompute_digests=True,
    )
    uploads = server.count("POST", "upload")
    run(
        context,
        f"docker-archive:{tmp_path / 'x.tar'}",
        f"docker://{server.address}/c:2",
        precompute_digests=True,
    )
    assert server.count("POST", "upload") == uploads


# -- lists -----------------------------------------------------------------------


def test_one_image_of_a_list(server: RegistryServer, context: SystemContext, tmp_path: Path) -> None:
    images = {
        name: make_image(seed=number, architecture=name) for number, name in enumerate(("amd64", "arm64"))
    }
    publish_index(server, "a", "v1", images)
    arm = context.with_(platform=Platform("linux", "arm64"))
    assert (
        run(arm, f"docker://{server.address}/a:v1", f"dir:{tmp_path / 'd'}").digest == images["arm64"].digest
    )
    odd = context.with_(platform=Platform("linux", "s390x"))
    with pytest.raises(NotFound, match="no image found in manifest list"):
        run(odd, f"docker://{server.address}/a:v1", f"dir:{tmp_path / 'e'}")
    assert not (tmp_path / "e").exists()


@pytest.mark.parametrize(
    "target", ["dir:{tmp}/d", "oci:{tmp}/o:x", "oci-archive:{tmp}/o.tar:x", "docker://{host}/b:v1"]
)
def test_whole_list(server: RegistryServer, context: SystemContext, tmp_path: Path, target: str) -> None:
    images = {
        name: make_image(seed=number, architecture=name) for number, name in enumerate(("amd64", "arm64"))
    }
    index = publish_index(server, "a", "v1", images)
    place = target.format(tmp=tmp_path, host=server.address)
    result = run(context, f"docker://{server.address}/a:v1", place, multi_arch="all")
    assert result.manifest == index
    again = run(context, place, f"docker://{server.address}/c:v1", multi_arch="all")
    assert again.digest == digest_of(index)


def test_index_only(server: RegistryServer, context: SystemContext, tmp_path: Path) -> None:
    index = publish_index(server, "a", "v1", {"amd64": make_image()})
    run(context, f"docker://{server.address}/a:v1", f"dir:{tmp_path / 'd'}", multi_arch="index-only")
    assert listing(tmp_path / "d") == {
        "manifest.json": index,
        "version": b"Directory Transport Version: 1.1\n",
    }


def test_list_converted_to_docker(server: RegistryServer, context: SystemContext) -> None:
    publish_index(
        server, "a", "v1", {"amd64": make_image(), "arm64": make_image(seed=2, architecture="arm64")}
    )
    base = f"docker://{server.address}"
    result = run(context, f"{base}/a:v1", f"{base}/b:v1", multi_arch="all", manifest_type=DOCKER_MANIFEST)
    value = json.loads(result.manifest)
    assert value["mediaType"] == "application/vnd.docker.distribution.manifest.list.v2+json"
    assert [entry["platform"]["architecture"] for entry in value["manifests"]] == ["amd64", "arm64"]


def test_list_that_names_a_list(server: RegistryServer, context: SystemContext, tmp_path: Path) -> None:
    inner = publish_index(server, "a", "inner", {"amd64": make_image()})
    outer = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": [
                {
                    "mediaType": "application/vnd.oci.image.index.v1+json",
                    "digest": digest_of(inner),
                    "size": len(inner),
                    "platform": {"architecture": "amd64", "os": "linux"},
                }
            ],
        }
    ).encode()
    server.put_manifest("a", "outer", outer, "application/vnd.oci.image.index.v1+json")
    with pytest.raises(Unsupported, match="itself a list"):
        run(context, f"docker://{server.address}/a:outer", f"dir:{tmp_path / 'd'}", multi_arch="all")
    assert not (tmp_path / "d").exists()


def test_list_into_docker_archive(server: RegistryServer, context: SystemContext, tmp_path: Path) -> None:
    publish_index(server, "a", "v1", {"amd64": make_image()})
    with pytest.raises(Unsupported, match="manifest lists are not supported"):
        run(
            context,
            f"docker://{server.address}/a:v1",
            f"docker-archive:{tmp_path / 'x.tar'}:a:b",
            multi_arch="all",
        )
    assert temporaries(tmp_path) == []


# -- failures -------------------------------------------------------------------


def test_cut_connections_do_not_matter(
    server: RegistryServer, context: SystemContext, tmp_path: Path
) -> None:
    image = make_image(layers=3, size=500_000)
    publish(server, "a", "v1", image)
    server.fail("cut", "blob", after=100_000, times=6)
    server.fail("status", "manifest", status=502)
    assert run(context, f"docker://{server.address}/a:v1", f"dir:{tmp_path / 'd'}").digest == image.digest
    total = sum(len(data) for data in image.blobs.values())
    assert server.sent < total * 1.3, "what was there was not fetched again"


@pytest.mark.parametrize(
    "target", ["dir:{tmp}/d", "oci:{tmp}/o:x", "oci-archive:{tmp}/o.tar:x", "docker-archive:{tmp}/x.tar:a:b"]
)
def test_wrong_bytes_leave_nothing(
    server: RegistryServer, context: SystemContext, tmp_path: Path, target: str
) -> None:
    publish(server, "a", "v1", make_image(layers=5, size=50_000))
    folder = tmp_path / "there"
    folder.mkdir()
    server.fail("corrupt", "blob", times=99)
    with pytest.raises(Corrupted):
        run(context, f"docker://{server.address}/a:v1", target.format(tmp=folder))
    assert not listing(folder)


def test_wrong_bytes_keep_what_a_layout_had(
    server: RegistryServer, context: SystemContext, tmp_path: Path
) -> None:
    publish(server, "a", "v1", make_image())
    publish(server, "a", "v2", make_image(seed=2))
    target = f"oci:{tmp_path / 'o'}"
    run(context, f"docker://{server.address}/a:v1", f"{target}:one")
    before = listing(tmp_path / "o")
    server.fail("corrupt", "blob", times=99)
    with pytest.raises(Corrupted):
        run(context, f"docker://{server.address}/a:v2", f"{target}:two")
    assert listing(tmp_path / "o") == before
    server.faults.clear()
    run(context, f"docker://{server.address}/a:v2", f"{target}:two")
    names = [
        entry["annotations"]["org.opencontainers.image.ref.name"]
        for entry in json.loads((tmp_path / "o/index.json").read_bytes())["manifests"]
    ]
    assert names == ["one", "two"]


def test_directory_with_other_things_is_not_touched(
    server: RegistryServer, context: SystemContext, tmp_path: Path
) -> None:
    publish(server, "a", "v1", make_image())
    (tmp_path / "d").mkdir()
    (tmp_path / "d/precious").write_text("keep me")
    with pytest.raises(InvalidInput, match="don't want to overwrite important data"):
        run(context, f"docker://{server.address}/a:v1", f"dir:{tmp_path / 'd'}")
    assert (tmp_path / "d/precious").read_text() == "keep me"


def test_push_resumes_after_a_cut(server: RegistryServer, context: SystemContext, tmp_path: Path) -> None:
    image = make_image(layers=1, size=3_000_000)
    publish(server, "a", "v1", image)
    run(context, f"docker://{server.address}/a:v1", f"dir:{tmp_path / 'd'}")
    server.fail("cut-request", "upload", method="PATCH", after=500_000)
    result = run(context, f"dir:{tmp_path / 'd'}", f"docker://{server.address}/other:v1")
    assert result.digest == image.digest


def test_truncated_blob_in_a_directory(
    server: RegistryServer, context: SystemContext, tmp_path: Path
) -> None:
    image = make_image()
    publish(server, "a", "v1", image)
    run(context, f"docker://{server.address}/a:v1", f"dir:{tmp_path / 'd'}")
    path = tmp_path / "d" / image.layers[0][7:]
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(Corrupted, match="bytes instead of"):
        run(context, f"dir:{tmp_path / 'd'}", f"oci:{tmp_path / 'o'}")
    assert not (tmp_path / "o").exists()


def test_malformed_sources(context: SystemContext, tmp_path: Path) -> None:
    (tmp_path / "bad").write_bytes(b"no archive at all" * 100)
    (tmp_path / "bad.gz").write_bytes(gzip.compress(b"no archive either" * 100))
    for text in (
        "docker-archive:{}/bad",
        "docker-archive:{}/bad.gz",
        "oci-archive:{}/bad",
        "oci:{}/none",
        "dir:{}/none",
    ):
        with pytest.raises(Error) as caught:
            run(context, text.format(tmp_path), f"dir:{tmp_path / 'd'}")
        assert "\n" not in caught.value.message
        assert caught.value.message.startswith("initializing source ")
    assert not (tmp_path / "d").exists()


def test_archive_with_members_outside(context: SystemContext, tmp_path: Path) -> None:
    import io
    import tarfile

    path = tmp_path / "evil.tar"
    with tarfile.open(path, "w") as archive:
        info = tarfile.TarInfo("../outside")
        info.size = 3
        archive.addfile(info, io.BytesIO(b"bad"))
    with pytest.raises(Corrupted, match="unexpected member"):
        run(context, f"oci-archive:{path}", f"dir:{tmp_path / 'd'}")
    assert not (tmp_path.parent / "outside").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nothing", "expected colon-separated transport:reference"),
        ("ftp://x", 'unknown transport "ftp"'),
        ("docker:x", "does not start with //"),
        ("docker://UPPER", "must be lowercase"),
        ("docker://a:b@sha256:" + "0" * 64, "both a tag and digest"),
        ("oci::x", "path is empty"),
        ("oci:x:@y", "is no index"),
        ("dir:", "path is empty"),
        ("docker-archive:x:a@sha256:" + "0" * 64, "digest cannot be stored"),
        ("containers-storage:", "names no image"),
        ("containers-storage:[overlay@relative]x", "absolute path"),
    ],
)
def test_bad_references(text: str, message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        transport.parse(text)
    assert message in caught.value.message
