"""Templates of text and fields only, such as `{{.ID}} {{.Names}}`: most of those in use.

They need no parser and no executor, whose import costs more than printing a list. What is not that simple, or goes
wrong, is left to `template`, which says what is wrong.
"""

from __future__ import annotations

from ocicore.cli.goformat import format_value
from ocicore.cli.template_access import get_field

TYPE_CHECKING = False
if TYPE_CHECKING:
    #: Text, and paths of fields, in turn.
    Parts = list[str | tuple[str, ...]]


def split(source: str) -> Parts | None:
    """The template's parts, or None when it has more in it than fields."""
    pieces = source.split("{{")
    parts: Parts = [pieces[0]]
    for piece in pieces[1:]:
        inside, closing, text = piece.partition("}}")
        word = inside.strip(" \t")
        if not closing or not word.startswith("."):
            return None
        names = tuple(word[1:].split("."))
        if not all(name.isidentifier() for name in names):
            return None
        parts += [names, text]
    return parts


def render(parts: Parts, data: object) -> str:
    """The output for one value of the dot.

    Raises:
        CallError: a field that is not there, and the like.
    """
    out = []
    for part in parts:
        if isinstance(part, str):
            out.append(part)
            continue
        value = data
        for name in part:
            value = get_field(value, name, ())
        out.append(value if type(value) is str else format_value(value))
    return "".join(out)
