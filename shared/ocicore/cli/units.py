"""Sizes, durations and times as the Go tools read and print them.

Durations are `int` nanoseconds, times `int` nanoseconds since the epoch, sizes `int` bytes.
"""

from __future__ import annotations

from ocicore.cli.values import quote
from ocicore.errors import InvalidInput

NANOSECOND = 1
MICROSECOND = 1_000
MILLISECOND = 1_000_000
SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE

_DECIMAL = ("B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB")
_BINARY = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB")
_DURATION_UNITS = {
    "ns": NANOSECOND,
    "us": MICROSECOND,
    "µs": MICROSECOND,
    "μs": MICROSECOND,
    "ms": MILLISECOND,
    "s": SECOND,
    "m": MINUTE,
    "h": HOUR,
}


def human_size(size: float, *, precision: int = 4, space: bool = False) -> str:
    """Decimal, as Docker prints it: 1997895 -> "1.998MB" (precision 3, space: "2 MB")."""
    return _human(size, 1000.0, _DECIMAL, precision, space)


def human_size_binary(size: float, *, precision: int = 4, space: bool = False) -> str:
    """Binary: 1997895 -> "1.905MiB"."""
    return _human(size, 1024.0, _BINARY, precision, space)


def _human(size: float, base: float, names: tuple[str, ...], precision: int, space: bool) -> str:
    value = float(size)
    index = 0
    while value >= base and index < len(names) - 1:
        value /= base
        index += 1
    number = f"{value:.{precision}g}"
    if "e" in number:
        from ocicore.cli.goformat import format_float

        number = format_float(value, "g", precision)
    return f"{number}{' ' if space else ''}{names[index]}"


def parse_size(text: str) -> int:
    """Bytes of "512", "512m", "1.5GiB", "64kb": every unit is binary, case does not matter.

    Raises:
        ValueError: with go-units' words, `invalid size: 'x'`.
    """
    return _parse_size(text, 1024)


def parse_size_decimal(text: str) -> int:
    """As `parse_size` with decimal units ("1MB" is 1,000,000 bytes)."""
    return _parse_size(text, 1000)


def _parse_size(text: str, base: int) -> int:
    end = len(text)
    while end and not (text[end - 1].isdigit() or text[end - 1] == "."):
        end -= 1
    number, suffix = text[:end], text[end:].strip().lower()
    if number.count(".") > 1 or not number.replace(".", "").isdigit() or not number.isascii():
        raise ValueError(f"invalid size: '{text}'")
    powers = {
        "": 0,
        "b": 0,
        **{f"{unit}{tail}": rank for rank, unit in enumerate("kmgtp", 1) for tail in ("", "b", "ib")},
    }
    if suffix not in powers:
        raise ValueError(f"invalid suffix: '{text[end:].strip()}'")
    factor = base ** powers[suffix]
    return int(number) * factor if number.isdigit() else int(float(number) * factor)


