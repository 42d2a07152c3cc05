"""Here-documents of RUN, COPY and ADD.

Follows the Dockerfile reference ("Here-Documents"): `<<NAME`, `<<-NAME`, and quoted names
(`<<"NAME"`), which switch variable expansion off. The body ends at a line that is the name.
"""

from __future__ import annotations

import re

_INTRODUCER = re.compile(r"^(\d*)<<(-?)([^<]+)$")


class Heredoc:
    """One here-document: its terminator, body (lines with their newline) and how to treat it."""

    __slots__ = ("chomp", "content", "expand", "name")

    def __init__(self, name: str, *, expand: bool, chomp: bool, content: str = "") -> None:
        self.name = name
        self.expand = expand
        self.chomp = chomp
        self.content = content

    def ends_at(self, line: str) -> bool:
        """Whether `line` (without its newline) is the terminator."""
        return (line.lstrip("\t") if self.chomp else line) == self.name

    def body(self) -> str:
        """The text the instruction receives: leading tabs removed after `<<-`."""
        if not self.chomp:
            return self.content
        return re.sub(r"(?m)^\t+", "", self.content)


def parse_introducer(word: str) -> Heredoc | None:
    """The here-document a word introduces, or None when the word is none (`<<<` is a shell matter)."""
    match = _INTRODUCER.match(word)
    if match is None:
        return None
    rest = match.group(3)
    name = ""
    quote = ""
    quoted = False
    position = 0
    while position < len(rest):
        char = rest[position]
        if quote:
            if char == quote:
                quote = ""
            else:
                name += char
        elif char in "'\"":
            quote = char
            quoted = True
        elif char == "\\" and position + 1 < len(rest):
            position += 1
            name += rest[position]
            quoted = True
        else:
            name += char
        position += 1
    if quote or not name:
        return None
    return Heredoc(name, expand=not quoted, chomp=match.group(2) == "-")


def find_introducers(line: str) -> list[Heredoc]:
    """Every here-document that an instruction line introduces, in order; quoted text does not count."""
    found = []
    for word in _shell_words(line):
        heredoc = parse_introducer(word)
        if heredoc is not None:
            found.append(heredoc)
    return found


def _shell_words(line: str) -> list[str]:
    words: list[str] = []
    word = ""
    quote = ""
    position = 0
    while position < len(line):
        char = line[position]
        if char == "\\" and quote != "'" and position + 1 < len(line):
            word += char + line[position + 1]
            position += 2
            continue
        if quote:
            if char == quote:
                quote = ""
            word += char
        elif char in "'\"":
            quote = char
            word += char
        elif char.isspace():
            if word:
                words.append(word)
            word = ""
        else:
            word += char
        position += 1
    if word:
        words.append(word)
    return words
