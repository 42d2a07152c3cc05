"""The interop matrix as root: each operation by ours and continued by theirs, and the reverse.

SOAK=1 runs all of it (`make soak`), and SOAK_SECONDS says how long both work side by side; without, the short form.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import interop_run
from support.interop import World
from support.interop_operations import OPERATIONS, SHORT

pytestmark = [pytest.mark.root, pytest.mark.compat]


@pytest.fixture(scope="module")
def world(registry: str) -> Iterator[World]:
    made = World(Path(tempfile.mkdtemp(prefix="im", dir="/tmp")), registry)
    made.prepare()
    yield made
    made.close()


@pytest.mark.parametrize("name", OPERATIONS if os.environ.get("SOAK") else SHORT)
@pytest.mark.parametrize("first", ["ours", "theirs"])
def test_operation(world: World, first: str, name: str) -> None:
    interop_run.one(world, first, name)


@pytest.mark.timeout(0)
def test_both_at_the_same_time(world: World) -> None:
    interop_run.together(world, float(os.environ.get("SOAK_SECONDS", "6")))
