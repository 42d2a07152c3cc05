"""Help pages for a terminal, drawn with rich: usage, description, arguments, options by group, commands, examples.

Options stand as "-a, --attach LIST" with their text beside them, or below when the name is long, so that the
page reads well from 60 columns up.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, NamedTuple

from rich.console import Console, Group
from rich.panel import Panel
from rich.text import Text

if TYPE_CHECKING:
    from typing import TextIO

    from ocicore.cli.help_page import Page, Row

_MAX_WIDTH = 120


class Cells(NamedTuple):
    """A row of a panel: name, text, and a note that ends the text."""

    name: Text
    text: str
    note: str = ""


def draw(page: Page, stream: TextIO | None, width: int | None) -> None:
    """Draws the page; colours are the terminal's, and its width where none is given (columns)."""
    console = Console(file=stream, width=width, highlight=False, soft_wrap=False)
    console.width = min(console.width, _MAX_WIDTH)
    usage = Text.assemble(("Usage: ", "bold yellow"), (page.usage("options"), "bold"))
    console.print()
    console.print(_indented([usage]))
    console.print()
    for paragraph in page.paragraphs():
        console.print(_indented([Text(paragraph)]))
        console.print()
    if page.aliases:
        names = Text(", ".join(page.aliases), "bold cyan")
        console.print(
            Panel(names, title=Text("Aliases", "bold not dim"), title_align="left", border_style="dim")
        )
    described = [argument for argument in page.arguments if argument.help]
    rows = [Cells(Text(argument.usage(), "yellow"), argument.help) for argument in described]
    _panel(console, "Arguments", rows)
    _panel(console, "Commands", [Cells(Text(name, "bold cyan"), summary) for name, summary in page.commands])
    for title, options in page.option_groups().items():
        _panel(console, title, [Cells(_spelling(row), row.text, row.note) for row in options])
    if page.examples:
        lines: list[Text] = []
        for line, explanation in page.examples:
            if explanation:
                lines += [Text(f"# {part}", "dim") for part in textwrap.wrap(explanation, console.width - 6)]
            lines.append(Text(line, "cyan"))
        console.print(
            Panel(
                Group(*lines),
                title=Text("Examples", "bold not dim"),
                title_align="left",
                border_style="dim",
            )
        )


def _panel(console: Console, title: str, rows: list[Cells]) -> None:
    """A framed list of names with their texts."""
    if not rows:
        return
    inner = console.width - 4
    limit = 26 if console.width < 90 else 36
    left = min(max(row.name.cell_len for row in rows), limit)
    lines: list[Text] = []
    for row in rows:
        name = row.name
        wrapped = _wrap(row.text, row.note, inner - left - 2)
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


def _spelling(row: Row) -> Text:
    text = Text()
    text.append(f"-{row.short}, " if row.short else "    ", "bold green")
    text.append(f"--{row.long}", "bold cyan")
    if row.metavar:
        text.append(f" {row.metavar}", "yellow")
    return text
