"""Locks: exclusive between processes, re-entrant in one, gone with their files."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from ocicore.engine.locks import Locks

SHARED = Path(__file__).resolve().parents[3] / "shared"

COUNT = """
import sys
sys.path.insert(0, {shared!r})
from ocicore.engine.locks import Locks
locks = Locks({folder!r})
for _ in range(200):
    with locks.get("x"):
        with open({counter!r}) as file:
            number = int(file.read())
        with open({counter!r}, "w") as file:
            file.write(str(number + 1))
"""
HOLD = """
import sys, time
sys.path.insert(0, {shared!r})
from ocicore.engine.locks import Locks
with Locks({folder!r}).get("x"):
    print("held", flush=True)
    sys.stdin.read()
"""


def start(script: str, **values: str) -> subprocess.Popen[str]:
    text = script.format(shared=str(SHARED), **values)
    return subprocess.Popen(
        [sys.executable, "-IS", "-c", text], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def test_only_one_process_has_it(tmp_path: Path) -> None:
    counter = tmp_path / "counter"
    counter.write_text("0")
    workers = [start(COUNT, folder=str(tmp_path / "locks"), counter=str(counter)) for _ in range(3)]
    for worker in workers:
        worker.communicate(timeout=60)
        assert worker.returncode == 0
    assert counter.read_text() == "600"


def test_a_dead_holder_frees_it(tmp_path: Path) -> None:
    holder = start(HOLD, folder=str(tmp_path))
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    holder.kill()
    holder.communicate(timeout=30)
    with Locks(str(tmp_path)).get("x"):
        assert os.path.exists(tmp_path / "x")


def test_reentry_and_discard(tmp_path: Path) -> None:
    locks = Locks(str(tmp_path))
    with locks.get("x"), locks.get("x"):
        locks.discard("x")
    assert not os.path.exists(tmp_path / "x")
    with locks.get("x"):
        assert os.path.exists(tmp_path / "x")


def test_without_waiting(tmp_path: Path) -> None:
    holder = start(HOLD, folder=str(tmp_path))
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        lock = Locks(str(tmp_path)).get("x")
        assert not lock.acquire(wait=False)
    finally:
        holder.communicate()
    assert lock.acquire(wait=False)
    lock.release()
