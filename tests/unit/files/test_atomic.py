"""files.atomic: old or new, never a part."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ocicore.files import atomic


def test_writes_with_mode_whatever_the_umask(tmp_path: Path) -> None:
    old = os.umask(0o077)
    try:
        atomic.write(str(tmp_path / "f"), b"data", 0o644)
    finally:
        os.umask(old)
    assert (tmp_path / "f").read_bytes() == b"data"
    assert (tmp_path / "f").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("fsync", [True, False])
def test_a_failing_block_leaves_the_old_file_and_no_temporary(tmp_path: Path, fsync: bool) -> None:
    target = tmp_path / "f"
    atomic.write(str(target), b"old")
    with pytest.raises(ValueError), atomic.AtomicFile(str(target), fsync=fsync) as file:
        file.write(b"new")
        raise ValueError
    assert target.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["f"]


def test_a_reader_keeps_the_file_it_opened(tmp_path: Path) -> None:
    target = tmp_path / "f"
    atomic.write(str(target), b"old")
    with open(target, "rb") as reader:
        atomic.write(str(target), b"new")
        assert reader.read() == b"old"
    assert target.read_bytes() == b"new"


def test_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        atomic.write(str(tmp_path / "none" / "f"), b"")


def test_a_directory_in_the_way_is_an_error_and_stays(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    with pytest.raises(OSError):
        atomic.write(str(tmp_path / "d"), b"x")
    assert os.listdir(tmp_path) == ["d"]
