"""wait: until a container is in one of some states; its exit status."""

from __future__ import annotations

import time

from ocicore.engine import liveness, records
from ocicore.errors import InvalidInput, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ocicore.engine.context import Engine

CONDITIONS = frozenset(
    (
        "configured",
        "created",
        "running",
        "paused",
        "stopping",
        "stopped",
        "exited",
        "removing",
        "initialized",
        "healthy",
        "unhealthy",
        "unknown",
    )
)


#: How long `settle` waits at most, and how often it looks; seconds.
_SETTLING = 30.0
_LOOK = 0.02


def check_conditions(words: Sequence[str]) -> frozenset[str]:
    """Raises InvalidInput for an unknown one; none means: has ended."""
    for word in words:
        if word not in CONDITIONS:
            raise InvalidInput(f"unknown container state: {word}: invalid argument")
    return frozenset(words)


def wait(
    engine: Engine, name: str, conditions: frozenset[str], interval: int, *, ignore: bool = False
) -> int:
    """Block until the container is in one of the conditions.

    Args:
        conditions: from `check_conditions`; empty: until it does not run any more.
        interval: nanoseconds between looks when nothing announces the change.
        ignore: a missing container counts as ended with -1.

    Returns the exit status, -1 when the condition is not about an end. Raises NoSuchContainer.
    """
    found = target(engine, name, ignore=ignore)
    return found if isinstance(found, int) else until(engine, found, conditions, interval)


def target(engine: Engine, name: str, *, ignore: bool = False) -> records.Container | int:
    """The container, or the status with which one that is gone has ended. Raises NoSuchContainer."""
    try:
        return engine.state.containers.find(name)
    except NotFound:
        code = engine.state.containers.exit_code(name)
        if code is not None:
            return code
        if ignore:
            return -1
        raise


def until(engine: Engine, container: records.Container, conditions: frozenset[str], interval: int) -> int:
    """As `wait`, for a container that was found."""
    seconds = max(interval, 1_000_000) / 1e9
    while True:
        code = _look(engine, container, conditions)
        if code is not None:
            return code
        if container.status in records.ALIVE and not conditions - {"stopped", "exited"}:
            liveness.wait_process(container, None)
        else:
            time.sleep(seconds)


def settle(engine: Engine, container: records.Container) -> None:
    """Let whoever cleans up after an ended container finish: its network and mounts are gone when `wait` returns.

    As with podman, which waits for conmon, and that for its exit command. Not for ever: a client that does not read keeps conmon.
    """
    from ocicore.linux import process

    until = time.monotonic() + _SETTLING
    while container.status == records.STOPPED and time.monotonic() < until:
        if not process.alive(container.conmon_pid, container.conmon_start):
            return
        time.sleep(_LOOK)
        try:
            engine.state.containers.refresh(container)
        except NotFound:
            return


def first(
    engine: Engine, names: Sequence[str], conditions: frozenset[str], interval: int, *, ignore: bool = False
) -> int:
    """As `wait`, for the first of several containers that meets a condition. Raises NoSuchContainer."""
    found = []
    for name in names:
        try:
            found.append(engine.state.containers.find(name))
        except NotFound:
            if not ignore:
                raise
            return -1
    while True:
        for container in found:
            code = _look(engine, container, conditions)
            if code is not None:
                return code
        time.sleep(max(interval, 1_000_000) / 1e9)


def _look(engine: Engine, container: records.Container, conditions: frozenset[str]) -> int | None:
    """The status to return when the container is in one of the states now, else None."""
    try:
        engine.state.containers.refresh(container)
    except NotFound:
        code = engine.state.containers.exit_code(container.id)
        return -1 if code is None else code
    if container.status in records.ALIVE:
        _update(engine, container)
    status = container.status
    if not conditions:
        if status in (records.STOPPED, records.EXITED, records.CONFIGURED, records.REMOVING):
            return container.exit_code
    elif conditions & {status, container.shown_status, container.health or "-"}:
        ended = status in (records.STOPPED, records.EXITED)
        return container.exit_code if ended else -1
    elif status == records.EXITED and "stopped" in conditions:
        return container.exit_code
    return None


def _update(engine: Engine, container: records.Container) -> None:
    """Record an end that nobody has seen yet; others' locks are respected."""
    from ocicore.linux import process

    if process.alive(container.pid, container.pid_start) and container.boot_id == engine.boot_id:
        if container.health:
            from ocicore.engine import health_check

            container.assign({"health": health_check.status(engine, container)})
        return
    with engine.lock(container.id):
        engine.state.containers.refresh(container)
        liveness.sync(engine, container)
