"""What tests as root of several packages begin with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ocicore.linux import userns
from ocicore.storage.store import Store
from support.stores import config


@pytest.fixture
def store_with_ids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """A store whose containers take their ids from a million of them from 5,000,000 on."""
    ranges = ([(1, 5_000_000, 1_000_000)], [(1, 5_000_000, 1_000_000)])
    monkeypatch.setattr(userns, "read_subids", lambda user, uid: ranges)
    opened = Store(config(tmp_path), warn=lambda text: None)
    yield opened
    opened.shutdown(force=True)
