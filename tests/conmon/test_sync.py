"""The pipes to the parent, and what is handed on to the runtime."""

from __future__ import annotations

import json
import os
from pathlib import Path

from ocicore.runtime import monitor_protocol as protocol
from support.monitor import Monitor


def test_pid_first_then_end_of_file(tmp_path: Path) -> None:
    with Monitor(tmp_path, "sleep 60") as monitor:
        monitor.launched()
        assert monitor.sync() == {"data": monitor.container_pid}
        assert monitor.sync() is None
        assert monitor.conmon_pid != monitor.process.pid


def test_old_protocol_says_pid(tmp_path: Path) -> None:
    with Monitor(tmp_path, "sleep 60", api=False) as monitor:
        assert monitor.launched().sync() == {"pid": monitor.container_pid}


def test_failed_create_brings_the_runtimes_words(tmp_path: Path) -> None:
    spec = {"fail": 'cannot "create":\n\tno /x\\y \x01 é\n'}
    with Monitor(tmp_path, "true", spec=spec) as monitor:
        monitor.launched()
        assert monitor.sync() == {"data": -1, "message": 'cannot "create":\n\tno /x\\y \x01 é'}
        monitor.wait_end()
        assert not list(monitor.exits.iterdir())
        assert not (monitor.bundle / "attach").exists()


def test_words_that_are_no_text(tmp_path: Path) -> None:
    runtime = tmp_path / "runtime"
    runtime.write_bytes(b"#!/bin/sh\nprintf 'no such \\377 \\303\\251 file \\360\\237' >&2; exit 1\n")
    runtime.chmod(0o755)
    with Monitor(tmp_path, "true", runtime=runtime) as monitor:
        assert monitor.launched().sync() == {"data": -1, "message": "no such � é file " + "�" * 2}


def test_words_that_come_in_pieces(tmp_path: Path) -> None:
    runtime = tmp_path / "runtime"
    runtime.write_text("#!/bin/sh\nfor word in one two three; do echo $word >&2; sleep 0.1; done; exit 1\n")
    runtime.chmod(0o755)
    with Monitor(tmp_path, "true", runtime=runtime) as monitor:
        assert monitor.launched().sync() == {"data": -1, "message": "one\ntwo\nthree"}


def test_failed_create_without_words(tmp_path: Path) -> None:
    with Monitor(tmp_path, "true", runtime="/bin/false") as monitor:
        assert monitor.launched().sync() == {
            "data": -1,
            "message": "Failed to create container: exit status 1",
        }


def test_runtime_that_cannot_be_executed(tmp_path: Path) -> None:
    broken = tmp_path / "runtime"
    broken.write_text("#!/no/such/interpreter\n")
    broken.chmod(0o755)
    with Monitor(tmp_path, "true", runtime=broken) as monitor:
        answer = monitor.launched().sync()
        assert answer is not None
        assert "Failed to execute runtime" in str(answer["message"])
        assert "No such file" in str(answer["message"])


def test_runtime_that_writes_no_pid_file(tmp_path: Path) -> None:
    with Monitor(tmp_path, "true", runtime="/bin/true") as monitor:
        answer = monitor.launched().sync()
        assert answer is not None
        assert answer["data"] == -1
        assert "Failed to read pidfile" in str(answer["message"])
        assert "No such file or directory" in str(answer["message"])


def test_bundle_that_is_not_there_is_reported(tmp_path: Path) -> None:
    with Monitor(tmp_path, "true", "--bundle", str(tmp_path / "none")) as monitor:
        answer = monitor.launched().sync()
        assert answer is not None
        assert answer["data"] == -1
        assert str(answer["message"]).startswith("failed to open bundle")


def test_talkative_runtime_does_not_hang(tmp_path: Path) -> None:
    with Monitor(tmp_path, "true", spec={"noise": 300_000}) as monitor:
        assert monitor.launched().sync() == {"data": monitor.container_pid}
        monitor.wait_end()
        assert sum(len(text) for _, _, text in monitor.records()) == 300_000


