"""Quoting as systemd.service(5) and systemd.syntax(7) describe it."""

from __future__ import annotations

import pytest

from ocicore.systemd.quoting import QuotingError, join, literal, quote, quote_value, split


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("plain", "plain"), ("a b", '"a b"'), ("", '""'), ("$HOME", "$$HOME"), ("100%", "100%%"), ('say "hi"', '"say \\"hi\\""'),
        ("it's", '"it\'s"'), ("a\\b", "a\\\\b"), ("a\\ b", '"a\\\\ b"'), ("new\nline", '"new\\nline"'), ("tab\t", '"tab\\t"'), (";", '";"'),
        ("a;b", "a;b"), ("é", "é"), ("\x01", '"\\x01"'), ("\udcff", '"\\xff"'), ("-d", "-d"), ("#x", "#x"),
    ],
)  # fmt: skip
def test_arguments(text: str, quoted: str) -> None:
    assert quote(text) == quoted


def test_layers_can_be_left_out() -> None:
    assert quote("%t/x $A", specifiers=False, variables=False) == '"%t/x $A"'
    assert quote_value("A=$B %n") == '"A=$B %%n"'
    assert join(["a b", "$c"]) == '"a b" $$c'


def test_nul_is_refused() -> None:
    with pytest.raises(QuotingError, match="NUL"):
        quote("a\0b")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", []), ("  a\t b  ", ["a", "b"]), ('"a b"', ["a b"]), ("'a \" b'", ['a " b']), ('a"b c"d', ["ab cd"]), ('""', [""]),
        ("a\\x20b", ["a b"]), ("\\u00e9", ["é"]), ("\\U0001F600", ["😀"]), ("\\101", ["A"]), ("\\s", [" "]), ("a\\\\b", ["a\\b"]),
        ("\\n", ["\n"]), ('"\\""', ['"']), ("'\\''", ["'"]), ("%n $A", ["%n", "$A"]),
    ],
)  # fmt: skip
def test_splitting(line: str, words: list[str]) -> None:
    assert split(line) == words


@pytest.mark.parametrize(
    "line", ['"open', "'open", "back\\", "\\q", "\\x2", "\\xgg", "\\400", "\\000", "\\ud800", "\\U00110000"]
)
def test_lines_that_systemd_refuses(line: str) -> None:
    with pytest.raises(QuotingError):
        split(line)


def test_relaxed_splitting() -> None:
    assert split('"open', relaxed=True) == ["open"]
    assert split("\\q", relaxed=True) == ["\\q"]
    assert split("back\\", relaxed=True) == ["back\\"]


def test_literal() -> None:
    assert literal("100%% of $$HOME") == "100% of $HOME"
    for word in ("%n", "$A", "%"):
        with pytest.raises(QuotingError):
            literal(word)
