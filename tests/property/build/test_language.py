"""The language under random input: no crash but a SyntaxProblem, lines in range, quoting that round-trips."""

from __future__ import annotations

import shlex
import subprocess

from hypothesis import given, settings
from hypothesis import strategies as st

from ocicore.build.containerfile import SyntaxProblem, parse
from ocicore.build.draft import ImageDraft
from ocicore.build.expand import ExpansionError, expand_word
from ocicore.build.ignore import IgnorePatterns
from ocicore.build.instructions import StageState
from ocicore.errors import InvalidInput

WORDS = st.text(st.sampled_from("ab$\\{}'\"= \t:-#%/[]<,EOF\n`!*"), max_size=20)
NAMES = st.sampled_from(
    "FROM RUN COPY ADD ENV ARG LABEL USER WORKDIR EXPOSE VOLUME CMD ENTRYPOINT SHELL STOPSIGNAL HEALTHCHECK ONBUILD MAINTAINER X".split()
)
LINES = st.builds(lambda name, rest: f"{name} {rest}", NAMES, WORDS)
FILES = st.lists(LINES | WORDS, max_size=6).map("\n".join)


@given(FILES)
def test_parser_explains_whatever_it_refuses(text: str) -> None:
    try:
        parsed = parse(text)
    except SyntaxProblem as error:
        assert 1 <= error.line <= text.count("\n") + 1
        assert "\n" not in error.message
        return
    last = 0
    for instruction in parsed.instructions:
        assert last < instruction.line <= instruction.end_line <= text.count("\n") + 1
        last = instruction.end_line


@given(FILES)
def test_instructions_apply_or_say_why(text: str) -> None:
    try:
        parsed = parse(text)
    except SyntaxProblem:
        return
    state = StageState(
        ImageDraft(), user_args={"a": "1"}, heading_args={}, platform_args={}, escape=parsed.escape
    )
    for instruction in parsed.instructions:
        try:
            state.apply(instruction)
        except InvalidInput as error:
            assert "\n" not in error.message or "\n" in text


@given(st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\n\r"), max_size=30))
def test_quoted_values_survive(value: str) -> None:
    quoted = "'" + value.replace("'", "'\"'\"'") + "'"
    assert expand_word(quoted, {}) == value


VALUES = st.text(st.sampled_from("ab./-"), max_size=8)
PATTERNS = st.text(st.sampled_from("ab./*?"), min_size=1, max_size=4).filter(
    lambda text: text[0] not in "/#%"
)


@settings(max_examples=60, deadline=None)
@given(VALUES, PATTERNS, st.sampled_from(["#", "##", "%", "%%"]))
def test_stripping_agrees_with_a_shell(value: str, pattern: str, operator: str) -> None:
    word = f"${{v{operator}{pattern}}}"
    script = f'v={shlex.quote(value)}; printf "%s" "{word}"'
    expected = subprocess.run(["/bin/sh", "-c", script], capture_output=True, check=True, text=True).stdout
    assert expand_word(word, {"v": value}) == expected


@given(WORDS, st.dictionaries(st.sampled_from("ab"), VALUES))
def test_expansion_ends(word: str, variables: dict[str, str]) -> None:
    try:
        expand_word(word, variables)
    except ExpansionError as error:
        assert error.message


@given(
    st.lists(st.text(st.sampled_from("ab*?!/[].\\"), max_size=6), max_size=4),
    st.text(st.sampled_from("ab/."), min_size=1, max_size=6),
)
def test_ignore_patterns_decide_or_refuse(patterns: list[str], path: str) -> None:
    try:
        compiled = IgnorePatterns(patterns)
    except InvalidInput:
        return
    compiled.excludes(path)
    # What is left out by everything stays so under a folder of it, unless something brings it back.
    if compiled.excludes(path) and not compiled.negations:
        assert compiled.excludes(f"{path}/below")
