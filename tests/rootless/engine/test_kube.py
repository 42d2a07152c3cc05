"""Kubernetes YAML of an ordinary user."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.programs import Tool
from support.pypod_kube import Kube
from support.pypod_store import users_pypod_with_box
from support.users import OrdinaryUser

pytestmark = pytest.mark.rootless


@pytest.fixture
def pypod(ordinary_user: OrdinaryUser, tmp_path: Path) -> Iterator[Tool]:
    """pypod with a store of its own below the user's home."""
    with users_pypod_with_box(ordinary_user, tmp_path) as tool:
        yield tool


class TestKube(Kube):
    """Everything that holds for root too."""
