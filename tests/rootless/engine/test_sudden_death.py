"""Sudden deaths as an ordinary user."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import sudden_death
from support.pypod_store import users_pypod_with_box
from support.users import OrdinaryUser

pytestmark = pytest.mark.rootless


@pytest.fixture
def scene(ordinary_user: OrdinaryUser, tmp_path: Path) -> Iterator[sudden_death.Scene]:
    folder = ordinary_user.home / f"death-{os.getpid()}"
    folder.mkdir()
    shutil.chown(folder, ordinary_user.uid, ordinary_user.gid)
    run = ordinary_user.runtime_dir / f"pypod-{os.getpid()}" / "run"
    runtime = sudden_death.write_runtime(folder, run)
    with users_pypod_with_box(ordinary_user, tmp_path, "--runtime", str(runtime)) as tool:
        # The mounts of an ordinary user are seen in the user's namespaces only.
        def mounts() -> list[str]:
            found = tool.out("unshare", "cat", "/proc/self/mountinfo").split()
            return [word for word in found if word.startswith(f"{ordinary_user.home}/pypod-{os.getpid()}/")]

        yield sudden_death.Scene(tool, ordinary_user.command("runc"), folder, run, mounts)
    shutil.rmtree(folder)


class TestSuddenDeath(sudden_death.SuddenDeath):
    """Everything that holds for root too."""
