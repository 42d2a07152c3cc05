"""--log-rusage: what a step used of the machine, in buildah's words."""

from __future__ import annotations

import resource
from time import monotonic

_UNITS = ("B", "kB", "MB", "GB", "TB")


class Usage:
    """A moment: processor seconds of us and our children, blocks read and written, the clock."""

    __slots__ = ("clock", "read", "system", "user", "written")

    def __init__(self, system: float, user: float, clock: float, read: int, written: int) -> None:
        self.system = system
        self.user = user
        self.clock = clock
        self.read = read
        self.written = written


def now() -> Usage:
    """This moment."""
    parts = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return Usage(
        sum(part.ru_stime for part in parts),
        sum(part.ru_utime for part in parts),
        monotonic(),
        sum(part.ru_inblock for part in parts),
        sum(part.ru_oublock for part in parts),
    )


def since(before: Usage) -> str:
    """What was used since a moment, as one line."""
    end = now()
    return (
        f"{_seconds(end.system - before.system)}(system) {_seconds(end.user - before.user)}(user) "
        f"{_seconds(end.clock - before.clock)}(elapsed) {_size((end.read - before.read) * 512)} input "
        f"{_size((end.written - before.written) * 512)} output"
    )


def _seconds(value: float) -> str:
    milliseconds = round(value * 1000)
    return f"{milliseconds}ms" if milliseconds < 1000 else f"{milliseconds / 1000:g}s"


def _size(value: float) -> str:
    for unit in _UNITS[:-1]:
        if value < 1000:
            return f"{value:.4g}{unit}"
        value /= 1000
    return f"{value:.4g}{_UNITS[-1]}"
