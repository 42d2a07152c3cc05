"""Log files: records, limits, rotation, reopening, failures."""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path

import pytest

from support.monitor import CONMON, FAKE_RUNTIME, Monitor, wait_until

STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}[+-]\d\d:\d\d"


def test_k8s_records(tmp_path: Path) -> None:
    # Two pipes have no order between them: each stream waits until the other was read.
    until = f"until [ -e {tmp_path}/%s ]; do sleep 0.02; done"
    script = f"echo one; echo; {until % 'one'}; echo two >&2; {until % 'two'}; printf three"
    with Monitor(tmp_path, script) as monitor:
        monitor.launched()
        for word in ("one", "two"):
            wait_until(lambda word=word: word in monitor.log_text(), word)
            (tmp_path / word).touch()
        monitor.wait_end()
        assert monitor.records() == [
            ("stdout", "F", "one"), ("stdout", "F", ""), ("stderr", "F", "two"), ("stdout", "P", "three"),
        ]  # fmt: skip
        for line in monitor.log_text().splitlines():
            assert re.match(STAMP + r" std(out|err) [FP] ", line)


def test_k8s_long_line_in_parts(tmp_path: Path) -> None:
    with Monitor(tmp_path, "head -c 300000 /dev/zero | tr '\\0' '#'; echo; echo next") as monitor:
        monitor.launched().wait_end()
        records = monitor.records()
        assert {tag for _, tag, _ in records[:-2]} == {"P"}
        assert [tag for _, tag, _ in records[-2:]] == ["F", "F"]
        assert "".join(text for _, _, text in records[:-1]) == "#" * 300_000


def test_json_file(tmp_path: Path) -> None:
    path = tmp_path / "json.log"
    command = r"""printf 'a "q" \\ \t\001 \303\251 \377\303( \355\240\200\nerr' ; printf 'x\n' >&2"""
    with Monitor(
        tmp_path, command, "--log-tag", 'tag"1', "--log-label", "A_1=v w", log=(f"json-file:{path}",)
    ) as monitor:
        monitor.launched().wait_end()
        entries = [json.loads(line) for line in path.read_text().splitlines()]
    out = "".join(entry["log"] for entry in entries if entry["stream"] == "stdout")
    assert out == 'a "q" \\ \t\x01 é �� ( ���\nerr'.replace("�� (", "��(")
    assert [entry["log"] for entry in entries if entry["stream"] == "stderr"] == ["x\n"]
    assert all(entry["attrs"] == {"A_1": "v w", "tag": 'tag"1'} for entry in entries)
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", entry["time"]) for entry in entries)


def test_json_file_keeps_characters_that_come_in_pieces(tmp_path: Path) -> None:
    path = tmp_path / "json.log"
    text = "aé€😀" * 30_000
    (tmp_path / "text").write_text(text)
    command = f"cat {tmp_path}/text; printf '\\303'; sleep 0.2; printf '\\251\\n\\360\\237'"
    with Monitor(tmp_path, command, log=(f"json-file:{path}",)) as monitor:
        monitor.launched().wait_end()
        logged = "".join(json.loads(line)["log"] for line in path.read_text().splitlines())
    assert logged in (text + "é\n�", text + "é\n��")


def test_several_drivers_at_once(tmp_path: Path) -> None:
    path = tmp_path / "json.log"
    with Monitor(
        tmp_path, "echo hello", log=(f"k8s-file:{tmp_path}/ctr.log", f"json-file:{path}", "none")
    ) as monitor:
        monitor.launched().wait_end()
        assert monitor.records() == [("stdout", "F", "hello")]
        assert json.loads(path.read_text())["log"] == "hello\n"


@pytest.mark.parametrize("form", ["{}", ":{}", "k8s-file:{}"])
def test_ways_to_name_k8s_file(tmp_path: Path, form: str) -> None:
    with Monitor(tmp_path, "echo hello", log=(form.format(tmp_path / "ctr.log"),)) as monitor:
        monitor.launched().wait_end()
        assert monitor.records() == [("stdout", "F", "hello")]


