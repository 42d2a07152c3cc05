"""Namespaces for RUN: all of them are taken down in the end, whatever becomes of one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ocicore.build.run_network import NetworkPool
from ocicore.config import containers_conf
from ocicore.config.paths import user_paths
from ocicore.errors import Error
from ocicore.linux import namespaces
from ocicore.network import netns, setup


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def pool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: list[str]) -> NetworkPool:
    monkeypatch.setattr(namespaces, "new_netns", lambda path: None)
    monkeypatch.setattr(netns, "remove", lambda path: None)
    monkeypatch.setattr(setup, "setup", lambda request, **_: {})
    environ = {"HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)}
    paths = user_paths(environ)
    return NetworkPool(
        paths=paths,
        environ=environ,
        conf=containers_conf.load(paths, environ),
        run_root=str(tmp_path),
        scratch=str(tmp_path),
        warn=said.append,
    )


def left(folder: Path) -> list[str]:
    return [name for name in os.listdir(folder) if name.startswith("network-")]


def test_one_that_cannot_be_taken_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pool: NetworkPool, said: list[str]
) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for network in [pool.open("bridge"), pool.open("bridge")]:
        network.close()
    assert len(left(tmp_path)) == 2
    taken: list[str] = []

    def teardown(request: setup.NetworkRequest, **_: object) -> None:
        taken.append(request.container_id)
        if len(taken) == 1:
            raise Error("netavark: no")

    monkeypatch.setattr(setup, "teardown", teardown)
    pool.close()
    assert len(set(taken)) == 2
    assert said == ["taking down the network of a command: netavark: no"]
    assert left(tmp_path) == [] and len(os.listdir("/proc/self/fd")) == before


def test_of_a_killed_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pool: NetworkPool, said: list[str]
) -> None:
    """And those whose lease is held stay."""
    taken: list[str] = []
    monkeypatch.setattr(setup, "teardown", lambda request, **_: taken.append(request.netns_path))
    held, killed = pool.open("bridge"), pool.open("bridge")
    os.close(killed.lease)
    assert list(pool.leftovers()) == [killed.path] == taken
    assert left(tmp_path) == [os.path.basename(held.request.run_dir)]
    os.close(held.lease)
    assert said == []
