"""Flags of the container commands, each by what it does."""

from __future__ import annotations

import json
import subprocess
import time

import pytest

from support.programs import Tool
from support.pypod_life import IMAGE, NONET, until

pytestmark = pytest.mark.root


def test_unhealthy_containers_are_stopped_as_they_want(pypod: Tool) -> None:
    """--health-on-failure=stop sends the container's own signal and keeps to its own time."""
    check = ("--health-cmd", "false", "--health-interval", "1s", "--health-retries", "1")
    stop = ("--health-on-failure", "stop", "--stop-timeout", "1", "--stop-signal", "USR1")
    pypod("run", "-d", "--name", "deaf", *NONET, *check, *stop, IMAGE, "sleep", "1000")
    caught = 'trap "exit 5" USR1; touch /caught; while :; do sleep 0.1; done'
    check = ("--health-cmd", "test ! -e /caught", *check[2:])
    pypod("run", "-d", "--name", "polite", *NONET, *check, *stop, IMAGE, "sh", "-c", caught)
    started = time.monotonic()
    state = ("inspect", "--format", "{{.State.Status}} {{.State.ExitCode}}")
    until(lambda: pypod.out(*state, "deaf") == "exited 137", "SIGKILL after a second")
    assert time.monotonic() - started < 9
    until(lambda: pypod.out(*state, "polite") == "exited 5", "its own signal")


def test_exec_without_a_session(pypod: Tool) -> None:
    pypod("run", "-d", "--name", "c", *NONET, IMAGE, "sleep", "1000")
    sessions = ("inspect", "--format", "{{len .ExecIDs}}", "c")
    pypod("exec", "-d", "c", "sleep", "1001")
    assert pypod.out(*sessions) == "1"
    script = "echo in; sleep 2; exit 3"
    for flags, seen in (((), "2"), (("--no-session",), "1")):
        with subprocess.Popen(
            [*pypod.argv, "exec", "-t", *flags, "c", "sh", "-c", script], stdout=subprocess.PIPE
        ) as shell:
            assert shell.stdout is not None
            assert shell.stdout.readline() == b"in\r\n"
            assert pypod.out(*sessions) == seen
        assert shell.returncode == 3
    refused = pypod("exec", "--no-session", "-d", "c", "true", status=125).stderr
    assert "--no-session cannot be used with --detach or --detach-keys" in refused


def test_exec_waits_for_the_container(pypod: Tool) -> None:
    words = ("exec", "--wait", "60", "late", "echo", "there")
    with subprocess.Popen([*pypod.argv, *words], stdout=subprocess.PIPE, text=True) as waiting:
        pypod("create", "--name", "late", *NONET, IMAGE, "sleep", "1000")
        pypod("start", "late")
        assert waiting.communicate()[0] == "there\n"
    assert (
        "timed out waiting for container: no" in pypod("exec", "--wait", "1", "no", "true", status=125).stderr
    )


def test_old_spellings(pypod: Tool) -> None:
    """Flags that podman still takes under their former names."""
    old = ("--healthcheck-command", "true", "--healthcheck-interval", "7s", "--healthcheck-retries", "2")
    older = ("--healthcheck-timeout", "8s", "--healthcheck-start-period", "9s", "--net", "none")
    pypod("create", "--name", "c", *old, *older, "--override-os", "linux", IMAGE)
    shown = json.loads(pypod.out("inspect", "--format", "{{json .Config.Healthcheck}}", "c"))
    times = {"Interval": 7 * 10**9, "Timeout": 8 * 10**9, "StartPeriod": 9 * 10**9}
    assert shown == {"Test": ["CMD-SHELL", "true"], "Retries": 2, **times}
    assert pypod.out("ps", "-a", "--storage", "-q") == pypod.out("ps", "-a", "--external", "-q") != ""
    assert "has been deprecated" in pypod("rm", "--storage", "c").stderr
    pypod("container", "exists", "c", status=1)
