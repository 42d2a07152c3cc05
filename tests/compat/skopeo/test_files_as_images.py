"""tarball: and sif: – images made on the spot from files, compared with the real skopeo's."""

from __future__ import annotations

import bz2
import gzip
import json
import tarfile
from pathlib import Path

import pytest

from support.images import layer_tar, listing
from support.programs import Tool, ours, theirs
from support.sif_file import write_sif

pytestmark = [pytest.mark.compat, pytest.mark.root]

SKOPEO = theirs("skopeo", "--insecure-policy")
PYSKOPEO = ours("pyskopeo", "--insecure-policy")


def test_a_tarball_is_the_same_image(tmp_path: Path) -> None:
    for name, data in (("a.tar.gz", {"a": b"1"}), ("b.tar.gz", {"b": b"2" * 9000})):
        (tmp_path / name).write_bytes(gzip.compress(layer_tar(data), mtime=0))
    source = f"tarball:{tmp_path}/a.tar.gz:{tmp_path}/b.tar.gz"
    for name, tool in (("ours", PYSKOPEO), ("theirs", SKOPEO)):
        tool("copy", "-q", source, f"dir:{tmp_path / name}", env={"TZ": "UTC"})
    left, right = listing(tmp_path / "ours"), listing(tmp_path / "theirs")
    assert left == right


def test_a_tarball_over_standard_input(tmp_path: Path) -> None:
    data = layer_tar({"a": b"1"})
    PYSKOPEO("copy", "-q", "tarball:-", f"oci:{tmp_path}/out:1", stdin=data)
    value = json.loads(PYSKOPEO.out("inspect", f"oci:{tmp_path}/out:1"))
    assert len(value["Layers"]) == 1
    (tmp_path / "x.tar.bz2").write_bytes(bz2.compress(data))
    for source, message in (
        (f"tarball:{tmp_path}/none.tar", "no such file"),
        (f"tarball:{tmp_path}/x.tar.bz2", "bzip2 have no media type"),
        ("tarball:-:-", "only once"),
    ):
        assert message in PYSKOPEO("copy", source, f"dir:{tmp_path}/no", status=1).stderr


def _root(folder: Path) -> Path:
    root = folder / "root"
    (root / "bin").mkdir(parents=True)
    (root / "bin/tool").write_text("#!/bin/sh\n")
    (root / "bin/tool").chmod(0o755)
    (root / "link").symlink_to("bin/tool")
    return root


def _image(tool: Tool, folder: Path, name: str) -> tuple[dict[str, object], list[tuple[object, ...]]]:
    """(configuration without digests and times, members of the layer sorted) of a SIF file."""
    target = folder / name
    tool("copy", "-q", f"sif:{folder}/image.sif", f"dir:{target}")
    manifest = json.loads((target / "manifest.json").read_text())
    config = json.loads((target / manifest["config"]["digest"].removeprefix("sha256:")).read_text())
    layer = target / manifest["layers"][0]["digest"].removeprefix("sha256:")
    assert manifest["layers"][0]["mediaType"] == "application/vnd.oci.image.layer.v1.tar"
    with tarfile.open(layer) as archive:
        members = sorted((item.name, item.type, item.mode, item.uid, item.linkname) for item in archive)
    config.pop("rootfs")
    config["history"][0].pop("created_by")
    return config, [member for member in members if member[0] not in ("./podman", ".")]


@pytest.mark.parametrize(
    "definition", ["", "Bootstrap: x\n%environment\n# c\nexport A=1\n%runscript\necho hi\n%post\nno\n"]
)
def test_a_sif_file_is_the_same_image(tmp_path: Path, definition: str) -> None:
    write_sif(tmp_path / "image.sif", _root(tmp_path), definition=definition)
    left, right = _image(PYSKOPEO, tmp_path, "ours"), _image(SKOPEO, tmp_path, "theirs")
    assert left == right
    assert left[0]["config"] == {"Cmd": ["/podman/runscript" if definition else "bash"]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda path: path.write_bytes(b"nonsense"), "not a SIF file"),
        (lambda path: path.write_bytes(path.read_bytes()[:200]), "ends before its table"),
        (lambda path: path.write_bytes(path.read_bytes()[:4100]), "outside of the file"),
        (lambda path: path.unlink(), "no such file"),
    ],
)
def test_malformed_sif_files(tmp_path: Path, change: object, message: str) -> None:
    path = tmp_path / "image.sif"
    write_sif(path, _root(tmp_path))
    change(path)  # type: ignore[operator]
    done = PYSKOPEO("copy", f"sif:{path}", f"dir:{tmp_path}/out", status=1)
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_sif_files_that_cannot_be_read(tmp_path: Path) -> None:
    for more, message in (
        ({"part": 3}, "no primary partition"),
        ({"file_system": 2}, "not a plain squashfs"),
    ):
        write_sif(tmp_path / "image.sif", _root(tmp_path / message), **more)
        assert message in PYSKOPEO("inspect", f"sif:{tmp_path}/image.sif", status=1).stderr
