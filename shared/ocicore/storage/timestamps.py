"""Times as containers/storage writes them: RFC 3339 with up to nine decimals, UTC.

In memory a time is an int of nanoseconds since the epoch. `datetime` is left alone on
purpose: it holds microseconds only, and importing it costs a millisecond on the hot path.
"""

from __future__ import annotations

import time

_NANOS = 1_000_000_000


def now() -> int:
    """The current time in nanoseconds since the epoch."""
    return time.time_ns()


def to_text(ns: int) -> str:
    """`ns` (nanoseconds since the epoch) as "2006-01-02T15:04:05.999999999Z", zeros trimmed."""
    seconds, fraction = divmod(ns, _NANOS)
    text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    if fraction:
        text += f".{fraction:09d}".rstrip("0")
    return text + "Z"


def _days(year: int, month: int, day: int) -> int:
    """Days between 1970-01-01 and a proleptic Gregorian date."""
    if month <= 2:
        year -= 1
    era = year // 400
    year_of_era = year - era * 400
    day_of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return era * 146097 + year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year - 719468


def from_text(text: str | None) -> int:
    """Nanoseconds since the epoch of an RFC 3339 text; 0 for None, Go's zero time or what is no time."""
    if not text or len(text) < 20 or text.startswith("0001-"):
        return 0
    try:
        seconds = _days(int(text[0:4]), int(text[5:7]), int(text[8:10])) * 86400
        seconds += int(text[11:13]) * 3600 + int(text[14:16]) * 60 + int(text[17:19])
        rest = text[19:]
        fraction = 0
        if rest[0] == ".":
            end = 1
            while end < len(rest) and rest[end].isdigit():
                end += 1
            fraction = int(rest[1:end][:9].ljust(9, "0"))
            rest = rest[end:]
        if rest not in ("Z", "z"):
            offset = int(rest[1:3]) * 3600 + int(rest[4:6]) * 60
            seconds -= offset if rest[0] == "+" else -offset
    except (ValueError, IndexError):
        return 0
    return seconds * _NANOS + fraction
