"""Any text survives quoting, any unit file survives reading and writing, any command line survives a unit."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ocicore.systemd.create_command import parse as parse_command
from ocicore.systemd.generate import Options, container_unit
from ocicore.systemd.quoting import QuotingError, join, literal, quote_value, split
from ocicore.systemd.unit_file import UnitFileError, parse
from unit.systemd.facts import NAMES, command_of, container

_WORD = st.binary(max_size=20).map(lambda data: data.replace(b"\0", b"").decode("utf-8", "surrogateescape"))


@given(st.lists(_WORD, max_size=6))
def test_words_survive(words: list[str]) -> None:
    line = join(words)
    assert "\n" not in line
    line.encode("utf-8")  # systemd ignores lines that are no UTF-8
    assert [literal(word) for word in split(line)] == words


@given(_WORD)
def test_assignments_survive(word: str) -> None:
    (value,) = split(quote_value(word, specifiers=False))
    assert value == word


@given(st.text("\"'\\ abx0nu%$;\n\t", max_size=20))
def test_splitting_ends_or_refuses(line: str) -> None:
    try:
        words = split(line)
    except QuotingError:
        return
    assert [literal(word) for word in split(join(words))] == words


@given(st.text("[]=#;\\\n AB.é\t", max_size=60))
def test_files_survive(text: str) -> None:
    try:
        unit = parse(text)
    except UnitFileError as error:
        assert str(error).startswith(f":{error.line}: ")
        return
    assert unit.text() == text
    assert [(e.section, e.key, e.value) for e in parse(unit.text())] == [
        (e.section, e.key, e.value) for e in unit
    ]


_KEY = st.text("ABCdef-", min_size=1, max_size=6)
_VALUE = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\\"), max_size=12).map(
    str.strip
)


@given(st.lists(st.tuples(st.sampled_from(["Unit", "Service", "X-Y"]), _KEY, _VALUE), max_size=8))
def test_built_files_read_back(entries: list[tuple[str, str, str]]) -> None:
    from ocicore.systemd.unit_file import UnitFile

    unit = UnitFile()
    for section, key, value in entries:
        unit.add(section, key, value)
    again = parse(unit.text())
    for section, key, _ in entries:
        assert [e.value for e in again.entries(section, key)] == [
            v for s, k, v in entries if (s, k) == (section, key)
        ]


_OPTIONS = st.lists(
    st.one_of(
        st.sampled_from(
            [["-d"], ["-it"], ["-itd"], ["--rm"], ["--tty=false"], ["--name", "web"], ["--replace=false"]]
        ),
        _WORD.map(lambda text: ["-e", "K=" + text]),
        _WORD.map(lambda text: ["--label=" + text]),
        _WORD.map(lambda text: ["-v", text]),
    ),
    max_size=5,
)


@given(_OPTIONS, st.lists(_WORD, max_size=4))
def test_command_lines_survive(options: list[list[str]], rest: list[str]) -> None:
    words = [word for option in options for word in option]
    unit = container_unit(container("run", *words, "img", *rest), Options(new=True, use_name=True), NAMES)
    started = [
        literal(word) for word in split(command_of(unit.text, "ExecStart").replace("%t/%n.ctr-id", "ID"))
    ]
    assert started[-1 - len(rest) :] == ["img", *rest]
    made = parse_command(started)
    assert made.is_set("detach") and made.is_set("rm")
    before = parse_command(["pypod", "run", *words, "img", *rest])
    for name in ("env", "label", "v"):
        assert made.texts(name) == before.texts(name)
    assert made.is_set("tty") == before.is_set("tty")
    assert made.is_set("replace") == before.given("name")
