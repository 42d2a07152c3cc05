"""JSON (RFC 8259) through CPython's C scanner and encoder alone.

The `json` package imports `re` and `enum`, which costs a hot command about 5 ms; its C half (`_json`) needs
neither. Where an interpreter has no `_json`, the package is used instead. Text is ASCII on output, so lone
surrogates (file names that are not UTF-8) survive a round trip.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, ClassVar

_WHITESPACE = " \t\n\r"


class _ScannerOptions:
    """What `_json.make_scanner` reads from the decoder that it is normally given."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    memo: ClassVar[dict[str, str]] = {}

    @staticmethod
    def parse_constant(text: str) -> Any:
        raise ValueError(f"{text} is not JSON")


def _refuse(value: object) -> object:
    raise TypeError(f"{type(value).__name__} has no JSON form")


_scan: Callable[[str, int], tuple[Any, int]] | None
_encode: Callable[[Any, int], tuple[str, ...]] | None
try:
    import _json

    _scan = _json.make_scanner(_ScannerOptions())  # type: ignore[arg-type] # any object with these names will do
    _encode = _json.make_encoder(
        None, _refuse, _json.encode_basestring_ascii, None, ":", ",", False, False, False
    )
except (ImportError, AttributeError, TypeError):  # another implementation of Python
    _scan = None
    _encode = None


def loads(data: str | bytes | bytearray) -> Any:
    """The value of one JSON text (UTF-8 when given as bytes). Raises ValueError when malformed."""
    text = data if isinstance(data, str) else data.decode("utf-8", "surrogateescape")
    if text[:1] == "\ufeff":
        text = text[1:]
    if _scan is None:
        import json

        return json.loads(text)
    start = 0
    length = len(text)
    while start < length and text[start] in _WHITESPACE:
        start += 1
    try:
        value, end = _scan(text, start)
    except (StopIteration, SystemError):
        # The C scanner takes its exception class from json.decoder, which is not loaded yet: let the package explain.
        import json

        return json.loads(text)
    if text[end:].strip(_WHITESPACE):
        raise ValueError(f"trailing data after JSON at character {end}")
    return value


def dumps(value: Any) -> str:
    """Compact JSON, keys in the order of the dicts. Raises TypeError or ValueError for what has no JSON form."""
    if _encode is None:
        import json

        return json.dumps(value, separators=(",", ":"), allow_nan=False)
    return "".join(_encode(value, 0))
