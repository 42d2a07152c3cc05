"""bbolt databases, made here byte by byte."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from ocicore.errors import Corrupted, Error
from ocicore.files import bolt
from support.bolt_file import bolt_file


def test_buckets_and_keys(tmp_path: Path) -> None:
    file = tmp_path / "x.db"
    tree = {
        b"a": {b"k": b"v", b"sub": {b"x": b"\x00\xff"}},
        b"many": {b"%03d" % n: b"w" * 90 for n in range(120)},
    }
    file.write_bytes(bolt_file(tree))
    found = list(bolt.read(str(file)))
    assert found[:4] == [(0, b"a", None), (1, b"k", b"v"), (1, b"sub", None), (2, b"x", b"\x00\xff")]
    assert found[4] == (0, b"many", None)
    assert found[5:] == [(1, b"%03d" % n, b"w" * 90) for n in range(120)]


def test_the_newest_valid_meta_page_counts(tmp_path: Path) -> None:
    file = tmp_path / "x.db"
    data = bytearray(bolt_file({b"a": {b"k": b"v"}}))
    data[16 + 30] ^= 1  # the first meta page's checksum is wrong now
    file.write_bytes(data)
    assert [key for _, key, _ in bolt.read(str(file))] == [b"a", b"k"]


@pytest.mark.parametrize("damage", ["empty", "text", "cut", "page", "loop", "again"])
def test_what_is_none(tmp_path: Path, damage: str) -> None:
    file = tmp_path / "x.db"
    data = bytearray(bolt_file({b"a": {b"%03d" % n: b"w" * 90 for n in range(120)}}))
    if damage == "empty":
        data.clear()
    elif damage == "text":
        data[:] = b"root:x:0:0\n" * 2000
    elif damage == "cut":
        del data[4096 * 4 :]
    else:
        # The branch page's first element leads beyond the file, or to the branch page itself.
        branch = next(n for n in range(len(data) // 4096) if data[n * 4096 + 8] == 1)
        # Or to one page again and again, from many elements: a small file could have no end.
        leads_to = {"page": 999_999, "loop": branch, "again": branch - 1}[damage]
        count = 200 if damage == "again" else 1
        struct.pack_into("=H", data, branch * 4096 + 10, count)
        for number in range(count):
            struct.pack_into("=Q", data, branch * 4096 + 16 + 16 * number + 8, leads_to)
    file.write_bytes(data)
    with pytest.raises(Corrupted, match="invalid database"):
        list(bolt.read(str(file)))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(Error, match="no such file or directory"):
        list(bolt.read(str(tmp_path / "none")))
