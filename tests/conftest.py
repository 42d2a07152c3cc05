"""A clean room for every test: own directories, no variables of the caller's, privileges as a dimension.

Tests marked `root` need uid 0, `rootless` need uid 0 too (they become an ordinary user of their own) or run as the
caller when the caller is one. Nothing is skipped for a missing program: a missing one fails the test, because
`make deps` installs them all.
"""

from __future__ import annotations

import os

import pytest

_FOREIGN = ("CONTAINERS_", "STORAGE_", "REGISTRY_", "BUILDAH_", "PODMAN_", "_CONTAINERS", "DOCKER_")


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(_FOREIGN) or name in ("NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID", "SOURCE_DATE_EPOCH"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("LC_ALL", "C.UTF-8")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what this user cannot run at all: root's tests for an ordinary user, and say how many."""
    if os.geteuid() == 0:
        return
    kept, left = [], []
    for item in items:
        (left if item.get_closest_marker("root") else kept).append(item)
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = kept
