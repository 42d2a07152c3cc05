"""zstd:chunked layers: an ordinary zstd stream, whose table of contents leads to every file."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
import zstandard

from ocicore.errors import Corrupted, Error
from ocicore.image.zstd_chunked import PREFIX, ChunkedReader
from support.images import layer_tar, make_image, publish
from support.pyskopeo import Pyskopeo
from support.registry_server import registry_server


def _archive() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        folder = tarfile.TarInfo("etc/")
        folder.type, folder.mode = tarfile.DIRTYPE, 0o755
        archive.addfile(folder)
        for name, data in (("etc/a", b"a" * 70_000), ("etc/empty", b""), ("x" * 150, b"long name")):
            info = tarfile.TarInfo(name)
            info.size, info.mode, info.mtime = len(data), 0o640, 1_700_000_000
            info.pax_headers = (
                {"SCHILY.xattr.user.k": "v", "mtime": "1700000000.25"} if name == "etc/a" else {}
            )
            archive.addfile(info, io.BytesIO(data))
        link = tarfile.TarInfo("etc/link")
        link.type, link.linkname = tarfile.SYMTYPE, "a"
        archive.addfile(link)
    return buffer.getvalue()


def _chunked(data: bytes, folder: Path) -> tuple[bytes, dict[str, str]]:
    reader = ChunkedReader(io.BytesIO(data), None, str(folder))
    return b"".join(iter(lambda: reader.read(1000), b"")), reader.annotations


def _table(blob: bytes, annotations: dict[str, str]) -> dict[str, Any]:
    place, size, plain, kind = map(int, annotations[PREFIX + "manifest-position"].split(":"))
    packed = blob[place : place + size]
    assert annotations[PREFIX + "manifest-checksum"] == "sha256:" + hashlib.sha256(packed).hexdigest()
    data = zstandard.ZstdDecompressor().decompress(packed)
    assert (len(data), kind) == (plain, 1)
    table: dict[str, Any] = json.loads(data)
    return table


def test_it_is_the_same_archive_and_each_file_can_be_read_alone(tmp_path: Path) -> None:
    plain = _archive()
    blob, annotations = _chunked(plain, tmp_path)
    with zstandard.ZstdDecompressor().stream_reader(io.BytesIO(blob), read_across_frames=True) as reader:
        assert reader.read() == plain
    table = _table(blob, annotations)
    assert table["version"] == 1
    entries = {entry["name"]: entry for entry in table["entries"]}
    assert list(entries) == ["etc/", "etc/a", "etc/empty", "x" * 150, "etc/link"]
    assert entries["etc/"]["type"] == "dir"
    assert entries["etc/link"]["linkName"] == "a"
    assert entries["etc/a"]["modtime"] == "2023-11-14T22:13:20.25Z"
    assert base64.b64decode(entries["etc/a"]["xattrs"]["user.k"]) == b"v"
    assert "digest" not in entries["etc/empty"]
    for name, data in (("etc/a", b"a" * 70_000), ("x" * 150, b"long name")):
        entry = entries[name]
        frame = blob[entry["offset"] : entry["endOffset"]]
        assert zstandard.ZstdDecompressor().decompressobj().decompress(frame) == data
        assert entry["digest"] == "sha256:" + hashlib.sha256(data).hexdigest()
    place, size, length = map(int, annotations[PREFIX + "tarsplit-position"].split(":"))
    packed = blob[place : place + size]
    assert table["tarSplitDigest"] == "sha256:" + hashlib.sha256(packed).hexdigest()
    assert len(zstandard.ZstdDecompressor().decompress(packed, max_output_size=1 << 20)) == length
    assert blob.endswith(b"GNUlInUx")


def test_an_archive_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(Error):
        _chunked(b"nothing of the kind" * 100, tmp_path)
    with pytest.raises(Corrupted):
        _chunked(layer_tar({"a": b"1" * 5000})[:1500], tmp_path)


def test_a_copy_into_the_format_and_out_of_it(tmp_path: Path) -> None:
    skopeo = Pyskopeo(tmp_path)
    image = make_image(layers=2)
    with registry_server() as server:
        publish(server, "a", "v1", image)
        plain = ("--src-tls-verify=false", "--dest-tls-verify=false")
        target = f"docker://{server.address}/b:v1"
        skopeo.ok(
            "copy", *plain, "--dest-compress-format=zstd:chunked", f"docker://{server.address}/a:v1", target
        )
        layers = json.loads(skopeo.ok("inspect", "--tls-verify=false", target))["LayersData"]
        assert {layer["MIMEType"] for layer in layers} == {"application/vnd.oci.image.layer.v1.tar+zstd"}
        assert all(PREFIX + "manifest-checksum" in layer["Annotations"] for layer in layers)
        # It is zstd already; in another format the annotations go.
        skopeo.ok("copy", *plain, "--dest-compress-format=gzip", target, f"oci:{tmp_path}/out:1")
        back = json.loads(skopeo.ok("inspect", f"oci:{tmp_path}/out:1"))["LayersData"]
        assert all(layer["Annotations"] is None for layer in back)
