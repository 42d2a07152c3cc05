"""Reading TOML 1.0 configuration files fast.

The files administrators write are plain: tables, arrays of tables, keys, one-line values, arrays of
strings. A reader of that subset needs no import of `tomllib` (4 ms, more than the rest of a hot command's
start). Whatever is not obviously plain is left to `tomllib`, errors included.
"""

from __future__ import annotations

from ocicore.errors import InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_KEY = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")
_DIGITS = frozenset("0123456789")


class _NotPlain(Exception):
    """The text needs the complete parser."""


def load(path: str) -> dict[str, Any]:
    """The tables of the file `path`. Raises InvalidInput for what is no TOML, OSError for the file."""
    with open(path, "rb", buffering=0) as file:
        data = file.read()
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"reading {path}: {error}") from None
    try:
        return loads(text)
    except ValueError as error:
        raise InvalidInput(f"reading {path}: {_missing_value(text) or error}") from None


def loads(text: str) -> dict[str, Any]:
    """The tables of a TOML document. Raises ValueError (tomllib.TOMLDecodeError) where it is malformed."""
    try:
        return _plain(text)
    except _NotPlain:
        import tomllib

        return tomllib.loads(text)


def _missing_value(text: str) -> str:
    """Where a key stands without a value, the peers' words for that; "" where that is not what is wrong."""
    table = ""
    for number, line in enumerate(text.split("\n"), 1):
        bare = line.strip()
        if bare.startswith("[") and bare.endswith("]"):
            table = bare.strip("[] ")
        key, equals, value = bare.partition("=")
        if equals and not value.strip() and key and '"' not in key and "'" not in key:
            name = f"{table}.{key.strip()}" if table else key.strip()
            return f"toml: line {number + 1} (last key \"{name}\"): expected value but found '\\n' instead"
    return ""


def _plain(text: str) -> dict[str, Any]:
    root: dict[str, Any] = {}
    table = root
    # By id(), all of them stay alive below `root`: tables and arrays a header made, and inline tables.
    headed: set[int] = set()
    closed: set[int] = set()
    lines = iter(text.replace("\r\n", "\n").split("\n"))
    for raw in lines:
        line = raw.strip(" \t")
        if not line:
            continue
        _check_characters(raw)
        if line[0] == "#":
            continue
        if line[0] == "[":
            table = _header(root, line, headed, closed)
            continue
        if line[0] == '"':
            # Debian's short-name aliases are quoted keys.
            key, rest = _string(line, '"')
            rest = rest.lstrip(" \t")
            equals, rest = rest[:1], rest[1:]
            if equals != "=" or not key or key in table:
                raise _NotPlain
        else:
            key, equals, rest = line.partition("=")
            key = key.rstrip(" \t")
            if not equals or not key or not _KEY.issuperset(key) or key in table:
                raise _NotPlain
        value, rest = _value(rest.lstrip(" \t"), lines)
        _only_comment(rest)
        table[key] = value
        if type(value) is dict:
            closed.add(id(value))
    return root


def _check_characters(raw: str) -> None:
    """Control characters are errors in TOML, even in comments; so is a bare carriage return."""
    if not raw.isprintable() and any((c < " " and c != "\t") or c == "\x7f" for c in raw):
        raise _NotPlain


def _header(root: dict[str, Any], line: str, headed: set[int], closed: set[int]) -> dict[str, Any]:
    """The table that `[name]` or `[[name]]` opens.

    Args:
        headed: ids of the tables and arrays that had a header; this one's is added.
        closed: ids of the tables no header may add to.
    """
    brackets = 2 if line[1:2] == "[" else 1
    end = line.find("]" * brackets)
    name = line[brackets:end].strip(" \t") if end > 0 else ""
    _only_comment(line[end + brackets :])
    *path, last = name.split(".")
    table = root
    for part in path:
        table = _below(table, part, headed, closed)
    if brackets == 1:
        table = _below(table, last, headed, closed, through_array=False)
        if id(table) in headed:
            raise _NotPlain
        headed.add(id(table))
        return table
    if not last or not _KEY.issuperset(last):
        raise _NotPlain
    if last not in table:
        table[last] = []
        headed.add(id(table[last]))
    array = table[last]
    # An array written as a value takes no more items.
    if type(array) is not list or id(array) not in headed:
        raise _NotPlain
    item: dict[str, Any] = {}
    headed.add(id(item))
    array.append(item)
    return item


