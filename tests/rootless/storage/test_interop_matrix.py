"""The interop matrix as an ordinary user; see tests/compat/storage/test_interop_matrix.py."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import interop_run
from support.interop import World
from support.interop_operations import OPERATIONS
from support.users import OrdinaryUser

pytestmark = [pytest.mark.rootless, pytest.mark.compat]

_SHORT = ("pull", "build", "working container", "create", "mount")


@pytest.fixture(scope="module")
def world(registry: str, ordinary_user: OrdinaryUser) -> Iterator[World]:
    folder = Path(tempfile.mkdtemp(prefix="im", dir="/tmp"))
    folder.chmod(0o755)
    made = World(folder, registry, ordinary_user)
    made.prepare()
    yield made
    made.close()


@pytest.mark.parametrize("name", OPERATIONS if os.environ.get("SOAK") else _SHORT)
@pytest.mark.parametrize("first", ["ours", "theirs"])
def test_operation(world: World, first: str, name: str) -> None:
    interop_run.one(world, first, name)


@pytest.mark.timeout(0)
def test_both_at_the_same_time(world: World) -> None:
    interop_run.together(world, float(os.environ.get("SOAK_SECONDS", "6")))
