"""sdnotify relay, and health checks run by the monitor."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from pathlib import Path

import pytest

from ocicore.runtime import monitor_protocol as protocol
from support.monitor import Monitor, wait_until


def test_notifications_are_filtered_and_relayed(tmp_path: Path) -> None:
    (tmp_path / "bundle" / "notify").mkdir(parents=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as host:
        host.bind(str(tmp_path / "host.sock"))
        host.settimeout(10)
        with Monitor(tmp_path, "sleep 60", f"--sdnotify-socket={tmp_path}/host.sock") as monitor:
            monitor.launched().sync()
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as inside:
                path = monitor.bundle / protocol.NOTIFY_SOCKET_NAME
                assert path.stat().st_mode & 0o777 == 0o777
                inside.connect(str(path))
                inside.send(b"MAINPID=1\nREADY=1\nFDSTORE=1\nSTATUS=up and well\nREADY=12\n")
                inside.send(b"WATCHDOG_USEC=1")
                inside.send(b"RELOADING=1\rMONOTONIC_USEC=5")
                assert host.recv(1000) == b"READY=1\nSTATUS=up and well"
                assert host.recv(1000) == b"RELOADING=1\nMONOTONIC_USEC=5"


def test_abstract_notify_socket(tmp_path: Path) -> None:
    (tmp_path / "bundle" / "notify").mkdir(parents=True)
    name = f"conmon-test-{tmp_path.name}-{id(tmp_path)}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as host:
        host.bind("\0" + name)
        host.settimeout(10)
        with Monitor(tmp_path, "sleep 60", "--sdnotify-socket", "@" + name) as monitor:
            monitor.launched().sync()
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as inside:
                inside.connect(str(monitor.bundle / protocol.NOTIFY_SOCKET_NAME))
                inside.send(b"READY=1")
                assert host.recv(1000) == b"READY=1"


class Health:
    """Options for a check, and its files."""

    def __init__(self, folder: Path, check: str, *more: str) -> None:
        self.state_file = folder / "health.json"
        self.event_file = folder / "events"
        spec = folder / "check.json"
        spec.write_text(json.dumps({"args": ["sh", "-c", check]}))
        self.options = (
            "--health-process-spec", str(spec), "--health-interval", "100ms", "--health-state-file",
            str(self.state_file), "--health-event-file", str(self.event_file), *more,
        )  # fmt: skip

    def state(self) -> dict[str, object]:
        value = json.loads(self.state_file.read_text())
        assert isinstance(value, dict)
        return value

    def reaches(self, status: str) -> None:
        wait_until(lambda: self.state_file.exists() and self.state()["Status"] == status, status)

    def events(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.event_file.read_text().splitlines()]


#: The monitor waits for the container's program to replace the runtime; here that has happened before it looks.
RUNNING = "exec sleep 60"


@pytest.fixture
def running(tmp_path: Path) -> str:
    return f"read x </dev/null; while [ ! -e {tmp_path}/go ]; do sleep 0.05; done; exec sleep 60"


def test_healthy(tmp_path: Path, running: str) -> None:
    health = Health(tmp_path, "echo fine; echo too >&2", "--health-log-count", "2", "--health-log-size", "6")
    with Monitor(tmp_path, running, *health.options) as monitor:
        monitor.launched().sync()
        health.reaches("starting")
        (tmp_path / "go").touch()
        health.reaches("healthy")
        wait_until(lambda: len(health.events()) >= 5, "four checks")
        state = health.state()
        assert state["FailingStreak"] == 0
        assert state["Version"] == protocol.HEALTH_STATE_VERSION
        log = state["Log"]
        assert isinstance(log, list)
        assert [(entry["ExitCode"], entry["Output"]) for entry in log] == [(0, "fine\nt")] * 2
        assert log[0]["Start"] < log[0]["End"] < log[1]["Start"]
        events = health.events()
        assert [event["Status"] for event in events[:3]] == ["starting", "healthy", "healthy"]
        assert [event["Changed"] for event in events[:3]] == [True, True, False]
        assert events[0]["ID"] == monitor.id
        assert events[0]["Type"] == protocol.HEALTH_EVENT_TYPE


def test_unhealthy_after_retries_and_killed(tmp_path: Path, running: str) -> None:
    health = Health(tmp_path, "echo bad; exit 3", "--health-retries", "2", "--health-on-failure", "kill")
    with Monitor(tmp_path, running, *health.options) as monitor:
        monitor.launched().sync()
        (tmp_path / "go").touch()
        assert monitor.exit_status() == 137
        monitor.wait_end()
        state = health.state()
        assert (state["Status"], state["FailingStreak"], state["Action"]) == ("stopped", 2, "kill")
        assert [(event["Status"], event["FailingStreak"]) for event in health.events()] == [
            ("starting", 0), ("starting", 1), ("unhealthy", 2), ("stopped", 2),
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("ignored", "number", "status", "seconds"),
    [("TERM", "10", 138, 0), ("USR1", "10", 137, 1), ("TERM", "15", 137, 1)],
)
def test_stopped_as_the_container_wants(
    tmp_path: Path, ignored: str, number: str, status: int, seconds: int
) -> None:
    """Its own stop signal, and SIGKILL after its own time."""
    health = Health(
        tmp_path, "exit 1", "--health-retries", "1", "--health-on-failure", "stop",
        "--health-stop-signal", number, "--health-stop-timeout", "1",
    )  # fmt: skip
    program = f"trap '' {ignored}; read x </dev/null; while [ ! -e {tmp_path}/go ]; do sleep 0.05; done; exec sleep 60"
    with Monitor(tmp_path, program, *health.options) as monitor:
        monitor.launched().sync()
        started = time.monotonic()
        (tmp_path / "go").touch()
        assert monitor.exit_status() == status
        assert seconds <= time.monotonic() - started < seconds + 5


def test_restart_is_left_to_the_exit_command(tmp_path: Path, running: str) -> None:
    health = Health(tmp_path, "exit 1", "--health-retries", "1", "--health-on-failure", "restart")
    with Monitor(
        tmp_path, running, *health.options, "--exit-command", "/bin/cp", "--exit-command-arg",
        str(health.state_file), "--exit-command-arg", str(tmp_path / "seen.json"),
    ) as monitor:  # fmt: skip
        monitor.launched().sync()
        (tmp_path / "go").touch()
        assert monitor.exit_status() == 143
        monitor.wait_end()
        assert json.loads((tmp_path / "seen.json").read_text())["Action"] == "restart"


def test_start_period_forgives(tmp_path: Path, running: str) -> None:
    health = Health(
        tmp_path, f"test -e {tmp_path}/well", "--health-retries", "1", "--health-start-period", "60s"
    )
    with Monitor(tmp_path, running, *health.options) as monitor:
        monitor.launched().sync()
        (tmp_path / "go").touch()
        wait_until(lambda: len(health.events()) > 3 if health.event_file.exists() else False, "failures")
        assert (health.state()["Status"], health.state()["FailingStreak"]) == ("starting", 0)
        (tmp_path / "well").touch()
        health.reaches("healthy")
        (tmp_path / "well").unlink()
        health.reaches("unhealthy")


def test_start_period_forgives_a_check_before_the_program_runs(tmp_path: Path, running: str) -> None:
    health = Health(tmp_path, "false", "--health-retries", "1", "--health-start-period", "60s")
    with Monitor(tmp_path, running, *health.options) as monitor:
        monitor.launched().sync()
        health.reaches("starting")
        monitor.control(f"{protocol.CONTROL_HEALTH_RUN} 0 0\n")
        wait_until(lambda: health.state()["Checks"] == 1, "the check")
        assert (health.state()["Status"], health.state()["FailingStreak"]) == ("starting", 0)


def test_check_that_hangs(tmp_path: Path, running: str) -> None:
    health = Health(tmp_path, "echo on; sleep 60", "--health-timeout", "2s", "--health-retries", "1")
    with Monitor(tmp_path, running, *health.options) as monitor:
        monitor.launched().sync()
        (tmp_path / "go").touch()
        health.reaches("unhealthy")
        log = health.state()["Log"]
        assert isinstance(log, list)
        assert log[0]["ExitCode"] == protocol.HEALTH_EXIT_TIMED_OUT
        assert log[0]["Output"] == "on\n"


def test_options_change_while_a_check_runs(tmp_path: Path, running: str) -> None:
    health = Health(tmp_path, f"touch {tmp_path}/checking; sleep 60")
    with Monitor(tmp_path, running, *health.options) as monitor:
        monitor.launched().sync()
        (tmp_path / "go").touch()
        for _ in range(3):
            wait_until((tmp_path / "checking").exists, "a check that runs")
            (tmp_path / "checking").unlink()
            options = monitor.bundle / protocol.HEALTH_OPTIONS_FILE
            options.write_text("".join(f"{word}\n" for word in health.options[4:]))
            monitor.control(f"{protocol.CONTROL_HEALTH_RELOAD} 0 0\n")
            health.reaches("stopped")
            options.write_text("".join(f"{word}\n" for word in health.options))
            monitor.control(f"{protocol.CONTROL_HEALTH_RELOAD} 0 0\n")
            health.reaches("starting")
        # Results of checks that were given up count for nothing.
        assert health.state()["Log"] == []
        os.kill(monitor.container_pid, signal.SIGKILL)
        assert monitor.exit_status() == 137


def test_startup_check(tmp_path: Path, running: str) -> None:
    startup = tmp_path / "startup.json"
    startup.write_text(json.dumps({"args": ["test", "-e", str(tmp_path / "up")]}))
    health = Health(
        tmp_path, "true", "--health-startup-process-spec", str(startup), "--health-startup-interval", "50ms",
        "--health-startup-successes", "2",
    )  # fmt: skip
    with Monitor(tmp_path, running, *health.options) as monitor:
        monitor.launched().sync()
        (tmp_path / "go").touch()
        wait_until(
            lambda: health.state_file.exists() and int(str(health.state()["FailingStreak"])) > 2, "failures"
        )
        assert (health.state()["Status"], health.state()["StartupDone"]) == ("starting", False)
        (tmp_path / "up").touch()
        health.reaches("healthy")
        assert health.state()["StartupDone"] is True


@pytest.mark.parametrize("exit_code", [0, 1])
@pytest.mark.parametrize("startup", [False, True])
def test_the_first_check_comes_at_once(tmp_path: Path, running: str, startup: bool, exit_code: int) -> None:
    """Not an interval later; so does the first of the usual ones after the last of the start. A failure in the start
    period does not count."""
    ready = tmp_path / "startup.json"
    ready.write_text(json.dumps({"args": ["true"]}))
    before = (
        ("--health-startup-process-spec", str(ready), "--health-startup-interval", "1h") if startup else ()
    )
    health = Health(
        tmp_path, f"exit {exit_code}", "--health-interval", "1h", "--health-start-period", "1h", "--health-retries", "1",
        *before,
    )  # fmt: skip
    with Monitor(tmp_path, running, *health.options) as monitor:
        monitor.launched().sync()
        (tmp_path / "go").touch()
        checks = 1 + startup

        def log() -> list[dict[str, object]]:
            found = health.state()["Log"] if health.state_file.exists() else []
            assert isinstance(found, list)
            return found

        wait_until(lambda: len(log()) == checks, "the first check")
        assert [entry["ExitCode"] for entry in log()] == [*[0] * startup, exit_code]
        assert health.state()["Status"] == ("healthy" if exit_code == 0 else "starting")
        assert health.state()["FailingStreak"] == 0


def test_startup_retries_restart(tmp_path: Path, running: str) -> None:
    startup = tmp_path / "startup.json"
    startup.write_text(json.dumps({"args": ["false"]}))
    health = Health(
        tmp_path, "true", "--health-startup-process-spec", str(startup), "--health-startup-interval", "50ms",
        "--health-startup-retries", "3",
    )  # fmt: skip
    with Monitor(tmp_path, running, *health.options) as monitor:
        monitor.launched().sync()
        (tmp_path / "go").touch()
        assert monitor.exit_status() == 143
        monitor.wait_end()
        assert health.state()["Action"] == "restart"
