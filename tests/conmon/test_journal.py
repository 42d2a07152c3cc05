"""journald: what arrives at a journal socket of the test's own, in a mount namespace where it is the system's."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.monitor import Monitor

pytestmark = pytest.mark.root

_ENTER = (
    "mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/journal && mount --bind {} /run/systemd/journal && "
    'exec "$@"'
)


class Journal:
    """Takes in datagrams, the large ones that come as files, too."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(folder / "socket"))
        self.socket.settimeout(10)
        script = _ENTER.format(folder)
        self.prefix = ("unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh")

    def entry(self) -> dict[str, bytes]:
        data, fds, _, _ = socket.recv_fds(self.socket, 1 << 20, 1)
        for fd in fds:
            with os.fdopen(fd, "rb") as file:
                file.seek(0)
                data = file.read()
        fields: dict[str, bytes] = {}
        while data:
            head, _, data = data.partition(b"\n")
            name, equals, value = head.partition(b"=")
            if not equals:
                size = struct.unpack("<Q", data[:8])[0]
                value, data = data[8 : 8 + size], data[9 + size :]
            assert name.decode() not in fields
            fields[name.decode()] = value
        return fields

    def entries(self) -> Iterator[dict[str, bytes]]:
        self.socket.settimeout(0.2)
        with contextlib.suppress(TimeoutError):
            while True:
                yield self.entry()


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    made = Journal(tmp_path / "journal")
    yield made
    made.socket.close()


def test_fields(tmp_path: Path, journal: Journal) -> None:
    options = ("--log-tag", "my tag", "--log-label", "A_B1=some value", "--log-label", "C=two\nlines")
    with Monitor(tmp_path, "echo hello", *options, log=("journald",), prefix=journal.prefix) as monitor:
        monitor.launched().wait_end()
        assert journal.entry() == {
            "MESSAGE": b"hello",
            "PRIORITY": b"6",
            "CONTAINER_ID_FULL": monitor.id.encode(),
            "CONTAINER_ID": monitor.id[:12].encode(),
            "CONTAINER_NAME": b"test",
            "CONTAINER_TAG": b"my tag",
            "SYSLOG_IDENTIFIER": b"my tag",
            "A_B1": b"some value",
            "C": b"two\nlines",
        }


def test_identifier_is_the_name_without_a_tag(tmp_path: Path, journal: Journal) -> None:
    with Monitor(tmp_path, "echo hello >&2", log=("journald:",), prefix=journal.prefix) as monitor:
        monitor.launched().wait_end()
        entry = journal.entry()
        assert entry["SYSLOG_IDENTIFIER"] == b"test"
        assert entry["PRIORITY"] == b"3"
        assert "CONTAINER_TAG" not in entry


def test_priorities(tmp_path: Path, journal: Journal) -> None:
    lines = ["<0>zero", "<7>seven", "plain", "<8>eight", "<>none", "<<0>>two", "<0", "<0>", "", "<1>a<2>b"]
    command = f"printf '%s\\n' {' '.join(repr(line) for line in lines)}; printf '<4>'; sleep 0.1; echo late"
    with Monitor(tmp_path, command, log=("journald",), prefix=journal.prefix) as monitor:
        monitor.launched().wait_end()
        seen = [(entry["PRIORITY"].decode(), entry["MESSAGE"].decode()) for entry in journal.entries()]
        assert seen == [
            ("0", "zero"),
            ("7", "seven"),
            ("6", "plain"),
            ("6", "<8>eight"),
            ("6", "<>none"),
            ("6", "<<0>>two"),
            ("6", "<0"),
            ("0", ""),
            ("6", ""),
            ("1", "a<2>b"),
            ("4", "late"),
        ]


@pytest.mark.parametrize("marked", [True, False])
def test_long_lines_in_parts(tmp_path: Path, journal: Journal, marked: bool) -> None:
    options = () if marked else ("--no-container-partial-message",)
    command = "printf '<2>'; head -c 20000 /dev/zero | tr '\\0' x; echo; printf end"
    with Monitor(tmp_path, command, *options, log=("journald",), prefix=journal.prefix) as monitor:
        monitor.launched().wait_end()
        entries = list(journal.entries())
        assert b"".join(entry["MESSAGE"] for entry in entries) == b"x" * 20000 + b"end"
        assert [entry["PRIORITY"] for entry in entries] == [b"2", b"2", b"2", b"6"]
        partial = [entry.get("CONTAINER_PARTIAL_MESSAGE") for entry in entries]
        assert partial == ([b"true", b"true", None, b"true"] if marked else [None] * 4)


def test_streams_do_not_mix(tmp_path: Path, journal: Journal) -> None:
    command = "printf a; sleep 0.1; printf b >&2; sleep 0.1; echo c; sleep 0.1; echo d >&2"
    with Monitor(tmp_path, command, log=("journald",), prefix=journal.prefix) as monitor:
        monitor.launched().wait_end()
        assert [entry["MESSAGE"] for entry in journal.entries()] == [b"ac", b"bd"]


def test_entry_too_large_for_a_datagram(tmp_path: Path, journal: Journal) -> None:
    labels = [option for number in range(3) for option in ("--log-label", f"L{number}=" + "v" * 100_000)]
    with Monitor(tmp_path, "echo hello", *labels, log=("journald",), prefix=journal.prefix) as monitor:
        monitor.launched().wait_end()
        entry = journal.entry()
        assert entry["MESSAGE"] == b"hello"
        assert entry["L2"] == b"v" * 100_000


def test_journal_that_takes_nothing_holds_the_container_up_once(tmp_path: Path, journal: Journal) -> None:
    with Monitor(
        tmp_path, "seq 3000; exit 3", log=("journald", f"k8s-file:{tmp_path}/ctr.log"), prefix=journal.prefix
    ) as monitor:
        monitor.launched()
        assert monitor.exit_status() == 3
        assert monitor.lines()[-1] == "3000"


def test_no_journal_costs_lines_not_the_container(tmp_path: Path, journal: Journal) -> None:
    journal.socket.close()
    (tmp_path / "journal" / "socket").unlink()
    with Monitor(
        tmp_path, "seq 1000; exit 3", log=("journald", f"k8s-file:{tmp_path}/ctr.log"), prefix=journal.prefix
    ) as monitor:
        monitor.launched()
        assert monitor.exit_status() == 3
        assert monitor.lines()[-1] == "1000"
