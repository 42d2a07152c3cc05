"""config.toml agrees with tomllib, on values and on what is an error."""

from __future__ import annotations

import tomllib

from hypothesis import given, settings
from hypothesis import strategies as st

from ocicore.config import toml

_KEY = st.text("abz_-09", min_size=1, max_size=3)
_SPACE = st.sampled_from(["", " ", "\t", "  "])
_STRING = st.text(st.characters(codec="utf-8"), max_size=6)
_VALUE = st.one_of(
    st.integers(0, 999).map(str),
    st.sampled_from(
        ["true", "false", "007", "+1", "-1", "1.5", "1_000", "inf", "2020-01-01", "truex", "''", '""', ""]
    ),
    _STRING.map(lambda s: f'"{s}"'),
    _STRING.map(lambda s: f"'{s}'"),
    st.lists(st.sampled_from(['"a"', "1", "[2]", "true", "# c\n", "\n", ""]), max_size=4).map(
        lambda items: "[" + ", ".join(items) + "]"
    ),
    st.sampled_from(
        ["{a = 1}", '"""x"""', '"\\n"', '["a",\n "b", # c\n]', '["a" "b"]', "[,]", "[1,]", "[1 2]"]
    ),
)
_LINE = st.one_of(
    st.tuples(
        _SPACE, _KEY, _SPACE, st.just("="), _SPACE, _VALUE, _SPACE, st.sampled_from(["", "# c", "x"])
    ).map("".join),
    st.tuples(st.just("["), _SPACE, _KEY, st.sampled_from(["", ".a", ".a.b", "."]), st.just("]"), _SPACE).map(
        "".join
    ),
    st.tuples(
        st.just("[["), _SPACE, _KEY, st.sampled_from(["", ".a", ".a.b", "."]), st.just("]]"), _SPACE
    ).map("".join),
    st.sampled_from(
        ["[a]", "[[a]]", "[a.b]", "[[a.b]]", "[a.b.c]", "[[a.b.c]]", "a = {}", "b = [{}]", "c = {}"]
    ),
    st.sampled_from(
        ["", "# comment", "#\x01", "\r", "[[a]]", "a.b = 1", '"q" = 1', "[a]", "a = 1", "\x0b", "\u00a0"]
    ),
)
_DOCUMENT = st.lists(_LINE, max_size=8).flatmap(
    lambda lines: st.sampled_from(["\n", "\r\n"]).map(lambda end: end.join(lines))
)


def _outcome(parse: object, text: str) -> object:
    try:
        return parse(text)  # type: ignore[operator]
    except ValueError:
        return "error"


@settings(max_examples=2000, deadline=None)
@given(_DOCUMENT)
def test_same_as_tomllib(text: str) -> None:
    expected = _outcome(tomllib.loads, text)
    assert _outcome(toml.loads, text) == expected


@given(st.text(max_size=60))
def test_same_as_tomllib_on_anything(text: str) -> None:
    assert _outcome(toml.loads, text) == _outcome(tomllib.loads, text)
