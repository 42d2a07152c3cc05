"""files.locks: against other processes, threads and Go's way of locking."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ocicore.files.locks import FileLock, new_token, try_lease

# What containers/storage does: F_SETLK, a lock that belongs to the process.
_TRY = """
import fcntl, sys
file = open(sys.argv[1], "r+b")
try:
    fcntl.lockf(file, {"r": fcntl.LOCK_SH, "w": fcntl.LOCK_EX}[sys.argv[2]] | fcntl.LOCK_NB)
    print("free")
except OSError:
    print("held")
"""


def _others(path: str, kind: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", _TRY, path, kind], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_shared_admits_readers_and_exclusive_nobody(tmp_path: Path) -> None:
    lock = FileLock(str(tmp_path / "folder" / "x.lock"))
    with lock.shared():
        assert (_others(lock.path, "r"), _others(lock.path, "w")) == ("free", "held")
    with lock.exclusive():
        assert (_others(lock.path, "r"), _others(lock.path, "w")) == ("held", "held")
    assert _others(lock.path, "w") == "free"


def test_it_waits_for_a_process_owned_lock(tmp_path: Path) -> None:
    path = tmp_path / "x.lock"
    path.touch()
    script = (
        "import fcntl,sys; f=open(sys.argv[1],'r+b'); fcntl.lockf(f,fcntl.LOCK_EX);"
        " print('held',flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", script, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdin is not None
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    lock = FileLock(str(path))
    taken = threading.Event()

    def take() -> None:
        with lock.exclusive():
            taken.set()

    thread = threading.Thread(target=take)
    thread.start()
    assert not taken.wait(0.05)
    holder.stdin.close()
    assert taken.wait(10)
    thread.join()
    holder.wait()
    holder.stdout.close()


def test_sections_nest_in_a_thread(tmp_path: Path) -> None:
    lock = FileLock(str(tmp_path / "x.lock"))
    with lock.exclusive(), lock.shared(), lock.exclusive():
        assert lock.held(exclusive=True)
        assert _others(lock.path, "r") == "held"
    assert not lock.held()
    with lock.shared(), lock.shared():
        assert lock.held()
        assert not lock.held(exclusive=True)
        with pytest.raises(AssertionError):
            lock.acquire(True)
    assert _others(lock.path, "w") == "free"


def test_threads_exclude_each_other(tmp_path: Path) -> None:
    path = str(tmp_path / "x.lock")
    counter = tmp_path / "counter"
    counter.write_text("0")
    locks = [FileLock(path), FileLock(path)]

    def work(number: int) -> None:
        for _ in range(50):
            with locks[number % 2].exclusive():
                counter.write_text(str(int(counter.read_text()) + 1))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counter.read_text() == "200"


def test_token_tells_of_writers(tmp_path: Path) -> None:
    mine, other = FileLock(str(tmp_path / "x.lock")), FileLock(str(tmp_path / "x.lock"))
    with mine.shared():
        token, modified = mine.modified_since(None)
    assert (token, modified) == (b"", True)
    with other.exclusive():
        written = other.touch()
    assert len(written) == 64
    with mine.shared():
        assert mine.modified_since(token) == (written, True)
        assert mine.modified_since(written) == (written, False)
    assert Path(mine.path).read_bytes() == written


def test_touching_needs_the_exclusive_lock(tmp_path: Path) -> None:
    lock = FileLock(str(tmp_path / "x.lock"))
    with lock.shared(), pytest.raises(AssertionError):
        lock.touch()


def test_tokens_differ_and_carry_the_process(tmp_path: Path) -> None:
    tokens = {new_token() for _ in range(1000)}
    assert len(tokens) == 1000
    assert all(int.from_bytes(token[16:20], "little") == os.getpid() for token in tokens)


def test_closing_another_descriptor_keeps_the_lock(tmp_path: Path) -> None:
    lock = FileLock(str(tmp_path / "x.lock"))
    with lock.exclusive():
        open(lock.path, "rb").close()
        assert _others(lock.path, "r") == "held"


def test_a_read_only_lock_makes_nothing(tmp_path: Path) -> None:
    lock = FileLock(str(tmp_path / "none.lock"), read_only=True)
    with lock.shared():
        assert lock.modified_since(None) == (b"", True)
    assert os.listdir(tmp_path) == []


def test_lease(tmp_path: Path) -> None:
    path = str(tmp_path / "folder" / "lease")
    fd = try_lease(path)
    assert fd is not None
    assert try_lease(path) is None
    thread = threading.Thread(target=os.close, args=(fd,))
    thread.start()
    thread.join()
    again = try_lease(path)
    assert again is not None
    with open(path, "rb") as other, pytest.raises(OSError):
        fcntl.lockf(other, fcntl.LOCK_SH | fcntl.LOCK_NB)
    os.close(again)