@pytest.mark.parametrize("name", ["none", "off:", "null"])
def test_no_log(tmp_path: Path, name: str) -> None:
    with Monitor(tmp_path, "echo hello", log=(name,)) as monitor:
        monitor.launched().wait_end()
        assert not monitor.log.exists()


def test_truncation_at_the_limit(tmp_path: Path) -> None:
    with Monitor(tmp_path, "seq 1000 9999", "--log-size-max", "1000") as monitor:
        monitor.launched().wait_end()
        assert monitor.records()[-1] == ("stdout", "F", "9999")
        assert monitor.log.stat().st_size <= 1000
        assert not (tmp_path / "ctr.log.1").exists()


def test_rotation_keeps_whole_records_within_the_limit(tmp_path: Path) -> None:
    with Monitor(
        tmp_path, "seq 100000 109999", "--log-size-max", "20000", "--log-rotate", "--log-max-files", "1000"
    ) as monitor:
        monitor.launched().wait_end()
        count = len(list(tmp_path.glob("ctr.log.*")))
        files = [tmp_path / f"ctr.log.{number}" for number in range(count, 0, -1)] + [monitor.log]
        assert count > 10
        assert all(path.stat().st_size <= 20000 for path in files)
        assert monitor.lines(*files) == [str(n) for n in range(100000, 110000)]


def test_rotation_drops_the_oldest(tmp_path: Path) -> None:
    with Monitor(
        tmp_path, "seq 1000 9999", "--log-size-max", "10000", "--log-rotate", "--log-max-files", "3"
    ) as monitor:
        monitor.launched().wait_end()
        assert sorted(path.name for path in tmp_path.glob("ctr.log*")) == [
            "ctr.log", "ctr.log.1", "ctr.log.2", "ctr.log.3",
        ]  # fmt: skip
        lines = monitor.lines(*(tmp_path / f"ctr.log.{n}" for n in (3, 2, 1)), monitor.log)[1:]
        assert lines == [str(n) for n in range(10000 - len(lines), 10000)]


def test_rotation_of_binary_output_loses_no_byte(tmp_path: Path) -> None:
    data = os.urandom(3_000_000)
    source = tmp_path / "data"
    source.write_bytes(data)
    with Monitor(
        tmp_path, f"cat {source}", "--log-size-max", "100000", "--log-rotate", "--log-max-files", "999"
    ) as monitor:
        monitor.launched().wait_end()
        count = len(list(tmp_path.glob("ctr.log.*")))
        result = bytearray()
        for path in [*(tmp_path / f"ctr.log.{n}" for n in range(count, 0, -1)), monitor.log]:
            for line in path.read_bytes().split(b"\n")[:-1]:
                _, _, tag, text = line.split(b" ", 3)
                result += text if tag == b"P" else text + b"\n"
    assert hashlib.sha256(result).digest() == hashlib.sha256(data).digest()


def test_global_limit_stops_the_log(tmp_path: Path) -> None:
    with Monitor(tmp_path, "seq 1000 9999; echo end >&2", "--log-global-size-max", "2000") as monitor:
        monitor.launched().wait_end()
        assert 2000 <= monitor.log.stat().st_size < 2100
        assert monitor.exit_status() == 0


def test_log_of_an_earlier_run_is_gone_on_with(tmp_path: Path) -> None:
    (tmp_path / "ctr.log").write_text("x" * 500 + "\n")
    with Monitor(tmp_path, "echo hello", "--log-size-max", "520", "--log-rotate") as monitor:
        monitor.launched().wait_end()
        assert (tmp_path / "ctr.log.1").stat().st_size == 501
        assert monitor.records() == [("stdout", "F", "hello")]


def test_reopen_after_the_file_was_moved(tmp_path: Path) -> None:
    with Monitor(tmp_path, "echo one; read x; echo two", "-i") as monitor:
        monitor.launched().sync()
        wait_until(lambda: "one" in monitor.log_text(), "the first line")
        monitor.log.rename(tmp_path / "moved")
        monitor.control("2 0 0\n")
        wait_until(monitor.log.exists, "the new file")
        with monitor.attach() as client:
            client.send(b"\n")
            client.read_all()
        monitor.wait_end()
        assert monitor.records() == [("stdout", "F", "two")]


