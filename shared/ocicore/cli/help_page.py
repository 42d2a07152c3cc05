"""What a help page says. On a terminal it is drawn with rich; elsewhere it is plain, in the peers' order, which scripts read."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple

from ocicore.cli.help_text import default_text, metavar_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import TextIO

    from ocicore.cli.declare import Argument, Option

_HELP = "Show this page and exit"


class Row(NamedTuple):
    """One option: names without dashes ("" for no short one), placeholder, text, and the note that ends it."""

    short: str
    long: str
    metavar: str
    text: str
    note: str = ""


class Page:
    """What one help page says.

    Slots:
        command: its path with the program ("pypod image ls").
        words: what follows it in the usage line, without the word for options.
        description: paragraphs, separated by empty lines.
        arguments, options, commands (name and summary), examples (line and explanation).
        defaults: default texts that replace the declared ones, by long option name.
        aliases: every name of the command, when it has more than one.
        help_names: how the option for this page is written.
        options_word: what options are called in plain pages: "options" or "flags".
    """

    __slots__ = (
        "aliases",
        "arguments",
        "command",
        "commands",
        "defaults",
        "description",
        "examples",
        "help_names",
        "options",
        "options_word",
        "words",
    )

    def __init__(
        self,
        command: str,
        description: str,
        *,
        words: str = "",
        arguments: Iterable[Argument] = (),
        options: Iterable[Option] = (),
        commands: Iterable[tuple[str, str]] = (),
        examples: Iterable[tuple[str, str]] = (),
        help_names: str = "--help",
        aliases: Iterable[str] = (),
        defaults: Mapping[str, str] | None = None,
        options_word: str = "options",
    ) -> None:
        self.command = command
        self.words = words
        self.description = description
        self.arguments = tuple(arguments)
        self.options = tuple(options)
        self.commands = tuple(commands)
        self.examples = tuple(examples)
        self.help_names = help_names
        self.aliases = tuple(aliases)
        self.defaults = defaults or {}
        self.options_word = options_word

    def print(self, stream: TextIO | None = None, *, width: int | None = None) -> None:
        """Drawn when a width (columns) is given or standard output is a terminal, else plain."""
        stream = stream or sys.stdout
        if width is None and not stream.isatty():
            from ocicore.cli import help_plain

            help_plain.write(self, stream)
        else:
            from ocicore.cli import help_drawing

            help_drawing.draw(self, stream, width)

    def usage(self, options_word: str) -> str:
        """The usage line; options are left out where there are none but the one for help."""
        return " ".join(
            word for word in (self.command, f"[{options_word}]" if self.options else "", self.words) if word
        )

    def paragraphs(self) -> list[str]:
        """The description, each paragraph a line."""
        return [" ".join(part.split()) for part in self.description.split("\n\n")]

    def option_groups(self) -> dict[str, list[Row]]:
        """Rows by heading; the option for help ends the first group."""
        groups: dict[str, list[Row]] = {"Options": []}
        for option in self.options:
            if not option.hidden:
                default = self.defaults.get(option.long) or default_text(option)
                if default and default == option.default and option.kind in ("string", "path", "choice"):
                    default = f'"{default}"'  # as the peers' pages, which scripts look through
                notes = [f"(default {default})"] if default else []
                notes += [f"(environment: {option.env})"] if option.env else []
                row = Row(option.short, option.long, metavar_of(option), option.help, " ".join(notes))
                groups.setdefault(option.group or "Options", []).append(row)
        short = "h" if self.help_names.startswith("-h") else ""
        groups["Options"].append(Row(short, "help", "", _HELP))
        return groups