def human_duration(nanoseconds: int) -> str:
    """About how long, as Docker says it: "Less than a second", "3 minutes", "About an hour", "2 weeks"."""
    seconds = nanoseconds // SECOND
    if seconds < 1:
        return "Less than a second"
    if seconds < 60:
        return "1 second" if seconds == 1 else f"{seconds} seconds"
    minutes = seconds // 60
    if minutes < 60:
        return "About a minute" if minutes == 1 else f"{minutes} minutes"
    hours = (nanoseconds + HOUR // 2) // HOUR
    if hours == 1:
        return "About an hour"
    if hours < 48:
        return f"{hours} hours"
    if hours < 24 * 7 * 2:
        return f"{hours // 24} days"
    if hours < 24 * 30 * 2:
        return f"{hours // 24 // 7} weeks"
    if hours < 24 * 365 * 2:
        return f"{hours // 24 // 30} months"
    return f"{nanoseconds // HOUR // 24 // 365} years"


def ago(then: int, now: int) -> str:
    """ "2 minutes ago"."""
    return human_duration(now - then) + " ago"


def format_duration(nanoseconds: int) -> str:
    """Go's time.Duration: "1h15m30.5s", "1.5ms", "0s"."""
    if nanoseconds == 0:
        return "0s"
    sign = "-" if nanoseconds < 0 else ""
    value = abs(nanoseconds)
    if value < SECOND:
        unit, name = (
            (1, "ns")
            if value < MICROSECOND
            else (MICROSECOND, "µs")
            if value < MILLISECOND
            else (MILLISECOND, "ms")
        )
        return f"{sign}{_decimal(value, unit)}{name}"
    hours, value = divmod(value, HOUR)
    minutes, value = divmod(value, MINUTE)
    text = f"{_decimal(value, SECOND)}s"
    if hours or minutes:
        text = f"{minutes}m{text}"
    if hours:
        text = f"{hours}h{text}"
    return sign + text


def _decimal(value: int, unit: int) -> str:
    """value/unit without trailing zeros."""
    whole, rest = divmod(value, unit)
    if not rest:
        return str(whole)
    digits = str(rest).rjust(len(str(unit)) - 1, "0").rstrip("0")
    return f"{whole}.{digits}"


def parse_duration(text: str) -> int:
    """Nanoseconds of a Go duration such as "-1.5h", "300ms", "2h45m".

    Raises:
        ValueError: with the words of Go's time package.
    """
    from ocicore.cli.values import quote

    rest = text[1:] if text[:1] in ("+", "-") else text
    if rest == "0":
        return 0
    if not rest:
        raise ValueError(f"time: invalid duration {quote(text)}")
    total = 0
    while rest:
        length = 0
        while length < len(rest) and (
            (rest[length].isascii() and rest[length].isdigit()) or rest[length] == "."
        ):
            length += 1
        number, rest = rest[:length], rest[length:]
        if number.count(".") > 1 or not number.replace(".", ""):
            raise ValueError(f"time: invalid duration {quote(text)}")
        length = 0
        while (
            length < len(rest)
            and not (rest[length].isascii() and rest[length].isdigit())
            and rest[length] != "."
        ):
            length += 1
        unit, rest = rest[:length], rest[length:]
        if not unit:
            raise ValueError(f"time: missing unit in duration {quote(text)}")
        if unit not in _DURATION_UNITS:
            raise ValueError(f"time: unknown unit {quote(unit)} in duration {quote(text)}")
        factor = _DURATION_UNITS[unit]
        whole, _, fraction = number.partition(".")
        total += int(whole or 0) * factor
        if fraction:
            total += int(fraction) * factor // 10 ** len(fraction)
        if total >= 1 << 63:
            raise ValueError(f"time: invalid duration {quote(text)}")
    return -total if text[0] == "-" else total


def parse_time(text: str) -> int:
    """An RFC 3339 time, with up to nine decimals, to nanoseconds since the epoch.

    Raises:
        ValueError
    """
    head, rest = text[:19], text[19:]
    fraction = 0
    if rest[:1] == ".":
        length = 1
        while length < len(rest) and rest[length].isdigit():
            length += 1
        fraction = int(rest[1:length][:9].ljust(9, "0"))
        rest = rest[length:]
    if len(head) != 19 or head[10] not in "Tt " or head[13] != ":" or head[16] != ":":
        raise ValueError(f"not an RFC 3339 time: {text!r}")
    if rest in ("Z", "z"):
        offset = 0
    elif len(rest) == 6 and rest[0] in "+-" and rest[3] == ":":
        offset = (int(rest[1:3]) * 60 + int(rest[4:6])) * (-60 if rest[0] == "-" else 60)
    else:
        raise ValueError(f"not an RFC 3339 time: {text!r}")
    year, month, day = int(head[:4]), int(head[5:7]), int(head[8:10])
    hour, minute, second = int(head[11:13]), int(head[14:16]), int(head[17:19])
    if not (1 <= month <= 12 and 1 <= day <= 31 and hour < 24 and minute < 60 and second <= 60):
        raise ValueError(f"not an RFC 3339 time: {text!r}")
    seconds = days_from_civil(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - offset
    return seconds * SECOND + fraction


def days_from_civil(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01 of a date of the proleptic Gregorian calendar (year 1, "no time" in Go, too)."""
    year -= month <= 2
    era, of_era = divmod(year, 400)
    of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719468


def format_time(nanoseconds: int, *, utc: bool = True) -> str:
    """RFC 3339 with as many decimals as needed (Go's RFC3339Nano); in local time when not `utc`."""
    from ocicore.cli.gotime import Time

    return Time(nanoseconds, utc=utc).rfc3339()


def parse_since(text: str, now: int, *, ahead: bool = False) -> int:
    """A point in time as --since, --until and filters take it, to nanoseconds since the epoch.

    A duration is counted back from `now` (forward when `ahead`, as --until takes it); otherwise RFC 3339 (with or without a zone: then local time, down
    to a mere date), or seconds since the epoch with decimals.

    Raises:
        InvalidInput
    """
    import time

    try:
        return now + parse_duration(text) * (1 if ahead else -1)
    except ValueError:
        pass
    # ISO 8601's decimal comma, as `date --iso-8601=ns` writes it.
    text = text.replace(",", ".")
    whole, _, fraction = text.partition(".")
    if whole.lstrip("-").isdigit() and (not fraction or fraction.isdigit()):
        return int(whole) * SECOND + int(fraction[:9].ljust(9, "0") or 0)
    try:
        return parse_time(text)
    except ValueError:
        pass
    zoned = text.endswith("Z")
    plain = text.removesuffix("Z")
    for layout in ("%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H", "%Y-%m-%d"):
        try:
            parsed = time.strptime(plain, layout)
        except ValueError:
            continue
        if zoned:
            days = days_from_civil(parsed.tm_year, parsed.tm_mon, parsed.tm_mday)
            return (days * 86400 + parsed.tm_hour * 3600 + parsed.tm_min * 60 + parsed.tm_sec) * SECOND
        return int(time.mktime(parsed)) * SECOND
    raise InvalidInput(f"failed to parse value as time or duration: {quote(text)}")
