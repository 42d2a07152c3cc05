"""Columns, filters, JSON, sizes, durations and times as the Go tools print and read them."""

from __future__ import annotations

import io

import pytest

from ocicore.cli import filters, units
from ocicore.cli.gojson import dumps, pretty
from ocicore.cli.gotime import ZERO_TIME, Time
from ocicore.cli.table import align, print_table
from ocicore.errors import InvalidInput


def test_uniform_columns() -> None:
    text = "ID\tNAME\tX\nabcdefghijklmno\tb\tc\n"
    assert align(text) == "ID               NAME        X\nabcdefghijklmno  b           c\n"


def test_a_line_without_a_cell_ends_its_column() -> None:
    text = "a\tb\nvery-long-cell-here\tb\nplain\nx\ty\n"
    assert align(text) == "a                    b\nvery-long-cell-here  b\nplain\nx           y\n"


def test_ragged_lines() -> None:
    text = "a\tb\tc\nd\te\nf\tlonger-than-twelve\tg\n"
    assert align(text) == "a           b           c\nd           e\nf           longer-than-twelve  g\n"


def test_empty_cells_and_trailing_tabs() -> None:
    assert align("a\t\tc\n") == "a                       c\n"
    assert align("a\tb\t\n") == "a           b           \n"
    assert align("plain\n") == "plain\n"
    assert align("a\tb") == "a           b"


def test_tables_of_rows() -> None:
    stream = io.StringIO()
    print_table(stream, ["ID", "NOTE"], [["1", "two\tthree\nfour"]])
    assert stream.getvalue() == "ID          NOTE\n1           two three four\n"
    stream = io.StringIO()
    print_table(stream, ["ID"], [], headings=False)
    assert stream.getvalue() == ""


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({}, "{}"), ([], "[]"), (None, "null"), (True, "true"), (1, "1"), (1.0, "1"), (1.5, "1.5"), (1e21, "1e+21"),
        (1e-7, "1e-7"), (1e20, "100000000000000000000"), ("a<b>&", '"a\\u003cb\\u003e\\u0026"'), ("é\n\t\x01", '"é\\n\\t\\u0001"'),
        ("\u2028", '"\\u2028"'), ("\udcff", '"\\ufffd"'), ({"b": 1, "a": [1, 2]}, '{"b":1,"a":[1,2]}'), (b"hi", '"aGk="'),
    ],
)  # fmt: skip
def test_json(value: object, text: str) -> None:
    assert dumps(value) == text


def test_json_layout() -> None:
    assert pretty({"a": [], "b": {"c": [1]}}) == (
        '{\n    "a": [],\n    "b": {\n        "c": [\n            1\n        ]\n    }\n}'
    )
    assert dumps("<>", escape_html=False) == '"<>"'
    with pytest.raises(TypeError):
        dumps(object())
    with pytest.raises(TypeError):
        dumps(float("nan"))


@pytest.mark.parametrize(
    ("size", "text", "spaced"),
    [
        (0, "0B", "0 B"), (999, "999B", "999 B"), (1000, "1kB", "1 kB"), (1997895, "1.998MB", "2 MB"), (4211, "4.211kB", "4.21 kB"),
        (123456789, "123.5MB", "123 MB"), (999_999, "1000kB", "1e+03 kB"), (10**12, "1TB", "1 TB"),
    ],
)  # fmt: skip
def test_sizes(size: int, text: str, spaced: str) -> None:
    assert units.human_size(size) == text
    assert units.human_size(size, precision=3, space=True) == spaced


def test_binary_sizes() -> None:
    assert units.human_size_binary(1 << 20) == "1MiB"
    assert units.human_size_binary(1997895) == "1.905MiB"


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0), ("512", 512), ("512b", 512), ("1k", 1024), ("1K", 1024), ("1kb", 1024), ("1KiB", 1024), ("1.5g", 3 << 29),
        ("512m", 512 << 20), ("2T", 2 << 40), ("1 m", 1 << 20),
    ],
)  # fmt: skip
def test_size_texts(text: str, size: int) -> None:
    assert units.parse_size(text) == size


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("x", "invalid size: 'x'"),
        ("", "invalid size: ''"),
        ("-1", "invalid size: '-1'"),
        ("1x", "invalid suffix: 'x'"),
    ],
)
def test_wrong_sizes(text: str, reason: str) -> None:
    with pytest.raises(ValueError) as caught:
        units.parse_size(text)
    assert str(caught.value) == reason


def test_decimal_size_texts() -> None:
    assert units.parse_size_decimal("1MB") == 1_000_000


