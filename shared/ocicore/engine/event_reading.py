"""events: what was written to the log, filtered, and followed."""

from __future__ import annotations

import os
import time

from ocicore.engine import events
from ocicore.engine.container_filters import match_label
from ocicore.errors import InvalidInput
from ocicore.files import quick_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

    from ocicore.engine.context import Engine

    Event = dict[str, Any]

_POLL_SECONDS = 0.1


def read(engine: Engine, *, follow: bool, until: int | None = None) -> Iterator[Event]:
    """Events, oldest first; with `follow` new ones as they come, until `until` (ns since the epoch)."""
    if events.backend(engine) == "journald":
        from ocicore.engine import events_journal

        yield from events_journal.read(engine, follow=follow)
        return
    position = 0
    rest = b""
    while True:
        try:
            with open(engine.paths.events_file, "rb") as file:
                if position > os.fstat(file.fileno()).st_size:
                    position, rest = 0, b""  # the log was rotated
                file.seek(position)
                data = file.read()
        except FileNotFoundError:
            data = b""
        position += len(data)
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            try:
                event = quick_json.loads(line)
            except ValueError:
                continue
            if isinstance(event, dict):
                yield event
        if not follow or (until is not None and time.time_ns() > until):
            return
        if not data:
            time.sleep(_POLL_SECONDS)


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
    if key in ("container", "volume", "network", "pod", "secret"):
        return lambda event: event.get("Type") == key and _named(event, value)
    raise InvalidInput(f"{key} is an invalid filter")


def _named(event: Event, value: str) -> bool:
    return event.get("Name") == value or str(event.get("ID", "")).startswith(value)


def _image_of(event: Event, value: str) -> bool:
    image = str(event.get("Image", ""))
    return image == value or image.partition(":")[0] == value or image.endswith("/" + value)
