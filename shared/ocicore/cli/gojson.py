"""JSON as Go's encoding/json writes it, which is how podman prints every `--format json`.

Differences from Python's json: `<`, `>`, `&`, U+2028 and U+2029 are escaped (unless told otherwise), non-ASCII
stays as it is, floats are the shortest exact text, an empty list or object has no inner newline.
"""

from __future__ import annotations

from ocicore.cli.godata import Missing, Struct

try:
    # The package json would bring re along, which costs more than all the rest of a small listing.
    from _json import encode_basestring
except ImportError:
    from json.encoder import encode_basestring

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def dumps(value: object, *, indent: str = "", escape_html: bool = True) -> str:
    """The value as JSON; with `indent` (such as four blanks) one member a line.

    Raises:
        TypeError: a value has no JSON form.
    """
    if indent and not escape_html:
        return _indented(value, indent, "", _plain_string)
    return _indented(value, indent, "", _html_string if escape_html else _plain_string)


def pretty(value: object) -> str:
    """What podman prints for `--format json`: four blanks, no final newline."""
    return _indented(value, "    ", "", _html_string)


def _indented(value: object, indent: str, lead: str, string: Callable[[str], str]) -> str:
    if isinstance(value, str):
        return string(value)
    if value is None or isinstance(value, Missing):
        return "null"
    if value is True:
        return "true"
    if value is False:
        return "false"
    own = getattr(value, "go_json", None)
    if own is not None:
        return _indented(own(), indent, lead, string)
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, Struct):
        value = dict(value.fields)
    if isinstance(value, bytes):
        from binascii import b2a_base64

        return string(b2a_base64(value, newline=False).decode())
    inner = lead + indent
    colon = ": " if indent else ":"
    if isinstance(value, dict):
        parts = [
            string(str(key)) + colon + _indented(item, indent, inner, string)
            for key, item in value.items()
            if not callable(item)
        ]
        return _joined("{", parts, "}", indent, lead)
    if isinstance(value, list | tuple):
        return _joined("[", [_indented(item, indent, inner, string) for item in value], "]", indent, lead)
    raise TypeError(f"json: unsupported type: {type(value).__name__}")


def _joined(opening: str, parts: list[str], closing: str, indent: str, lead: str) -> str:
    if not parts:
        return opening + closing
    if not indent:
        return opening + ",".join(parts) + closing
    separator = ",\n" + lead + indent
    return f"{opening}\n{lead}{indent}{separator.join(parts)}\n{lead}{closing}"


def _plain_string(text: str) -> str:
    quoted = encode_basestring(text)
    if not text.isprintable():
        quoted = quoted.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029").replace("\x7f", "\x7f")
        quoted = "".join("\\ufffd" if "\ud800" <= letter <= "\udfff" else letter for letter in quoted)
    return quoted


def _html_string(text: str) -> str:
    quoted = _plain_string(text)
    if "<" in quoted or ">" in quoted or "&" in quoted:
        quoted = quoted.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
    return quoted


def _number(value: float) -> str:
    if value != value or value in (float("inf"), float("-inf")):
        raise TypeError(
            "json: unsupported value: " + ("NaN" if value != value else "+Inf" if value > 0 else "-Inf")
        )
    from ocicore.cli.goformat import format_float

    size = abs(value)
    if size and (size < 1e-6 or size >= 1e21):
        text = format_float(value, "e", -1)
        # encoding/json writes e-9 where strconv writes e-09
        return text[:-2] + text[-1] if text[-4:-1] == "e-0" else text
    return format_float(value, "f", -1)
