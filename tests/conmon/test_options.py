"""The command line: what upstream's callers and tests rely on."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from support.monitor import CONMON, FAKE_RUNTIME, Monitor
from support.programs import REPOSITORY


def conmon(*args: str, env: dict[str, str] | None = None, pass_fds: tuple[int, ...] = ()) -> tuple[int, str]:
    done = subprocess.run(
        [CONMON, *args], capture_output=True, text=True, timeout=20, stdin=subprocess.DEVNULL,
        env={**os.environ, **(env or {})}, pass_fds=pass_fds,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


BASE = ("--cid", "c" * 64, "--cuuid", "u" * 64, "--runtime", str(FAKE_RUNTIME))


@pytest.mark.parametrize(
    ("args", "text"),
    [
        ((), "Container ID not provided. Use --cid"),
        (("--cid", "x"), "Container UUID not provided. Use --cuuid"),
        (("--cid", "x", "--cuuid", "x"), "Runtime path not provided. Use --runtime"),
        (("--cid", "x", "--cuuid", "x", "--runtime", "/no/path"), "Runtime path /no/path is not valid"),
        (BASE, "Log driver not provided. Use --log-path"),
        ((*BASE, "--log-path", ""), "log-path must not be empty"),
        ((*BASE, "--log-path", ":"), "log-path must not be empty"),
        ((*BASE, "-l", "k8s-file"), "k8s-file requires a filename"),
        ((*BASE, "-l", "k8s-file:"), "k8s-file requires a filename"),
        ((*BASE, "-l", "json-file:"), "json-file requires a filename"),
        ((*BASE, "-l", "k8s-file:/not/a/path"), "Failed to open log file"),
        ((*BASE, "-l", "strange:/x"), "No such log driver strange"),
        ((*BASE, "-l", "none", "--log-level", "loud"), "No such log level loud"),
        ((*BASE, "-l", "none", "-e"), "Exec process spec path not provided"),
        ((*BASE, "-l", "none", "-e", "--restore", "x"), "Cannot use 'exec' and 'restore' at the same time"),
        ((*BASE, "-l", "none", "--exec-attach"), "Attach can only be specified with exec"),
        ((*BASE, "-l", "none", "-e", "--exec-attach"), "Attach can only be specified for a non-legacy exec"),
        ((*BASE, "-l", "none", "--exit-delay", "-1"), "must be greater than or equal to 0"),
        ((*BASE, "--log-rotate", "--log-max-files", "-1"), "log-max-files must be non-negative"),
        ((*BASE, "--log-rotate", "--log-max-files", "0"), "log-max-files must be at least 1"),
        ((*BASE, "--log-max-files", "2147483648"), "out of range"),
        ((*BASE, "--log-size-max", "9223372036854775808"), "out of range"),
        ((*BASE, "--timeout", "soon"), "Cannot parse integer value"),
        ((*BASE, "--timeout"), "Missing argument for --timeout"),
        ((*BASE, "--frobnicate"), "option parsing failed: Unknown option --frobnicate"),
        ((*BASE, "-l", "none", "--seccomp-notify-socket", "/x"), "seccomp notification is not supported"),
        (("--cid", "short", *BASE[2:], "-l", "journald"), "Container ID must be longer than 12 characters"),
        ((*BASE, "-l", "journald", "--log-label", "AB"), "must be in format LABEL=VALUE"),
        ((*BASE, "-l", "journald", "--log-label", "A=B=C"), "must be in format LABEL=VALUE"),
        ((*BASE, "-l", "journald", "--log-label", "=C"), "must be in format LABEL=VALUE"),
        ((*BASE, "-l", "journald", "--log-label", "a%=C"), "must contain only uppercase letters"),
        ((*BASE, "-l", "/dev/null", "--log-label", "A=B"), "k8s-file doesn't support --log-label"),
        ((*BASE, "-l", "/dev/null", "--log-tag", "A"), "k8s-file doesn't support --log-tag"),
        (
            (*BASE, "-l", "none", "--health-process-spec", "x", "--health-interval", "x"),
            "Cannot parse duration",
        ),
        ((*BASE, "-l", "none", "--health-on-failure", "cry"), "must be none, kill, restart or stop"),
        ((*BASE, "-l", "none", "--health-process-spec", "x"), "a health check needs"),
        (
            (*BASE, "-l", "none", "--health-process-spec", "x", "--health-stop-signal", "0"),
            "must be a signal's number",
        ),
    ],
)
def test_refusals(args: tuple[str, ...], text: str) -> None:
    status, output = conmon(*args)
    assert status == 1
    assert text in output


def test_refusals_reach_the_sync_pipe() -> None:
    reader, writer = os.pipe()
    status, _ = conmon(
        *BASE, "-l", "strange:/x", "--api-version", env={"_OCI_SYNCPIPE": str(writer)}, pass_fds=(writer,)
    )
    os.close(writer)
    with os.fdopen(reader) as pipe:
        answer = json.load(pipe)
    assert status == 1
    assert answer == {"data": -1, "message": "No such log driver strange"}


def test_version_and_help() -> None:
    status, output = conmon("--version")
    assert status == 0
    assert output.startswith("conmon version 2.")
    assert "\ncommit: " in output
    status, output = conmon("--help")
    assert status == 0
    assert "--exec" in output
    assert "journald" in output


def test_all_options_of_upstream_are_there() -> None:
    surface = [
        line.split()[:2]
        for line in (REPOSITORY / "tests" / "conmon" / "upstream_options.txt").read_text().splitlines()
    ]
    assert len(surface) > 40
    manual = (REPOSITORY / "man" / "conmon.8").read_text().replace("\\-", "-")
    for name, kind in surface:
        value = () if kind == "bool" else ("1",)
        _, output = conmon(name, *value, "--no-such-option")
        assert "Unknown option --no-such-option" in output, name
        assert name in manual, name


def test_ways_to_write_options(tmp_path: Path) -> None:
    record = tmp_path / "argv.json"
    with Monitor(
        tmp_path, "true", "-sT5", "--runtime-arg=--root=/x y", "--runtime-arg", "", "stray", "--no-pivot",
        "--runtime-opt", "--a", "--runtime-opt=b", "--no-new-keyring", spec={"argv": str(record)},
    ) as monitor:  # fmt: skip
        monitor.launched().sync()
        monitor.wait_end()
        argv = json.loads(record.read_text())["argv"]
        assert argv == [
            "--systemd-cgroup", "--root=/x y", "", "create", "--bundle", str(monitor.bundle), "--pid-file",
            str(monitor.pid_file), "--no-pivot", "--no-new-keyring", "--a", "b", monitor.id,
        ]  # fmt: skip


def test_restore(tmp_path: Path) -> None:
    record = tmp_path / "argv.json"
    with Monitor(
        tmp_path, "true", "--restore", "/ckpt", "--runtime-opt", "--tcp-close", spec={"argv": str(record)}
    ) as m:
        m.launched()
        answer = m.sync()
        assert answer is not None
        assert answer["data"] == m.container_pid
        m.wait_end()
        argv = json.loads(record.read_text())["argv"]
        assert argv[0] == "restore"
        assert argv[argv.index("--detach") :] == [
            "--detach", "--image-path", "/ckpt", "--work-path", str(m.bundle), "--tcp-close", m.id,
        ]  # fmt: skip
