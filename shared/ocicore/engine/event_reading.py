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

    Event = dict[str, Any]

_POLL_SECONDS = 0.1


def read(
    engine: Engine, *, follow: bool, until: int | None = None, since: int | None = None
) -> Iterator[Event]:
    """Events, oldest first; with `follow` new ones as they come, until `until` (ns since the epoch).

    `since` (the same) says what nobody wants; older ones may come all the same.

    Raises Error when none are kept.
    """
    backend = events.backend(engine)
    if backend == "none":
        raise Error('cannot read events with the "none" backend')
    source = _journal(engine, follow, since) if backend == "journald" else _file(engine, follow)
    checks = _Checks(engine)
    try:
        waiting = checks.new() if follow else []
        for event in source:
            if event is None:
                # The backlog is over: from now on what comes is shown as it comes.
                yield from waiting
                waiting = checks.new()
                if until is not None and time.time_ns() > until:
                    return
                continue
            if not follow and not waiting:
                waiting = checks.new()
            moment = _moment(event) if waiting else 0
            while waiting and _moment(waiting[0]) < moment:
                yield waiting.pop(0)
            yield event
        yield from waiting or checks.new()
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


def _journal(engine: Engine, follow: bool, since: int | None) -> Iterator[Event | None]:
    from ocicore.engine import events_journal

    return events_journal.read(engine, follow=follow, since=since)


class _Checks:
    """Health checks that conmon ran, as events; they belong to the engine's own log, not to one the user names."""

    def __init__(self, engine: Engine) -> None:
        from ocicore.engine import events_file, health_check

        self._engine = engine
        own = not engine.config.engine.events_logfile_path or events.backend(engine) == "journald"
        self._reader = events_file.Reader(health_check.event_file(engine)) if own else None

    def close(self) -> None:
        if self._reader is not None:
            self._reader.close()

    def new(self) -> list[Event]:
        """Those since the last call, oldest first."""
        if self._reader is None:
            return []
        return [self._event(line) for line in self._reader.new() if line.get("Check")]

    def _event(self, line: Event) -> Event:
        container = self._engine.state.containers.get(str(line.get("ID", "")))
        return {
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
