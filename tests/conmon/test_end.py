"""How a container ends: exit files, exit command, owner pipe, timeout, signals."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from support.monitor import Monitor, wait_until


def exit_command(tmp_path: Path) -> tuple[str, ...]:
    """Options that record the arguments of the exit command in `cleaned`."""
    return (
        "--exit-command", "/bin/sh", "--exit-command-arg", "-c", "--exit-command-arg",
        f'ls /proc/self/fd > {tmp_path}/fds; echo "$@" > {tmp_path}/cleaned.new; mv {tmp_path}/cleaned.new {tmp_path}/cleaned',
        "--exit-command-arg", "sh", "--exit-command-arg", "a b", "--exit-command-arg", "c",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("command", "status"), [("exit 0", 0), ("exit 3", 3), ("kill -9 $$", 137), ("kill -TERM $$", 143)]
)
def test_exit_files(tmp_path: Path, command: str, status: int) -> None:
    with Monitor(tmp_path, command) as monitor:
        monitor.launched()
        assert monitor.exit_status() == status
        monitor.wait_end()
        assert [path.name for path in monitor.exits.iterdir()] == [monitor.id]
        assert not (monitor.bundle / "attach").exists()


def test_sync_option_stays_a_child_and_returns_the_status(tmp_path: Path) -> None:
    with Monitor(tmp_path, "exit 5", "--sync") as monitor:
        assert monitor.process.wait(20) == 5
        assert monitor.conmon_pid == monitor.process.pid


def test_exit_command_runs_after_the_exit_file(tmp_path: Path) -> None:
    with Monitor(tmp_path, "exit 3", *exit_command(tmp_path)) as monitor:
        monitor.launched()
        wait_until((tmp_path / "cleaned").exists, "the exit command")
        assert monitor.exit_status() == 3
        assert (tmp_path / "cleaned").read_text() == "a b c\n"
        assert len((tmp_path / "fds").read_text().split()) == 4  # stdio and the listing
        monitor.wait_end()


def test_exit_command_runs_after_a_failed_create(tmp_path: Path) -> None:
    with Monitor(tmp_path, "true", *exit_command(tmp_path), spec={"fail": "no"}) as monitor:
        monitor.launched()
        wait_until((tmp_path / "cleaned").exists, "the exit command")


def test_exit_delay_holds_nothing_open(tmp_path: Path) -> None:
    with Monitor(tmp_path, "read x", "-i", "--exit-delay", "60", *exit_command(tmp_path)) as monitor:
        monitor.launched().sync()
        with monitor.attach() as client:
            client.send(b"\n")
            assert client.read_all() == b""
        assert monitor.sync() is None
        assert monitor.exit_status() == 0
        children = subprocess.run(["pgrep", "-P", str(monitor.conmon_pid)], capture_output=True, text=True)
        assert not (tmp_path / "cleaned").exists()
        for child in children.stdout.split():
            os.kill(int(child), signal.SIGKILL)


def test_owner_that_is_there_cleans_up_itself(tmp_path: Path) -> None:
    with Monitor(tmp_path, "exit 3", *exit_command(tmp_path), owner=True) as monitor:
        monitor.launched()
        assert monitor.exit_status() == 3
        monitor.wait_end()
        assert not (tmp_path / "cleaned").exists()


def test_owner_that_was_killed_is_cleaned_up_after(tmp_path: Path) -> None:
    with Monitor(tmp_path, "read x", "-i", *exit_command(tmp_path), owner=True) as monitor:
        monitor.launched().sync()
        os.close(monitor.owner_fd)
        monitor.owner_fd = -1
        with monitor.attach() as client:
            client.send(b"\n")
            client.read_all()
        wait_until((tmp_path / "cleaned").exists, "the exit command")


def test_timeout_kills(tmp_path: Path) -> None:
    with Monitor(tmp_path, "trap '' TERM; echo up; sleep 60", "--timeout", "1") as monitor:
        monitor.launched()
        assert monitor.exit_status() == -1
        monitor.wait_end()
        assert monitor.log_text().endswith("stdout F up\n")


def test_timeout_of_an_exec_has_its_message(tmp_path: Path) -> None:
    with Monitor(tmp_path, "sleep 60 & sleep 60", "-T", "1", exec_mode=True) as monitor:
        monitor.launched()
        monitor.sync()
        assert monitor.sync() == {"data": -1, "message": "command timed out"}


def test_container_that_beats_the_timeout(tmp_path: Path) -> None:
    with Monitor(tmp_path, "exit 4", "--timeout", "30") as monitor:
        assert monitor.launched().exit_status() == 4


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_signals_are_passed_on(tmp_path: Path, number: signal.Signals) -> None:
    command = f"trap 'exit 42' {number.value}; echo ready; while :; do sleep 0.05; done"
    # A shell's background jobs have SIGINT and SIGQUIT ignored, and what is ignored no shell can trap.
    with Monitor(tmp_path, command, prefix=("env", "--default-signal=INT,QUIT")) as monitor:
        monitor.launched().sync()
        wait_until(lambda: "ready" in monitor.log_text(), "the container")
        os.kill(monitor.conmon_pid, number)
        assert monitor.exit_status() == 42


def test_hangup_is_ignored(tmp_path: Path) -> None:
    with Monitor(tmp_path, "read x", "-i") as monitor:
        monitor.launched().sync()
        os.kill(monitor.conmon_pid, signal.SIGHUP)
        with monitor.attach() as client:
            client.send(b"\n")
            client.read_all()
        assert monitor.exit_status() == 0


def test_descriptors_of_the_parent_are_kept_until_the_end(tmp_path: Path) -> None:
    """podman leaves bound ports with conmon; they must be free when the exit command runs."""
    with socket.socket() as port:
        port.bind(("127.0.0.1", 0))
        port.listen()
        address = port.getsockname()
        with Monitor(tmp_path, "read x", "-i", pass_fds=(port.fileno(),)) as monitor:
            monitor.launched().sync()
            port.close()
            with socket.socket() as other, pytest.raises(OSError, match="in use"):
                other.bind(address)
            # the fake container inherits it as well, and lets go with its end
            with monitor.attach() as client:
                client.send(b"\n")
                client.read_all()
            monitor.exit_status()
            with socket.socket() as other:
                other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                other.bind(address)


def test_signal_state_is_not_inherited(tmp_path: Path) -> None:
    runtime = tmp_path / "runtime"
    runtime.write_text(f"#!/bin/sh\ngrep ^Sig /proc/self/status >{tmp_path}/status\nexit 1\n")
    runtime.chmod(0o755)
    # Python ignores SIGPIPE and Popen gives it back its default, as other parents do
    with Monitor(tmp_path, "true", runtime=runtime) as monitor:
        monitor.launched().sync()
        words = (tmp_path / "status").read_text().split()
        assert int(words[words.index("SigBlk:") + 1], 16) == 0
        assert int(words[words.index("SigIgn:") + 1], 16) & (1 << (signal.SIGPIPE - 1)) == 0


def test_background_job_of_an_exec_does_not_hold_it_up(tmp_path: Path) -> None:
    with Monitor(tmp_path, "sleep 2 & echo done", exec_mode=True) as monitor:
        monitor.launched().sync()
        assert monitor.sync(1.5) == {"data": 0}


@pytest.mark.parametrize("ending", ["exit 9", "kill -TERM $$"])
def test_the_status_is_the_container_s_however_the_exit_command_ends(tmp_path: Path, ending: str) -> None:
    """A service manager that stops the service ends the exit command with it."""
    options = ("--exit-command", "/bin/sh", "--exit-command-arg", "-c", "--exit-command-arg", ending)
    with Monitor(tmp_path, "exit 5", "--sync", *options) as monitor:
        assert monitor.process.wait(20) == 5
