"""`pypod artifact`: files in the local store and at registries."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.programs import Tool
from support.registry_server import registry_server

pytestmark = pytest.mark.root


def test_files_in_the_store(pypod: Tool, tmp_path: Path) -> None:
    one, two, target = tmp_path / "one.txt", tmp_path / "two.bin", tmp_path / "out"
    one.write_text("hello\n")
    two.write_bytes(b"\x00\x01\x02")
    target.mkdir()
    digest = pypod.out(
        "artifact", "add", "--type", "x/y", "--annotation", "a=b", "quay.io/me/art:1", str(one)
    )
    found = json.loads(pypod.out("artifact", "inspect", "quay.io/me/art:1"))
    assert (found["Name"], found["Digest"]) == ("quay.io/me/art:1", f"sha256:{digest}")
    (layer,) = found["Manifest"]["layers"]
    assert layer["annotations"] == {"a": "b", "org.opencontainers.image.title": "one.txt"}
    assert (layer["mediaType"], layer["size"]) == ("text/plain; charset=utf-8", 6)
    assert found["Manifest"]["artifactType"] == "x/y"
    assert "already exists" in pypod("artifact", "add", "quay.io/me/art:1", str(two), status=125).stderr
    pypod("artifact", "add", "--append", "quay.io/me/art:1", str(two))
    rows = json.loads(pypod.out("artifact", "ls", "--format", "json"))
    assert [(row["Repository"], row["Tag"]) for row in rows] == [("quay.io/me/art", "1")]
    assert pypod.out("artifact", "ls").splitlines()[0].split() == ["REPOSITORY", "TAG", "DIGEST", "SIZE"]
    pypod("artifact", "extract", "quay.io/me/art:1", str(target))
    assert {path.name: path.read_bytes() for path in target.iterdir()} == {
        "one.txt": b"hello\n",
        "two.bin": b"\x00\x01\x02",
    }
    pypod("artifact", "extract", "--title", "two.bin", "quay.io/me/art:1", str(tmp_path / "copy"))
    assert (tmp_path / "copy").read_bytes() == b"\x00\x01\x02"
    assert (
        "is not a directory"
        in pypod("artifact", "extract", "quay.io/me/art:1", "/nonexistent", status=125).stderr
    )
    pypod("artifact", "add", "--replace", "quay.io/me/art:1", str(two))
    blobs = tmp_path / "root" / "artifacts" / "blobs" / "sha256"
    assert len(list(blobs.iterdir())) == 3
    whole = json.loads(pypod.out("artifact", "inspect", "quay.io/me/art:1"))["Digest"].partition(":")[2]
    assert pypod.out("artifact", "rm", whole[:12]) == whole
    assert list(blobs.iterdir()) == []
    assert "no artifact found" in pypod("artifact", "rm", whole, status=125).stderr
    pypod("artifact", "rm", "--ignore", whole)
    assert "no such file" in pypod("artifact", "add", "x", "/nonexistent", status=125).stderr


def test_to_a_registry_and_back(pypod: Tool, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(bytes(range(256)) * 100)
    with registry_server() as server:
        name, plain = f"{server.address}/art:1", "--tls-verify=false"
        digest = pypod.out("artifact", "add", name, str(file))
        pypod("artifact", "push", plain, "--digestfile", f"{tmp_path}/digest", name)
        assert (tmp_path / "digest").read_text() == f"sha256:{digest}"
        stored = json.loads(server.manifests["art"][server.tags["art"]["1"]][0])
        assert server.blobs[stored["layers"][0]["digest"]] == file.read_bytes()
        pypod("artifact", "rm", "--all")
        assert pypod.out("artifact", "ls", "-n") == ""
        pypod("artifact", "pull", plain, name)
        pypod("artifact", "extract", name, f"{tmp_path}/back")
        assert (tmp_path / "back").read_bytes() == file.read_bytes()
        pypod("artifact", "pull", plain, f"{server.address}/no:1", status=125)
