"""Text with colours, folded and framed, for a terminal of a given width. No library: rich takes longer to import than a help page to draw.

A line is a list of pieces (text, style); a style is words of `_CODES`, or "" for plain text. Every character counts as
one column, which holds for what help pages say.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import TextIO

    Piece = tuple[str, str]
    Line = list[Piece]

_CODES = {"bold": "1", "dim": "2", "green": "32", "yellow": "33", "cyan": "36"}
_COLOURS = frozenset(("green", "yellow", "cyan"))
#: Terminals that understand no control sequences.
_DUMB = ("dumb", "unknown")


class Canvas:
    """Where lines go.

    Args:
        stream: text stream.
        width: columns.
        attributes, colours: whether bold and dim, and whether colours are shown.
    """

    def __init__(self, stream: TextIO, *, width: int, attributes: bool, colours: bool) -> None:
        self.stream = stream
        self.width = width
        self._shown = {
            word: code
            for word, code in _CODES.items()
            if (colours if word in _COLOURS else attributes or colours)
        }

    def line(self, pieces: Iterable[Piece] = ()) -> None:
        """Write one line."""
        self.stream.write("".join([*(self._painted(text, style) for text, style in pieces), "\n"]))

    def paragraph(self, pieces: Line) -> None:
        """Write text one column from both edges, then an empty line."""
        for folded in fold(pieces, self.width - 2):
            self.line([(" ", ""), *folded])
        self.line()

    def panel(self, title: str, lines: Iterable[Line]) -> None:
        """Write lines in a frame with a title."""
        inner = self.width - 4
        rest = "─" * max(self.width - len(title) - 5, 0)
        self.line([("╭─", "dim"), (f" {title} ", "bold"), (f"{rest}╮", "dim")])
        for pieces in lines:
            for folded in fold(pieces, inner):
                blanks = " " * (inner - length(folded))
                self.line([("│", "dim"), (" ", ""), *folded, (f"{blanks} ", ""), ("│", "dim")])
        self.line([(f"╰{'─' * (self.width - 2)}╯", "dim")])

    def _painted(self, text: str, style: str) -> str:
        codes = [self._shown[word] for word in style.split() if word in self._shown]
        return f"\x1b[{';'.join(codes)}m{text}\x1b[0m" if codes and text else text


def canvas(stream: TextIO, environ: Mapping[str, str], *, width: int | None, widest: int) -> Canvas:
    """The canvas that a stream is: NO_COLOR, FORCE_COLOR, TERM and COLUMNS count, else what the terminal says.

    Without a terminal lines are as long as they may be, as scripts like them.
    """
    terminal = stream.isatty() and environ.get("TERM") not in _DUMB
    forced = bool(environ.get("FORCE_COLOR"))
    return Canvas(
        stream,
        width=min(width or _columns(environ) or widest, widest),
        attributes=terminal or forced,
        colours=(terminal or forced) and not environ.get("NO_COLOR"),
    )


def _columns(environ: Mapping[str, str]) -> int:
    told = environ.get("COLUMNS", "")
    if told.isdigit() and int(told):
        return int(told)
    for descriptor in (0, 1, 2):
        try:
            columns = os.get_terminal_size(descriptor).columns
        except OSError:
            continue
        return columns or 80
    return 0


def length(pieces: Iterable[Piece]) -> int:
    """Columns of a line."""
    return sum(len(text) for text, _ in pieces)


def fold(pieces: Line, width: int) -> list[Line]:
    """Break a line at blanks, a word that is too long anywhere; an empty line stays one."""
    result: list[Line] = []
    text = "".join(piece for piece, _ in pieces)
    start = 0
    while len(text) - start > width:
        blank = text.rfind(" ", start, start + width + 1)
        end = blank if blank > start and text[start:blank].strip() else start + width
        result.append(_slice(pieces, start, end))
        start = end + (text[end] == " ")
    result.append(_slice(pieces, start, len(text)))
    return result


def wrap(text: str, width: int) -> list[str]:
    """Lines of plain text."""
    return ["".join(piece for piece, _ in line) for line in fold([(" ".join(text.split()), "")], width)]


def _slice(pieces: Line, start: int, end: int) -> Line:
    found: Line = []
    at = 0
    for text, style in pieces:
        part = text[max(start - at, 0) : max(end - at, 0)]
        if part:
            found.append((part, style))
        at += len(text)
    return found
