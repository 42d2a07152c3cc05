"""JSON exactly as Go's encoding/json writes it, so that digests agree with those of podman and skopeo.

No white space, UTF-8, `<`, `>`, `&`, U+2028 and U+2029 escaped. Keys keep the order of the dict. On the hot path.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_quote: Callable[[str], str]
try:
    from _json import encode_basestring as _c_quote  # json itself imports re and enum

    _quote = _c_quote
except ImportError:
    from json.encoder import py_encode_basestring as _py_quote

    _quote = _py_quote

_ESCAPES = {
    ord("<"): "\\u003c",
    ord(">"): "\\u003e",
    ord("&"): "\\u0026",
    0x2028: "\\u2028",
    0x2029: "\\u2029",
}


def dumps(value: object) -> bytes:
    """The value as compact JSON; what has no JSON form raises TypeError."""
    return _escaped(_encode(value)).encode("utf-8", "replace")


def pretty(value: object, indent: str = "    ") -> str:
    """The value over several lines, as json.MarshalIndent; the text keeps `<`, `>` and `&` escaped."""
    return _escaped(_pretty(value, indent, "\n"))


def _escaped(text: str) -> str:
    """The whole at once: what is escaped appears in strings only."""
    if text.isascii() and "<" not in text and ">" not in text and "&" not in text:
        return text
    return text.translate(_ESCAPES)


def _encode(value: object) -> str:
    if isinstance(value, str):
        return _quote(value)
    if value is None:
        return "null"
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{_quote(str(key))}:{_encode(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(_encode(item) for item in value) + "]"
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _pretty(value: object, indent: str, newline: str) -> str:
    deeper = newline + indent
    if isinstance(value, dict) and value:
        items = [f"{_quote(str(key))}: {_pretty(item, indent, deeper)}" for key, item in value.items()]
        return "{" + deeper + ("," + deeper).join(items) + newline + "}"
    if isinstance(value, list | tuple) and value:
        try:
            # Long lists are lists of strings: tags, layers.
            items = [_quote(item) for item in value]
        except TypeError:
            items = [_pretty(item, indent, deeper) for item in value]
        return "[" + deeper + ("," + deeper).join(items) + newline + "]"
    return _encode(value)
