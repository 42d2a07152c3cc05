"""Health checks started by systemd, where the monitor runs none: another conmon than ours, or `healthcheck_timers` is set.

A running container's state has then "health_by": the name of its units (without .timer), "" when there are none, for its
check has no interval or there is no systemd. `healthcheck run`, which the units call, is `health_judging`.
"""

from __future__ import annotations

import os

from ocicore.engine import events_journal
from ocicore.errors import Error, NotFound
from ocicore.systemd import bus, timers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ocicore.engine.context import Engine
    from ocicore.engine.records import Container

#: The key in a container's state.
HEALTH_BY = "health_by"
#: podman's variable: no timers at all, of those who start the checks themselves.
_DISABLED = "DISABLE_HC_SYSTEMD"
#: What a run of ours needs of our environment to find the same store; besides all of CONTAINERS_… and STORAGE_….
_ENVIRONMENT = (
    "PATH HOME USER TMPDIR XDG_RUNTIME_DIR XDG_CONFIG_HOME XDG_DATA_HOME XDG_CACHE_HOME REGISTRY_AUTH_FILE"
).split()
#: Exit status of a check that failed.
_UNHEALTHY = 1


def place(engine: Engine) -> timers.Place:
    """The manager that runs this engine's checks."""
    if engine.rootless:
        return timers.Place(engine.user.uid, engine.user.runtime_dir)
    return timers.Place()


def possible(engine: Engine) -> bool:
    """Whether there is a manager to ask, and it may be asked."""
    return engine.environ.get(_DISABLED) != "true" and place(engine).is_there()


def wanted(engine: Engine) -> bool:
    """Whether systemd shall run the checks although our conmon could."""
    return engine.config.engine.healthcheck_timers and possible(engine)


def applies(container: Container) -> bool:
    """Whether this running container's checks are not its monitor's business."""
    return HEALTH_BY in container.state


def choose(engine: Engine, container: Container) -> None:
    """Record that no monitor runs the checks. The caller holds the lock."""
    _record(engine, container, "")


def adopt(engine: Engine, container: Container) -> None:
    """`choose`, unless it has been. The caller holds the lock."""
    if not applies(container):
        choose(engine, container)


def start(engine: Engine, container: Container, *, startup: bool = False) -> None:
    """Units for a container that has just been started, in place of those there are. The caller holds the lock.

    What cannot be had is a warning: the container runs.
    """
    if not applies(container) or not possible(engine):
        return
    check: dict[str, Any] = container.config["health"]
    interval = check["startup"]["Interval"] if startup else check["Interval"]
    former = container.state[HEALTH_BY]
    name = ""
    if interval:
        # The name differs from run to run: units of the last one may be about to go.
        name = f"{container.id}{'-startup' if startup else ''}-{os.urandom(8).hex()}"
    try:
        if interval:
            # Recorded first: whoever is killed in between leaves nothing that nobody ends.
            _record(engine, container, name)
            timers.start(
                place(engine),
                name,
                command(engine, container.id),
                interval=interval,
                environment={**environment(engine), events_journal.TERSE_UNIT: name},
                harmless=(_UNHEALTHY,),
            )
        if former:
            timers.stop(place(engine), former)
        if not interval:
            _record(engine, container, "")
    except Error as error:
        engine.warn(f"the health check of container {container.name} does not run by itself: {error.message}")


def stop(engine: Engine, container: Container) -> None:
    """End the units of a container that has ended. The caller holds the lock. Raises Error."""
    name = container.state.get(HEALTH_BY)
    if not name:
        return
    try:
        timers.stop(place(engine), name)
    except bus.ManagerError as error:
        if error.kind != bus.NOBODY:  # the manager has gone, and its units with it
            raise


def end_stray(engine: Engine, container: Container | None) -> bool:
    """In a run that units started which are no more the container's: end them; whether this is such a run.

    Who ends a container, or puts other units in the place of these, may be killed before these are ended.

    Args:
        container: None when there is none by that name. Raises Error.
    """
    own = engine.environ.get(events_journal.TERSE_UNIT, "")
    if not own:
        return False
    if container is not None:
        from ocicore.engine import liveness, records

        with engine.lock(container.id):  # who starts units records them first, and has the lock
            try:
                engine.state.containers.refresh(container)
                liveness.sync(engine, container, wait_for_exit_file=False)
            except NotFound:
                pass
            else:
                alive = container.status in (records.RUNNING, records.STOPPING, records.PAUSED)
                if alive and container.state.get(HEALTH_BY) == own:
                    return False
    timers.stop(place(engine), own)
    return True


def command(engine: Engine, container_id: str) -> list[str]:
    """What the service runs."""
    return [*engine.self_command, *engine.options.global_words, "healthcheck", "run", container_id]


def environment(engine: Engine) -> dict[str, str]:
    """The variables it runs with: a manager's own are not those of who started the container."""
    return {
        name: value
        for name, value in engine.environ.items()
        if (name in _ENVIRONMENT or name.startswith(("CONTAINERS_", "STORAGE_"))) and value.isprintable()
    }


def _record(engine: Engine, container: Container, name: str) -> None:
    engine.state.containers.update(container, state={**container.state, HEALTH_BY: name})
