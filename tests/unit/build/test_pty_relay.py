"""Terminals handed over by a runtime: everything written arrives, and a runtime that never connects holds nobody up."""

from __future__ import annotations

import array
import os
import pty
import socket
import time
from pathlib import Path

import pytest

from ocicore.build.pty_relay import ConsoleRelay


@pytest.mark.parametrize("slow", [False, True])
def test_what_is_written_last_arrives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, slow: bool) -> None:
    if slow:  # the command is over before anybody looked at the socket
        accept = ConsoleRelay._accept
        monkeypatch.setattr(ConsoleRelay, "_accept", lambda relay: (time.sleep(0.3), accept(relay)))
    folder = tmp_path / ("long" * 40)
    folder.mkdir()
    read_end, write_end = os.pipe()
    stdin = os.open(os.devnull, os.O_RDONLY)
    try:
        with ConsoleRelay(stdin, write_end, str(folder)) as relay:
            master, slave = pty.openpty()
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as runtime:
                runtime.connect(relay.path)
                runtime.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [master]))])
            os.close(master)
            os.write(slave, b"the last words\n")
            os.close(slave)
        os.close(write_end)
        with open(read_end, "rb") as stream:
            assert b"the last words\r\n" in stream.read()
    finally:
        os.close(stdin)


def test_a_runtime_that_fails_before_it_has_a_terminal(tmp_path: Path) -> None:
    with ConsoleRelay(0, 1, str(tmp_path)):
        pass