def test_reopen_loses_nothing_when_the_file_is_still_there(tmp_path: Path) -> None:
    with Monitor(tmp_path, "echo one; read x; echo two", "-i") as monitor:
        monitor.launched().sync()
        wait_until(lambda: "one" in monitor.log_text(), "the first line")
        monitor.control("2 0 0\n")
        with monitor.attach() as client:
            client.send(b"\n")
            client.read_all()
        monitor.wait_end()
        assert [text for _, _, text in monitor.records()] == ["one", "two"]


def test_rotation_on_request(tmp_path: Path) -> None:
    with Monitor(tmp_path, "echo one; read x; echo two", "-i", "--log-rotate") as monitor:
        monitor.launched().sync()
        wait_until(lambda: "one" in monitor.log_text(), "the first line")
        monitor.control("2 1 1\n")
        wait_until((tmp_path / "ctr.log.1").exists, "the rotation")
        with monitor.attach() as client:
            client.send(b"\n")
            client.read_all()
        monitor.wait_end()
        assert monitor.records() == [("stdout", "F", "two")]
        assert monitor.records(tmp_path / "ctr.log.1") == [("stdout", "F", "one")]


def test_allowlist(tmp_path: Path) -> None:
    allowed, other = tmp_path / "allowed", tmp_path / "allowed-not"
    allowed.mkdir()
    other.mkdir()
    (allowed / "link").symlink_to(other)
    options = ("--log-allowlist-dir", "/nowhere", "--log-allowlist-dir", str(allowed))
    with Monitor(tmp_path, "echo hello", *options, log=(f"k8s-file:{allowed}/a.log",)) as monitor:
        monitor.launched().wait_end()
        assert monitor.records(allowed / "a.log") == [("stdout", "F", "hello")]
    for path in (other / "a.log", allowed / "link" / "a.log"):
        with Monitor(tmp_path, "true", *options, log=(f"k8s-file:{path}",)) as monitor:
            assert monitor.process.wait(20) == 1
            assert "is not in a --log-allowlist-dir" in monitor.stderr
            assert not path.exists()


def test_full_disk_costs_lines_not_the_container(tmp_path: Path) -> None:
    with Monitor(tmp_path, "seq 100000; exit 3", log=("k8s-file:/dev/full",)) as monitor:
        monitor.launched()
        assert monitor.exit_status() == 3


def test_full_disk_leaves_no_half_record(tmp_path: Path) -> None:
    """RLIMIT_FSIZE stands for the full disk: a write is cut short, the next one fails."""
    limit = ("prlimit", "--fsize=50000", "env", "--ignore-signal=XFSZ")
    with Monitor(
        tmp_path, "i=100000; while [ $i -lt 105000 ]; do echo $i; i=$((i+1)); done; exit 3", prefix=limit
    ) as monitor:
        monitor.launched()
        assert monitor.exit_status() == 3
        monitor.wait_end()
        numbers = [int(text) for _, _, text in monitor.records()]
        assert len(numbers) == 50000 // 52  # as many as fit, and the last one whole
        assert numbers == list(range(100000, 100000 + len(numbers)))
        assert monitor.log_text().endswith("\n")


def test_warning_without_journald(tmp_path: Path) -> None:
    with Monitor(tmp_path, "true", "--no-container-partial-message") as monitor:
        monitor.launched()
        assert "has no effect without journald log driver" in monitor.stderr


def test_one_file_for_two_drivers_is_refused(tmp_path: Path) -> None:
    with Monitor(tmp_path, "true", log=(f"k8s-file:{tmp_path}/x", f"json-file:{tmp_path}/x")) as monitor:
        assert monitor.process.wait(20) == 1
        assert "cannot both write to" in monitor.stderr


def test_harness_uses_the_binary_under_test() -> None:
    assert os.access(CONMON, os.X_OK)
    assert os.access(FAKE_RUNTIME, os.X_OK)
