"""Help pages where no terminal is: sections, their order and headings as cobra writes them for the peers, whom scripts
and completions read ("Usage:" and the line below it, "Available Commands:", "Options:" or "Flags:")."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TextIO

    from ocicore.cli.help_page import Page, Row


def write(page: Page, stream: TextIO) -> None:
    """The whole page; lines are as long as they are."""
    sections = ["\n\n".join(page.paragraphs())]
    sections.append("\n".join(["Usage:", *(f"  {line}" for line in _usage(page))]))
    if page.aliases:
        sections.append(f"Aliases:\n  {', '.join(page.aliases)}")
    arguments = [(argument.usage(), argument.help) for argument in page.arguments if argument.help]
    if arguments:
        sections.append("Arguments:\n" + _table(arguments))
    if page.examples:
        lines = []
        for line, explanation in page.examples:
            lines += [f"  # {explanation}"] if explanation else []
            lines.append(f"  {line}")
        sections.append("\n".join(["Examples:", *lines]))
    if page.commands:
        sections.append("Available Commands:\n" + _table(page.commands))
    for heading, rows in page.option_groups().items():
        title = heading if heading != "Options" else page.options_word.capitalize()
        # A page that has no options of its own does not show one, as its usage does not.
        if heading != "Options" or page.options:
            sections.append(f"{title}:\n" + _table([(_spelling(row), _text(row)) for row in rows]))
    stream.write("\n\n".join(sections) + "\n")


def _usage(page: Page) -> list[str]:
    if not page.commands:
        return [page.usage(page.options_word)]
    options = f" [{page.options_word}]" if page.options else ""
    return [f"{page.command}{options} [command]"]


def _spelling(row: Row) -> str:
    return f"{f'-{row.short}, ' if row.short else '    '}--{row.long}" + (
        f" {row.metavar}" if row.metavar else ""
    )


def _text(row: Row) -> str:
    return " ".join(f"{row.text} {row.note}".split())


def _table(rows: list[tuple[str, str]] | tuple[tuple[str, str], ...]) -> str:
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"  {name:{width}}   {text}".rstrip() for name, text in rows)
