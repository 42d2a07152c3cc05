"""Times and durations as values of templates: `{{.Created}}`, `{{.Created.Unix}}`, `{{.Created.Format "2006"}}`.

Follows Go's package time: String(), Format() with its reference layout, MarshalJSON().
"""

from __future__ import annotations

from ocicore.cli.godata import CallError, type_name
from ocicore.cli.units import SECOND, format_duration, parse_time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from time import struct_time

_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
#: Reference tokens of Go's layouts, the longer first.
_TOKENS = (
    "January", "Jan", "Monday", "Mon", "MST", "01", "02", "03", "04", "05", "06", "002", "2006", "15", "-07:00:00",
    "-07:00", "-0700", "-07", "Z07:00", "Z0700", "Z07", "PM", "pm", "__2", "_2", "1", "2", "3", "4", "5",
)  # fmt: skip


class Time:
    """A point in time.

    Args:
        nanoseconds: since the epoch.
        utc: whether it is shown in UTC; else in local time.
    """

    __slots__ = ("nanoseconds", "utc")
    go_type = "time.Time"
    #: Methods that templates may call, and the functions behind them.
    go_methods: dict[str, str] = {  # noqa: RUF012 – never changed
        "Unix": "unix", "UnixNano": "unix_nano", "UnixMilli": "unix_milli", "UTC": "as_utc", "Local": "as_local",
        "String": "go_string", "Format": "format", "Year": "year", "Month": "month", "Day": "day", "Hour": "hour",
        "Minute": "minute", "Second": "second", "Nanosecond": "nanosecond", "Weekday": "weekday", "YearDay": "year_day",
        "IsZero": "is_zero", "UnixMicro": "unix_micro", "Before": "before", "After": "after", "Equal": "equal",
        "Compare": "compare", "Sub": "sub",
    }  # fmt: skip

    def __init__(self, nanoseconds: int, *, utc: bool = False) -> None:
        self.nanoseconds = nanoseconds
        self.utc = utc

    def _fields(self) -> struct_time:
        import time

        seconds = self.nanoseconds // SECOND
        return time.gmtime(seconds) if self.utc else time.localtime(seconds)

    def _zone(self, fields: struct_time) -> tuple[str, int]:
        """Name and offset in minutes."""
        return ("UTC", 0) if self.utc else (fields.tm_zone, (fields.tm_gmtoff or 0) // 60)

    def go_string(self) -> str:
        """ "2006-01-02 15:04:05.999999999 -0700 MST"."""
        return self.format("2006-01-02 15:04:05.999999999 -0700 MST")

    def rfc3339(self) -> str:
        return self.format("2006-01-02T15:04:05.999999999Z07:00")

    def go_json(self) -> str:
        return self.rfc3339()

    def format(self, layout: str) -> str:
        """The time in a layout written with Go's reference time. Raises CallError: the layout is no text."""
        if not isinstance(layout, str):
            raise CallError(f"wrong type for value; expected string; got {type_name(layout)}")
        fields = self._fields()
        out = []
        position = 0
        while position < len(layout):
            token, text, position = self._next(layout, position, fields)
            out.append(text if token else layout[position - 1])
        return "".join(out)

    def _next(self, layout: str, position: int, fields: struct_time) -> tuple[bool, str, int]:
        """The token of the layout at `position`: (is one, its text, where it ends)."""
        if layout[position] in ".,":
            end = position + 1
            while end < len(layout) and layout[end] in "09" and layout[end] == layout[position + 1]:
                end += 1
            if end > position + 1 and not (end < len(layout) and layout[end].isdigit()):
                digits = f"{self.nanoseconds % SECOND:09d}"[: end - position - 1]
                if layout[position + 1] == "9":
                    digits = digits.rstrip("0")
                return True, layout[position] + digits if digits else "", end
        for token in _TOKENS:
            if layout.startswith(token, position) and not (
                token == "Jan" and layout[position + 3 : position + 4].islower()
            ):
                return True, self._token(token, fields), position + len(token)
        return False, "", position + 1

    def _token(self, token: str, fields: struct_time) -> str:
        if token in ("MST",):
            return self._zone(fields)[0]
        if token[0] in "-Z" and len(token) > 1:
            return self._offset(token, self._zone(fields)[1])
        hour = fields.tm_hour % 12 or 12
        year = fields.tm_year
        return {
            "January": _MONTHS[fields.tm_mon - 1], "Jan": _MONTHS[fields.tm_mon - 1][:3],
            "Monday": _DAYS[fields.tm_wday], "Mon": _DAYS[fields.tm_wday][:3],
            "01": f"{fields.tm_mon:02d}", "1": str(fields.tm_mon), "02": f"{fields.tm_mday:02d}",
            "2": str(fields.tm_mday), "_2": f"{fields.tm_mday:2d}", "002": f"{fields.tm_yday:03d}",
            "__2": f"{fields.tm_yday:3d}", "15": f"{fields.tm_hour:02d}", "03": f"{hour:02d}", "3": str(hour),
            "04": f"{fields.tm_min:02d}", "4": str(fields.tm_min), "05": f"{fields.tm_sec:02d}",
            "5": str(fields.tm_sec), "2006": f"{year:04d}", "06": f"{year % 100:02d}",
            "PM": "PM" if fields.tm_hour >= 12 else "AM", "pm": "pm" if fields.tm_hour >= 12 else "am",
        }[token]  # fmt: skip

    @staticmethod
    def _offset(token: str, minutes: int) -> str:
        if token[0] == "Z" and not minutes:
            return "Z"
        sign = "-" if minutes < 0 else "+"
        hours, rest = divmod(abs(minutes), 60)
        colon = ":" if ":" in token else ""
        if token[1:] == "07":
            return f"{sign}{hours:02d}"
        return f"{sign}{hours:02d}{colon}{rest:02d}" + (":00" if token == "-07:00:00" else "")

    def unix(self) -> int:
        return self.nanoseconds // SECOND

    def unix_nano(self) -> int:
        return self.nanoseconds

    def unix_milli(self) -> int:
        return self.nanoseconds // 1_000_000

    def unix_micro(self) -> int:
        return self.nanoseconds // 1000

    def before(self, other: object) -> bool:
        return self.compare(other) < 0

    def after(self, other: object) -> bool:
        return self.compare(other) > 0

    def equal(self, other: object) -> bool:
        return self.compare(other) == 0

    def compare(self, other: object) -> int:
        """-1, 0 or 1."""
        theirs = _nanoseconds(other)
        return (self.nanoseconds > theirs) - (self.nanoseconds < theirs)

    def sub(self, other: object) -> Duration:
        """Go's durations end after some 292 years; so do its differences."""
        limit = (1 << 63) - 1
        return Duration(max(-limit - 1, min(limit, self.nanoseconds - _nanoseconds(other))))

    def as_utc(self) -> Time:
        return Time(self.nanoseconds, utc=True)

    def as_local(self) -> Time:
        return Time(self.nanoseconds)

    def year(self) -> int:
        return self._fields().tm_year

    def month(self) -> str:
        return _MONTHS[self._fields().tm_mon - 1]

    def day(self) -> int:
        return self._fields().tm_mday

    def hour(self) -> int:
        return self._fields().tm_hour

    def minute(self) -> int:
        return self._fields().tm_min

    def second(self) -> int:
        return self._fields().tm_sec

    def nanosecond(self) -> int:
        return self.nanoseconds % SECOND

    def weekday(self) -> str:
        return _DAYS[self._fields().tm_wday]

    def year_day(self) -> int:
        return self._fields().tm_yday

    def is_zero(self) -> bool:
        return self.nanoseconds == ZERO_TIME


def _nanoseconds(value: object) -> int:
    """Of the time that a method got. Raises CallError: it is none."""
    if not isinstance(value, Time):
        raise CallError(f"wrong type for value; expected time.Time; got {type_name(value)}")
    return value.nanoseconds


def parse(text: str) -> Time | str:
    """An RFC 3339 time as records have it; what is none stays text.

    It is shown in UTC when it was written so, else in local time, as Go reads it.
    """
    try:
        return Time(parse_time(text), utc=text.endswith("Z"))
    except ValueError:
        return text


class Duration(int):
    """Nanoseconds that print as "1m30s"; JSON has the number."""

    __slots__ = ()
    go_type = "time.Duration"
    go_methods: dict[str, str] = {  # noqa: RUF012 – never changed
        "Seconds": "seconds", "Minutes": "minutes", "Hours": "hours", "Milliseconds": "milliseconds",
        "Nanoseconds": "nanoseconds", "String": "go_string",
    }  # fmt: skip

    def go_string(self) -> str:
        return format_duration(int(self))

    def seconds(self) -> float:
        return self / SECOND

    def minutes(self) -> float:
        return self / (60 * SECOND)

    def hours(self) -> float:
        return self / (3600 * SECOND)

    def milliseconds(self) -> int:
        return int(self) // 1_000_000

    def nanoseconds(self) -> int:
        return int(self)


#: Go's zero time, 0001-01-01T00:00:00Z, which stands for "never".
ZERO_TIME = -62135596800 * SECOND
