"""The program with an image, for every module here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.programs import Tool
from support.pypod_store import pypod_with_box


@pytest.fixture
def pypod(tmp_path: Path) -> Iterator[Tool]:
    """pypod with a store of its own."""
    with pypod_with_box(tmp_path) as tool:
        yield tool
