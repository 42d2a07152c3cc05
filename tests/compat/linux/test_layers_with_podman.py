"""The same layer by us and by podman: the same tree, the same tar-split lines, and podman reads what we pack."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ocicore.linux import archive, mount
from support import tree
from support.debian_image import hard_layer
from support.programs import Tool

pytestmark = [pytest.mark.root, pytest.mark.compat]


class Store:
    """A store of real podman's, of the test's own."""

    def __init__(self, folder: Path) -> None:
        self.graph = folder / "graph"
        self.podman = Tool(
            [
                "podman",
                "--root",
                str(self.graph),
                "--runroot",
                str(folder / "run"),
                "--storage-driver",
                "overlay",
            ]
        )

    def load(self, layer: bytes, folder: Path) -> str:
        """Import as an image; the layer's id is its digest."""
        path = folder / "podman.tar"
        path.write_bytes(layer)
        self.podman("import", "-q", str(path))
        return hashlib.sha256(layer).hexdigest()

    def diff(self, layer: str) -> Path:
        return self.graph / "overlay" / layer / "diff"

    def lines(self, layer: str) -> list[dict[str, object]]:
        text = gzip.decompress((self.graph / "overlay-layers" / f"{layer}.tar-split.gz").read_bytes())
        return [json.loads(line) for line in text.splitlines()]

    def record(self, layer: str) -> dict[str, object]:
        records = json.loads((self.graph / "overlay-layers" / "layers.json").read_text())
        found: dict[str, object] = next(record for record in records if record["id"] == layer)
        return found


@pytest.fixture
def store() -> Iterator[Store]:
    # Podman refuses run roots of more than 50 characters.
    folder = Path(tempfile.mkdtemp(prefix="layers-"))
    yield Store(folder)
    for path in mount.mounts_below(str(folder)):
        mount.umount(path)
    parent = os.open(folder.parent, os.O_RDONLY)
    archive.remove_tree(parent, folder.name)
    os.close(parent)


def unpack(layer: bytes, folder: Path) -> tuple[Path, list[dict[str, object]], archive.UnpackResult]:
    root, source, split = folder / "ours", folder / "ours.tar", folder / "ours.split"
    root.mkdir()
    source.write_bytes(layer)
    with open(source, "rb") as stream, open(split, "wb") as lines:
        target = os.open(root, os.O_RDONLY)
        result = archive.unpack(stream.fileno(), target, tar_split_fd=lines.fileno())
        os.close(target)
    return root, [json.loads(line) for line in split.read_bytes().splitlines()], result


def joined(lines: list[dict[str, object]]) -> list[dict[str, object]]:
    """Neighbouring segments as one: where a segment is cut depends on how the stream arrived."""
    import base64

    result: list[dict[str, object]] = []
    for line in lines:
        line = {key: value for key, value in line.items() if key != "position"}
        if line["type"] == 2:
            line["payload"] = base64.b64decode(str(line["payload"]))
            if result and result[-1]["type"] == 2:
                result[-1]["payload"] += line["payload"]  # type: ignore[operator]
                continue
        result.append(line)
    return result


def whiteout_layer() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as out:
        for name, kind in (
            ("d", tarfile.DIRTYPE),
            ("d/.wh..wh..opq", tarfile.REGTYPE),
            ("d/.wh.gone", tarfile.REGTYPE),
            ("e/.wh.gone", tarfile.REGTYPE),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.mode, info.mtime = kind, 0o755, 1_600_000_000
            out.addfile(info)
    return buffer.getvalue()


@pytest.mark.parametrize("make", [hard_layer, whiteout_layer])
def test_the_same_layer(make: object, store: Store, tmp_path: Path) -> None:
    layer: bytes = make()  # type: ignore[operator]
    theirs = store.load(layer, tmp_path)
    root, lines, result = unpack(layer, tmp_path)
    # Whiteouts and directories that no member names have the time of their making.
    loose = [
        path
        for path, entry in tree.describe(str(root)).items()
        if entry.get("device") == "0:0" or path in (".", "e")
    ]
    assert (
        tree.differences(
            tree.describe(str(root), ignore=tuple(loose)),
            tree.describe(str(store.diff(theirs)), ignore=tuple(loose)),
        )
        == []
    )
    for path in loose:
        if path != ".":
            mine, other = os.lstat(root / path), os.lstat(store.diff(theirs) / path)
            assert (mine.st_mode, mine.st_uid, mine.st_rdev) == (other.st_mode, other.st_uid, other.st_rdev)
    assert joined(lines) == joined(store.lines(theirs))
    record = store.record(theirs)
    assert record["diff-size"] == result.stream_bytes
    assert (record["uidset"], record["gidset"]) == (result.uids, result.gids)


def test_podman_reads_what_we_pack(store: Store, tmp_path: Path) -> None:
    root, _, _ = unpack(hard_layer(), tmp_path)
    packed, split = tmp_path / "packed", tmp_path / "packed.split"
    source = os.open(root, os.O_RDONLY)
    with open(packed, "wb") as out, open(split, "wb") as lines:
        archive.pack(source, out.fileno(), subsecond=True, tar_split_fd=lines.fileno())
    os.close(source)
    theirs = store.load(packed.read_bytes(), tmp_path)
    assert (
        tree.differences(
            tree.describe(str(root), ignore=(".",)), tree.describe(str(store.diff(theirs)), ignore=(".",))
        )
        == []
    )
    ours = [json.loads(line) for line in split.read_bytes().splitlines()]
    assert joined(ours) == joined(store.lines(theirs))


def test_we_put_podmans_layer_together(store: Store, tmp_path: Path) -> None:
    layer = hard_layer()
    theirs = store.load(layer, tmp_path)
    lines = tmp_path / "theirs.split"
    lines.write_bytes(
        gzip.decompress((store.graph / "overlay-layers" / f"{theirs}.tar-split.gz").read_bytes())
    )
    root = os.open(store.diff(theirs), os.O_RDONLY)
    with open(lines, "rb") as split, open(tmp_path / "again", "wb") as out:
        archive.reassemble(split.fileno(), [root], out.fileno())
    os.close(root)
    assert (tmp_path / "again").read_bytes() == layer


def test_podman_puts_our_layer_together(store: Store, tmp_path: Path) -> None:
    """With our tar-split in its store podman saves the image, and the layer has its digest still."""
    layer = hard_layer()
    theirs = store.load(layer, tmp_path)
    unpack(layer, tmp_path)
    target = store.graph / "overlay-layers" / f"{theirs}.tar-split.gz"
    target.write_bytes(gzip.compress((tmp_path / "ours.split").read_bytes()))
    image = store.podman.out("images", "-q")
    store.podman("save", "-q", "--format", "docker-archive", "-o", str(tmp_path / "saved.tar"), image)
    with tarfile.open(tmp_path / "saved.tar") as saved:
        stream = saved.extractfile(f"{theirs}.tar")
        assert stream is not None
        assert stream.read() == layer
