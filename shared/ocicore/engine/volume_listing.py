"""Volumes as `volume ls` and `volume inspect` show them, and their filters (podman's keys)."""

from __future__ import annotations

from ocicore.engine.container_filters import match_label, parse_moment
from ocicore.engine.quantities import rfc3339
from ocicore.errors import InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from ocicore.engine.context import Engine
    from ocicore.engine.records import Volume

    Test = Callable[[Volume], bool]


def inspect(engine: Engine, volume: Volume) -> dict[str, Any]:
    """The object of `volume inspect`."""
    result: dict[str, Any] = {
        "Name": volume.name,
        "Driver": volume.driver,
        "Mountpoint": volume.mountpoint,
        "CreatedAt": rfc3339(volume.created),
        "Labels": volume.labels,
        "Scope": "local",
        "Options": volume.options,
    }
    if volume.anonymous:
        result["Anonymous"] = True
    result["MountCount"] = volume.mount_count if volume.boot_id == engine.boot_id else 0
    if volume.needs_copy_up:
        result["NeedsCopyUp"] = True
    if volume.needs_chown:
        result["NeedsChown"] = True
    if "storage_id" in volume.state:
        result["StorageID"] = volume.state["storage_id"]
    result["LockNumber"] = 0
    return result


def select(engine: Engine, filters: Iterable[str]) -> list[Volume]:
    """Volumes that match. Raises InvalidInput."""
    groups: dict[str, list[Test]] = {}
    for text in filters:
        key, equals, value = text.partition("=")
        if not equals:
            raise InvalidInput(f'invalid filter "{text}"')
        groups.setdefault(key, []).append(_test(engine, key.removesuffix("!"), value))
    kept = []
    for volume in engine.state.volumes.all():
        for key, tests in groups.items():
            combine = all if key in ("label", "label!") else any
            if combine(test(volume) for test in tests) == key.endswith("!"):
                break
        else:
            kept.append(volume)
    return kept


def _test(engine: Engine, key: str, value: str) -> Test:
    if key == "name":
        import re

        pattern = re.compile(value)
        return lambda volume: pattern.search(volume.name) is not None
    if key == "driver":
        return lambda volume: volume.driver == value
    if key == "scope":
        return lambda volume: value == "local"
    if key == "label":
        return lambda volume: match_label(volume.labels, value)
    if key == "opt":
        name, equals, wanted = value.partition("=")
        return lambda volume: name in volume.options and (not equals or volume.options[name] == wanted)
    if key in ("until", "after", "since"):
        moment = parse_moment(value)
        if key == "until":
            return lambda volume: volume.created < moment
        return lambda volume: volume.created > moment
    if key == "dangling":
        if value.lower() not in ("true", "1", "false", "0"):
            raise InvalidInput(
                f'"{value}" is not a valid value for the "dangling" filter - must be true or false'
            )
        wanted_unused = value.lower() in ("true", "1")
        return lambda volume: (not engine.state.volumes.users(volume.name)) == wanted_unused
    if key == "anonymous":
        return lambda volume: volume.anonymous == (value.lower() in ("true", "1"))
    raise InvalidInput(f'"{key}" is an invalid volume filter')
