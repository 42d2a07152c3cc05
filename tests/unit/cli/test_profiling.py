"""pybuildah's --cpu-profile and --memory-profile (pypod's are tested with its other global options)."""

from __future__ import annotations

import pstats
import subprocess
import sys
import tracemalloc
from pathlib import Path


def pybuildah(tmp_path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environ = {"PYTHONPATH": ":".join(path for path in sys.path if path), "HOME": str(tmp_path)}
    argv = [sys.executable, "-m", "pybuildah.main", *words]
    return subprocess.run(argv, env=environ, check=False, capture_output=True, text=True)


def test_profiles(tmp_path: Path) -> None:
    cpu, memory = tmp_path / "cpu", tmp_path / "memory"
    done = pybuildah(tmp_path, f"--cpu-profile={cpu}", f"--memory-profile={memory}", "version")
    assert done.returncode == 0, done.stderr
    files = {name for name, _, _ in pstats.Stats(str(cpu)).stats}  # type: ignore[attr-defined]
    assert any(name.endswith("commands/version.py") for name in files)
    assert tracemalloc.Snapshot.load(str(memory)).statistics("filename")


def test_a_failure_is_profiled_too(tmp_path: Path) -> None:
    done = pybuildah(tmp_path, f"--cpu-profile={tmp_path}/cpu", "version", "--json", "more")
    assert done.returncode == 125
    done = pybuildah(tmp_path, f"--cpu-profile={tmp_path}/cpu", "dumpbolt", "/nonexistent")
    assert done.returncode == 125
    assert pstats.Stats(f"{tmp_path}/cpu").total_calls > 0  # type: ignore[attr-defined]


def test_a_file_that_cannot_be_made(tmp_path: Path) -> None:
    done = pybuildah(tmp_path, "--memory-profile=/nonexistent/x", "version")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "Error: opening the profile /nonexistent/x: no such file or directory\n"
