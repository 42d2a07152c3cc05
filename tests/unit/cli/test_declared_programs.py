"""What must hold for every command of every program: sound declarations, help pages, manual pages, completion."""

from __future__ import annotations

import io
import subprocess

import pytest

from ocicore.cli import bind, man
from ocicore.cli.completion import STEERING, complete
from ocicore.cli.declare import FLAG_KINDS, LIST_KINDS, Argument, Group, Option, Program
from ocicore.cli.main import load_function, main
from support.declared import commands, leaves, programs

_COMMANDS = commands()
_PROGRAMS = programs()


def _check_options(options: tuple[Option, ...]) -> None:
    longs = [name for option in options for name in (option.long, *option.also)]
    shorts = [option.short for option in options if option.short]
    assert len(set(longs)) == len(longs)
    assert len(set(shorts)) == len(shorts)
    for option in options:
        assert option.dest.isidentifier(), option.long
        assert len(option.short) <= 1 and not option.long.startswith("-")
        assert bool(option.choices) or option.kind != "choice", option.long
        assert option.bare is None or option.kind not in FLAG_KINDS, option.long
        assert option.default is None or (option.kind in LIST_KINDS) == isinstance(
            option.default, list | tuple
        ), option.long
        assert option.hidden or option.help, f"--{option.long} has no help"
        if option.bare is not None:
            bind.convert(option, option.bare)


def _check_completers(parts: tuple[Option | Argument, ...]) -> None:
    for completer in {part.completer for part in parts} - {"", "file", "dir"}:
        if completer.startswith("="):
            words = completer[1:].split()
            assert words and len(set(words)) == len(words)
            assert {word for word in words if word.startswith(":")} <= set(STEERING)
        else:
            assert callable(load_function(completer))


@pytest.mark.parametrize(
    ("program", "path", "module"), _COMMANDS, ids=[" ".join((p.name, *path)) for p, path, _ in _COMMANDS]
)
def test_command(program: Program, path: tuple[str, ...], module: str) -> None:
    command = bind.load_command(module)
    _check_options(command.options)
    names = [argument.name for argument in command.arguments]
    assert not set(names) & {option.dest for option in command.options}
    assert all(name.isidentifier() for name in names)
    assert not command.summary.endswith(".")
    longs = {name for option in command.options for name in (option.long, *option.also)}
    for names_of_set in (*command.exclusive, *command.together, command.lenient_with):
        assert set(names_of_set) <= longs
    _check_completers((*command.options, *command.arguments))
    assert callable(load_function(command.handler or module.partition(":")[0] + ":run"))
    out = io.StringIO()
    assert main(program, [*path, "--help"], {}, io.StringIO(), out, io.StringIO()) == 0
    assert f"Usage:\n  {' '.join((program.name, *path))}" in out.getvalue()
    shown = {word for word, _ in complete(program, [*path, "--"])}
    assert all(f"--{option.long}" in shown for option in command.options if not option.hidden)


@pytest.mark.parametrize("program", _PROGRAMS, ids=lambda program: program.name)
def test_program(program: Program) -> None:
    _check_options(program.options)
    _check_completers(program.options)
    out = io.StringIO()
    assert main(program, ["--help"], {}, io.StringIO(), out, io.StringIO()) == 0
    for name, entry in program.commands.items():
        if entry.hidden if isinstance(entry, Group) else not entry[1]:
            continue
        assert f" {name} " in out.getvalue()
    for path, _ in leaves(program.commands):
        assert bind.choose(program, list(path)) is not None


@pytest.mark.parametrize("program", _PROGRAMS, ids=lambda program: program.name)
def test_manual(program: Program) -> None:
    pages = dict(man.pages(program))
    text = "".join(page for page in pages.values() if not page.startswith(".so "))
    done = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-z"], input=text.encode(), capture_output=True)
    complaints = [
        line
        for line in done.stderr.decode().splitlines()
        if "cannot adjust line" not in line and "can't break line" not in line
    ]
    assert complaints == []
    for page in pages.values():
        if page.startswith(".so man1/"):
            assert page.removeprefix(".so man1/").strip() in pages
