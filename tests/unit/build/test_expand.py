"""Variable expansion as the Dockerfile reference and a shell have it."""

from __future__ import annotations

import pytest

from ocicore.build.expand import ExpansionError, expand_word, expand_words

VARIABLES = {"a": "one", "b": "two words", "e": "", "p": "/usr/local/lib.tar.gz", "n": "a-b-c-b"}


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("plain", "plain"),
        ("$a", "one"),
        ("${a}x", "onex"),
        ("$ab", ""),
        ("'$a'", "$a"),
        ('"$a"', "one"),
        ('"a\\"b"', 'a"b'),
        ('"a\\nb"', "a\\nb"),
        ("a\\ b", "a b"),
        ("\\$a", "$a"),
        ("$", "$"),
        ("a$", "a$"),
        ("$$", ""),
        ("${u:-w}", "w"),
        ("${e:-w}", "w"),
        ("${e-w}", ""),
        ("${u-w}", "w"),
        ("${a:+w}", "w"),
        ("${e:+w}", ""),
        ("${e+w}", "w"),
        ("${u:-${a}}", "one"),
        ("${u:-'$a'}", "$a"),
        ("${a:?no}", "one"),
        ("${p#*/}", "usr/local/lib.tar.gz"),
        ("${p##*/}", "lib.tar.gz"),
        ("${p%.*}", "/usr/local/lib.tar"),
        ("${p%%.*}", "/usr/local/lib"),
        ("${n/b/X}", "a-X-c-b"),
        ("${n//b/X}", "a-X-c-X"),
        ("${n//-}", "abcb"),
        ("${n/#a/X}", "X-b-c-b"),
        ("${n/%b/X}", "a-b-c-X"),
        ("${n/?-/X}", "Xb-c-b"),
        ("${n/\\//X}", "a-b-c-b"),
        ("$1$@", ""),
        ("", ""),
    ],
)
def test_words(word: str, expected: str) -> None:
    assert expand_word(word, VARIABLES) == expected


@pytest.mark.parametrize(
    "word", ["'a", '"a', "${a", "${a:", "${a:x}", "${}", "${a@}", "${u:?}", "${u:?message}", "${a/}"]
)
def test_what_makes_no_sense(word: str) -> None:
    with pytest.raises(ExpansionError):
        expand_word(word, VARIABLES)


def test_the_message_of_a_required_variable() -> None:
    with pytest.raises(ExpansionError, match="u: must be set"):
        expand_word("${u:?must be set}", VARIABLES)


def test_splitting_into_words() -> None:
    assert expand_words("$b", VARIABLES) == ["two", "words"]
    assert expand_words('"$b"', VARIABLES) == ["two words"]
    assert expand_words("x$b y", VARIABLES) == ["xtwo", "words", "y"]


def test_another_escape_character() -> None:
    assert expand_word("`$a\\", VARIABLES, "`") == "$a\\"


def test_bodies_of_here_documents_keep_their_quotes() -> None:
    assert expand_word("'$a' \"$a\" \\$a \\n", VARIABLES, raw_quotes=True) == "'one' \"one\" $a \\n"
