"""What tests of builds as root begin with: pybuildah with a store of its own, and a context with a base to build on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.programs import Tool, ours, theirs
from support.rootfs import busybox_tar


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Tool]:
    """pybuildah with the store tmp_path/root; in the end nothing of it may be mounted."""
    yield ours("pybuildah", "--root", str(tmp_path / "root"), "--runroot", str(tmp_path / "run"))
    assert "/merged" not in theirs("grep", str(tmp_path), "/proc/self/mounts")(status=None).stdout
    theirs("umount", "-l", "-R", str(tmp_path / "root" / "overlay"))(status=None)


@pytest.fixture
def context(tmp_path: Path) -> Path:
    """A folder with base.tar (busybox), a and b."""
    folder = tmp_path / "context"
    folder.mkdir()
    (folder / "base.tar").write_bytes(busybox_tar())
    for name in "ab":
        (folder / name).write_text(f"{name}\n")
    return folder
