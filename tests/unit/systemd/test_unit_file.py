"""Unit files as systemd.syntax(7) describes them."""

from __future__ import annotations

import pytest

from ocicore.systemd.unit_file import MAX_LINE, UnitFile, UnitFileError, parse

TEXT = """\
# a comment
[Unit]
Description = Web server\x20
After=a.service
After=b.service

[Service]
ExecStart=/bin/sh \\
# inside
  -c \\
  'x'
Environment=A=1
Environment=
Environment=B=2
; the end
[Install]
WantedBy=default.target"""


def test_lookups() -> None:
    unit = parse(TEXT, "web.service")
    assert unit.sections() == ["Unit", "Service", "Install"]
    assert unit.get("Unit", "Description") == "Web server"
    assert unit.get_all("Unit", "After") == ["a.service", "b.service"]
    assert unit.get("Unit", "After") == "b.service"
    assert unit.get_all("Service", "Environment") == ["B=2"]
    assert unit.get("Unit", "None") is None
    assert unit.get("No", "None", "x") == "x"
    assert (unit.get("Service", "ExecStart") or "").split() == ["/bin/sh", "-c", "'x'"]


def test_line_numbers() -> None:
    unit = parse(TEXT, "web.service")
    assert [(entry.key, entry.line) for entry in unit] == [
        ("Description", 3),
        ("After", 4),
        ("After", 5),
        ("ExecStart", 8),
        ("Environment", 12),
        ("Environment", 13),
        ("Environment", 14),
        ("WantedBy", 17),
    ]
    assert all(entry.path == "web.service" for entry in unit)


def test_writing_gives_the_same_file() -> None:
    assert parse(TEXT).text() == TEXT


def test_changes() -> None:
    unit = parse(TEXT)
    unit.set("Unit", "After", "c.service")
    unit.add("Install", "Also", "x.socket")
    unit.add("Service", "Environment", "C=3")
    unit.add("X-Pypod", "Note", "two\nlines")
    text = unit.text()
    assert "After=c.service\n\n[Service]" in text
    assert "Environment=B=2\nEnvironment=C=3\n; the end" in text
    assert text.endswith("WantedBy=default.target\nAlso=x.socket\n\n[X-Pypod]\nNote=two \\\n lines\n")
    again = parse(text)
    assert again.get("X-Pypod", "Note") == "two  lines"


def test_building() -> None:
    unit = UnitFile()
    unit.set("Unit", "A", "1")
    unit.add("Unit", "A", "2")
    unit.add("Service", "B", "")
    assert unit.text() == "[Unit]\nA=1\nA=2\n\n[Service]\nB=\n"
    unit.remove("Unit", "A")
    assert unit.entries("Unit") == []


def test_merging_and_renaming() -> None:
    unit = parse("[Container]\nImage=a\nExec=x\n", "web.container")
    unit.merge(parse("[Container]\nImage=b\n", "web.container.d/10.conf"))
    assert unit.get("Container", "Image") == "b"
    assert unit.entries("Container", "Image")[1].path == "web.container.d/10.conf"
    unit.rename_section("Container", "X-Container")
    assert unit.sections() == ["X-Container"]
    assert unit.text() == "[X-Container]\nImage=a\nExec=x\n[X-Container]\nImage=b\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("A=1\n", "f:1: assignment of A outside of a section"),
        ("[Unit]\n\nnonsense here\n", "f:3: missing '=' after 'nonsense'"),
        ("[Unit\nA=1\n", "f:1: invalid section header '[Unit'"),
        ("[]\n", "f:1: invalid section header '[]'"),
        ("[Unit]\n=x\n", "f:2: missing key name before '='"),
        ("[Unit]\nA=" + "x" * MAX_LINE + "\n", "f:2: the line is too long"),
    ],
)
def test_malformed(text: str, message: str) -> None:
    with pytest.raises(UnitFileError) as caught:
        parse(text, "f")
    assert str(caught.value) == message


def test_backslashes_that_do_not_continue() -> None:
    unit = parse("[S]\nA=x\\\\\nB=y\\")
    assert unit.get("S", "A") == "x\\\\"
    assert unit.get("S", "B") == "y"


def test_empty_files() -> None:
    assert parse("").text() == ""
    assert parse("\n\n").sections() == []


def test_continued_lines_are_joined_as_the_reader_wants() -> None:
    text = "[A]\nb=one\\\n   two \\\n# comment\n\tthree\n"
    assert parse(text).get("A", "b") == "one two  three"
    assert parse(text, glue="").get("A", "b") == "onetwo three"
    assert parse(text).section_line("A") == 1
    assert parse(text).section_line("B") is None


@pytest.mark.parametrize("value", ["a\\", "\\", "a\\\\\\"])
def test_a_backslash_at_the_end_of_a_value_continues_nothing(value: str) -> None:
    """It was followed by a blank (or a carriage return), which is none of the value."""
    unit = parse(f"[A]\nX={value} \nY=b\nZ={value}\r\nW=c\n", glue="")
    found = [("X", value), ("Y", "b"), ("Z", value), ("W", "c")]
    assert [(entry.key, entry.value) for entry in unit] == found
    made = UnitFile()
    for key, text in found:
        made.add("A", key, text)
    assert [(entry.key, entry.value) for entry in parse(made.text())] == found
