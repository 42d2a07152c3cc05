"""Templates against what podman 4.3.1 printed for the same text, and what it could not show.

`go_templates.json` holds [template, standard output, standard error] of `podman images --format TEMPLATE` over one
image; `ROW` gives that image's fields.
"""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from ocicore.cli.godata import GoMap, Struct
from ocicore.cli.gotime import Duration, Time
from ocicore.cli.template import Template, TemplateError, is_json, is_table, print_list, print_one, render

ROW = Struct(
    {},
    type_name="images.imageReporter",
    methods={
        "ID": lambda: "e3c1481ba577",
        "Repository": lambda: "localhost/bb",
        "Names": lambda: ["localhost/bb:latest"],
        "Labels": GoMap,
        "Tag": lambda: "latest",
        "Size": lambda: "2 MB",
    },
)
HEADERS = {"ID": "IMAGE ID", "Repository": "REPOSITORY", "Tag": "TAG"}
RECORDED = json.loads((Path(__file__).parent / "go_templates.json").read_text())


@pytest.mark.parametrize(("source", "output", "complaint"), RECORDED, ids=[row[0] for row in RECORDED])
def test_as_recorded(source: str, output: str, complaint: str) -> None:
    stream = io.StringIO()
    error = ""
    try:
        print_list(stream, source, [ROW], name="images", headers=HEADERS)
    except TemplateError as caught:
        error = f"Error: {caught}"
    assert (stream.getvalue(), error) == (output, complaint)


def test_inspected_data() -> None:
    data = {
        "Id": "abc",
        "State": {"Running": True, "Pid": 12, "Error": ""},
        "Config": {"Labels": {"Upper": "x"}, "Env": ["A=1", "B=2"], "Cmd": None},
        "NetworkSettings": {"Ports": {"80/tcp": [{"HostPort": "8080"}], "443/tcp": None}},
    }
    assert render("{{.State.Running}} {{.State.Pid}}", data) == "true 12"
    assert (
        render("{{.Config.Labels}} {{.Config.Labels.Upper}} {{.Config.Labels.none}}", data)
        == "map[Upper:x] x <no value>"
    )
    assert render("{{.Config.Cmd}}", data) == "<nil>"
    assert render("{{range .Config.Env}}{{.}};{{end}}", data) == "A=1;B=2;"
    assert render('{{(index (index .NetworkSettings.Ports "80/tcp") 0).HostPort}}', data) == "8080"
    assert render("{{range $p, $c := .NetworkSettings.Ports}}{{$p}} {{end}}", data) == "443/tcp 80/tcp "
    assert render("{{.State}}", data) == "{true 12 }"
    assert render('{{printf "%+v" .State}}', data) == "{Running:true Pid:12 Error:}"
    with pytest.raises(TemplateError) as caught:
        render("{{.State.Nope}}", data, "inspect")
    assert str(caught.value) == (
        'template: inspect:1:8: executing "inspect" at <.State.Nope>: can\'t evaluate field Nope in type struct'
    )
    with pytest.raises(TemplateError, match="nil pointer evaluating"):
        render("{{.Config.Cmd.X}}", data)


def test_structs() -> None:
    calls: list[int] = []

    def expensive() -> str:
        calls.append(1)
        return "5MB"

    row = Struct(
        {"ID": "abc", "Size": 5},
        type_name="reporter",
        methods={"Size": expensive, "Pick": lambda n: f"#{n}"},
        aliases={"Id": "ID"},
    )
    assert render("{{.Id}}", row) == "abc"
    assert not calls
    assert render("{{.Size}} {{.Pick 3}} {{3 | .Pick}}", row) == "5MB #3 #3"
    assert render("{{json .}}", row) == '{"ID":"abc","Size":5}'
    with pytest.raises(TemplateError, match="wrong number of args for Pick: want 1 got 2"):
        render("{{.Pick 1 2}}", row)
    with pytest.raises(TemplateError, match="ID has arguments but cannot be invoked as function"):
        render("{{.ID 1}}", row)


def test_times_and_durations() -> None:
    data = {"Created": Time(1_700_000_000_123_456_789, utc=True), "Took": Duration(90_500_000_000)}
    assert render("{{.Created}}", data) == "2023-11-14 22:13:20.123456789 +0000 UTC"
    assert render("{{.Created.Unix}} {{.Created.Year}}", data) == "1700000000 2023"
    assert render('{{.Created.Format "2006-01-02T15:04:05Z07:00"}}', data) == "2023-11-14T22:13:20Z"
    assert render('{{.Created.Format "Mon Jan _2 3:04PM 2006 .000"}}', data) == "Tue Nov 14 10:13PM 2023 .123"
    assert render("{{json .Created}}", data) == '"2023-11-14T22:13:20.123456789Z"'
    assert render("{{.Took}} {{.Took.Seconds}} {{json .Took}}", data) == "1m30.5s 90.5 90500000000"


def test_newer_go() -> None:
    assert render("{{range 3}}{{.}}{{end}}", None) == "012"
    assert render("{{with .a}}x{{else with .b}}{{.}}{{end}}", {"a": "", "b": "y"}) == "y"


def test_multiline_positions() -> None:
    with pytest.raises(TemplateError) as caught:
        render("äö\n\n  é{{.X.Y}}", {"X": 1}, "t")
    assert str(caught.value).startswith('template: t:3:8: executing "t" at <.X.Y>:')
    with pytest.raises(TemplateError) as caught:
        render("a\nb\n{{if}}", None, "t")
    assert str(caught.value) == "template: t:3: missing value for if"


def test_deep_recursion_ends() -> None:
    with pytest.raises(TemplateError, match="exceeded maximum template depth"):
        render('{{define "x"}}{{template "x"}}{{end}}{{template "x"}}', None)


def test_what_asks_for_json() -> None:
    for text in ("json", " json ", "{{json}}", "{{ json }}", "{{json.}}"):
        assert is_json(text)
    for text in ("{{json .}}", "jsonx", "{{.ID}}", ""):
        assert not is_json(text)
    assert is_table("table {{.ID}}") and not is_table("table") and not is_table("{{.ID}}")


def test_json_lists() -> None:
    stream = io.StringIO()
    print_list(stream, "json", [{"Id": "a", "Labels": None}, {"Id": "<b>"}], name="x")
    assert stream.getvalue() == (
        '[\n    {\n        "Id": "a",\n        "Labels": null\n    },\n'
        '    {\n        "Id": "\\u003cb\\u003e"\n    }\n]\n'
    )
    stream = io.StringIO()
    print_list(stream, "json", [], name="x")
    assert stream.getvalue() == "[]\n"
    stream = io.StringIO()
    print_one(stream, "json", {"a": 1}, name="x")
    assert stream.getvalue() == '{\n    "a": 1\n}\n'


def test_table_without_headings() -> None:
    stream = io.StringIO()
    print_list(stream, "table {{.ID}}\t{{.Tag}}", [ROW, ROW], name="x", headings=False)
    assert stream.getvalue() == "e3c1481ba577  latest\n" * 2


def test_blanks_inside_actions_stay_in_tables() -> None:
    stream = io.StringIO()
    print_list(stream, 'table {{join .Names ", "}} {{ .Tag }}', [ROW], name="x", headings=False)
    assert stream.getvalue() == "localhost/bb:latest  latest\n"


def test_a_template_runs_many_times() -> None:
    template = Template("{{$x := .}}{{range $i, $e := .}}{{$e}}{{end}}{{len $x}}")
    assert [template.execute(["a"]), template.execute(["b", "c"]), template.execute([])] == ["a1", "bc2", "0"]
