"""Manual pages from the declaration: one page a command, in man(7)'s macros.

    python -m ocicore.cli.man --program pypod --out DIR

writes pypod.1, pypod-run.1, pypod-container.1, pypod-container-ls.1 …; a command that is reached under several
paths gets one page and `.so` links to it.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from ocicore.cli.bind import import_module, load_command
from ocicore.cli.declare import Group, Option, Program
from ocicore.cli.help_text import default_text, metavar_of
from ocicore.errors import Error, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ocicore.cli.declare import Command, Entry


def load_program(name: str) -> Program:
    """The declaration of a program: `PROGRAM` in `<package>/program.py`.

    Raises:
        InvalidInput: there is no such program.
    """
    package = name.replace("-", "_")
    try:
        program = import_module(f"{package}.program").PROGRAM
    except ModuleNotFoundError as error:
        if error.name not in (package, f"{package}.program"):
            raise
        raise InvalidInput(f'no program "{name}": package {package} has no module program') from None
    assert isinstance(program, Program)
    return program


def pages(program: Program) -> Iterator[tuple[str, str]]:
    """Every page as (file name, text)."""
    yield f"{program.name}.1", _program_page(program)
    written: dict[str, str] = {}
    yield from _table_pages(program, (), program.commands, written)


def _table_pages(
    program: Program, path: tuple[str, ...], table: dict[str, Entry | Group], written: dict[str, str]
) -> Iterator[tuple[str, str]]:
    # Commands before groups, so that the shorter path has the page and the longer one the link.
    for name, entry in sorted(table.items(), key=lambda item: isinstance(item[1], Group)):
        inner = (*path, name)
        file = "-".join((program.name, *inner)) + ".1"
        if isinstance(entry, Group):
            if not entry.hidden:
                yield file, _group_page(program, inner, entry)
                yield from _table_pages(program, inner, entry.commands, written)
            continue
        if not entry[1]:
            continue
        if entry[0] in written:
            yield file, f".so man1/{written[entry[0]]}\n"
            continue
        written[entry[0]] = file
        yield file, _command_page(program, inner, load_command(entry[0]))


def _program_page(program: Program) -> str:
    lines = _head(program, (), program.summary)
    lines += [".SH SYNOPSIS", f"\\fB{escape(program.name)}\\fR [\\fIoptions\\fR] \\fIcommand\\fR"]
    lines += _description(program.description or program.summary)
    lines += _options("GLOBAL OPTIONS", program.options)
    lines += _commands(program, (), program.commands)
    lines += [".SH EXIT STATUS", ".TP", "\\fB0\\fR", "success"]
    lines += [".TP", f"\\fB{program.error_status}\\fR", f"{escape(program.name)} itself failed"]
    return _joined(lines)


def _group_page(program: Program, path: tuple[str, ...], group: Group) -> str:
    lines = _head(program, path, group.summary)
    lines += [".SH SYNOPSIS", f"\\fB{escape(' '.join((program.name, *path)))}\\fR \\fIcommand\\fR"]
    lines += _description(group.description or group.summary)
    lines += _commands(program, path, group.commands)
    lines += _see_also(program, path, ())
    return _joined(lines)


def _command_page(program: Program, path: tuple[str, ...], command: Command) -> str:
    lines = _head(program, path, command.summary)
    usage = escape(command.usage())
    lines += [".SH SYNOPSIS", f"\\fB{escape(' '.join((program.name, *path)))}\\fR {usage}".rstrip()]
    lines += _description(command.description or command.summary)
    described = [argument for argument in command.arguments if argument.help]
    if described:
        lines.append(".SH ARGUMENTS")
        for argument in described:
            lines += [".TP", f"\\fI{escape(argument.usage())}\\fR", escape(argument.help)]
    groups: dict[str, list[Option]] = {}
    for option in command.options:
        groups.setdefault(option.group or "Options", []).append(option)
    for title, options in groups.items():
        lines += _options(title.upper(), tuple(options))
    if command.examples:
        lines.append(".SH EXAMPLES")
        for line, explanation in command.examples:
            if explanation:
                lines += [".PP", escape(_sentence(explanation))]
            lines += [".PP", ".RS 4", ".nf", escape(line), ".fi", ".RE"]
    statuses = command.statuses or ((0, "success"), (program.error_status, f"{program.name} itself failed"))
    lines.append(".SH EXIT STATUS")
    for status, meaning in statuses:
        lines += [".TP", f"\\fB{status}\\fR", escape(meaning)]
    lines += _see_also(program, path, command.see_also)
    return _joined(lines)


def _head(program: Program, path: tuple[str, ...], summary: str) -> list[str]:
    name = "-".join((program.name, *path))
    title = escape(name.upper())
    return [
        f'.TH "{title}" "1" "" "{escape(program.name)} {escape(program.version)}" "User Commands"',
        ".SH NAME",
        f"{escape(name)} \\- {escape(summary)}",
    ]


def _description(text: str) -> list[str]:
    lines = [".SH DESCRIPTION"]
    for index, paragraph in enumerate(text.split("\n\n")):
        if index:
            lines.append(".PP")
        lines.append(escape(" ".join(paragraph.split())))
    return lines


def _options(title: str, options: tuple[Option, ...]) -> list[str]:
    shown = sorted((option for option in options if not option.hidden), key=lambda option: option.long)
    if not shown:
        return []
    lines = [f'.SH "{escape(title)}"']
    for option in shown:
        names = f"\\fB\\-{option.short}\\fR, " if option.short else ""
        names += f"\\fB\\-\\-{escape(option.long)}\\fR"
        metavar = metavar_of(option)
        if metavar:
            value = f"=\\fI{escape(metavar)}\\fR"
            names += f"[{value}]" if option.bare is not None else value
        text = escape(_sentence(" ".join(option.help.split())))
        if option.choices and metavar != "|".join(option.choices):
            text += f" One of {escape(', '.join(option.choices))}."
        default = default_text(option)
        if default:
            text += f" The default is \\fB{escape(default)}\\fR."
        if option.env:
            text += f" Taken from the environment variable \\fB{escape(option.env)}\\fR when not given."
        lines += [".TP", names, text]
    return lines


def _commands(program: Program, path: tuple[str, ...], table: dict[str, Entry | Group]) -> list[str]:
    lines = [".SH COMMANDS"]
    for name, entry in sorted(table.items()):
        hidden = entry.hidden if isinstance(entry, Group) else not entry[1]
        if hidden:
            continue
        summary = entry.summary if isinstance(entry, Group) else entry[1]
        page = "-".join((program.name, *path, name))
        lines += [".TP", f"\\fB{escape(page)}\\fR(1)", escape(_sentence(summary))]
    return lines


def _see_also(program: Program, path: tuple[str, ...], more: tuple[str, ...]) -> list[str]:
    above = "-".join((program.name, *path[:-1]))
    names = [f"\\fB{escape(above)}\\fR(1)"]
    for page in more:
        name, parenthesis, section = page.partition("(")
        names.append(f"\\fB{escape(name)}\\fR({section}" if parenthesis else f"\\fB{escape(name)}\\fR(1)")
    return [".SH SEE ALSO", ",\n".join(names)]


def _sentence(text: str) -> str:
    """Help texts have no full stop; sentences in a manual do."""
    return text if not text or text[-1] in ".!?:" else text + "."


def escape(text: str) -> str:
    """Text for roff: backslashes, hyphens of option names, dots and quotes at the start of lines."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace('"', "\\(dq")
    text = "".join(letter if letter.isascii() else f"\\[u{ord(letter):04X}]" for letter in text)
    return "\n".join("\\&" + line if line[:1] in (".", "'") else line for line in text.split("\n"))


def _joined(lines: list[str]) -> str:
    return "\n".join(line for line in lines if line) + "\n"


def main(argv: list[str]) -> int:
    """`--program NAME --out DIR`; returns the exit status."""
    values = dict(zip(argv[::2], argv[1::2], strict=False))
    name, out = values.get("--program"), values.get("--out")
    if len(argv) != 4 or not name or not out:
        sys.stderr.write("usage: python -m ocicore.cli.man --program NAME --out DIR\n")
        return 2
    try:
        program = load_program(name)
        os.makedirs(out, exist_ok=True)
        for file, text in pages(program):
            with open(os.path.join(out, file), "w", encoding="utf-8") as stream:
                stream.write(text)
    except (Error, OSError) as error:
        sys.stderr.write(f"Error: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
