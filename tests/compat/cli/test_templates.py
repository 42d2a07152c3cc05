"""Random templates through the real `podman images --format` and through ours, over the same image.

Left out: what Go 1.22 has changed since podman 4.3 was built (ranges over integers), and hexadecimal floats.
"""

from __future__ import annotations

import io
import json
import random
from collections.abc import Iterator

import pytest

from ocicore.cli.godata import Struct
from ocicore.cli.template import TemplateError, print_list
from support.peer_podman import podman_with_busybox
from support.programs import Tool

pytestmark = [pytest.mark.compat, pytest.mark.root]


@pytest.fixture(scope="module")
def podman(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tool]:
    with podman_with_busybox(tmp_path_factory.mktemp("podman"), "--change", "LABEL a=1") as tool:
        yield tool


@pytest.fixture(scope="module")
def row(podman: Tool) -> Struct:
    (found,) = json.loads(podman.out("images", "--format", "json"))
    methods = {
        "ID": lambda: found["Id"][:12],
        "Names": lambda: found["Names"],
        "Labels": lambda: found["Labels"],
        "Tag": lambda: "latest",
        "Repository": lambda: "localhost/bb",
    }
    return Struct({}, type_name="images.imageReporter", methods=methods)


_ATOMS = [
    ".ID", ".Names", ".Labels", ".Tag", ".Repository", "1", "-3", "2.5", '"a b"', '"%d"', '"%s|%v"', "nil", "true", "`x`", "'a'",
    ".Nope", ".ID.X", "(len .ID)", "(index .Names 0)", '(split .ID "1")', "0", '""', "1e3", "0x1F", ".Labels.a", ".Labels.none",
]  # fmt: skip
_FUNCTIONS = [
    "len", "index", "slice", "print", "println", 'printf "%v"', 'printf "%q %s"', 'printf "%5d"', 'printf "%-8s|"', "html", "js",
    "urlquery", "eq", "ne", "lt", "le", "gt", "ge", "and", "or", "not", "upper", "lower", "title", "join", "split", "truncate", "pad",
    "json",
]  # fmt: skip


def _call(dice: random.Random, depth: int) -> str:
    operands = [_operand(dice, depth - 1) for _ in range(dice.choice((1, 1, 2, 2, 3)))]
    return " ".join((dice.choice(_FUNCTIONS), *operands))


def _operand(dice: random.Random, depth: int) -> str:
    return f"({_call(dice, depth)})" if depth > 0 and dice.random() < 0.6 else dice.choice(_ATOMS)


def _template(dice: random.Random) -> str:
    kind = dice.random()
    if kind < 0.6:
        return "{{" + _call(dice, 2) + dice.choice(("", "", " | len", ' | printf "%v"', " | upper")) + "}}"
    if kind < 0.75:
        return "{{if " + _call(dice, 1) + "}}Y{{else}}N{{end}}"
    if kind < 0.85:
        return (
            "{{range $i, $x := "
            + dice.choice((".Names", ".Labels", '(split .ID "1")', "nil"))
            + "}}{{$i}}:{{$x}} {{else}}E{{end}}"
        )
    if kind < 0.93:
        return "{{with " + _operand(dice, 1) + "}}{{.}}{{end}}"
    return dice.choice(
        (
            "{{.ID}}\\t{{.Tag}}",
            "table {{.ID}} {{.Tag}}",
            "{{- .ID -}} x",
            "{{/* c */}}{{.Tag}}",
            "{{$x := .ID}}{{$x}}",
        )
    )


@pytest.mark.parametrize("seed", range(120))
def test_random_templates(podman: Tool, row: Struct, seed: int) -> None:
    source = _template(random.Random(seed))
    theirs = podman("images", "--format", source, status=None)
    stream, error = io.StringIO(), ""
    try:
        print_list(stream, source, [row], name="images", headers={"ID": "IMAGE ID", "Tag": "TAG"})
    except TemplateError as caught:
        error = f"Error: {caught}"
    assert (stream.getvalue(), error.strip()) == (theirs.stdout, theirs.stderr.strip()), source
