"""Sizes, durations, times; names; JSON without its package."""

from __future__ import annotations

import pytest

from ocicore.engine import names, quantities
from ocicore.errors import InvalidInput
from ocicore.files import quick_json


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0),
        ("512", 512),
        ("1k", 1024),
        ("1.5m", 1572864),
        ("64kb", 65536),
        ("2GiB", 2 << 30),
        ("1 g", 1 << 30),
    ],
)
def test_sizes(text: str, expected: int) -> None:
    assert quantities.parse_size(text) == expected


@pytest.mark.parametrize("text", ["", "x", "1x", "-1", "1kk", "nan"])
def test_size_mistakes(text: str) -> None:
    with pytest.raises(InvalidInput):
        quantities.parse_size(text)


@pytest.mark.parametrize(
    ("text", "expected", "back"),
    [
        ("0", 0, "0s"),
        ("10s", 10 * 10**9, "10s"),
        ("1h30m", 5400 * 10**9, "1h30m0s"),
        ("1.5s", 1_500_000_000, "1.5s"),
        ("500ms", 500_000_000, "500ms"),
        ("2us", 2_000, "2µs"),
        ("-1m", -60 * 10**9, "-1m0s"),
    ],
)
def test_durations(text: str, expected: int, back: str) -> None:
    assert quantities.parse_duration(text) == expected
    assert quantities.format_duration(expected) == back


@pytest.mark.parametrize("text", ["", "5", "x", "5x", "s", ".s"])
def test_duration_mistakes(text: str) -> None:
    with pytest.raises(InvalidInput):
        quantities.parse_duration(text)


def test_times() -> None:
    assert quantities.rfc3339(0) == "0001-01-01T00:00:00Z"
    assert quantities.rfc3339(1_700_000_000_120_000_000) == "2023-11-14T22:13:20.12Z"


def test_names() -> None:
    assert names.check_name("a-B_9.x") == "a-B_9.x"
    for bad in ("", "-a", "a b", "é", ".x"):
        with pytest.raises(InvalidInput, match="names must match"):
            names.check_name(bad)
    made = names.random_name(lambda name: False)
    assert names.check_name(made) == made
    assert "_" in made
    tried = []

    def taken(name: str) -> bool:
        tried.append(name)
        return len(tried) < 12

    assert names.random_name(taken)[-1].isdigit()
    assert len(names.random_id()) == 64


def test_json_round_trip() -> None:
    value = {"a": [1, 2.5, None, True, "é\udc80\n"], "b": {}}
    assert quick_json.loads(quick_json.dumps(value)) == value
    assert quick_json.loads(b'\xef\xbb\xbf {"x": 1} \n') == {"x": 1}
    for bad in ("", "{", "[1,]", "1 2", "NaN", "{'a': 1}"):
        with pytest.raises(ValueError):
            quick_json.loads(bad)
    with pytest.raises(TypeError):
        quick_json.dumps({"x": object()})
