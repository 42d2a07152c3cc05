"""Drawing help pages: usage, description, arguments, options by group, commands, examples.

Options stand as "-a, --attach LIST" with their text beside them, or below when the name is long, so that the
page reads well from 60 columns up.
"""

from __future__ import annotations

import os

from ocicore.cli.help_text import default_text, metavar_of
from ocicore.cli.panels import canvas, length, wrap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import TextIO

    from ocicore.cli.declare import Argument, Option
    from ocicore.cli.panels import Canvas, Line

    #: Name, text, note.
    Row = tuple[Line, str, str]

_MAX_WIDTH = 120
_HELP = "Show this page and exit"


class Page:
    """What one help page says.

    Slots:
        usage: the line after "Usage:".
        description: paragraphs, separated by empty lines.
        arguments, options, commands (name and summary), examples (line and explanation).
        defaults: default texts that replace the declared ones, by long option name.
        aliases: every name of the command, when it has more than one.
        help_names: how the option for this page is written.
    """

    __slots__ = (
        "aliases",
        "arguments",
        "commands",
        "defaults",
        "description",
        "examples",
        "help_names",
        "options",
        "usage",
    )

    def __init__(
        self,
        usage: str,
        description: str,
        *,
        arguments: Iterable[Argument] = (),
        options: Iterable[Option] = (),
        commands: Iterable[tuple[str, str]] = (),
        examples: Iterable[tuple[str, str]] = (),
        help_names: str = "--help",
        aliases: Iterable[str] = (),
        defaults: Mapping[str, str] | None = None,
    ) -> None:
        self.usage = usage
        self.description = description
        self.arguments = tuple(arguments)
        self.options = tuple(options)
        self.commands = tuple(commands)
        self.examples = tuple(examples)
        self.help_names = help_names
        self.aliases = tuple(aliases)
        self.defaults = defaults or {}

    def print(
        self, stream: TextIO, *, width: int | None = None, environ: Mapping[str, str] = os.environ
    ) -> None:
        """Draws the page; colours and the width are the terminal's."""
        paper = canvas(stream, environ, width=width, widest=_MAX_WIDTH)
        paper.line()
        paper.paragraph([("Usage: ", "bold yellow"), (self.usage, "bold")])
        for part in self.description.split("\n\n"):
            paper.paragraph([(" ".join(part.split()), "")])
        if self.aliases:
            paper.panel("Aliases", [[(", ".join(self.aliases), "bold cyan")]])
        described = [argument for argument in self.arguments if argument.help]
        groups: dict[str, list[Row]] = {
            "Arguments": [([(argument.usage(), "yellow")], argument.help, "") for argument in described],
            "Commands": [([(name, "bold cyan")], summary, "") for name, summary in self.commands],
            **self._option_groups(),
        }
        for title, rows in groups.items():
            if rows:
                paper.panel(title, _rows(paper, rows))
        if self.examples:
            lines: list[Line] = []
            for line, explanation in self.examples:
                if explanation:
                    lines += [[(f"# {part}", "dim")] for part in wrap(explanation, paper.width - 6)]
                lines.append([(line, "cyan")])
            paper.panel("Examples", lines)

    def _option_groups(self) -> dict[str, list[Row]]:
        """Rows by heading; the option for help ends the first group."""
        groups: dict[str, list[Row]] = {"Options": []}
        for option in self.options:
            if not option.hidden:
                default = self.defaults.get(option.long) or default_text(option)
                notes = [f"(default {default})"] if default else []
                notes += [f"(environment: {option.env})"] if option.env else []
                row = (_names(option), option.help, " ".join(notes))
                groups.setdefault(option.group or "Options", []).append(row)
        short, _, long = self.help_names.rpartition(" ")
        groups["Options"].append((_spelling(short.rstrip(","), long, ""), _HELP, ""))
        return groups


def _rows(paper: Canvas, rows: list[Row]) -> list[Line]:
    """Names with their texts beside them, or below a long one."""
    limit = 26 if paper.width < 90 else 36
    left = min(max(length(name) for name, _, _ in rows), limit)
    lines: list[Line] = []
    for name, text, note in rows:
        described = _described(text, note, paper.width - 4 - left - 2)
        if length(name) > left:
            lines.append(name)
        else:
            lines.append([*name, (" " * (left + 2 - length(name)), ""), *described.pop(0)])
        lines += [[(" " * (left + 2), ""), *part] for part in described]
    return lines


def _described(text: str, note: str, width: int) -> list[Line]:
    """Lines of a description; the note at its end is dim."""
    lines: list[Line] = []
    plain = wrap(f"{text} {note}", max(width, 20))
    remaining = len(note)
    for line in reversed(plain):
        end = max(len(line) - max(remaining, 0), 0)
        lines.insert(0, [(line[:end], ""), (line[end:], "dim")])
        remaining -= len(line) + 1
    return lines


def _names(option: Option) -> Line:
    return _spelling(f"-{option.short}" if option.short else "", f"--{option.long}", metavar_of(option))


def _spelling(short: str, long: str, metavar: str) -> Line:
    line = [(f"{short}, " if short else "    ", "bold green"), (long, "bold cyan")]
    return [*line, (f" {metavar}", "yellow")] if metavar else line