def test_start_pipe_holds_everything_back(tmp_path: Path) -> None:
    with Monitor(tmp_path, "true", start_pipe=True) as monitor:
        assert not monitor.conmon_pid_file.exists()
        assert monitor.process.poll() is None
        os.write(monitor.start_fd, b"x")
        monitor.launched()
        assert monitor.sync() is not None


def test_exec_reports_pid_and_status(tmp_path: Path) -> None:
    with Monitor(tmp_path, "echo out; exit 7", exec_mode=True) as monitor:
        monitor.launched()
        assert monitor.sync() == {"data": monitor.container_pid}
        assert monitor.sync() == {"data": 7}
        assert monitor.sync() is None


def test_legacy_exec_reports_only_the_status(tmp_path: Path) -> None:
    with Monitor(tmp_path, "exit 9", exec_mode=True, api=False) as monitor:
        assert monitor.launched().sync() == {"exit_code": 9}


def test_failed_exec(tmp_path: Path) -> None:
    (tmp_path / "pidfile").write_text(
        "1"
    )  # an old one must not be mistaken for success; conmon starts with Monitor()
    with Monitor(tmp_path, "true", exec_mode=True, spec={"fail": "exec failed: no"}) as monitor:
        assert monitor.pid_file == tmp_path / "pidfile"
        assert monitor.launched().sync() == {"data": -1, "message": "exec failed: no"}


def test_exec_attach_waits_for_the_second_byte(tmp_path: Path) -> None:
    with Monitor(
        tmp_path, "echo hello", "--exec-attach", exec_mode=True, attach_pipe=True, start_pipe=True
    ) as monitor:
        os.write(monitor.start_fd, b"1")
        monitor.launched()
        assert monitor.attach_message() == {"data": 0}
        with monitor.attach() as client:
            assert not monitor.pid_file.exists()
            os.write(monitor.start_fd, b"2")
            assert client.read_all() == b"hello\n"
        assert monitor.sync() == {"data": monitor.container_pid}
        assert monitor.sync() == {"data": 0}


def test_what_the_runtime_inherits(tmp_path: Path) -> None:
    record = tmp_path / "argv.json"
    kept, other = os.pipe()
    env = {"LISTEN_PID": "4711", "LISTEN_FDS": "1"}
    try:
        with Monitor(
            tmp_path, "true", "--replace-listen-pid", spec={"argv": str(record)}, env=env, owner=True,
            pass_fds=(kept,),
        ) as monitor:  # fmt: skip
            monitor.launched().sync()
            monitor.wait_end()
            told = json.loads(record.read_text())
    finally:
        os.close(kept)
        os.close(other)
    assert told["env"]["LISTEN_PID"] == str(told["pid"])
    # stdio, the record, the listing itself, the descriptor meant for the container: none of our pipes
    assert len(told["fds"]) == 6
    assert str(kept) in told["fds"]
    assert told["env"][protocol.ENV_SYNC_PIPE] not in told["fds"]
    assert told["env"][protocol.ENV_OWNER_PIPE] not in told["fds"]


def test_listen_pid_of_somebody_else_stays(tmp_path: Path) -> None:
    record = tmp_path / "argv.json"
    with Monitor(tmp_path, "true", spec={"argv": str(record)}, env={"LISTEN_PID": "4711"}) as monitor:
        monitor.launched().sync()
        monitor.wait_end()
        assert json.loads(record.read_text())["env"]["LISTEN_PID"] == "4711"


def test_bad_descriptor_in_the_environment(tmp_path: Path) -> None:
    with Monitor(tmp_path, "true", env={protocol.ENV_OWNER_PIPE: "seven"}) as monitor:
        answer = monitor.sync()
        assert monitor.process.wait() == 1
        assert answer is not None
        assert 'unable to parse _OCI_OWNERPIPE: "seven"' in str(answer["message"])
