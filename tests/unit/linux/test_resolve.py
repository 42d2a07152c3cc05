"""Paths inside a root stay inside it, whatever links say."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from ocicore.linux import resolve


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    (root / "etc" / "passwd").write_text("inside")
    (root / "absolute").symlink_to("/etc")
    (root / "climbing").symlink_to("../../../../etc")
    (root / "dangling").symlink_to("/var/new")
    (root / "loop").symlink_to("loop")
    return root


@pytest.mark.parametrize(
    "path",
    [
        "etc/passwd",
        "/etc/passwd",
        "absolute/passwd",
        "climbing/passwd",
        "../../etc/passwd",
        "etc/../../etc/passwd",
    ],
)
def test_every_way_leads_inside(root: Path, path: str) -> None:
    assert resolve.resolve_in_root(str(root), path) == str(root / "etc" / "passwd")
    root_fd = os.open(root, os.O_PATH)
    fd = resolve.open_in_root(root_fd, path)
    try:
        assert os.read(fd, 100) == b"inside"
        assert not os.get_inheritable(fd)
    finally:
        os.close(fd)
        os.close(root_fd)


def test_root_itself(root: Path) -> None:
    for path in ("", "/", ".", "..", "absolute/.."):
        assert resolve.resolve_in_root(str(root), path) == str(root)


def test_missing(root: Path) -> None:
    with pytest.raises(resolve.ResolveError, match="no such file") as caught:
        resolve.resolve_in_root(str(root), "etc/none")
    assert caught.value.errno == errno.ENOENT
    assert resolve.resolve_in_root(str(root), "absolute/a/b", missing_ok=True) == str(
        root / "etc" / "a" / "b"
    )


def test_missing_behind_a_dangling_link(root: Path) -> None:
    assert resolve.resolve_in_root(str(root), "dangling/x", missing_ok=True) == str(
        root / "var" / "new" / "x"
    )


def test_loop_is_an_error(root: Path) -> None:
    with pytest.raises(resolve.ResolveError) as caught:
        resolve.resolve_in_root(str(root), "loop/x", missing_ok=True)
    assert caught.value.errno == errno.ELOOP


def test_dotdot_behind_what_is_missing_is_refused(root: Path) -> None:
    with pytest.raises(resolve.ResolveError):
        resolve.resolve_in_root(str(root), "none/..", missing_ok=True)


def test_magic_links_are_refused(root: Path) -> None:
    root_fd = os.open("/", os.O_PATH)
    try:
        with pytest.raises(OSError, match="symbolic links"):
            resolve.open_in_root(root_fd, "proc/self/cwd")
    finally:
        os.close(root_fd)
