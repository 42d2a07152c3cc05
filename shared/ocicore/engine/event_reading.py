"""events: what was written to the log, filtered, and followed."""

from __future__ import annotations

import time

from ocicore.engine import events
from ocicore.engine.container_filters import match_label
from ocicore.errors import Error, InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

    from ocicore.engine.context import Engine
    from ocicore.engine.events_file import Reader

    Event = dict[str, Any]

_POLL_SECONDS = 0.1


def read(engine: Engine, *, follow: bool, until: int | None = None) -> Iterator[Event]:
    """Events, oldest first; with `follow` new ones as they come, until `until` (ns since the epoch).

    Raises Error when none are kept.
    """
    backend = events.backend(engine)
    if backend == "none":
        raise Error('cannot read events with the "none" backend')
    from ocicore.engine import events_file, health_check

    checks = events_file.Reader(health_check.event_file(engine))
    source = _journal(engine, follow) if backend == "journald" else _file(engine, follow)
    try:
        if not follow:
            both = [*(event for event in source if event), *_checks(engine, checks)]
            yield from sorted(both, key=_moment)
            return
        for event in source:
            yield from _checks(engine, checks)
            if event is not None:
                yield event
            elif until is not None and time.time_ns() > until:
                return
    finally:
        checks.close()


def _file(engine: Engine, follow: bool) -> Iterator[Event | None]:
    """Events of the file; None whenever nothing has come for a while."""
    from ocicore.engine import events_file

    reader = events_file.Reader(engine.paths.events_file)
    try:
        while True:
            yield from reader.new()
            if not follow:
                return
            yield None
            time.sleep(_POLL_SECONDS)
    finally:
        reader.close()


def _journal(engine: Engine, follow: bool) -> Iterator[Event | None]:
    from ocicore.engine import events_journal

    return events_journal.read(engine, follow=follow)


def _checks(engine: Engine, reader: Reader) -> Iterator[Event]:
    """Health checks that conmon ran, as events."""
    for line in reader.new():
        if not line.get("Check"):
            continue
        container = engine.state.containers.get(str(line.get("ID", "")))
        yield {
            "ID": line.get("ID", ""),
            "Image": container.image_name if container else "",
            "Name": container.name if container else line.get("Name", ""),
            "Status": "health_status",
            "Time": line["Time"],
            "Type": "container",
            "HealthStatus": line.get("Status", ""),
            "HealthFailingStreak": line.get("FailingStreak", 0),
            "HealthLog": line.get("Output", ""),
            "Attributes": container.labels if container else {},
        }


def _moment(event: Event) -> int:
    from ocicore.runtime import logs

    return logs.parse_time(str(event.get("Time", "")).encode()) or 0


def matcher(engine: Engine, texts: Iterable[str]) -> Callable[[Event], bool]:
    """A test for --filter values (container, event, image, label, type, volume …). Raises InvalidInput."""
    groups: dict[str, list[Callable[[Event], bool]]] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals:
            raise InvalidInput(f'{text} is an invalid filter: must be in the form "filter=value"')
        groups.setdefault(key.lower(), []).append(_test(key.lower(), value))

    def matches(event: Event) -> bool:
        return all(
            (all if key == "label" else any)(test(event) for test in tests) for key, tests in groups.items()
        )

    return matches


def _test(key: str, value: str) -> Callable[[Event], bool]:
    if key in ("event", "status"):
        wanted = {"die": "died"}.get(value, value)
        return lambda event: event.get("Status") == wanted
    if key == "type":
        return lambda event: event.get("Type") == value
    if key == "label":
        return lambda event: match_label(event.get("Attributes") or {}, value)
    if key == "image":
        return lambda event: (
            (event.get("Type") == "image" and _named(event, value)) or _image_of(event, value)
        )
    if key == "volume":
        return lambda event: event.get("Type") == key and str(event.get("Name", "")).startswith(value)
    if key in ("container", "network", "pod", "secret"):
        return lambda event: event.get("Type") == key and _named(event, value)
    raise InvalidInput(f"{key} is an invalid filter")


def _named(event: Event, value: str) -> bool:
    return event.get("Name") == value or str(event.get("ID", "")).startswith(value)


def _image_of(event: Event, value: str) -> bool:
    image = str(event.get("Image", ""))
    return image == value or image.partition(":")[0] == value or image.endswith("/" + value)
