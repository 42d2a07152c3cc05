"""What the kernel's answer to a trial mount means, and what is remembered of it."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ocicore.errors import Error
from ocicore.storage import overlay_support


def answering(*numbers: int) -> tuple[Callable[[object], bool], list[int]]:
    """A question that fails with these errors, one after the other, and is then answered with yes."""
    left = list(numbers)

    def question(trial: object) -> bool:
        if left:
            number = left.pop(0)
            raise OSError(number, os.strerror(number))
        return True

    return question, left


@pytest.mark.parametrize(
    "number", [errno.EPERM, errno.EINVAL, errno.ENODEV, errno.ENOSYS, errno.EOPNOTSUPP, errno.EIO]
)
def test_a_refusal_is_a_no(tmp_path: Path, number: int) -> None:
    question, left = answering(number, number)
    assert overlay_support._ask(str(tmp_path), question) is False
    assert left == [number]
    assert os.listdir(tmp_path) == []


def test_what_says_nothing_about_overlays_is_tried_again(tmp_path: Path) -> None:
    question, left = answering(errno.ENOENT, errno.EBUSY)
    assert overlay_support._ask(str(tmp_path), question) is True
    assert left == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EMFILE, errno.EROFS])
def test_no_answer_is_an_error_and_nothing_is_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    home, run = tmp_path / "overlay", tmp_path / "run"
    home.mkdir()

    def failing(path: object, mode: int = 0o777) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "mkdir", failing)
    with pytest.raises(Error, match=f"trying it out in {home}: {os.strerror(number).lower()}"):
        overlay_support.native(str(home), str(run), rootless=True)
    assert not run.exists()


def test_a_mount_program_serves_for_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, run = str(tmp_path), str(tmp_path / "run")
    monkeypatch.setattr(overlay_support, "probe_native", lambda home, *, rootless: True)
    assert overlay_support.native(home, run, rootless=True)
    assert (tmp_path / ".has-mount-program").read_text() == "false"
    overlay_support.write_flag(home)
    assert (tmp_path / ".has-mount-program").read_text() == "true"
    assert not overlay_support.native(home, run, rootless=True)
    assert (tmp_path / ".has-mount-program").read_text() == "true"


def test_a_full_disk_leaves_no_directory_of_a_new_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(home: str, *, rootless: bool) -> bool:
        raise Error("no space left on device")

    monkeypatch.setattr(overlay_support, "probe_native", full)
    with pytest.raises(Error, match="no space left"):
        overlay_support.usable(str(tmp_path), rootless=True)
    assert os.listdir(tmp_path) == []
