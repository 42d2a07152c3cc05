"""Sudden deaths as root."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support import sudden_death
from support.programs import theirs
from support.pypod_life import mounts_below, store_of_its_own

pytestmark = pytest.mark.root


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[sudden_death.Scene]:
    run = tmp_path / "run"
    runtime = sudden_death.write_runtime(tmp_path, run)
    with store_of_its_own(tmp_path, "--runtime", str(runtime)) as tool:
        yield sudden_death.Scene(tool, theirs("runc"), tmp_path, run, lambda: mounts_below(tmp_path))


class TestSuddenDeath(sudden_death.SuddenDeath):
    """Everything that holds for an ordinary user too."""
