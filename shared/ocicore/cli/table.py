"""Columns as Go's text/tabwriter aligns them with podman's settings (at least 12 wide, two blanks between)."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import TextIO


def align(text: str, *, minimum: int = 12, padding: int = 2) -> str:
    """Aligns tab-terminated cells; what follows a line's last tab is not part of a column.

    A column is a run of consecutive lines that have a cell there, so that lines without tabs end it.
    """
    if "\t" not in text:
        return text
    ends = text.endswith("\n")
    lines = [line.split("\t") for line in (text[:-1] if ends else text).split("\n")]
    count = len(lines[0])
    if all(len(line) == count for line in lines):
        widths = [
            max(minimum, padding + max(map(len, column)))
            for column in zip(*(line[:-1] for line in lines), strict=True)
        ]
        aligned = [_pad(line, widths) for line in lines]
    else:
        aligned = []
        _block(lines, 0, len(lines), [], aligned, minimum, padding)
    return "\n".join(aligned) + ("\n" if ends else "")


def _pad(cells: list[str], widths: list[int]) -> str:
    return "".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=False)) + "".join(
        cells[len(widths) :]
    )


def _block(
    lines: list[list[str]],
    first: int,
    last: int,
    widths: list[int],
    out: list[str],
    minimum: int,
    padding: int,
) -> None:
    """Lines `first` to `last`, whose leading columns have the given widths."""
    column = len(widths)
    index = first
    while index < last:
        if column >= len(lines[index]) - 1:
            out.append(_pad(lines[index], widths))
            index += 1
            continue
        end = index
        while end < last and column < len(lines[end]) - 1:
            end += 1
        width = max(minimum, padding + max(len(line[column]) for line in lines[index:end]))
        _block(lines, index, end, [*widths, width], out, minimum, padding)
        index = end


def print_table(
    stream: TextIO, headers: Sequence[str], rows: Iterable[Sequence[str]], *, headings: bool = True
) -> None:
    """Rows of text under their headers; nothing is padded after the last column."""
    lines = ["\t".join(headers)] if headings else []
    lines += ["\t".join(cell.replace("\t", " ").replace("\n", " ") for cell in row) for row in rows]
    if lines:
        stream.write(align("\n".join(lines) + "\n"))
