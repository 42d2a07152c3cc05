"""Log files: times, joined pieces, tail, since/until, following, rotation, both formats."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from ocicore.errors import InvalidInput, NotFound
from ocicore.runtime import logs

BASE = 1_700_000_000_000_000_000


def stamp(number: int, zone: str = "+00:00") -> str:
    return f"2023-11-14T22:13:{20 + number:02d}.000000000{zone}"


def lines(*texts: str) -> str:
    return "".join(text + "\n" for text in texts)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"1970-01-01T00:00:00Z", 0),
        (b"1970-01-01T00:00:00.5Z", 500_000_000),
        (b"2023-11-14T22:13:20.000000001Z", BASE + 1),
        (b"2023-11-15T00:13:20+02:00", BASE),
        (b"2023-11-14T20:43:20-01:30", BASE),
        (b"2000-02-29T12:00:00Z", 951_825_600_000_000_000),
        (b"yesterday", None),
        (b"2023-11-14T22:13:20+xx:yy", None),
    ],
)
def test_times(text: bytes, expected: int | None) -> None:
    assert logs.parse_time(text) == expected


def test_pieces_are_joined_by_stream(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text(
        lines(
            f"{stamp(0)} stdout P long ",
            f"{stamp(1)} stderr F other",
            "garbage",
            f"{stamp(2)} stdout F line",
            f"{stamp(3)} stdout P no end",
        )
    )
    found = [(line.stream, line.data, line.time) for line in logs.read("k8s-file", str(path))]
    assert found == [
        ("stderr", b"other\n", BASE + 1_000_000_000),
        ("stdout", b"long line\n", BASE + 2_000_000_000),
        ("stdout", b"no end", BASE + 3_000_000_000),
    ]


def test_json_file(tmp_path: Path) -> None:
    path = tmp_path / "log"
    entries = [
        {"log": "one\n", "stream": "stdout", "time": stamp(0, "Z")},
        {"log": "begin ", "stream": "stderr", "time": stamp(1, "Z")},
        {"log": "end ü\n", "stream": "stderr", "time": stamp(2, "Z")},
    ]
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    found = [(line.stream, line.data) for line in logs.read("json-file", str(path))]
    assert found == [("stdout", b"one\n"), ("stderr", "begin end ü\n".encode())]


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 100])
def test_tail(tmp_path: Path, count: int) -> None:
    path = tmp_path / "log"
    path.write_text(
        lines(
            f"{stamp(0)} stdout F a",
            f"{stamp(1)} stdout P b1",
            f"{stamp(2)} stdout P b2",
            f"{stamp(3)} stdout F b3",
            f"{stamp(4)} stderr F c",
        )
    )
    found = [line.data for line in logs.read("k8s-file", str(path), tail=count)]
    assert found == ([b"a\n", b"b1b2b3\n", b"c\n"][-count:] if count else [])


def test_tail_over_many_blocks(tmp_path: Path) -> None:
    choose = random.Random(5)
    texts = ["x" * choose.randrange(0, 5000) + str(number) for number in range(500)]
    path = tmp_path / "log"
    path.write_text("".join(f"{stamp(0)} stdout F {text}\n" for text in texts))
    for count in (1, 2, 37, 499, 500, 501):
        found = [line.data.decode().rstrip("\n") for line in logs.read("k8s-file", str(path), tail=count)]
        assert found == texts[-count:]


def test_tail_with_an_unfinished_line(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text(lines(f"{stamp(0)} stdout F a", f"{stamp(1)} stdout P prompt> "))
    assert [line.data for line in logs.read("k8s-file", str(path), tail=1)] == [b"prompt> "]


def test_since_and_until(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("".join(f"{stamp(number)} stdout F {number}\n" for number in range(5)))
    second = 1_000_000_000
    found = logs.read("k8s-file", str(path), since=BASE + second, until=BASE + 3 * second)
    assert [line.data for line in found] == [b"1\n", b"2\n", b"3\n"]


def test_following_a_growing_and_rotated_file(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text(f"{stamp(0)} stdout F first\n")

    def script() -> Iterator[bool]:
        with path.open("a") as stream:
            stream.write(f"{stamp(1)} stdout F sec")
        yield True
        with path.open("a") as stream:
            stream.write("ond\n")
        yield True
        os.rename(path, tmp_path / "log.1")
        path.write_text(f"{stamp(2)} stdout F third\n")
        yield True
        with path.open("w") as stream:
            stream.write("")
        yield True
        with path.open("a") as stream:
            stream.write(f"{stamp(3)} stdout F last\n")
        yield False
        while True:
            yield False

    steps = script()
    found = [line.data for line in logs.read("k8s-file", str(path), follow=lambda: next(steps))]
    assert found == [b"first\n", b"second\n", b"third\n", b"last\n"]


def test_what_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        list(logs.read("k8s-file", str(tmp_path / "none")))
    with pytest.raises(InvalidInput, match="'none' log driver"):
        logs.read("none", "")


def test_journal_entries() -> None:
    pieces: dict[str, bytes] = {}
    part = {"MESSAGE": "a", "__REALTIME_TIMESTAMP": "5", "PRIORITY": "6", "CONTAINER_PARTIAL_MESSAGE": "true"}
    assert logs._journal_line(json.dumps(part).encode(), pieces) is None
    rest = {"MESSAGE": [255, 98], "__REALTIME_TIMESTAMP": "6", "PRIORITY": "6"}
    line = logs._journal_line(json.dumps(rest).encode(), pieces)
    assert line is not None
    assert (line.stream, line.data, line.time) == ("stdout", b"a\xffb\n", 6000)
    error = logs._journal_line(b'{"MESSAGE": "e", "__REALTIME_TIMESTAMP": "7", "PRIORITY": "3"}', pieces)
    assert error is not None
    assert error.stream == "stderr"
    assert logs._journal_line(b"no json", pieces) is None


def test_output_of_a_unit_is_read_without_the_engines_own_events() -> None:
    def line(**more: str) -> bytes:
        entry = {"MESSAGE": "said", "__REALTIME_TIMESTAMP": "1700000000000000", "PRIORITY": "6", **more}
        return json.dumps(entry).encode()

    found = logs._journal_line(line(_SYSTEMD_UNIT="web.service"), {})
    assert found is not None and (found.data, found.stream) == (b"said\n", "stdout")
    assert logs._journal_line(line(PODMAN_EVENT="start"), {}) is None
    with pytest.raises(InvalidInput, match="cannot read logs"):
        logs.read("passthrough", "")


def test_the_journals_reader_says_nothing_to_our_service_manager(monkeypatch: pytest.MonkeyPatch) -> None:
    from ocicore.linux import spawn

    seen: list[dict[str, str]] = []

    def start(argv: list[str], env: dict[str, str], fds: dict[int, int]) -> int:
        seen.append(env)
        raise spawn.SpawnError("not started", errno=2)

    monkeypatch.setattr(spawn, "find", lambda *_: "/usr/bin/journalctl")
    monkeypatch.setattr(spawn, "spawn", start)
    environ = {"NOTIFY_SOCKET": "/run/notify", "PATH": "/bin"}
    with pytest.raises(spawn.SpawnError):
        list(logs.read("journald", "", container_id="x", env=environ))
    assert seen == [{"PATH": "/bin"}]
