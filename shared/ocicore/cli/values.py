"""Text of one option -> value of its kind, with Go's rules and Go's words.

Scripts match on messages such as `strconv.ParseInt: parsing "x": invalid syntax`, so each reader raises
`ValueError` with the text that Go's strconv, time and encoding/csv packages give.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.declare import Option

_TRUE = ("1", "t", "T", "TRUE", "true", "True")
_FALSE = ("0", "f", "F", "FALSE", "false", "False")


def parse_bool(text: str) -> bool:
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise ValueError(f"strconv.ParseBool: parsing {quote(text)}: invalid syntax")


def parse_int(text: str, function: str = "ParseInt") -> int:
    """A signed 64-bit integer; Go's prefixes (0x, 0o, 0b, 0) and underscores after a prefix or between digits."""
    sign = text[:1]
    digits = text[1:] if sign in ("+", "-") and function != "ParseUint" else text
    value = _magnitude(digits)
    if value is None:
        raise ValueError(f"strconv.{function}: parsing {quote(text)}: invalid syntax")
    if sign == "-":
        value = -value
    limit = (0, 1 << 64) if function == "ParseUint" else (-(1 << 63), 1 << 63)
    if not limit[0] <= value < limit[1]:
        raise ValueError(f"strconv.{function}: parsing {quote(text)}: value out of range")
    return value


def parse_uint(text: str) -> int:
    return parse_int(text, "ParseUint")


def _magnitude(digits: str) -> int | None:
    """An unsigned integer literal of Go, or None when it is none."""
    if digits.isascii() and digits.isdigit() and (digits[0] != "0" or digits == "0"):
        return int(digits)
    if not digits or not digits.isascii() or not digits.replace("_", "").isalnum():
        return None
    base, body = 10, digits
    if digits[0] == "0" and len(digits) > 1:
        base = {"x": 16, "o": 8, "b": 2}.get(digits[1].lower(), 0)
        body = digits[2:] if base else digits[1:]
        base = base or 8
        body = body.removeprefix("_")
    try:
        return int(body, base)
    except ValueError:
        return None


def parse_float(text: str) -> float:
    # float() would also take blanks around and non-ASCII digits, which Go does not.
    if text.isascii() and text == text.strip():
        value = None
        try:
            value = float(text)
        except ValueError:
            if "x" in text.lower() and "p" in text.lower():
                try:
                    value = float.fromhex(text)
                except (ValueError, OverflowError):
                    pass
        if value is not None:
            if value in (float("inf"), float("-inf")) and "inf" not in text.lower():
                raise ValueError(f"strconv.ParseFloat: parsing {quote(text)}: value out of range")
            return value
    raise ValueError(f"strconv.ParseFloat: parsing {quote(text)}: invalid syntax")


def parse_csv(text: str) -> list[str]:
    """One record of comma-separated values, RFC 4180 quoting; an empty text is an empty list."""
    if not text:
        return []
    if '"' not in text:
        return text.split(",")
    fields: list[str] = []
    position = 0
    while True:
        if text[position : position + 1] == '"':
            field, position = _quoted_field(text, position + 1)
        else:
            end = text.find(",", position)
            end = len(text) if end < 0 else end
            field = text[position:end]
            if '"' in field:
                raise _csv_error(position + field.index('"') + 1, 'bare " in non-quoted-field')
            position = end
        fields.append(field)
        if position >= len(text):
            return fields
        position += 1


def _quoted_field(text: str, position: int) -> tuple[str, int]:
    """A field whose opening quote is just before `position`; returns it and where it ends."""
    field = ""
    while True:
        end = text.find('"', position)
        if end < 0:
            raise _csv_error(len(text) + 1, 'extraneous or missing " in quoted-field')
        field += text[position:end]
        position = end + 1
        follower = text[position : position + 1]
        if follower == '"':
            field += '"'
            position += 1
        elif follower in (",", ""):
            return field, position
        else:
            raise _csv_error(position, 'extraneous or missing " in quoted-field')


def _csv_error(column: int, reason: str) -> ValueError:
    return ValueError(f"parse error on line 1, column {column}: {reason}")


def _parse_duration(text: str) -> int:
    from ocicore.cli.units import parse_duration

    return parse_duration(text)


def _parse_ints(text: str) -> list[int]:
    values = []
    for word in text.split(","):
        if word[word[:1] in ("+", "-") :].lstrip("0"):
            word = (
                word.lstrip("0") if word[:1] == "0" else word
            )  # Atoi reads decimals only, leading zeros or not
        values.append(parse_int(word, "Atoi"))
    return values


def _parse_count(text: str) -> int:
    return parse_int(text)


_PARSERS = {
    "bool": parse_bool,
    "tristate": parse_bool,
    "count": _parse_count,
    "int": parse_int,
    "uint": parse_uint,
    "float": parse_float,
    "duration": _parse_duration,
    "strings": parse_csv,
    "ints": _parse_ints,
}

_ZERO = {
    "bool": False,
    "count": 0,
    "string": "",
    "path": "",
    "choice": "",
    "int": 0,
    "uint": 0,
    "float": 0.0,
    "duration": 0,
}


def default_of(option: Option) -> object:
    """The value when the option is absent; lists are fresh copies."""
    kind = option.kind
    value = option.default
    if kind in ("strings", "stringArray", "ints"):
        return list(value) if value else []  # type: ignore[call-overload]
    if value is None and kind != "tristate":
        return _ZERO[kind]
    return value


def convert(option: Option, text: str) -> object:
    """One occurrence's value; for list kinds the list it adds.

    Raises:
        ValueError: with Go's words for the reason.
    """
    kind = option.kind
    if kind == "string" or kind == "path":
        return text
    if kind == "stringArray":
        return [text]
    if kind == "choice":
        if text not in option.choices:
            raise ValueError(f"must be one of {', '.join(quote(choice) for choice in option.choices)}")
        return text
    return _PARSERS[kind](text)


def quote(text: str) -> str:
    """The text in double quotes, as Go's %q."""
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    from ocicore.cli.goformat import quote as quote_any

    return quote_any(text)
