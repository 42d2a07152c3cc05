"""Option texts by Go's rules; accepted forms and messages were checked against podman 4.3.1."""

from __future__ import annotations

import math

import pytest

from ocicore.cli.declare import Option
from ocicore.cli.values import convert, default_of, parse_csv, parse_float, parse_int, parse_uint


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0), ("-5", -5), ("+5", 5), ("0x1f", 31), ("0o17", 15), ("017", 15), ("0b101", 5), ("1_000", 1000),
        ("0_1", 1), ("-0x10", -16), ("9223372036854775807", 2**63 - 1), ("-9223372036854775808", -(2**63)),
    ],
)  # fmt: skip
def test_integers(text: str, value: int) -> None:
    assert parse_int(text) == value


@pytest.mark.parametrize(
    "text", ["", "x", "0x", "08", "0b12", " 1", "1 ", "1e3", "_1", "1__0", "1_", "--1", "1.0", "٣"]
)
def test_no_integers(text: str) -> None:
    with pytest.raises(ValueError, match=r"^strconv.ParseInt: parsing .*: invalid syntax$"):
        parse_int(text)


def test_integer_ranges() -> None:
    with pytest.raises(ValueError, match="value out of range"):
        parse_int("9223372036854775808")
    assert parse_uint("18446744073709551615") == 2**64 - 1
    for text in ("-5", "+5"):
        with pytest.raises(ValueError, match=r"strconv.ParseUint: .* invalid syntax"):
            parse_uint(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [("1", 1.0), (".5", 0.5), ("5.", 5.0), ("1e3", 1000.0), ("0x1p-2", 0.25), ("1_0", 10.0), ("-2.5", -2.5)],
)
def test_floats(text: str, value: float) -> None:
    assert parse_float(text) == value


def test_odd_floats() -> None:
    assert math.isinf(parse_float("infinity")) and math.isnan(parse_float("nan"))
    with pytest.raises(ValueError, match="value out of range"):
        parse_float("1e999")
    for text in ("", " 1", "x", "1,5", "٣"):
        with pytest.raises(ValueError, match="invalid syntax"):
            parse_float(text)


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("", []), ("a", ["a"]), ("a,b", ["a", "b"]), ("a,,b", ["a", "", "b"]), (",", ["", ""]),
        ('"a,b",c', ["a,b", "c"]), ('"a""b",c', ['a"b', "c"]), ('x,"y"', ["x", "y"]), ('""', [""]),
    ],
)  # fmt: skip
def test_comma_lists(text: str, fields: list[str]) -> None:
    assert parse_csv(text) == fields


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('"a"b', 'parse error on line 1, column 3: extraneous or missing " in quoted-field'),
        ('a"b', 'parse error on line 1, column 2: bare " in non-quoted-field'),
        ('"ab', 'parse error on line 1, column 4: extraneous or missing " in quoted-field'),
        ('x,"a"b', 'parse error on line 1, column 5: extraneous or missing " in quoted-field'),
        ('x,y"', 'parse error on line 1, column 4: bare " in non-quoted-field'),
        ('a,"b', 'parse error on line 1, column 5: extraneous or missing " in quoted-field'),
    ],
)
def test_broken_comma_lists(text: str, reason: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_csv(text)
    assert str(caught.value) == reason


def test_zero_values() -> None:
    assert default_of(Option("a")) is False
    assert default_of(Option("a", kind="tristate")) is None
    assert default_of(Option("a", kind="string")) == ""
    assert default_of(Option("a", kind="strings", default=("x",))) == ["x"]
    assert default_of(Option("a", kind="duration")) == 0
    assert default_of(Option("a", kind="float")) == 0.0


def test_integers_of_lists_are_decimal() -> None:
    option = Option("layers", kind="ints")
    assert convert(option, "010,-1") == [10, -1]
    for text in ("0x10", "", "1, 2"):
        with pytest.raises(ValueError, match=r"strconv\.Atoi"):
            convert(option, text)
