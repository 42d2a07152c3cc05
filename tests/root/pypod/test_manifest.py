"""`pypod manifest`: lists made, filled from the store and from registries, changed, pushed."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from support.images import make_image, publish, publish_index
from support.programs import Tool, theirs
from support.pypod_store import IMAGE
from support.registry_server import registry_server

pytestmark = pytest.mark.root

DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"


def inspected(pypod: Tool, name: str) -> dict[str, Any]:
    """manifest inspect."""
    value: dict[str, Any] = json.loads(pypod.out("manifest", "inspect", name))
    return value


def test_an_empty_list_is_dockers_and_one_with_an_image_is_oci(pypod: Tool) -> None:
    identifier = pypod.out("manifest", "create", "ml:1")
    assert inspected(pypod, "ml:1") == {"schemaVersion": 2, "mediaType": DOCKER_LIST, "manifests": []}
    taken = pypod("manifest", "create", "ml:1", status=125).stderr
    assert 'image name "localhost/ml:1" is already associated' in taken
    assert pypod.out("manifest", "create", "--amend", "ml:1", f"containers-storage:{IMAGE}") == identifier
    (entry,) = inspected(pypod, identifier)["manifests"]
    assert entry["platform"]["os"] == "linux"
    pypod("manifest", "annotate", "ml:1", entry["digest"], "--features", "sse4", "--os-features", "win32k")
    assert inspected(pypod, "ml:1")["manifests"][0]["platform"]["os.features"] == ["win32k"]
    assert inspected(pypod, "ml:1")["mediaType"] == DOCKER_LIST
    pypod("manifest", "annotate", "ml:1", entry["digest"], "--annotation", "a=b")
    found = inspected(pypod, "ml:1")
    assert (found["mediaType"], found["manifests"][0]["annotations"]) == (OCI_INDEX, {"a": "b"})
    pypod("manifest", "annotate", "--index", "--annotation", "c=d", "ml:1")
    assert inspected(pypod, "ml:1")["annotations"] == {"c": "d"}
    assert pypod.out("manifest", "remove", "ml:1", entry["digest"]) == identifier
    assert inspected(pypod, "ml:1")["manifests"] == []
    assert pypod("manifest", "exists", "ml:1").returncode == 0
    assert pypod.out("manifest", "rm", "ml:1") == f"Untagged: localhost/ml:1\nDeleted: {identifier}"
    pypod("manifest", "exists", "ml:1", status=1)
    assert "ml:1: image not known" in pypod("manifest", "rm", "ml:1", status=1).stderr
    assert pypod.out("manifest", "rm", "--ignore", "ml:1") == ""
    # An image is no list.
    assert "not a list type" in pypod("manifest", "add", IMAGE, IMAGE, status=125).stderr


def test_what_podman_sees_in_our_list(pypod: Tool, tmp_path: Path) -> None:
    conf = tmp_path / "storage.conf"
    conf.write_text(
        f'[storage]\ndriver = "overlay"\ngraphroot = "{tmp_path}/root"\nrunroot = "{tmp_path}/run"\n'
    )
    podman = theirs("podman", "--log-level=error")
    podman.env = {**os.environ, "CONTAINERS_STORAGE_CONF": str(conf)}
    pypod("manifest", "create", "ml:1", f"containers-storage:{IMAGE}")
    theirs_ = json.loads(podman.out("manifest", "inspect", "ml:1"))
    ours_ = inspected(pypod, "ml:1")
    assert [entry["digest"] for entry in theirs_["manifests"]] == [
        entry["digest"] for entry in ours_["manifests"]
    ]
    podman("manifest", "annotate", "--arch", "arm64", "ml:1", ours_["manifests"][0]["digest"])
    assert inspected(pypod, "ml:1")["manifests"][0]["platform"]["architecture"] == "arm64"


def test_images_of_a_registry_are_not_pulled_but_pushed(pypod: Tool) -> None:
    with registry_server() as server:
        parts = {
            name: make_image(seed=number, architecture=name) for number, name in enumerate(("amd64", "arm64"))
        }
        publish_index(server, "app", "1", parts)
        publish(server, "one", "1", make_image(seed=9, architecture="s390x"))
        at, plain = server.address, "--tls-verify=false"
        before = pypod.out("images", "-q")
        pypod("manifest", "create", plain, "--all", "ml:1", f"docker://{at}/app:1")
        pypod("manifest", "add", plain, "ml:1", f"{at}/one:1")
        assert len(inspected(pypod, "ml:1")["manifests"]) == 3
        assert set(before.split()) < set(pypod.out("images", "-q").split())
        assert len(pypod.out("images", "-q").split()) == 2
        pypod("manifest", "push", plain, "--digestfile", "/dev/null", "ml:1", f"docker://{at}/all:2")
        pushed = json.loads(server.manifests["all"][server.tags["all"]["2"]][0])
        assert [entry["platform"]["architecture"] for entry in pushed["manifests"]] == [
            "amd64",
            "arm64",
            "s390x",
        ]
        for entry in pushed["manifests"]:
            assert entry["digest"] in server.manifests["all"]
        remote = json.loads(pypod.out("manifest", "inspect", plain, f"{at}/all:2"))
        assert [entry["digest"] for entry in remote["manifests"]] == [
            entry["digest"] for entry in pushed["manifests"]
        ]
        refused = pypod("manifest", "inspect", "--insecure", plain, f"{at}/all:2", status=125).stderr
        assert "--insecure may not be used with --tls-verify" in refused


@pytest.mark.parametrize("form", ["zstd", "zstd:chunked"])
def test_a_list_with_every_image_in_two_compressions(pypod: Tool, form: str) -> None:
    with registry_server() as server:
        target = f"{server.address}/two:1"
        pypod("manifest", "create", "ml:1", f"containers-storage:{IMAGE}")
        options = ("--tls-verify=false", "--compression-format", "gzip", "--add-compression", form, "--rm")
        pypod("manifest", "push", *options, "ml:1", target)
        pushed = json.loads(server.manifests["two"][server.tags["two"]["1"]][0])
        first, second = pushed["manifests"]
        assert "annotations" not in first
        assert second["annotations"] == {"io.github.containers.compression.zstd": "true"}
        layer = json.loads(server.manifests["two"][second["digest"]][0])["layers"][0]
        assert layer["mediaType"] == "application/vnd.oci.image.layer.v1.tar+zstd"
        pypod("manifest", "exists", "ml:1", status=1)


def test_files_as_artifacts(pypod: Tool, tmp_path: Path) -> None:
    note, blob, config = tmp_path / "note.txt", tmp_path / "blob", tmp_path / "config.json"
    note.write_text("a note\n")
    blob.write_bytes(bytes(range(256)))
    config.write_text("{}")
    pypod("manifest", "create", "ml:1")
    assert (
        "--artifact-type requires --artifact"
        in pypod("manifest", "add", "--artifact-type", "x/y", "ml:1", str(note), status=125).stderr
    )
    pypod("manifest", "add", "--artifact", "--os", "linux", "--arch", "amd64", "ml:1", str(note))
    pypod("manifest", "add", "--artifact", "--artifact-type", "text/x", "--artifact-config", str(config),
          "--artifact-exclude-titles", "ml:1", str(blob))  # fmt: skip
    first, second = inspected(pypod, "ml:1")["manifests"]
    assert first["artifactType"] == "application/vnd.unknown.artifact.v1"
    assert first["platform"] == {"architecture": "amd64", "os": "linux"}
    assert (first["files"], second["artifactType"]) == ([str(note)], "text/x")
    pypod("manifest", "annotate", "--annotation", "k=v", "ml:1", str(note))
    assert inspected(pypod, "ml:1")["manifests"][0]["annotations"] == {"k": "v"}
    with registry_server() as server:
        pypod("manifest", "push", "--tls-verify=false", "ml:1", f"{server.address}/art:1")
        stored = [json.loads(server.manifests["art"][entry["digest"]][0]) for entry in (first, second)]
        assert stored[0]["layers"][0]["mediaType"] == "text/plain"
        assert stored[0]["layers"][0]["annotations"] == {"org.opencontainers.image.title": "note.txt"}
        assert stored[0]["config"]["mediaType"] == "application/vnd.oci.empty.v1+json"
        assert stored[1]["layers"][0]["mediaType"] == "application/octet-stream"
        assert "annotations" not in stored[1]["layers"][0]
        assert stored[1]["config"]["mediaType"] == "application/vnd.oci.image.config.v1+json"
        assert server.blobs[stored[0]["layers"][0]["digest"]] == b"a note\n"
    note.unlink()
    with registry_server() as server:
        gone = pypod("manifest", "push", "--tls-verify=false", "ml:1", f"{server.address}/art:1", status=125)
        assert f"reading {note}: no such file or directory" in gone.stderr
