"""Standard streams, attach clients, the terminal and its FIFOs."""

from __future__ import annotations

import os
import select
import socket
import subprocess
import time
from pathlib import Path

import pytest

from ocicore.runtime import monitor_protocol as protocol
from support.monitor import Client, Monitor, wait_until
from support.programs import REPOSITORY

WAIT = "read start; "


def open_descriptors(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


def gone(pid: int) -> bool:
    """True once the process has ended; whether its parent has waited for it does not matter."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_both_streams_with_their_numbers(tmp_path: Path) -> None:
    with Monitor(tmp_path, WAIT + "echo out; echo err >&2; sleep 0.2; echo end", "-i") as monitor:
        monitor.launched().sync()
        with monitor.attach() as client:
            client.send(b"\n")
            frames = []
            while (frame := client.frame()) is not None:
                frames.append(frame)
        assert sorted(frames[:2]) == [(2, b"out\n"), (3, b"err\n")]
        assert frames[2:] == [(2, b"end\n")]


def test_large_output_comes_in_frames_that_fit(tmp_path: Path) -> None:
    with Monitor(tmp_path, WAIT + "head -c 1000000 /dev/zero | tr '\\0' x", "-i") as monitor:
        monitor.launched().sync()
        with monitor.attach() as client:
            client.send(b"\n")
            assert client.read_all() == b"x" * 1_000_000


def test_end_of_input_closes_stdin(tmp_path: Path) -> None:
    with Monitor(tmp_path, "cat; echo over", "-i") as monitor:
        monitor.launched().sync()
        with monitor.attach() as client:
            client.send(b"text")
            client.end_input()
            assert client.read_all() == b"textover\n"
        assert monitor.exit_status() == 0


def test_client_that_goes_away_closes_stdin(tmp_path: Path) -> None:
    with Monitor(tmp_path, "cat; echo over", "-i") as monitor:
        monitor.launched().sync()
        with monitor.attach() as client:
            client.send(b"text\n")
        assert monitor.exit_status() == 0
        assert [text for _, _, text in monitor.records()] == ["text", "over"]


def test_stdin_left_open(tmp_path: Path) -> None:
    with Monitor(tmp_path, "read a; read b; echo $a $b", "-i", "--leave-stdin-open") as monitor:
        monitor.launched().sync()
        with monitor.attach() as client:
            client.send(b"one\n")
        with monitor.attach() as client:
            client.send(b"two\n")
            assert client.read_all() == b"one two\n"


def test_without_stdin_there_is_dev_null(tmp_path: Path) -> None:
    with Monitor(tmp_path, "readlink /proc/self/fd/0; cat; sleep 0.3; echo end") as monitor:
        monitor.launched().sync()
        with monitor.attach() as client:
            client.send(b"nobody reads this")
            client.end_input()
            assert client.read_all().endswith(b"end\n")
        monitor.wait_end()
        assert monitor.records()[0] == ("stdout", "F", "/dev/null")


def test_much_input_through_a_slow_reader(tmp_path: Path) -> None:
    """More than pipe and socket hold: the client waits, nothing is lost, then end-of-file comes last."""
    with Monitor(tmp_path, "sleep 0.5; sha256sum", "-i") as monitor:
        monitor.launched().sync()
        data = bytes(range(256)) * 8192
        with monitor.attach() as client:
            for start in range(0, len(data), 32768):
                client.send(data[start : start + 32768])
            client.end_input()
            import hashlib

            assert client.read_all().split()[0].decode() == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("clients", [1, 2])
def test_input_of_clients_that_are_gone_already_arrives(tmp_path: Path, clients: int) -> None:
    """A client may send much and hang up while the container still sleeps: what the kernel took for it counts."""
    total = clients * 20 * 8192
    with Monitor(tmp_path, f"sleep 0.5; head -c {total} | wc -c", "-i", "--leave-stdin-open") as monitor:
        monitor.launched().sync()
        for _ in range(clients):
            with monitor.attach() as client:
                for _ in range(20):
                    client.send(b"x" * 8192)
        wait_until(lambda: monitor.records() == [("stdout", "F", str(total))], "all of the input", 5)
        assert monitor.exit_status() == 0
        monitor.wait_end()


def test_client_that_only_sends_is_heard(tmp_path: Path) -> None:
    """A client that has shut down its receiving side takes no output, but its input still counts."""
    with Monitor(tmp_path, "while read x; do echo got $x; done", "-i") as monitor:
        monitor.launched().sync()
        with monitor.attach() as client:
            client.socket.shutdown(socket.SHUT_RD)
            for word in ("one", "two", "three"):
                client.send(f"{word}\n".encode())
                wait_until(lambda word=word: f"got {word}" in monitor.log_text(), word)
            client.end_input()
            assert monitor.exit_status() == 0


def test_client_that_hangs_up_without_reading_is_heard(tmp_path: Path) -> None:
    """Closing with output unread resets the connection; what was sent before is there all the same."""
    with Monitor(tmp_path, "echo unread; sleep 0.4; wc -c", "-i") as monitor:
        monitor.launched().sync()
        with monitor.attach() as client:
            for _ in range(30):
                client.send(b"x" * 8192)
            select.select([client.socket], [], [], 0.2)
        wait_until(lambda: str(30 * 8192) in monitor.log_text(), "all of the input", 5)
        assert monitor.exit_status() == 0


def test_many_clients_see_the_same(tmp_path: Path) -> None:
    with Monitor(tmp_path, WAIT + "echo hello all", "-i", "--leave-stdin-open") as monitor:
        monitor.launched().sync()
        clients = [Client(str(monitor.bundle / "attach")) for _ in range(40)]
        wait_until(lambda: open_descriptors(monitor.conmon_pid) > 45, "all clients to be accepted")
        clients[7].send(b"\n")
        assert [client.read_all() for client in clients] == [b"hello all\n"] * 40
        for client in clients:
            client.close()


def test_client_that_never_reads_does_not_stall_the_container(tmp_path: Path) -> None:
    with Monitor(tmp_path, WAIT + "yes 0123456789 2>/dev/null | head -c 30000000; echo end", "-i") as monitor:
        monitor.launched().sync()
        dead = Client(str(monitor.bundle / "attach"))
        with monitor.attach() as client:
            client.send(b"\n")
            started = time.monotonic()
            client.read_until(b"end\n")
            assert time.monotonic() - started < 15
        assert monitor.exit_status() == 0
        # it still gets everything when it wakes up, though the container is gone
        assert len(dead.read_all()) == 30_000_004
        dead.close()
        monitor.wait_end()


def test_spool_goes_round_in_its_file(tmp_path: Path) -> None:
    program = tmp_path / "spool_check"
    subprocess.run(
        [
            "cc", "-std=c11", "-D_GNU_SOURCE", "-Wall", "-Werror", "-O1", "-g", "-fsanitize=address,undefined",
            "-DSPOOL_MAX=300000", "-DSPOOL_FILE_MAX=350000", f"-I{REPOSITORY}/conmon", "-o", program,
            REPOSITORY / "tests" / "conmon" / "spool_check.c", REPOSITORY / "conmon" / "spool.c",
        ],
        check=True,
    )  # fmt: skip
    done = subprocess.run([program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[0]) > 10_000


def test_dead_client_after_the_end_is_let_go(tmp_path: Path) -> None:
    with Monitor(tmp_path, WAIT + "head -c 3000000 /dev/zero", "-i") as monitor:
        monitor.launched().sync()
        dead = Client(str(monitor.bundle / "attach"))
        dead.send(b"\n")
        assert monitor.exit_status() == 0
        assert not monitor.ended()
        dead.close()
        monitor.wait_end()


def test_a_thousand_clients_leave_nothing_behind(tmp_path: Path) -> None:
    with Monitor(tmp_path, "while :; do echo tick; sleep 0.01; done", "-i", "--leave-stdin-open") as monitor:
        monitor.launched().sync()
        with monitor.attach() as client:
            client.read_until(b"tick")
            before = open_descriptors(monitor.conmon_pid) - 1
        for number in range(1000):
            client = Client(str(monitor.bundle / "attach"))
            if number % 3 == 0:
                client.send(b"some input\n")
            if number % 5 == 0:
                client.end_input()
            if number % 50 == 0:
                client.read_until(b"tick")
            client.close()
        wait_until(lambda: open_descriptors(monitor.conmon_pid) == before, "descriptors to be closed")


def test_link_to_a_bundle_with_a_long_path(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 120)
    with Monitor(deep, WAIT + "echo hello", "-i", "--socket-dir-path", str(tmp_path)) as monitor:
        monitor.launched().sync()
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client:
            os.chdir(tmp_path)
            client.connect(f"{monitor.id}/attach")
            client.send(b"\n")
            assert client.recv(100) == b"\x02hello\n"
            os.chdir("/")
        monitor.wait_end()
        assert not (tmp_path / monitor.id).is_symlink()


def test_permissions(tmp_path: Path) -> None:
    with Monitor(tmp_path, "sleep 60") as monitor:
        monitor.launched().sync()
        assert (monitor.bundle / "attach").stat().st_mode & 0o777 == 0o700
        assert (monitor.bundle / "ctl").stat().st_mode & 0o007 == 0
        assert monitor.log.stat().st_mode & 0o777 == 0o640


# ---- terminal


def test_terminal(tmp_path: Path) -> None:
    command = "test -t 0 && test -t 1 && test -t 2 && echo yes; read x; echo got $x; stty size; exit 6"
    with Monitor(tmp_path, command, "-t") as monitor:
        monitor.launched().sync()
        monitor.control("1 33 44\n")
        with monitor.attach() as client:
            client.send(b"word\n")
            client.read_until(b"got word\r\n33 44\r\n")
        assert monitor.exit_status() == 6
        assert ("stdout", "F", "yes\r") in monitor.records()


@pytest.mark.parametrize(
    ("value", "size"), [("30 90", "30 90"), ("30", "0 0"), ("30 5000", "0 0"), ("", "0 0")]
)
def test_terminal_has_its_size_from_the_start(tmp_path: Path, value: str, size: str) -> None:
    command = "stty size; env | grep TERMINALSIZE"
    with Monitor(tmp_path, command, "-t", env={protocol.ENV_TERMINAL_SIZE: value}) as monitor:
        monitor.launched().wait_end()
        assert [text for _, _, text in monitor.records()] == [f"{size}\r"]


def test_terminal_goes_on_after_a_client_left(tmp_path: Path) -> None:
    with Monitor(tmp_path, "read a; read b; echo $a $b", "-t", "-i", "--leave-stdin-open") as monitor:
        monitor.launched().sync()
        with monitor.attach() as client:
            client.send(b"one\n")
        with monitor.attach() as client:
            client.send(b"two\n")
            client.read_until(b"one two\r\n")


@pytest.mark.parametrize(
    ("message", "size"),
    [
        ("1 10 20", "10 20"), ("1 0010 0020", "10 20"), ("1 2 2 3", "2 2"), ("1 1000 1000", "1000 1000"),
        ("1 -1 -1", "0 0"), ("1 2", "0 0"), ("1", "0 0"), ("foo", "0 0"), ("999 2 2", "0 0"), ("", "0 0"),
        ("1 10.5 20.3", "0 0"), ("1 0x10 0x20", "0 0"), ("1 100000 100000", "0 0"), ("1 1001 1000", "0 0"),
        ("1 2 2 " + "#" * 5000, "0 0"), ("1 99999999999999999999 1", "0 0"), ("nonsense\n1 5 6", "5 6"),
    ],
)  # fmt: skip
def test_control_messages(tmp_path: Path, message: str, size: str) -> None:
    with Monitor(tmp_path, "read x; stty size", "-t") as monitor:
        monitor.launched().sync()
        monitor.control(message + "\n")
        with monitor.attach() as client:
            client.send(b"\n")
            client.read_until(f"\r\n{size}\r\n".encode())


def test_control_message_in_pieces(tmp_path: Path) -> None:
    with Monitor(tmp_path, "read x; stty size", "-t") as monitor:
        monitor.launched().sync()
        for piece in ("1 1", "2 1", "3\n"):
            monitor.control(piece)
        with monitor.attach() as client:
            client.send(b"\n")
            client.read_until(b"\r\n12 13\r\n")


def test_winsz_fifo(tmp_path: Path) -> None:
    with Monitor(tmp_path, "read x; stty size", "-t") as monitor:
        monitor.launched().sync()
        monitor.control("7 8\n", protocol.WINSZ_FIFO_NAME)
        with monitor.attach() as client:
            client.send(b"\n")
            client.read_until(b"\r\n7 8\r\n")


def test_runtime_that_sends_no_terminal(tmp_path: Path) -> None:
    runtime = tmp_path / "runtime"
    runtime.write_text('#!/bin/sh\nwhile [ "$1" != --pid-file ]; do shift; done; echo $$ >"$2"\n')
    runtime.chmod(0o755)
    with Monitor(tmp_path, "true", "-t", runtime=runtime, env={"TMPDIR": str(tmp_path)}) as monitor:
        answer = monitor.launched().sync()
        assert answer == {"data": -1, "message": "Runtime did not set up terminal"}
        monitor.wait_end()
        assert not list(tmp_path.glob("conmon-*"))


def test_container_whose_start_failed_late_is_not_left_running(tmp_path: Path) -> None:
    runtime = tmp_path / "runtime"
    runtime.write_text(
        '#!/bin/sh\nwhile [ "$1" != --pid-file ]; do shift; done\n'
        'sleep 60 </dev/null >/dev/null 2>&1 & echo $! >"$2"\n'
    )
    runtime.chmod(0o755)
    with Monitor(tmp_path, "true", "-t", runtime=runtime, env={"TMPDIR": str(tmp_path)}) as monitor:
        answer = monitor.launched().sync()
        assert answer == {"data": -1, "message": "Runtime did not set up terminal"}
        monitor.wait_end()
        wait_until(lambda: gone(monitor.container_pid), "the end of the container")


def test_terminal_of_an_exec(tmp_path: Path) -> None:
    with Monitor(
        tmp_path, "tty >/dev/null && echo on a tty; exit 2", "--exec-attach", "-t", exec_mode=True,
        attach_pipe=True, start_pipe=True,
    ) as monitor:  # fmt: skip
        os.write(monitor.start_fd, b"1")
        monitor.launched()
        monitor.attach_message()
        with monitor.attach() as client:
            os.write(monitor.start_fd, b"2")
            assert client.read_all() == b"on a tty\r\n"
        monitor.sync()
        assert monitor.sync() == {"data": 2}


def test_passthrough(tmp_path: Path) -> None:
    with Monitor(tmp_path, "true", log=("passthrough",)) as monitor:
        monitor.launched().sync()
        monitor.wait_end()
        assert not (monitor.bundle / "attach").exists()
        (monitor.bundle / "config.json").write_text('{"args": ["sh", "-c", "cat; echo err >&2"]}')
        environ = {k: v for k, v in monitor.environ.items() if not k.startswith("_OCI")}
        done = subprocess.run(monitor.argv, input=b"through\n", capture_output=True, env=environ, timeout=20)
        assert done.stdout == b"through\n"
        assert done.stderr == b"err\n"
