"""Identity of processes, and signal names as podman spells them."""

from __future__ import annotations

import os
import re
import signal

import pytest

from ocicore.errors import InvalidInput
from ocicore.linux import process


def test_start_time_identifies_this_process() -> None:
    started = process.start_time(os.getpid())
    assert started > 0
    assert process.alive(os.getpid(), started)
    assert not process.alive(os.getpid(), started + 1)


def test_a_zombie_is_not_alive() -> None:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    assert process.state(child) == "Z"
    assert not process.alive(child)
    os.waitpid(child, 0)
    assert process.start_time(child) == 0
    assert process.state(child) == ""


def test_kill_process_needs_the_right_start_time() -> None:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(writer)
        os.read(reader, 1)
        os._exit(0)
    started = process.start_time(child)
    assert not process.kill_process(child, 9, started + 1)
    pidfd = process.pidfd_open(child)
    assert not process.wait_pidfd(pidfd, 0)
    assert process.kill_process(child, 9, started)
    assert process.wait_pidfd(pidfd, 5000)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert not process.kill_process(child, 9)
    for fd in (pidfd, reader, writer):
        os.close(fd)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("SIGTERM", 15),
        ("term", 15),
        ("15", 15),
        ("-15", 15),
        ("-TERM", 15),
        ("sigrtmin", 34),
        ("RTMIN+3", 37),
        ("SIGRTMAX-1", 63),
        ("CLD", 17),
    ],
)
def test_parse_signal(text: str, number: int) -> None:
    assert process.parse_signal(text) == number


@pytest.mark.parametrize("text", ["", "0", "-0", "SIGNOPE", "-SIGNOPE", "RTMIN+99", "RTMIN-1", "²"])
def test_parse_signal_refuses(text: str) -> None:
    with pytest.raises(InvalidInput, match=f"^invalid signal: {re.escape(text.removeprefix('-'))}$"):
        process.parse_signal(text)
    for number in ("65", "-65", "99999999"):
        with pytest.raises(InvalidInput, match=r"^valid signals are 1 through 64$"):
            process.parse_signal(number)


def test_signal_names_go_both_ways() -> None:
    for number in [*range(1, 32), *range(34, 65)]:
        assert process.parse_signal(process.signal_name(number)) == number
    assert process.SIGNALS["SIGUSR1"] == signal.SIGUSR1


def test_names_agree_with_python() -> None:
    for name, number in process.SIGNALS.items():
        if hasattr(signal, name):
            assert getattr(signal, name) == number


def test_boot_id_is_an_id() -> None:
    assert len(process.boot_id()) == 36


def test_dumpable_and_subreaper_are_accepted() -> None:
    process.set_dumpable(True)
    process.set_subreaper(False)
