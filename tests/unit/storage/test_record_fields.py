"""Every key of layers.json, images.json, containers.json and mountpoints.json of containers/storage 1.57: read, and kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ocicore.files.locks import FileLock
from ocicore.storage.recordfiles import RecordFiles
from ocicore.storage.records import Container, Image, Layer, Record

_SHARED: dict[str, tuple[Any, str, Any]] = {
    # key: (value, attribute, what it says)
    "id": ("a" * 64, "id", "a" * 64),
    "names": (["n", "m"], "names", ["n", "m"]),
    "metadata": ("{}", "metadata", "{}"),
    "created": ("1970-01-01T00:00:01.5Z", "created", 1_500_000_000),
    "flags": ({"f": True}, "flags", {"f": True}),
    "big-data-names": (["k"], "big_data_names", ["k"]),
}
_MAPS = {
    "uidmap": ([{"container_id": 0, "host_id": 5, "size": 9}], "id_maps", ([(0, 5, 9)], [(0, 6, 9)])),
    "gidmap": ([{"container_id": 0, "host_id": 6, "size": 9}], "id_maps", ([(0, 5, 9)], [(0, 6, 9)])),
}
_DATA = {
    "big-data-sizes": ({"k": 3}, "big_data_sizes", {"k": 3}),
    "big-data-digests": ({"k": "sha256:d"}, "big_data_digests", {"k": "sha256:d"}),
}
_KINDS: dict[type[Record], dict[str, tuple[Any, str, Any]]] = {
    Layer: {
        **_SHARED,
        **_MAPS,
        "parent": ("p", "parent", "p"),
        "mountlabel": ("l", "mount_label", "l"),
        "compressed-diff-digest": ("sha256:c", "compressed_digest", "sha256:c"),
        "compressed-size": (7, "compressed_size", 7),
        "diff-digest": ("sha256:d", "diff_id", "sha256:d"),
        "toc-digest": ("sha256:t", "toc_digest", "sha256:t"),
        "diff-size": (8, "size", 8),
        "compression": (4, "compression", "zstd"),
        "uidset": ([0, 1], "uids", [0, 1]),
        "gidset": ([0, 2], "gids", [0, 2]),
    },
    Image: {
        **_SHARED,
        **_DATA,
        "digest": ("sha256:m", "digest", "sha256:m"),
        "names-history": (["o"], "names_history", ["o"]),
        "layer": ("l", "layer", "l"),
        "mapped-layers": (["x"], "mapped_layers", ["x"]),
    },
    Container: {
        **_SHARED,
        **_MAPS,
        **_DATA,
        "image": ("i", "image", "i"),
        "layer": ("l", "layer", "l"),
    },
}


@pytest.mark.parametrize("kind", _KINDS)
def test_every_key_is_read_and_kept(tmp_path: Path, kind: type[Record]) -> None:
    keys = _KINDS[kind]
    raw = {key: value for key, (value, _, _) in keys.items()}
    path = tmp_path / "records.json"
    path.write_text(json.dumps([{**raw, "of-another-version": {"deep": [1]}}]))
    files: RecordFiles[Any] = RecordFiles(
        kind.__name__, kind, [FileLock(str(tmp_path / "lock"))], [str(path)], [False]
    )
    with files.writing():
        (record,) = files.records
        for key, (_, attribute, expected) in keys.items():
            assert getattr(record, attribute) == expected, key
        record.raw["metadata"] = "changed"
        files.save([0])
    (written,) = json.loads(path.read_text())
    assert written == {**raw, "metadata": "changed", "of-another-version": {"deep": [1]}}


def test_a_layer_known_by_its_table_of_contents() -> None:
    layer = Layer({"id": "x", "toc-digest": "sha256:t", "flags": {"expected-layer-diffid": "sha256:e"}})
    assert (layer.diff_id, layer.expected_diff_id, layer.size) == (None, "sha256:e", None)
    assert Layer({"id": "x", "toc-digest": "sha256:t", "diff-size": -1}).size is None
    assert Layer({"id": "x", "toc-digest": "sha256:t", "diff-size": 5}).size == 5
    assert Layer({"id": "x", "diff-digest": "sha256:d"}).size == 0
