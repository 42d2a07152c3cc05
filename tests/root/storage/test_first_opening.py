"""Many programs and threads that meet a new store at once: each asks the kernel, and all hear the same."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import pytest

from ocicore.config.storage_conf import StorageConfig
from ocicore.errors import Error
from ocicore.storage import overlay_support
from ocicore.storage.overlay import OverlayDriver

pytestmark = pytest.mark.root

THREADS, PROCESSES, ROUNDS = 4, 4, 25


def refusals(home: str) -> int:
    """How many of the trials of several threads failed."""
    failed: list[str] = []

    def work() -> None:
        for _ in range(ROUNDS):
            try:
                if not overlay_support.probe_native(home, rootless=False):
                    failed.append("no")
            except (Error, OSError) as error:
                failed.append(str(error))

    threads = [threading.Thread(target=work) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for text in failed:
        print(text, file=sys.stderr)
    return len(failed)


def test_trials_do_not_disturb_each_other(tmp_path: Path) -> None:
    children = []
    for _ in range(PROCESSES):
        child = os.fork()
        if child == 0:
            status = 1
            try:
                status = min(refusals(str(tmp_path)), 1)
            finally:
                os._exit(status)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * PROCESSES
    assert os.listdir(tmp_path) == []


def test_one_thread_asks_for_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    real = overlay_support.probe_native

    def probe(home: str, *, rootless: bool) -> bool:
        asked.append(home)
        return real(home, rootless=rootless)

    monkeypatch.setattr(overlay_support, "probe_native", probe)
    config = StorageConfig(graph_root=str(tmp_path / "root"), run_root=str(tmp_path / "run"))
    driver = OverlayDriver(config, rootless=False)
    driver.prepare()
    kinds: list[str] = []
    threads = [threading.Thread(target=lambda: kinds.append(driver.whiteouts)) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert kinds == ["overlay"] * 16
    assert len(asked) == 1
