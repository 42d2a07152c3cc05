"""Drawing help pages with rich: usage, description, arguments, options by group, commands, examples.

Options stand as "-a, --attach LIST" with their text beside them, or below when the name is long, so that the
page reads well from 60 columns up.
"""

from __future__ import annotations

import os
import textwrap
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.panel import Panel
from rich.text import Text

from ocicore.cli.help_text import default_text, metavar_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import TextIO

    from ocicore.cli.declare import Argument, Option

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

    def print(self, stream: TextIO | None = None, *, width: int | None = None) -> None:
        """Draws the page; colours and the width are the terminal's. Without one lines are long, as scripts like them."""
        if width is None and "COLUMNS" not in os.environ and not any(map(os.isatty, (0, 1, 2))):
            width = _MAX_WIDTH
        console = Console(file=stream, width=width, highlight=False, soft_wrap=False)
        console.width = min(console.width, _MAX_WIDTH)
        usage = Text.assemble(("Usage: ", "bold yellow"), (self.usage, "bold"))
        console.print()
        console.print(_indented([usage]))
        console.print()
        paragraphs = [Text(" ".join(part.split())) for part in self.description.split("\n\n")]
        for paragraph in paragraphs:
            console.print(_indented([paragraph]))
            console.print()
        if self.aliases:
            names = Text(", ".join(self.aliases), "bold cyan")
            console.print(
                Panel(names, title=Text("Aliases", "bold not dim"), title_align="left", border_style="dim")
            )
        described = [argument for argument in self.arguments if argument.help]
        rows = [(Text(argument.usage(), "yellow"), argument.help, "") for argument in described]
        self._panel(console, "Arguments", rows)
        self._panel(
            console, "Commands", [(Text(name, "bold cyan"), summary, "") for name, summary in self.commands]
        )
        for title, rows in self._option_groups().items():
            self._panel(console, title, rows)
        if self.examples:
            lines: list[Text] = []
            for line, explanation in self.examples:
                if explanation:
                    lines += [
                        Text(f"# {part}", "dim") for part in textwrap.wrap(explanation, console.width - 6)
                    ]
                lines.append(Text(line, "cyan"))
            console.print(
                Panel(
                    Group(*lines),
                    title=Text("Examples", "bold not dim"),
                    title_align="left",
                    border_style="dim",
                )
            )

    def _option_groups(self) -> dict[str, list[tuple[Text, str, str]]]:
        """Rows by heading; the option for help ends the first group."""
        groups: dict[str, list[tuple[Text, str, str]]] = {"Options": []}
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

    @staticmethod
    def _panel(console: Console, title: str, rows: list[tuple[Text, str, str]]) -> None:
        """A framed list of names with their texts."""
        if not rows:
            return
        inner = console.width - 4
        limit = 26 if console.width < 90 else 36
        left = min(max(row[0].cell_len for row in rows), limit)
        lines: list[Text] = []
        for name, text, note in rows:
            wrapped = _wrap(text, note, inner - left - 2)
            if name.cell_len > left:
                lines.append(name)
            else:
                name.pad_right(left + 2 - name.cell_len)
                lines.append(name + wrapped.pop(0))
            lines += [Text(" " * (left + 2)) + part for part in wrapped]
        console.print(
            Panel(Group(*lines), title=Text(title, "bold not dim"), title_align="left", border_style="dim")
        )


def _wrap(text: str, note: str, width: int) -> list[Text]:
    """Lines of a description; the note at its end is dim."""
    whole = " ".join(f"{text} {note}".split())
    lines = [Text(line) for line in textwrap.wrap(whole, max(width, 20))] or [Text()]
    remaining = len(note)
    for line in reversed(lines):
        if remaining <= 0:
            break
        line.stylize("dim", max(len(line.plain) - remaining, 0))
        remaining -= len(line.plain) + 1
    return lines


def _indented(parts: list[Text]) -> Group:
    from rich.padding import Padding

    return Group(*(Padding(part, (0, 1), expand=False) for part in parts))


def _names(option: Option) -> Text:
    return _spelling(f"-{option.short}" if option.short else "", f"--{option.long}", metavar_of(option))


def _spelling(short: str, long: str, metavar: str) -> Text:
    text = Text()
    text.append(f"{short}, " if short else "    ", "bold green")
    text.append(long, "bold cyan")
    if metavar:
        text.append(f" {metavar}", "yellow")
    return text
