"""--cpu-profile and --memory-profile."""

from __future__ import annotations

import pstats
import tracemalloc
from pathlib import Path

import pytest

from ocicore.cli.profiling import profiled
from ocicore.errors import Error


def work(size: int) -> int:
    return len(bytearray(size))


@pytest.mark.parametrize("kinds", ["cpu", "memory", "cpu memory"])
def test_profiles_are_written(tmp_path: Path, kinds: str) -> None:
    cpu, memory = (str(tmp_path / kind) if kind in kinds else "" for kind in ("cpu", "memory"))
    assert profiled(work, cpu, memory)(1000) == 1000
    if cpu:
        stats = pstats.Stats(cpu)
        assert any(name == "work" for _, _, name in stats.stats)  # type: ignore[attr-defined]
    if memory:
        assert tracemalloc.Snapshot.load(memory).traces is not None
        assert not tracemalloc.is_tracing()


def test_a_failure_is_profiled_too(tmp_path: Path) -> None:
    def fails() -> None:
        raise Error("no")

    with pytest.raises(Error, match="no"):
        profiled(fails, str(tmp_path / "cpu"), "")()
    assert pstats.Stats(str(tmp_path / "cpu")).total_calls > 0  # type: ignore[attr-defined]


def test_a_file_that_cannot_be_made_is_said_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(Error, match=r"could not create memory profile .*: no such file or directory"):
        profiled(work, "", str(tmp_path / "none/x"))
