"""Source images: created empty, one layer an artifact, the old manifest replaced."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from pathlib import Path

import pytest

from ocicore.build import source_image
from ocicore.errors import Conflict, InvalidInput, NotFound


def test_an_image_grows_by_artifacts(tmp_path: Path) -> None:
    image = str(tmp_path / "image")
    source_image.create(image, author="me", created="2024-01-01T00:00:00Z")
    empty, first = source_image.read(image)
    assert empty["layers"] is None
    config = json.loads((tmp_path / "image/blobs/sha256" / empty["config"]["digest"][7:]).read_text())
    assert config == {"created": "2024-01-01T00:00:00Z", "author": "me"}
    (tmp_path / "a.txt").write_text("a")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "b.txt").write_text("bb")
    source_image.add(image, str(tmp_path / "a.txt"), {"k": "v"})
    source_image.add(image, str(folder), {})
    manifest, last = source_image.read(image)
    assert last != first
    assert not (tmp_path / "image/blobs/sha256" / first[7:]).exists()
    assert [layer.get("annotations") for layer in manifest["layers"]] == [{"k": "v"}, None]
    names = []
    for layer in manifest["layers"]:
        data = (tmp_path / "image/blobs/sha256" / layer["digest"][7:]).read_bytes()
        assert len(data) == layer["size"]
        names.append(tarfile.open(fileobj=io.BytesIO(gzip.decompress(data))).getnames())
    assert names == [["a.txt"], ["b.txt"]]


def test_the_same_artifact_is_the_same_layer(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    digests = []
    for name in ("one", "two"):
        source_image.create(str(tmp_path / name), author="", created="")
        source_image.add(str(tmp_path / name), str(tmp_path / "a.txt"), {})
        digests.append(source_image.read(str(tmp_path / name))[1])
    assert digests[0] == digests[1]


def test_what_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Conflict, match="already exists"):
        source_image.create(str(tmp_path), author="", created="")
    with pytest.raises(NotFound):
        source_image.add(str(tmp_path / "none"), str(tmp_path), {})
    with pytest.raises(InvalidInput):
        source_image.read(str(tmp_path))
    with pytest.raises(InvalidInput, match="expected format"):
        source_image.parse_annotations(["x"])
    with pytest.raises(InvalidInput, match="more than once"):
        source_image.parse_annotations(["x=1", "x=2"])
    with pytest.raises(InvalidInput, match="invalid media type"):
        source_image.check({"config": {"mediaType": "application/json"}}, "x")
