"""Ids, links, big-data names, times, mount counts, records: the small formats of containers/storage."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocicore.errors import InvalidInput, NotFound
from ocicore.storage import bigdata, identifiers, timestamps
from ocicore.storage.driver import parse_options
from ocicore.storage.mounts import MountTable
from ocicore.storage.overlay import root_of
from ocicore.storage.records import Container, Image, Layer, id_maps_to_json


def test_ids_and_links() -> None:
    ids = {identifiers.new_id() for _ in range(100)}
    assert len(ids) == 100
    assert all(identifiers.is_id(text) and not text[:12].isdigit() for text in ids)
    assert re.fullmatch("[A-Z2-7]{26}", identifiers.new_link())
    assert not identifiers.is_id("A" * 64)


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("manifest", "manifest"),
        ("a.b9", "a.b9"),
        ("sha256:ab", "=" + base64.b64encode(b"sha256:ab").decode()),
        ("Upper", "=" + base64.b64encode(b"Upper").decode()),
        ("é", "=" + base64.b64encode("é".encode()).decode()),
        ("a/../b", "=" + base64.b64encode(b"a/../b").decode()),
    ],
)
def test_big_data_file_names(key: str, name: str) -> None:
    assert identifiers.big_data_file(key) == name


def test_big_data_items(tmp_path: Path) -> None:
    folder = str(tmp_path / "x")
    bigdata.write(folder, "key", b"one")
    bigdata.write_all(folder, {"key": b"two", "Other": b"3"})
    assert (bigdata.read(folder, "key"), bigdata.read(folder, "Other")) == (b"two", b"3")
    with pytest.raises(NotFound):
        bigdata.read(folder, "none")
    with pytest.raises(InvalidInput):
        bigdata.read(folder, "")
    raw: dict[str, object] = {}
    bigdata.note(raw, "key", b"")
    bigdata.note(raw, "key", b"abc")
    assert raw == {
        "big-data-names": ["key"],
        "big-data-sizes": {"key": 3},
        "big-data-digests": {
            "key": "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        },
    }


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2024-02-29T12:00:00.5Z", 1709208000_500000000),
        ("2024-02-29T13:00:00.123456789+01:00", 1709208000_123456789),
        ("2024-02-29T10:30:00-01:30", 1709208000_000000000),
        ("0001-01-01T00:00:00Z", 0),
        ("", 0),
        (None, 0),
        ("rubbish-rubbish-rubbish", 0),
    ],
)
def test_times_are_read(text: str | None, ns: int) -> None:
    assert timestamps.from_text(text) == ns


@given(st.integers(1, 4_000_000_000 * 10**9))
def test_times_survive_a_round_trip(ns: int) -> None:
    assert timestamps.from_text(timestamps.to_text(ns)) == ns


def test_times_are_written_as_go_does() -> None:
    assert timestamps.to_text(1709208000_120000000) == "2024-02-29T12:00:00.12Z"
    assert timestamps.to_text(1709208000_000000000) == "2024-02-29T12:00:00Z"


@pytest.mark.parametrize("key", ["", ".", "..", "0\uffc0"])
def test_keys_of_big_data_that_cannot_be_files(tmp_path: Path, key: str) -> None:
    with pytest.raises(InvalidInput, match="not a valid name for a big data item"):
        bigdata.write(str(tmp_path), key, b"")


@pytest.mark.parametrize("data", [b"", bytes(40), b"[{", b"{}", b"[1]", b'[{"path": "/x"}]', b"null"])
def test_mount_counts_that_a_power_cut_left_are_none(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "mountpoints.json").write_bytes(data)
    table = MountTable(str(tmp_path))
    with table.lock.exclusive():
        table.load()
        assert table.entries == {}
        table.set("a" * 64, "/merged", 1)
    assert json.loads((tmp_path / "mountpoints.json").read_bytes())[0]["count"] == 1


def test_mount_counts(tmp_path: Path) -> None:
    table, other = MountTable(str(tmp_path)), MountTable(str(tmp_path))
    with table.lock.exclusive():
        table.load()
        table.set("a", "/m", 2)
    assert json.loads((tmp_path / "mountpoints.json").read_text()) == [{"id": "a", "path": "/m", "count": 2}]
    with other.lock.exclusive():
        other.load()
        assert other.get("a") == ("/m", 2)
        assert other.get("b") == (None, 0)
        other.set("a", "/m", 0)
    with table.lock.shared():
        table.load()
        assert table.get("a") == (None, 0)


def test_record_views() -> None:
    layer = Layer(
        {
            "id": "x",
            "diff-digest": "sha256:1",
            "diff-size": 5,
            "compressed-diff-digest": "sha256:2",
            "compressed-size": 3,
            "compression": 2,
            "flags": {"incomplete": True},
            "uidmap": [{"container_id": 0, "host_id": 1000, "size": 1}],
        }
    )
    assert (layer.diff_id, layer.size, layer.compression, layer.incomplete) == ("sha256:1", 5, "gzip", True)
    assert layer.id_maps == ([(0, 1000, 1)], [])
    assert id_maps_to_json(layer.id_maps) == {"uidmap": layer.raw["uidmap"]}
    assert (Layer({"id": "x"}).size, Layer({"id": "x"}).parent, Layer({"id": "x"}).compression) == (
        None,
        None,
        "none",
    )
    image = Image(
        {
            "id": "i",
            "big-data-digests": {
                "manifest": "sha256:m",
                "manifest-sha256:n": "sha256:n",
                "config": "sha256:c",
            },
        }
    )
    assert (image.digest, image.digests) == ("sha256:m", ["sha256:m", "sha256:n"])
    container = Container(
        {"id": "c", "image": "i", "layer": "l", "flags": {"MountLabel": "x", "MountOpts": ["ro"]}}
    )
    assert (container.mount_label, container.mount_options, container.id_maps) == ("x", ["ro"], None)


def test_driver_options() -> None:
    given_options = ["overlay.mountopt=a,b", ".size=1", "inodes=2", "overlay2.sync=none", "vfs.x=1"]
    assert parse_options("overlay", given_options) == {
        "mountopt": "a,b",
        "size": "1",
        "inodes": "2",
        "sync": "none",
    }
    with pytest.raises(InvalidInput):
        parse_options("overlay", ["nonsense"])


def test_root_of_a_mapping() -> None:
    assert root_of(None) == (0, 0)
    assert root_of(([(1, 5, 1), (0, 100, 1)], [(0, 200, 10)])) == (100, 200)
    with pytest.raises(InvalidInput):
        root_of(([(1, 5, 1)], [(0, 0, 1)]))
