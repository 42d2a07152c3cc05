"""Digests of copied content: known values of buildah, and names that ustar cannot hold."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

from ocicore.build.content import ItemDigest, summarise, tar_header
from ocicore.build.transfer import Copier, Ownership


def _digest(folder: Path) -> str:
    digest = ItemDigest("dir")
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        Copier(Ownership(owner=(0, 0)), digest=digest, write=False).tree(descriptor, descriptor, "")
    finally:
        os.close(descriptor)
    return digest.finish()


def test_one_file_as_buildah_prints_it(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text("hi\n")
    path.chmod(0o644)
    digest = ItemDigest("file")
    descriptor = os.open(tmp_path, os.O_RDONLY)
    Copier(Ownership(owner=(0, 0)), digest=digest, write=False).file(descriptor, "f", descriptor, "f")
    os.close(descriptor)
    # `buildah copy` of a file of root's.
    assert digest.finish() == "619b31c3f1b34954f5d5bfcf2bc4fe2f85cbc91e61b8fec91476a86b1474ceb3"


def test_times_and_owners_do_not_matter_modes_and_content_do(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    path = tmp_path / "sub" / "f"
    path.write_text("x")
    before = _digest(tmp_path)
    os.utime(path, (1, 1))
    assert _digest(tmp_path) == before
    path.chmod(0o600)
    changed = _digest(tmp_path)
    assert changed != before
    path.chmod(0o644)
    path.write_text("y")
    assert _digest(tmp_path) not in (before, changed)


def test_several_items_are_combined() -> None:
    assert summarise([]) == ("", "")
    assert summarise([("file", "aa")]) == ("file", "aa")
    kind, digest = summarise([("file", "aa"), ("", "bb")])
    assert kind == "multi"
    assert len(digest) == 64


def test_headers_are_tar_headers() -> None:
    for name in ("short", "d/" * 40 + "deep", "ü" * 10, "x" * 120, "d/" * 200 + "x" * 150):
        header = tar_header(
            name.encode(),
            b"0",
            size=0,
            mode=0o644,
            uid=3_000_000,
            gid=0,
            owner=b"root",
            group=b"root",
            link=b"",
            device=(0, 0),
            xattrs={b"user.a": b"1"},
        )
        with tarfile.open(fileobj=io.BytesIO(header + bytes(1024))) as archive:
            (member,) = archive.getmembers()
        assert (member.name, member.uid, member.mode, member.mtime) == (name, 3_000_000, 0o644, 0)
        assert member.pax_headers["SCHILY.xattr.user.a"] == "1"
