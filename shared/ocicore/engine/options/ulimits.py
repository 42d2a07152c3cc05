"""--ulimit NAME=SOFT[:HARD], or "host" for the caller's own limits (docker/go-units)."""

from __future__ import annotations

from ocicore.errors import InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ocicore.runtime.types import Rlimit

NAMES = frozenset(
    (
        "as",
        "core",
        "cpu",
        "data",
        "fsize",
        "locks",
        "memlock",
        "msgqueue",
        "nice",
        "nofile",
        "nproc",
        "rss",
        "rtprio",
        "rttime",
        "sigpending",
        "stack",
    )
)


def _number(text: str, entry: str) -> int:
    if text in ("-1", "unlimited"):
        return -1
    if not text.isdigit():
        raise InvalidInput(
            f'ulimit option "{entry}" requires name=SOFT:HARD, failed to be parsed: not a number'
        )
    return int(text)


def read(entries: Iterable[str]) -> tuple[list[Rlimit], bool]:
    """The limits (the last of each name), and whether "host" was asked for. Raises InvalidInput."""
    limits: dict[str, Rlimit] = {}
    host = False
    for entry in entries:
        if entry == "host":
            host = True
            continue
        name, equals, value = entry.partition("=")
        name = name.lower().removeprefix("rlimit_")
        if not equals or not value:
            raise InvalidInput(
                f'ulimit option "{entry}" requires name=SOFT:HARD, failed to be parsed: '
                f"invalid ulimit argument: {entry}"
            )
        if name not in NAMES:
            raise InvalidInput(
                f'ulimit option "{entry}" requires name=SOFT:HARD, failed to be parsed: invalid ulimit type: {name}'
            )
        soft_text, colon, hard_text = value.partition(":")
        soft = _number(soft_text, entry)
        hard = _number(hard_text, entry) if colon else soft
        if hard != -1 and (soft > hard or soft == -1):
            raise InvalidInput(
                f'ulimit option "{entry}" requires name=SOFT:HARD, failed to be parsed: '
                f"ulimit soft limit must be less than or equal to hard limit: "
                f"soft: {soft}{' (unlimited)' if soft == -1 else ''}, hard: {hard}"
            )
        limits[name] = {"type": name, "soft": soft, "hard": hard}
    return list(limits.values()), host
