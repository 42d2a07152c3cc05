"""Whatever stands in a Quadlet file: a service that says the same, or a complaint with its line; never anything else."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from ocicore.systemd.create_command import parse as parse_command
from ocicore.systemd.quadlet.container import csv_fields, csv_text
from ocicore.systemd.quadlet.convert import convert_all
from ocicore.systemd.quadlet.from_command import container_file
from ocicore.systemd.quadlet.keys import KEYS
from ocicore.systemd.quadlet.service import Host
from ocicore.systemd.quadlet.source import Source, is_unit_name
from ocicore.systemd.quoting import literal, quote, split
from ocicore.systemd.unit_file import UnitFileError, parse

HOST = Host("/usr/bin/pypod", is_user=False)
_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
_LINE = st.text("abzA01=%$\"'\\ \t;:,./@-é", max_size=24)


def convert(text: str, name: str = "a.container") -> list[str] | None:
    """Words of ExecStart=, as systemd splits the line that was written; None after a complaint."""
    try:
        source = Source(f"/q/{name}", parse(text, f"/q/{name}", glue=""))
        source.set_names()
    except UnitFileError as error:
        assert error.line >= 1
        return None
    services, problems = convert_all({name: source}, HOST)
    for problem in problems:
        assert problem.error.line >= 1 and "\n" not in str(problem)
    if not services:
        assert problems
        return None
    (service,) = services
    text = service.text("quadlet")
    read = parse(text)
    lines = [entry.value for entry in read.entries("Service", "ExecStart")]
    assert lines
    written = split(lines[-1])
    assert written == next(command.words for key, command in service.commands if key == "ExecStart")
    return written


@settings(max_examples=60)
@given(st.lists(st.tuples(st.sampled_from(sorted(KEYS["Container"])), _LINE), max_size=8))
def test_any_value_of_any_key(pairs: list[tuple[str, str]]) -> None:
    convert("[Container]\nImage=x.io/x\n" + "".join(f"{key}={value}\n" for key, value in pairs))


@settings(max_examples=60)
@given(st.text("[]=#;\\\nContaierImg xéÿ\t", max_size=80))
def test_any_text(text: str) -> None:
    convert(text)


@settings(max_examples=60)
@given(st.lists(_TEXT, max_size=6))
def test_words_of_exec_arrive(words: list[str]) -> None:
    written = convert("[Container]\nImage=x.io/x\nExec=" + " ".join(quote(word) for word in words) + "\n")
    assert written is not None
    assert [literal(word) for word in written[written.index("x.io/x") + 1 :]] == words


@settings(max_examples=60)
@given(_TEXT)
def test_names_are_checked(name: str) -> None:
    if is_unit_name(name):
        assert "/" not in name and name.isascii() and not name.startswith("@")


@settings(max_examples=60)
@given(st.lists(_TEXT, min_size=1, max_size=5))
def test_comma_separated_values_survive(fields: list[str]) -> None:
    fields = [field for field in fields if '"' not in field or "," in field or "\n" in field] or ["x"]
    fields = [field.replace('"', "") for field in fields]
    assert csv_fields(csv_text(fields)) == fields


_WORD = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)


@settings(max_examples=60)
@given(
    st.lists(
        st.one_of(
            st.tuples(
                st.just("--env"), st.builds("{}={}".format, st.text("ABC", min_size=1, max_size=3), _WORD)
            ),
            st.tuples(
                st.just("--annotation"),
                st.builds("{}={}".format, st.text("abc", min_size=1, max_size=3), _WORD),
            ),
            st.tuples(st.just("--hostname"), _WORD.filter(bool)),
            st.tuples(st.just("--secret"), _WORD.filter(bool)),
        ),
        max_size=5,
        unique_by=lambda pair: pair[1].partition("=")[0],
    ),
    st.lists(_WORD, max_size=4),
)
def test_a_container_made_anew_is_the_same(options: list[tuple[str, str]], words: list[str]) -> None:
    command = ["/usr/bin/pypod", "run", *(word for pair in options for word in pair), "x.io/x", *words]
    text, _ = container_file(parse_command(command), "web", {})
    written = convert(text)
    assert written is not None
    said = [literal(word) for word in written if not word.startswith("--cidfile=")]
    at = said.index("x.io/x", said.index("-d"))
    assert said[at + 1 :] == words
    given_pairs = {pair for pair in options if pair[0] != "--hostname"}
    found = {(said[i], said[i + 1]) for i in range(len(said) - 1)} | {
        (f"--{name}", value) for word in said for name, _, value in [word.removeprefix("--").partition("=")]
    }
    assert given_pairs <= found