def _below(
    table: dict[str, Any], part: str, headed: set[int], closed: set[int], *, through_array: bool = True
) -> dict[str, Any]:
    """The table `part` of `table`, made if it is not there; of an array of tables its last item."""
    if not part or not _KEY.issuperset(part):
        raise _NotPlain
    below = table.setdefault(part, {})
    if through_array and type(below) is list and id(below) in headed:
        below = below[-1]
    if type(below) is not dict or id(below) in closed:
        raise _NotPlain
    return below


def _only_comment(rest: str) -> None:
    rest = rest.strip(" \t")
    if rest and rest[0] != "#":
        raise _NotPlain


def _value(text: str, lines: Any) -> tuple[Any, str]:
    """(value, what is left of the line)."""
    if not text:
        raise _NotPlain
    first = text[0]
    if first == '"' or first == "'":
        return _string(text, first)
    if first == "[":
        return _array(text, lines)
    if first == "{":
        return _inline_table(text)
    if text.startswith("true") and not _KEY.issuperset(text[4:5] or " "):
        return True, text[4:]
    if text.startswith("false") and not _KEY.issuperset(text[5:6] or " "):
        return False, text[5:]
    end = 0
    while end < len(text) and text[end] in _DIGITS:
        end += 1
    # Only plain decimal numbers: no leading zero, sign, underscore, dot, date.
    if not end or (end > 1 and first == "0") or text[end : end + 1] not in ("", " ", "\t", "#", ",", "]"):
        raise _NotPlain
    if text[end : end + 1] in (" ", "\t") and text[end:].lstrip(" \t")[:1] not in ("", "#", ",", "]"):
        raise _NotPlain
    return int(text[:end]), text[end:]


def _inline_table(text: str) -> tuple[dict[str, Any], str]:
    """`{a = "b", c = true}` on one line, as Debian's storage.conf has it."""
    table: dict[str, Any] = {}
    rest = text[1:].lstrip(" \t")
    if rest.startswith("}"):
        return table, rest[1:]
    while True:
        key, equals, rest = rest.partition("=")
        key = key.strip(" \t")
        if not equals or not key or not _KEY.issuperset(key) or key in table:
            raise _NotPlain
        rest = rest.lstrip(" \t")
        if rest[:1] not in ('"', "'") and not rest.startswith(("true", "false")):
            raise _NotPlain
        table[key], rest = _value(rest, iter(()))
        rest = rest.lstrip(" \t")
        if rest.startswith("}"):
            return table, rest[1:]
        if not rest.startswith(","):
            raise _NotPlain
        rest = rest[1:].lstrip(" \t")


def _string(text: str, quote: str) -> tuple[str, str]:
    if text.startswith(quote * 3):
        raise _NotPlain
    end = text.find(quote, 1)
    if end < 0:
        raise _NotPlain
    value = text[1:end]
    if quote == '"' and "\\" in value:
        raise _NotPlain
    return value, text[end + 1 :]


def _array(text: str, lines: Any) -> tuple[list[Any], str]:
    items: list[Any] = []
    rest = text[1:]
    separated = True
    while True:
        rest = rest.lstrip(" \t")
        if not rest or rest[0] == "#":
            raw = next(lines, None)
            if raw is None:
                raise _NotPlain
            _check_characters(raw)
            rest = raw.strip(" \t")
        elif rest[0] == "]":
            return items, rest[1:]
        elif rest[0] == ",":
            if separated:
                raise _NotPlain
            separated = True
            rest = rest[1:]
        else:
            if not separated:
                raise _NotPlain
            value, rest = _value(rest, lines)
            items.append(value)
            separated = False
