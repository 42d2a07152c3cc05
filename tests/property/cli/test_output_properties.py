"""What holds for any text: quoting and reading back, JSON, columns, durations, sizes, comma lists, templates."""

from __future__ import annotations

import csv
import io
import json

from hypothesis import given
from hypothesis import strategies as st

from ocicore.cli.goformat import quote
from ocicore.cli.gojson import dumps
from ocicore.cli.table import align
from ocicore.cli.template import TemplateError, render
from ocicore.cli.template_lex import unquote
from ocicore.cli.units import format_duration, format_time, parse_duration, parse_time
from ocicore.cli.values import parse_csv

_WORDS = st.text(st.characters(exclude_characters="\t\n", exclude_categories=["Cs"]), max_size=20)
_BYTES = st.binary(max_size=30).map(lambda data: data.decode("utf-8", "surrogateescape"))


@given(_BYTES)
def test_quoted_text_reads_back(text: str) -> None:
    assert unquote(quote(text)) == text


@given(_BYTES)
def test_a_quoted_text_is_a_template_constant(text: str) -> None:
    assert render("{{" + quote(text) + "}}", None) == text


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(-1e15, 1e15) | _WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_WORDS, inner, max_size=4),
    max_leaves=10,
)


@given(_JSON, st.sampled_from(["", "    "]))
def test_json_reads_back(value: object, indent: str) -> None:
    assert json.loads(dumps(value, indent=indent)) == value


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_floats_keep_their_value(value: float) -> None:
    assert float(json.loads(dumps(value))) == value


@given(st.lists(st.lists(_WORDS, min_size=1, max_size=5), min_size=1, max_size=8))
def test_columns_keep_their_cells(rows: list[list[str]]) -> None:
    lines = align("\n".join("\t".join(row) for row in rows) + "\n").split("\n")[:-1]
    assert len(lines) == len(rows)
    for line, row in zip(lines, rows, strict=True):
        position = 0
        for cell in row:
            position = line.index(cell, position) + len(cell)
        assert line.endswith(row[-1])


@given(st.lists(st.lists(_WORDS, min_size=3, max_size=3), min_size=2, max_size=6))
def test_columns_are_straight(rows: list[list[str]]) -> None:
    lines = align("\n".join("\t".join(row) for row in rows) + "\n").split("\n")[:-1]
    width = max(12, 2 + max(len(row[0]) for row in rows))
    assert all(line.startswith(row[0].ljust(width) + row[1]) for line, row in zip(lines, rows, strict=True))


@given(st.integers(-(2**62), 2**62))
def test_durations_read_back(nanoseconds: int) -> None:
    assert parse_duration(format_duration(nanoseconds)) == nanoseconds


@given(st.integers(-62135596800 * 10**9, 253402300799 * 10**9))
def test_times_read_back(nanoseconds: int) -> None:
    assert parse_time(format_time(nanoseconds)) == nanoseconds


@given(st.lists(st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"])), min_size=1))
def test_comma_lists_read_as_the_csv_module_writes_them(fields: list[str]) -> None:
    stream = io.StringIO()
    csv.writer(stream, lineterminator="").writerow(fields)
    if stream.getvalue():
        assert parse_csv(stream.getvalue()) == fields


@given(st.text("{}|().$\"'`\\ -/*=:,xndifraget0123456789.%\n", max_size=25))
def test_no_template_breaks_the_engine(source: str) -> None:
    for text in (source, "{{" + source + "}}"):
        try:
            render(text, {"x": 1, "n": [1, "a"], "d": {"e": None}})
        except TemplateError as error:
            assert str(error).startswith("template: template:")
