"""The tar-split thread of staging: what it cannot write is told as a cause with a remedy."""

from __future__ import annotations

import errno
import gzip
import os
import threading
from pathlib import Path

import pytest

from ocicore.errors import Error
from ocicore.storage import staging


def _zip(path: Path, data: bytes) -> staging._Zip:
    read, write = os.pipe()
    packer = staging._Zip(read, str(path))
    thread = threading.Thread(target=packer.run)
    thread.start()
    os.write(write, data)
    os.close(write)
    thread.join(20)
    return packer


def test_lines_are_compressed(tmp_path: Path) -> None:
    assert _zip(tmp_path / "split.gz", b"lines\n").error is None
    assert gzip.decompress((tmp_path / "split.gz").read_bytes()) == b"lines\n"


def test_a_full_disk_is_a_cause(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_fd: int, _data: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(staging, "write_all", full)
    error = _zip(tmp_path / "split.gz", b"lines\n").error
    assert isinstance(error, Error)
    assert str(error) == f"unpacking layer: writing {tmp_path}/split.gz: no space left on device"
    assert error.hint == "free some space, or move the store"
