"""--filter: `key=value`, `key!=value`, repeated.

Values of one key are alternatives, different keys must all match, as in podman; what a key means is up to the
command, which gives one function per key.
"""

from __future__ import annotations

from ocicore.errors import InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import TypeVar

    T = TypeVar("T")
    #: Whether an item matches one value of a filter.
    Test = Callable[[T, str], bool]


class Filters:
    """Parsed filters.

    Slots:
        values: wanted values by key, in order.
        rejected: values that must not match, by key.
    """

    __slots__ = ("rejected", "values")

    def __init__(self) -> None:
        self.values: dict[str, list[str]] = {}
        self.rejected: dict[str, list[str]] = {}

    def __bool__(self) -> bool:
        return bool(self.values or self.rejected)

    def get(self, key: str) -> list[str]:
        """Wanted values of a key."""
        return self.values.get(key, [])

    def keys(self) -> list[str]:
        return [*self.values, *(key for key in self.rejected if key not in self.values)]


def parse(texts: Iterable[str]) -> Filters:
    """Reads the values of --filter.

    Raises:
        InvalidInput: one has no "=".
    """
    filters = Filters()
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise InvalidInput(f'invalid filter "{text}": must be in the form "filter=value"')
        if key.endswith("!"):
            filters.rejected.setdefault(key[:-1], []).append(value)
        else:
            filters.values.setdefault(key, []).append(value)
    return filters


def apply(
    filters: Filters, items: Iterable[T], tests: Mapping[str, Test[T]], *, every: Sequence[str] = ("label",)
) -> list[T]:
    """The items that match.

    Args:
        tests: by key.
        every: keys whose values must all match (labels), not only one of them.

    Raises:
        InvalidInput: a key without a test.
    """
    for key in filters.keys():  # noqa: SIM118 – not a dict
        if key not in tests:
            known = ", ".join(sorted(tests))
            raise InvalidInput(f'invalid filter "{key}"', hint=f"known filters: {known}")
    kept = []
    for item in items:
        if _matches(filters, item, tests, every):
            kept.append(item)
    return kept


def _matches(filters: Filters, item: T, tests: Mapping[str, Test[T]], every: Sequence[str]) -> bool:
    for key, values in filters.values.items():
        test = tests[key]
        found = all if key in every else any
        if not found(test(item, value) for value in values):
            return False
    return not any(tests[key](item, value) for key, values in filters.rejected.items() for value in values)


def match_label(labels: Mapping[str, str] | None, wanted: str) -> bool:
    """`label=key` or `label=key=value`; a "*" at the end of the key stands for anything."""
    key, equals, value = wanted.partition("=")
    labels = labels or {}
    if key.endswith("*"):
        prefix = key[:-1]
        return any(name.startswith(prefix) and (not equals or labels[name] == value) for name in labels)
    return key in labels and (not equals or labels[key] == value)


def match_pattern(text: str, pattern: str) -> bool:
    """A regular expression that is found anywhere, as `name=` filters are; an invalid one matches literally."""
    if pattern.isalnum():
        return pattern in text
    import re

    try:
        return re.search(pattern, text) is not None
    except re.error:
        return pattern in text


def parse_bool(key: str, value: str) -> bool:
    """The value of a yes-or-no filter such as `dangling=true`.

    Raises:
        InvalidInput
    """
    from ocicore.cli import values

    try:
        return values.parse_bool(value)
    except ValueError:
        raise InvalidInput(f"invalid value {value!r} for filter {key!r}: true or false is expected") from None
