"""--filter of ps, start, stop, rm, container prune …: which containers match (podman's keys and rules).

Values of one key are alternatives, different keys must all match; `label` values must all match; KEY!=VALUE rejects.
"""

from __future__ import annotations

import time

from ocicore.engine import records
from ocicore.engine.quantities import NANOSECONDS, parse_duration
from ocicore.errors import Conflict, InvalidInput, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ocicore.engine.context import Engine
    from ocicore.engine.records import Container

    Test = Callable[[Container], bool]

_STATES = frozenset(
    (
        "created",
        "initialized",
        "running",
        "stopped",
        "stopping",
        "paused",
        "exited",
        "unknown",
        "removing",
        "configured",
    )
)
_ALL_MUST_MATCH = frozenset(("label", "label!"))


def apply(engine: Engine, containers: Iterable[Container], texts: Iterable[str]) -> list[Container]:
    """The containers that match all filters. Raises InvalidInput, NoSuchContainer (before=, since=)."""
    groups: dict[str, list[Test]] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals:
            raise InvalidInput(f'invalid filter "{text}"')
        groups.setdefault(key, []).append(_test(engine, key.removesuffix("!"), value))
    kept = []
    for container in containers:
        for key, tests in groups.items():
            combine = all if key in _ALL_MUST_MATCH else any
            if combine(test(container) for test in tests) == key.endswith("!"):
                break
        else:
            kept.append(container)
    return kept


def _test(engine: Engine, key: str, value: str) -> Test:
    maker = _TESTS.get(key)
    if maker is None:
        raise InvalidInput(f"{key} is an invalid filter")
    return maker(engine, value)


def _id(engine: Engine, value: str) -> Test:
    pattern = value.lower()
    if not pattern.strip("0123456789abcdef"):
        return lambda c: c.id.startswith(pattern)
    return _matching(pattern, lambda c: c.id)


def _name(engine: Engine, value: str) -> Test:
    # Docker's names begin with a slash, and scripts ask for them so.
    if value.startswith(("/", "^/")):
        value = value.replace("/", "", 1)
    return _matching(value, lambda c: c.name)


def _matching(pattern: str, field: Callable[[Container], str]) -> Test:
    """A regular expression found anywhere in a field."""
    import re

    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise InvalidInput(f"error parsing regexp: {pattern}: {error}") from None
    return lambda c: compiled.search(field(c)) is not None


def _label(engine: Engine, value: str) -> Test:
    return lambda c: match_label(c.labels, value)


def match_label(labels: dict[str, str], wanted: str) -> bool:
    """KEY, KEY=VALUE; "*" in the key stands for anything."""
    key, equals, value = wanted.partition("=")
    if "*" in key:
        import fnmatch

        return any(
            fnmatch.fnmatchcase(name, key) and (not equals or text == value) for name, text in labels.items()
        )
    return key in labels and (not equals or labels[key] == value)


def _exited(engine: Engine, value: str) -> Test:
    try:
        code = int(value)
    except ValueError:
        raise InvalidInput(f"exited code out of range {value!r}: must be a number") from None
    return lambda c: c.status in (records.EXITED, records.STOPPED) and c.exit_code == code


def _status(engine: Engine, value: str) -> Test:
    if value == "configured":
        value = "created"
    if value not in _STATES:
        raise InvalidInput(f"{value} is not a valid status")
    if value == "stopped":
        return lambda c: c.status in (records.STOPPED, records.EXITED)
    if value == "exited":
        return lambda c: c.status in (records.STOPPED, records.EXITED)
    return lambda c: c.shown_status == value


def _ancestor(engine: Engine, value: str) -> Test:
    try:
        image_id = engine.images.find(value).id
    except (NotFound, InvalidInput):
        image_id = ""
    tagged = ":" in value.rpartition("/")[2]

    def test(container: Container) -> bool:
        if image_id and container.image_id == image_id:
            return True
        if container.image_id.startswith(value) and len(value) >= 2:
            return True
        name = container.image_name
        if not tagged:
            name = name.rpartition(":")[0] if ":" in name.rpartition("/")[2] else name
        return name == value or name.endswith("/" + value)

    return test


def _before(engine: Engine, value: str) -> Test:
    other = engine.state.containers.find(value)
    return lambda c: c.created < other.created


def _since(engine: Engine, value: str) -> Test:
    other = engine.state.containers.find(value)
    return lambda c: c.created > other.created


def _until(engine: Engine, value: str) -> Test:
    moment = parse_moment(value)
    return lambda c: c.created < moment


def parse_moment(text: str) -> int:
    """Nanoseconds since the epoch of a Go duration (that long ago), a Unix time or an RFC 3339 time."""
    try:
        return time.time_ns() - parse_duration(text)
    except InvalidInput:
        pass
    try:
        return int(float(text) * NANOSECONDS)
    except ValueError:
        pass
    from ocicore.storage import timestamps

    moment = timestamps.from_text(text)
    if not moment:
        raise InvalidInput(f'failed to parse "{text}" as a time or a duration')
    return moment


def _volume(engine: Engine, value: str) -> Test:
    source, colon, destination = value.partition(":")

    def test(container: Container) -> bool:
        for mount in container.config["mounts"]:
            if colon and mount["destination"] != destination:
                continue
            if source in (mount["destination"], mount.get("source"), mount.get("name")):
                return True
        return False

    return test


def _health(engine: Engine, value: str) -> Test:
    return lambda c: (c.health or "none") == value


def _pod(engine: Engine, value: str) -> Test:
    try:
        wanted = engine.state.pods.find(value).id
    except (NotFound, Conflict):
        wanted = value
    return lambda c: bool(c.pod_id) and c.pod_id.startswith(wanted)


def _network(engine: Engine, value: str) -> Test:
    def test(container: Container) -> bool:
        kind = container.config["network"]["kind"]
        if value.startswith("container:"):
            target = container.config["network"]["target"]
            return bool(kind == "container" and engine.state.containers.find(value[10:]).id == target)
        return bool(kind == value or value in container.networks)

    return test


def _restart_policy(engine: Engine, value: str) -> Test:
    if value not in ("always", "no", "none", "on-failure", "unless-stopped"):
        raise InvalidInput(f"{value} invalid restart policy")
    wanted = "no" if value == "none" else value
    return lambda c: (c.config["restart"]["name"] or "no") == wanted


def _command(engine: Engine, value: str) -> Test:
    return _matching(value, lambda c: c.command[0] if c.command else "")


def _should_start_on_boot(engine: Engine, value: str) -> Test:
    wanted = value.lower() in ("true", "1", "t")

    def starts(container: Container) -> bool:
        policy = container.config["restart"]["name"]
        return policy == "always" or (policy == "unless-stopped" and not container.stopped_by_user)

    return lambda c: starts(c) == wanted


_TESTS: dict[str, Callable[[Engine, str], Test]] = {
    "ancestor": _ancestor,
    "before": _before,
    "command": _command,
    "exited": _exited,
    "health": _health,
    "id": _id,
    "label": _label,
    "name": _name,
    "network": _network,
    "pod": _pod,
    "restart-policy": _restart_policy,
    "should-start-on-boot": _should_start_on_boot,
    "since": _since,
    "status": _status,
    "until": _until,
    "volume": _volume,
}
