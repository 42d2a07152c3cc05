"""Pods of an ordinary user."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.programs import Tool
from support.pypod_pods import Pods
from support.pypod_store import IMAGE, users_pypod_with_box
from support.users import OrdinaryUser

pytestmark = pytest.mark.rootless


@pytest.fixture
def pypod(ordinary_user: OrdinaryUser, tmp_path: Path) -> Iterator[Tool]:
    """pypod with a store of its own below the user's home."""
    with users_pypod_with_box(ordinary_user, tmp_path) as tool:
        yield tool


class TestPods(Pods):
    """Everything that holds for root too."""

    def test_keep_id(self, pypod: Tool, ordinary_user: OrdinaryUser) -> None:
        """Its containers are the caller, unless they say otherwise."""
        pod = pypod.out("pod", "create", "--userns", "keep-id", "--network", "none")
        assert pypod.out("run", "--rm", "--pod", pod, IMAGE, "id", "-u") == str(ordinary_user.uid)
        assert pypod.out("run", "--rm", "--pod", pod, "--user", "0", IMAGE, "id", "-u") == "0"
