"""pypod with upstream's conmon: everything the monitor takes part in, chosen by the option and by containers.conf."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.programs import Tool
from support.pypod_health import HealthOnRequest
from support.pypod_life import IMAGE, NONET, Life, store_of_its_own

pytestmark = [pytest.mark.root, pytest.mark.compat]

THEIRS = "/usr/bin/conmon"


@pytest.fixture
def pypod(tmp_path: Path) -> Iterator[Tool]:
    with store_of_its_own(tmp_path, "--conmon", THEIRS) as tool:
        yield tool


def runs_theirs(pypod: Tool) -> bool:
    pypod("run", "-d", "--name", "one", *NONET, IMAGE, "sleep", "100")
    monitor = pypod.out("inspect", "--format", "{{.State.ConmonPid}}", "one")
    return Path(f"/proc/{monitor}/exe").readlink() == Path(THEIRS)


def test_named_by_the_option(pypod: Tool) -> None:
    assert runs_theirs(pypod)


def test_named_by_containers_conf(tmp_path: Path) -> None:
    conf = tmp_path / "containers.conf"
    conf.write_text(f'[engine]\nconmon_path = ["{THEIRS}"]\n')
    with store_of_its_own(tmp_path) as tool:
        tool.env = {**os.environ, "CONTAINERS_CONF_OVERRIDE": str(conf)}
        assert runs_theirs(tool)


class TestLifeWithTheirs:
    """The same tests as with ours."""

    test_exit_statuses = Life.test_exit_statuses
    test_streams_and_input = Life.test_streams_and_input
    test_detached_container = Life.test_detached_container
    test_restart_policy = Life.test_restart_policy
    test_signals_are_passed_on = Life.test_signals_are_passed_on
    test_terminal_detach_and_attach = Life.test_terminal_detach_and_attach
    test_exec_on_a_terminal = Life.test_exec_on_a_terminal
    test_killed_pypod_leaves_the_container = Life.test_killed_pypod_leaves_the_container


class TestHealthWithTheirs(HealthOnRequest):
    """It runs no checks: pypod does all that ours does."""

    def test_it_says_so(self, pypod: Tool) -> None:
        pypod = pypod.with_env(DISABLE_HC_SYSTEMD="true")
        done = pypod("run", "-d", "--name", "ward", *NONET, "--health-cmd", "true", IMAGE, "sleep", "1000")
        assert f"{THEIRS} runs no health checks, and there is no systemd that could" in done.stderr
        pypod("healthcheck", "run", "ward")