_S = units.SECOND


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (0, "Less than a second"), (_S, "1 second"), (59 * _S, "59 seconds"), (60 * _S, "About a minute"),
        (119 * _S, "About a minute"), (120 * _S, "2 minutes"), (3599 * _S, "59 minutes"), (3600 * _S, "About an hour"),
        (5399 * _S, "About an hour"), (5400 * _S, "2 hours"), (47 * 3600 * _S, "47 hours"), (48 * 3600 * _S, "2 days"),
        (13 * 86400 * _S, "13 days"), (14 * 86400 * _S, "2 weeks"), (59 * 86400 * _S, "8 weeks"), (60 * 86400 * _S, "2 months"),
        (729 * 86400 * _S, "24 months"), (730 * 86400 * _S, "2 years"),
    ],
)  # fmt: skip
def test_ages(nanoseconds: int, text: str) -> None:
    assert units.human_duration(nanoseconds) == text
    assert units.ago(10**18, 10**18 + nanoseconds) == text + " ago"


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (0, "0s"), (1, "1ns"), (1500, "1.5µs"), (1_500_000, "1.5ms"), (_S, "1s"), (90 * _S, "1m30s"), (3600 * _S, "1h0m0s"),
        (4530_918273645, "1h15m30.918273645s"), (-_S, "-1s"),
    ],
)  # fmt: skip
def test_durations(nanoseconds: int, text: str) -> None:
    assert units.format_duration(nanoseconds) == text
    assert units.parse_duration(text) == nanoseconds


def test_more_durations() -> None:
    assert units.parse_duration("1.5h") == 5400 * _S
    assert units.parse_duration("+.5s") == _S // 2
    assert units.parse_duration("1us") == 1000
    for text, reason in (
        ("", 'time: invalid duration ""'),
        ("10", 'time: missing unit in duration "10"'),
        ("10x", 'time: unknown unit "x" in duration "10x"'),
        ("s", 'time: invalid duration "s"'),
        ("1.2.3s", 'time: invalid duration "1.2.3s"'),
        ("-", 'time: invalid duration "-"'),
    ):
        with pytest.raises(ValueError) as caught:
            units.parse_duration(text)
        assert str(caught.value) == reason


def test_times() -> None:
    assert units.parse_time("1970-01-01T00:00:00Z") == 0
    assert units.parse_time("2023-11-14T22:13:20.123456789Z") == 1_700_000_000_123_456_789
    assert units.parse_time("2023-11-15T00:13:20+02:00") == 1_700_000_000 * _S
    assert units.parse_time("0001-01-01T00:00:00Z") == ZERO_TIME
    assert units.format_time(1_700_000_000_120_000_000) == "2023-11-14T22:13:20.12Z"
    assert units.format_time(0) == "1970-01-01T00:00:00Z"
    for text in ("", "2023-11-14", "2023-11-14T22:13:20", "2023-13-14T22:13:20Z", "x" * 20):
        with pytest.raises(ValueError):
            units.parse_time(text)


def test_local_times(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setenv("TZ", "EST+5")
    time.tzset()
    try:
        assert Time(0).go_string() == "1969-12-31 19:00:00 -0500 EST"
        assert units.format_time(0, utc=False) == "1969-12-31T19:00:00-05:00"
        assert units.parse_since("1970-01-01", 0) == 5 * 3600 * _S
    finally:
        monkeypatch.delenv("TZ")
        time.tzset()


def test_points_in_time() -> None:
    now = 1_700_000_000 * _S
    assert units.parse_since("10m", now) == now - 600 * _S
    assert units.parse_since("1600000000.5", now) == 1_600_000_000 * _S + _S // 2
    assert units.parse_since("2023-11-14T22:13:20Z", 0) == now
    assert units.parse_since("2023-11-14Z", 0) == units.parse_time("2023-11-14T00:00:00Z")
    assert units.parse_since("2023-11-14T22:13:20,5Z", 0) == now + 500_000_000
    assert units.parse_since("3s", now, ahead=True) == now + 3_000_000_000
    with pytest.raises(InvalidInput, match="failed to parse value as time or duration"):
        units.parse_since("yesterday", now)


_ITEMS = [
    {"name": "web", "labels": {"tier": "front", "x": "1"}, "running": True},
    {"name": "db", "labels": {"tier": "back"}, "running": False},
]
_TESTS = {
    "name": lambda item, value: filters.match_pattern(item["name"], value),
    "label": lambda item, value: filters.match_label(item["labels"], value),
    "running": lambda item, value: item["running"] is filters.parse_bool("running", value),
}


def _names(*texts: str) -> list[str]:
    return [item["name"] for item in filters.apply(filters.parse(texts), _ITEMS, _TESTS)]


def test_filters() -> None:
    assert _names() == ["web", "db"]
    assert _names("name=w") == ["web"]
    assert _names("name=^d", "name=w") == ["web", "db"]
    assert _names("name=web", "running=false") == []
    assert _names("label=tier", "label=x=1") == ["web"]
    assert _names("label=ti*=back") == ["db"]
    assert _names("label!=x") == ["db"]
    assert _names("name!=web") == ["db"]
    assert _names("name=[") == []


def test_wrong_filters() -> None:
    with pytest.raises(InvalidInput, match='invalid filter "name": must be in the form'):
        filters.parse(["name"])
    with pytest.raises(InvalidInput, match='invalid filter "color"') as caught:
        filters.apply(filters.parse(["color=red"]), _ITEMS, _TESTS)
    assert caught.value.hint == "known filters: label, name, running"
    with pytest.raises(InvalidInput, match="true or false is expected"):
        _names("running=maybe")
