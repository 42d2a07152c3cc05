"""Health checks on request, and what follows from them; the same whoever runs them, the monitor or pypod itself.

As with `pypod_life`, a test module derives a class from `HealthOnRequest` and gives the fixture `pypod`.
"""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

import pytest

from support.programs import Tool
from support.pypod_life import IMAGE, NONET, status_of, until

BY_HAND = ("--health-interval", "disable")


def health(pypod: Tool, name: str) -> str:
    """Status, failing streak, length of the log."""
    form = "{{.State.Health.Status}} {{.State.Health.FailingStreak}} {{len .State.Health.Log}}"
    return pypod.out("inspect", "--format", form, name)


def runs(pypod: Tool, name: str) -> str:
    """Status and number of restarts, "" when there is no such container (yet)."""
    form = "{{.State.Status}} {{.RestartCount}}"
    return pypod("inspect", "--format", form, name, status=None).stdout.strip()


class HealthOnRequest:
    """Tests; see the module."""

    def test_a_restarted_container_is_checked_again(self, pypod: Tool) -> None:
        """The clean-up that restarts it runs in conmon's environment; the new run begins healthy."""
        script = "test ! -e /sick || { rm /sick; exit 1; }"
        check = ("--health-cmd", script, "--health-interval", "disable", "--health-retries", "1")
        words = ("--health-on-failure", "restart", "--restart", "no", "--stop-signal", "KILL")
        pypod("run", "-d", "--name", "ward", *NONET, *check, *words, IMAGE, "sleep", "1000")
        pypod("exec", "ward", "touch", "/sick")
        pypod("healthcheck", "run", "ward", status=1)
        form = "{{.State.Status}} {{.RestartCount}} {{.State.Health.FailingStreak}}"
        until(lambda: pypod.out("inspect", "--format", form, "ward") == "running 1 0", "the new run")
        assert pypod.out("healthcheck", "run", "ward") == ""
        assert pypod.out("inspect", "--format", "{{.State.Health.Status}}", "ward") == "healthy"

    def test_health_checks_on_request(self, pypod: Tool) -> None:
        check = ("--health-cmd", "test ! -e /sick || { echo ill; exit 1; }", "--health-interval", "disable")
        pypod("run", "-d", "--name", "ward", *NONET, *check, "--health-retries", "2", IMAGE, "sleep", "1000")
        assert pypod.out("healthcheck", "run", "ward") == ""
        form = "{{.State.Health.Status}} {{.State.Health.FailingStreak}} {{len .State.Health.Log}}"
        assert pypod.out("inspect", "--format", form, "ward") == "healthy 0 1"
        pypod("exec", "ward", "touch", "/sick")
        assert pypod.out("healthcheck", "run", "ward", status=1) == "unhealthy"
        assert pypod.out("inspect", "--format", form, "ward") == "healthy 1 2"
        assert pypod.out("healthcheck", "run", "ward", status=1) == "unhealthy"
        assert pypod.out("inspect", "--format", form, "ward") == "unhealthy 2 3"
        shown = ("events", "--stream=false", "--filter", "event=health_status", "--format")
        seen = pypod.out(*shown, "{{.HealthStatus}}", env={"TZ": "UTC"}).split()
        assert seen[-3:] == ["healthy", "healthy", "unhealthy"]
        pypod("restart", "-t", "0", "ward")
        assert pypod.out("inspect", "--format", "{{.State.Health.FailingStreak}}", "ward") == "0"

    def test_health_action_and_log_destination(self, pypod: Tool) -> None:
        folder = pypod.out("volume", "inspect", "--format", "{{.Mountpoint}}", pypod.out("volume", "create"))
        check = ("--health-cmd", "echo said; exit 1", "--health-interval", "disable", "--health-retries", "1")
        more = ("--health-on-failure", "kill", "--health-log-destination", folder)
        ward = pypod.out("run", "-d", "--name", "ward", *NONET, *check, *more, IMAGE, "sleep", "1000")
        pypod("healthcheck", "run", "ward", status=1)
        assert status_of(pypod, "ward") in ("exited", "stopped")
        assert "said" in pypod.out("unshare", "cat", f"{folder}/{ward}-healthcheck.log", status=None) or (
            "said" in Path(f"{folder}/{ward}-healthcheck.log").read_text()
        )

    def test_a_check_that_takes_too_long(self, pypod: Tool) -> None:
        """Its command is ended in the container, what it left in the background keeps nobody waiting."""
        script = "echo begun; sleep 1234 & sleep 1234"
        check = ("--health-cmd", script, *BY_HAND, "--health-timeout", "1s", "--health-retries", "1")
        pypod("run", "-d", "--name", "ward", *NONET, *check, IMAGE, "sleep", "1000")
        begun = time.monotonic()
        assert pypod.out("healthcheck", "run", "ward", status=1) == "unhealthy"
        assert time.monotonic() - begun < 60
        log = json.loads(pypod.out("inspect", "--format", "{{json .State.Health.Log}}", "ward"))
        assert log[-1]["ExitCode"] == -1
        # A machine with far too much to do may not even have started it in that second.
        assert log[-1]["Output"] in ("", "begun\n")
        if log[-1]["Output"]:
            # The shell is gone; its background process is the container's own business.
            assert "echo begun" not in pypod.out("top", "ward", "args")

    @pytest.mark.parametrize(("size", "kept"), [("7", "1234567"), ("0", "1234567890\n")])
    def test_what_is_kept(self, pypod: Tool, size: str, kept: str) -> None:
        check = ("--health-cmd", "echo 1234567890", *BY_HAND, "--health-max-log-size", size)
        pypod(
            "run",
            "-d",
            "--name",
            "ward",
            *NONET,
            *check,
            "--health-max-log-count",
            "2",
            IMAGE,
            "sleep",
            "1000",
        )
        for _ in range(3):
            pypod("healthcheck", "run", "ward")
        log = json.loads(pypod.out("inspect", "--format", "{{json .State.Health.Log}}", "ward"))
        assert [entry["Output"] for entry in log] == [kept, kept]
        assert log[0]["Start"] < log[0]["End"] < log[1]["Start"]

    def test_a_command_that_is_not_there(self, pypod: Tool) -> None:
        check = ("--health-cmd", '["/no/such"]', *BY_HAND, "--health-retries", "1")
        pypod("run", "-d", "--name", "ward", *NONET, *check, IMAGE, "sleep", "1000")
        assert pypod.out("healthcheck", "run", "ward", status=1) == "unhealthy"
        log = json.loads(pypod.out("inspect", "--format", "{{json .State.Health.Log}}", "ward"))
        assert log[-1]["ExitCode"] != 0
        assert "/no/such" in log[-1]["Output"]

    def test_failures_that_do_not_count_yet(self, pypod: Tool) -> None:
        check = ("--health-cmd", "test -f /well", *BY_HAND, "--health-retries", "1")
        pypod(
            "run", "-d", "--name", "ward", *NONET, *check, "--health-start-period", "1h", "--health-on-failure", "kill",
            IMAGE, "sleep", "1000",
        )  # fmt: skip
        assert pypod.out("healthcheck", "run", "ward", status=1) == "starting"
        assert health(pypod, "ward") == "starting 0 1"
        pypod("exec", "ward", "touch", "/well")
        pypod("healthcheck", "run", "ward")
        assert health(pypod, "ward") == "healthy 0 2"
        pypod("exec", "ward", "rm", "/well")
        pypod("healthcheck", "run", "ward", status=1)
        assert status_of(pypod, "ward") in ("exited", "stopped")  # it had been well: the period is over

    def test_the_startup_check_first(self, pypod: Tool) -> None:
        startup = ("--health-startup-cmd", "echo up; test -f /up", "--health-startup-interval", "0s")
        check = ("--health-cmd", "echo well", *BY_HAND, *startup, "--health-startup-success", "2")
        pypod("run", "-d", "--name", "ward", *NONET, *check, IMAGE, "sleep", "1000")
        pypod("healthcheck", "run", "ward", status=1)
        assert health(pypod, "ward") == "starting 1 1"
        pypod("exec", "ward", "touch", "/up")
        for _ in range(3):
            pypod("healthcheck", "run", "ward")
        assert health(pypod, "ward") == "healthy 0 4"
        log = json.loads(pypod.out("inspect", "--format", "{{json .State.Health.Log}}", "ward"))
        assert [entry["Output"] for entry in log] == ["up\n", "up\n", "up\n", "well\n"]

    def test_a_startup_check_that_never_succeeds(self, pypod: Tool) -> None:
        """Its container is restarted, whatever the action on failure of the ordinary check."""
        startup = ("--health-startup-cmd", "test ! -f /sick", "--health-startup-interval", "0s")
        check = ("--health-cmd", "true", *BY_HAND, *startup, "--health-startup-retries", "1")
        pypod("run", "-d", "--name", "ward", *NONET, *check, "--stop-signal", "KILL", IMAGE, "sleep", "1000")
        pypod("exec", "ward", "touch", "/sick")
        pypod("healthcheck", "run", "ward", status=1)
        until(lambda: runs(pypod, "ward") == "running 1", "the new run")

    def test_stop_is_stronger_than_the_restart_policy(self, pypod: Tool) -> None:
        check = ("--health-cmd", "false", *BY_HAND, "--health-retries", "1", "--health-on-failure", "stop")
        words = ("--restart", "always", "--stop-signal", "KILL")
        pypod("run", "-d", "--name", "ward", *NONET, *check, *words, IMAGE, "sleep", "1000")
        pypod("healthcheck", "run", "ward", status=1)
        until(lambda: status_of(pypod, "ward") == "exited", "its end")
        assert pypod.out("inspect", "--format", "{{.RestartCount}}", "ward") == "0"

    def test_a_restart_under_an_attached_program(self, pypod: Tool) -> None:
        """Whoever is attached to the container does not take its restart away."""
        script = "test ! -e /sick || { rm /sick; exit 1; }"
        check = ("--health-cmd", script, *BY_HAND, "--health-retries", "1", "--health-on-failure", "restart")
        words = ["run", "--name", "ward", *NONET, *check, "--stop-signal", "KILL", IMAGE, "sleep", "1000"]
        attached = subprocess.Popen(
            [*pypod.argv, *words], env=pypod.env, cwd=pypod.cwd, stdin=subprocess.DEVNULL
        )
        try:
            until(lambda: runs(pypod, "ward") == "running 0", "the first run")
            pypod("exec", "ward", "touch", "/sick")
            pypod("healthcheck", "run", "ward", status=1)
            until(lambda: runs(pypod, "ward") == "running 1", "the second run")
        finally:
            pypod("rm", "-f", "-t", "0", "ward", status=None)
            attached.wait(60)

    def test_a_changed_check(self, pypod: Tool) -> None:
        pypod("run", "-d", "--name", "ward", *NONET, IMAGE, "sleep", "1000")
        pypod("update", "--health-cmd", "echo first", *BY_HAND, "--health-retries", "1", "ward")
        pypod("healthcheck", "run", "ward")
        pypod("update", "--health-cmd", "echo second; false", "ward")
        pypod("healthcheck", "run", "ward", status=1)
        assert health(pypod, "ward") == "unhealthy 1 2"
        pypod("update", "--no-healthcheck", "ward")
        refused = pypod("healthcheck", "run", "ward", status=125).stderr
        assert "has no defined healthcheck" in refused
