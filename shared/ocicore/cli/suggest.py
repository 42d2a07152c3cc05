"""Which command may have been meant: cobra's rule (edit distance of at most 2, or a prefix), case ignored."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


def similar(word: str, names: Iterable[str], distance: int = 2) -> list[str]:
    """Names that are near to `word`, in their own order."""
    typed = word.lower()
    return [
        name
        for name in names
        if edit_distance(typed, name.lower()) <= distance or name.lower().startswith(typed)
    ]


def edit_distance(a: str, b: str) -> int:
    """Levenshtein's distance."""
    row = list(range(len(b) + 1))
    for i, letter in enumerate(a, 1):
        previous, row[0] = row[0], i
        for j, other in enumerate(b, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (letter != other))
    return row[-1]
