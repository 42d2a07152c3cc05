"""Sizes, durations and times as users type them (docker/go-units and Go's time package).

Hot: pure string work, no regular expressions.
"""

from __future__ import annotations

from ocicore.errors import InvalidInput

NANOSECONDS = 1_000_000_000
_SIZE_POWERS = {"b": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}
_DURATION_UNITS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "μs": 1_000,
    "ms": 1_000_000,
    "s": NANOSECONDS,
    "m": 60 * NANOSECONDS,
    "h": 3600 * NANOSECONDS,
}


def parse_size(text: str, *, what: str = "size", base: int = 1024) -> int:
    """Bytes of "512", "64m", "1.5GiB", "100kb": powers of `base`, as docker's RAMInBytes. Raises InvalidInput."""
    body = text.strip().lower()
    number = body.rstrip("abcdefghijklmnopqrstuvwxyz ")
    unit = body[len(number) :].strip()
    try:
        value = float(number)
        if unit.endswith("ib") or (len(unit) == 2 and unit[1] == "b"):
            unit = unit[0]
        power = _SIZE_POWERS[unit] if unit else 0
        if value < 0 or value != value or value == float("inf"):
            raise ValueError
    except (ValueError, KeyError, IndexError):
        raise InvalidInput(f"invalid {what}: '{text}'") from None
    return int(value * base**power)


def parse_duration(text: str) -> int:
    """Nanoseconds of a Go duration ("1h30m", "1.5s", "0"). Raises InvalidInput in Go's words."""
    rest = text
    sign = 1
    if rest[:1] in ("+", "-"):
        sign = -1 if rest[0] == "-" else 1
        rest = rest[1:]
    if rest == "0":
        return 0
    total = 0.0
    bad = InvalidInput(f'time: invalid duration "{text}"')
    if not rest:
        raise bad
    while rest:
        digits = 0
        while digits < len(rest) and (rest[digits].isdigit() or rest[digits] == "."):
            digits += 1
        end = digits
        while end < len(rest) and not (rest[end].isdigit() or rest[end] == "."):
            end += 1
        unit = rest[digits:end]
        if not digits or rest[:digits] == ".":
            raise bad
        if not unit:
            raise InvalidInput(f'time: missing unit in duration "{text}"')
        if unit not in _DURATION_UNITS:
            raise InvalidInput(f'time: unknown unit "{unit}" in duration "{text}"')
        try:
            total += float(rest[:digits]) * _DURATION_UNITS[unit]
        except ValueError:
            raise bad from None
        rest = rest[end:]
    return sign * round(total)


def format_duration(nanoseconds: int) -> str:
    """A duration as Go prints it: "1m30s", "500ms", "0s"."""
    if nanoseconds == 0:
        return "0s"
    sign = "-" if nanoseconds < 0 else ""
    left = abs(nanoseconds)
    if left < NANOSECONDS:
        for unit, size in (("ms", 1_000_000), ("µs", 1_000), ("ns", 1)):
            if left >= size:
                return f"{sign}{left / size:.6f}".rstrip("0").rstrip(".") + unit
    seconds, fraction = divmod(left, NANOSECONDS)
    hours, seconds = divmod(seconds, 3600)
    minutes, seconds = divmod(seconds, 60)
    tail = f"{seconds}" + (f".{fraction:09d}".rstrip("0") if fraction else "") + "s"
    if hours:
        return f"{sign}{hours}h{minutes}m{tail}"
    return f"{sign}{minutes}m{tail}" if minutes else sign + tail


def parse_unsigned(text: str, what: str) -> int:
    """A decimal number of at least 0. Raises InvalidInput naming `what`."""
    if not text.isascii() or not text.isdigit():
        raise InvalidInput(f"invalid {what}: {text!r} is not a number of at least 0")
    return int(text)


def parse_bool(text: str, what: str) -> bool:
    """Go's strconv.ParseBool. Raises InvalidInput naming `what`."""
    if text in ("1", "t", "T", "true", "TRUE", "True"):
        return True
    if text in ("0", "f", "F", "false", "FALSE", "False"):
        return False
    raise InvalidInput(f'invalid value for {what}: strconv.ParseBool: parsing "{text}": invalid syntax')


def rfc3339(nanoseconds: int) -> str:
    """A time in files and JSON: UTC, up to nine digits of fraction; 0 is Go's zero time."""
    if nanoseconds <= 0:
        return "0001-01-01T00:00:00Z"
    import time

    seconds, fraction = divmod(nanoseconds, NANOSECONDS)
    text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return text + (f".{fraction:09d}".rstrip("0") if fraction else "") + "Z"
