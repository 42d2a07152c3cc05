"""storage.tempdirs and storage.partial: private directories, their recovery; partial blobs, their limits."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ocicore.errors import InvalidInput
from ocicore.storage import partial, tempdirs
from ocicore.storage.tempdirs import TempDir


def _never(intents: dict[str, bool]) -> None:
    raise AssertionError(intents)


def test_a_used_directory_is_not_stale(tmp_path: Path) -> None:
    root = str(tmp_path / "tmp")
    temp = TempDir(root)
    assert tempdirs.stale(root) == []
    temp.remove()
    temp.remove()
    assert os.listdir(root) == []


def test_no_room_for_a_directory_leaves_no_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "tmp"
    TempDir(str(root)).remove()

    def full(path: str, mode: int = 0o777) -> None:
        raise OSError(28, "No space left on device", path)

    monkeypatch.setattr(os, "mkdir", full)
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(OSError, match="No space left"):
        TempDir(str(root))
    assert os.listdir(root) == []
    assert len(os.listdir("/proc/self/fd")) == before


def test_things_are_moved_in_and_deleted(tmp_path: Path) -> None:
    root = str(tmp_path / "tmp")
    (tmp_path / "file").write_text("x")
    temp = TempDir(root)
    assert temp.take(str(tmp_path / "file"))
    assert not temp.take(str(tmp_path / "file"))
    assert not (tmp_path / "file").exists()
    temp.remove()
    assert os.listdir(root) == []


def test_recovery_undoes_intents(tmp_path: Path) -> None:
    root = str(tmp_path / "tmp")
    gone = TempDir(root)
    gone.intend("one")
    gone.intend("two", doomed=True)
    gone.intend_record("container", "three")
    gone.abandon()
    kept = TempDir(root)
    undone: dict[str, str] = {}
    assert tempdirs.recover(root, tempdirs.stale(root), undone.update) == 1
    assert undone == {"one": "intent", "two": "doomed", "three": "container"}
    assert len(os.listdir(root)) == 2
    kept.remove()


def test_a_killed_process_leaves_a_stale_directory(tmp_path: Path) -> None:
    root = str(tmp_path / "tmp")
    script = (
        "import os,signal,sys; sys.path.insert(0, sys.argv[2]);"
        "from ocicore.storage.tempdirs import TempDir; TempDir(sys.argv[1]);"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    shared = str(Path(tempdirs.__file__).parents[2])
    subprocess.run([sys.executable, "-c", script, root, shared], check=False)
    assert len(tempdirs.stale(root)) == 1
    assert tempdirs.recover(root, tempdirs.stale(root), _never) == 1
    assert os.listdir(root) == []


def test_partial_blobs_go_on_where_they_stopped(tmp_path: Path) -> None:
    root, digest = str(tmp_path / "partial"), "sha256:" + "0" * 64
    with partial.open_partial(root, digest) as blob:  # type: ignore[union-attr]
        blob.append(b"first ")
        assert partial.open_partial(root, digest) is None
    again = partial.open_partial(root, digest)
    assert again is not None
    assert again.size == 6
    again.append(b"second")
    assert again.read_at(0, 100) == b"first second"
    again.restart()
    assert again.size == 0
    again.done()
    assert os.listdir(root) == []


@pytest.mark.parametrize("digest", ["sha256", "sha256:../x", ":x", "a/b:c"])
def test_partial_blobs_want_digests(tmp_path: Path, digest: str) -> None:
    with pytest.raises(InvalidInput):
        partial.open_partial(str(tmp_path), digest)


def test_old_and_too_many_partial_blobs_go(tmp_path: Path) -> None:
    root = str(tmp_path)
    for number in range(4):
        with partial.open_partial(root, f"sha256:{number}") as blob:  # type: ignore[union-attr]
            blob.append(b"x" * 100)
        os.utime(tmp_path / f"sha256-{number}", (number, number + 1_000_000_000))
    busy = partial.open_partial(root, "sha256:0")
    removed = [os.path.basename(path) for path, _ in partial.expire(root, max_age=1 << 40, max_bytes=200)]
    assert removed == ["sha256-1", "sha256-2"]
    assert busy is not None
    busy.close()
    assert len(list(partial.expire(root, max_age=1))) == 2
    assert list(partial.expire(str(tmp_path / "none"))) == []
