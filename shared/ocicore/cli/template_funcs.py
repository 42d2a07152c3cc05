"""Functions that templates may call: Go's own (package text/template) and those podman adds."""

from __future__ import annotations

from ocicore.cli.godata import CallError, GoMap, Missing, Struct, is_struct, type_name
from ocicore.cli.goformat import format_value, sprint, sprintf, sprintln

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class Function:
    """A callable with what Go's reflection would know of it.

    Slots:
        call: does the work on Python values.
        least, most: number of arguments; most None is any number.
        kinds: Go types of the leading arguments ("string", "int", "[]string"); "" is any.
    """

    __slots__ = ("call", "kinds", "least", "most")

    def __init__(
        self, call: Callable[..., object], least: int, most: int | None, kinds: tuple[str, ...] = ()
    ) -> None:
        self.call = call
        self.least = least
        self.most = most
        self.kinds = kinds


def truth(value: object) -> bool:
    """Go's notion for {{if}}: false, 0, nil and what is empty are false; a struct is always true."""
    if isinstance(value, Struct) or (isinstance(value, dict) and is_struct(value)):
        return True
    return bool(value)


def _basic(value: object) -> str:
    """The class within which values can be compared."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int"
    if isinstance(value, float):
        return "float"
    if isinstance(value, str):
        return "string"
    return ""


def _equal_pair(first: object, second: object) -> bool:
    if first is None or second is None or isinstance(first, Missing) or isinstance(second, Missing):
        return (first is None or isinstance(first, Missing)) == (
            second is None or isinstance(second, Missing)
        )
    if _basic(first) != _basic(second):
        raise CallError("incompatible types for comparison")
    for value in (first, second):
        if isinstance(value, list | tuple | dict):
            raise CallError(f"non-comparable type {format_value(value)}: {type_name(value)}")
    return first == second


def _eq(first: object, *others: object) -> bool:
    if not others:
        raise CallError("missing argument for comparison")
    return any(_equal_pair(first, other) for other in others)


def _ne(first: object, second: object) -> bool:
    return not _equal_pair(first, second)


def _lt(first: object, second: object) -> bool:
    kinds = _basic(first), _basic(second)
    if "" in kinds:
        raise CallError("invalid type for comparison")
    if kinds[0] != kinds[1]:
        raise CallError("incompatible types for comparison")
    if kinds[0] == "bool":
        raise CallError("invalid type for comparison")
    return first < second  # type: ignore[operator, no-any-return]


def _le(first: object, second: object) -> bool:
    return _lt(first, second) or _equal_pair(first, second)


def _gt(first: object, second: object) -> bool:
    return not _le(first, second)


def _ge(first: object, second: object) -> bool:
    return not _lt(first, second)


def _len(value: object) -> int:
    if value is None:
        return 0  # what JSON has as null is a list or a map without anything
    if isinstance(value, Missing):
        raise CallError("len of nil pointer")
    if isinstance(value, str):
        return len(value.encode("utf-8", "surrogateescape"))
    if isinstance(value, list | tuple | bytes) or (isinstance(value, dict) and not is_struct(value)):
        return len(value)
    raise CallError(f"len of type {type_name(value)}")


def _position(index: object, length: int, limit: int) -> int:
    """An index checked against its container."""
    if index is None:
        raise CallError("cannot index slice/array with nil")
    if not isinstance(index, int) or isinstance(index, bool):
        raise CallError(f"cannot index slice/array with type {type_name(index)}")
    if not 0 <= index < limit:
        raise CallError(f"index out of range: {index}")
    return index


def zero_of(container: dict[str, object]) -> object:
    """What a map gives for an absent key: the zero value of its element type, as far as it can be told."""
    values = list(container.values())
    if all(isinstance(value, str) for value in values):
        return ""
    if values and all(isinstance(value, bool) for value in values):
        return False
    if values and all(isinstance(value, int) for value in values):
        return 0
    if values and all(isinstance(value, list) for value in values):
        return []
    return Missing()


def _index(item: object, *indexes: object) -> object:
    if item is None or isinstance(item, Missing):
        raise CallError("index of untyped nil")
    for index in indexes:
        if item is None or isinstance(item, Missing):
            raise CallError("index of nil pointer")
        if isinstance(item, str):
            data = item.encode("utf-8", "surrogateescape")
            item = data[_position(index, len(data), len(data))]
        elif isinstance(item, list | tuple | bytes):
            item = item[_position(index, len(item), len(item))]
        elif isinstance(item, dict) and (isinstance(item, GoMap) or not is_struct(item) or index in item):
            if index is None:
                raise CallError("value is nil; should be of type string")
            if not isinstance(index, str):
                raise CallError(f"value has type {type_name(index)}; should be string")
            item = item[index] if index in item else zero_of(item)
        else:
            raise CallError(f"can't index item of type {type_name(item)}")
    return item


def _slice(item: object, *indexes: object) -> object:
    if item is None or isinstance(item, Missing):
        raise CallError("slice of untyped nil")
    if len(indexes) > 3:
        raise CallError(f"too many slice indexes: {len(indexes)}")
    sequence: bytes | list[object]
    if isinstance(item, str):
        if len(indexes) == 3:
            raise CallError("cannot 3-index slice a string")
        sequence = item.encode("utf-8", "surrogateescape")
    elif isinstance(item, list | tuple):
        sequence = list(item)
    else:
        raise CallError(f"can't slice item of type {type_name(item)}")
    bounds = [_position(index, len(sequence), len(sequence) + 1) for index in indexes]
    start = bounds[0] if bounds else 0
    end = bounds[1] if len(bounds) > 1 else len(sequence)
    if start > end:
        raise CallError(f"invalid slice index: {start} > {end}")
    if len(bounds) == 3 and end > bounds[2]:
        raise CallError(f"invalid slice index: {end} > {bounds[2]}")
    part = sequence[start:end]
    return part.decode("utf-8", "surrogateescape") if isinstance(part, bytes) else part


def _call(function: object, *arguments: object) -> object:
    if function is None or isinstance(function, Missing):
        raise CallError("call of nil")
    if not callable(function):
        raise CallError(f"non-function of type {type_name(function)}")
    return function(*arguments)


def _text(arguments: tuple[object, ...]) -> str:
    """What html, js and urlquery escape."""
    if len(arguments) == 1 and isinstance(arguments[0], str):
        return arguments[0]
    return sprint(
        ["<no value>" if value is None or isinstance(value, Missing) else value for value in arguments]
    )


def _html(*arguments: object) -> str:
    table = {0: "\ufffd", 34: "&#34;", 38: "&amp;", 39: "&#39;", 60: "&lt;", 62: "&gt;"}
    return _text(arguments).translate(table)


def _js(*arguments: object) -> str:
    special = {
        "\\": "\\\\",
        "'": "\\'",
        '"': '\\"',
        "<": "\\u003C",
        ">": "\\u003E",
        "&": "\\u0026",
        "=": "\\u003D",
    }
    return "".join(
        special.get(letter) or (letter if letter.isprintable() else f"\\u{ord(letter):04X}")
        for letter in _text(arguments)
    )


def _urlquery(*arguments: object) -> str:
    data = _text(arguments).encode("utf-8", "surrogateescape")
    return "".join(
        chr(byte)
        if (chr(byte).isalnum() and byte < 128) or byte in b"-_.~"
        else "+"
        if byte == 32
        else f"%{byte:02X}"
        for byte in data
    )


def _printf(pattern: str, *arguments: object) -> str:
    return sprintf(pattern, arguments)


def _json(value: object) -> str:
    from ocicore.cli.gojson import dumps

    return dumps(value, escape_html=False)


def _split(text: str, separator: str) -> list[str]:
    return text.split(separator) if separator else list(text)


def _title(text: str) -> str:
    out = []
    previous = " "
    for letter in text:
        starts = not (previous.isalnum() or previous == "_") and (previous.isspace() or previous.isascii())
        out.append(letter.title() if starts else letter)
        previous = letter
    return "".join(out)


def _pad(text: str, before: int, after: int) -> str:
    return " " * before + text + " " * after if text else text


def _truncate(text: str, length: int) -> str:
    data = text.encode("utf-8", "surrogateescape")
    return text if len(data) < length else data[:length].decode("utf-8", "surrogateescape")


FUNCTIONS: dict[str, Function] = {
    "and": Function(truth, 1, None),
    "or": Function(truth, 1, None),
    "not": Function(lambda value: not truth(value), 1, 1),
    "eq": Function(_eq, 1, None),
    "ne": Function(_ne, 2, 2),
    "lt": Function(_lt, 2, 2),
    "le": Function(_le, 2, 2),
    "gt": Function(_gt, 2, 2),
    "ge": Function(_ge, 2, 2),
    "len": Function(_len, 1, 1),
    "index": Function(_index, 1, None),
    "slice": Function(_slice, 1, None),
    "call": Function(_call, 1, None),
    "html": Function(_html, 0, None),
    "js": Function(_js, 0, None),
    "urlquery": Function(_urlquery, 0, None),
    "print": Function(lambda *values: sprint(values), 0, None),
    "println": Function(lambda *values: sprintln(values), 0, None),
    "printf": Function(_printf, 1, None, ("string",)),
    "json": Function(_json, 1, 1),
    "join": Function(lambda items, separator: separator.join(items or ()), 2, 2, ("[]string", "string")),
    "lower": Function(str.lower, 1, 1, ("string",)),
    "upper": Function(str.upper, 1, 1, ("string",)),
    "title": Function(_title, 1, 1, ("string",)),
    "split": Function(_split, 2, 2, ("string", "string")),
    "pad": Function(_pad, 3, 3, ("string", "int", "int")),
    "truncate": Function(_truncate, 2, 2, ("string", "int")),
}
