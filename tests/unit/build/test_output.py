"""Where --output goes, and what is there when it cannot be written."""

from __future__ import annotations

import os
import tarfile
import threading
from pathlib import Path

import pytest

from ocicore.build import output, subscriptions
from ocicore.errors import Error
from ocicore.linux import archive


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    folder.mkdir()
    (folder / "file").write_text("text\n")
    return folder


def test_an_archive_and_one_in_its_place(tmp_path: Path, root: Path) -> None:
    target = tmp_path / "out.tar"
    link = tmp_path / "link.tar"
    link.symlink_to(target)
    for path in (target, link):
        output.write(str(root), ("tar", str(path)), rootless=False)
        with tarfile.open(target) as written:
            assert "file" in [name.removeprefix("./") for name in written.getnames()]
    assert link.is_symlink() and sorted(os.listdir(tmp_path)) == ["link.tar", "out.tar", "root"]


@pytest.mark.parametrize("before", [None, b"former"])
def test_an_archive_that_fails_leaves_what_was_there(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch, before: bytes | None
) -> None:
    target = tmp_path / "out.tar"
    if before is not None:
        target.write_bytes(before)

    def pack(source: int, descriptor: int, **_: object) -> None:
        os.write(descriptor, b"half of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(archive, "pack", pack)
    with pytest.raises(Error, match=r"failed to export build output: .*out\.tar: no space left on device"):
        output.write(str(root), ("tar", str(target)), rootless=False)
    assert (target.read_bytes() if target.exists() else None) == before
    assert len(os.listdir(tmp_path)) == (1 if before is None else 2)


def test_a_pipe_is_written_to(tmp_path: Path, root: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    thread = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    thread.start()
    output.write(str(root), ("tar", str(pipe)), rootless=False)
    thread.join()
    assert b"text\n" in read[0]


def test_links_that_lead_nowhere_are_no_part_of_mounts_conf(tmp_path: Path) -> None:
    source = tmp_path / "secrets"
    source.mkdir()
    (source / "there").write_text("x")
    (source / "link").symlink_to("there")
    (source / "gone").symlink_to("nowhere")
    conf = tmp_path / "mounts.conf"
    conf.write_text(f"{source}:/run/secrets\n")
    (made,) = subscriptions.mounts([str(conf)], str(tmp_path), (os.getuid(), os.getgid()))
    assert sorted(os.listdir(made["source"])) == ["link", "there"]
    assert not os.path.islink(f"{made['source']}/link")
