"""Semantic versions and ranges of them, as sync files use them (semver.org 2.0; ranges as in Masterminds/semver)."""

from __future__ import annotations

import re
from collections.abc import Callable

from ocicore.errors import InvalidInput

_VERSION = re.compile(r"v?(\d+)(?:\.(\d+))?(?:\.(\d+))?(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?", re.ASCII)
_TERM = re.compile(
    r"(=|!=|>=|=>|<=|=<|>|<|~>|~|\^)?\s*v?(\d+|[xX*])(?:\.(\d+|[xX*]))?(?:\.(\d+|[xX*]))?"
    r"(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?",
    re.ASCII,
)
_RANGE = re.compile(r"\s*(v?[0-9xX*][^\s]*)\s+-\s+(v?[0-9xX*][^\s]*)\s*")

Key = tuple[int, int, int, tuple[tuple[int, int, str], ...]]
Version = tuple[int, int, int, str]


def parse(text: str) -> Version | None:
    """(major, minor, patch, pre-release) of a version; missing parts are 0; None when it is none."""
    match = _VERSION.fullmatch(text)
    if match is None:
        return None
    major, minor, patch, pre = match.groups()
    return int(major), int(minor or 0), int(patch or 0), pre or ""


def key(version: Version) -> Key:
    """What versions are ordered by; a pre-release comes before its release."""
    major, minor, patch, pre = version
    if not pre:
        return major, minor, patch, ((2, 0, ""),)
    parts = tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in pre.split("."))
    return major, minor, patch, parts


def constraint(text: str) -> Callable[[Version], bool]:
    """A test for the versions in a range: ">=1.2, <2 || ^3.1".

    Raises:
        InvalidInput: it is no range.
    """
    alternatives = [_all_of(part) for part in text.split("||")]
    return lambda version: any(test(version) for test in alternatives)


def _all_of(text: str) -> Callable[[Version], bool]:
    text = _RANGE.sub(r">=\1 <=\2", text) if _RANGE.fullmatch(text) else text
    tests: list[Callable[[Version], bool]] = []
    position = 0
    allows_pre = False
    while position < len(text):
        if text[position] in " ,":
            position += 1
            continue
        match = _TERM.match(text, position)
        if match is None or match.end() == position:
            raise InvalidInput(f'improper version constraint: "{text.strip()}"')
        allows_pre = allows_pre or bool(match.group(5))
        tests.append(_term(match))
        position = match.end()
    if not tests:
        raise InvalidInput("improper version constraint: it is empty")

    def check(version: Version) -> bool:
        # A pre-release is only meant when the range names one.
        if version[3] and not allows_pre:
            return False
        return all(test(version) for test in tests)

    return check


def _term(match: re.Match[str]) -> Callable[[Version], bool]:
    operator, *numbers, pre = match.groups()
    given = []
    for number in numbers:
        if number is None or number in "xX*":
            break
        given.append(int(number))
    operator = {"=>": ">=", "=<": "<=", "~>": "~"}.get(operator or "=", operator or "=")
    low: Version = (*([*given, 0, 0, 0])[:3], pre or "")  # type: ignore[assignment]
    if not given:
        return lambda version: operator not in ("!=", "<", ">")
    above = _next(given, len(given) - 1)
    if operator == "^":
        above = _next(given, next((i for i, n in enumerate(given) if n), len(given) - 1))
    elif operator == "~":
        above = _next(given, min(1, len(given) - 1))

    def inside(version: Version) -> bool:
        return key(low) <= key(version) and version[:3] < above

    exact = len(given) == 3
    tests: dict[str, Callable[[Version], bool]] = {
        "=": (lambda version: key(version) == key(low)) if exact else inside,
        "!=": (lambda version: key(version) != key(low)) if exact else lambda version: not inside(version),
        ">": (lambda version: key(version) > key(low)) if exact else lambda version: version[:3] >= above,
        "<": lambda version: key(version) < key(low),
        ">=": lambda version: key(version) >= key(low),
        "<=": (lambda version: key(version) <= key(low)) if exact else lambda version: version[:3] < above,
        "^": inside,
        "~": inside,
    }
    return tests[operator]


def _next(given: list[int], place: int) -> tuple[int, int, int]:
    """The first version after all those that begin with `given` up to `place`."""
    raised = [*given[:place], given[place] + 1]
    padded = raised + [0] * (3 - len(raised))
    return padded[0], padded[1], padded[2]
