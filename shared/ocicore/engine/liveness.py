"""What is true of a container, whatever the database says.

Evidence, strongest first: the kernel's boot id, conmon's exit file, the process's pid with its start time. So a
kill -9 of any of our processes, or a reboot, leaves nothing that is not seen and put right by the next command.
"""

from __future__ import annotations

import os

from ocicore.engine import events, places, records
from ocicore.linux import process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.engine.context import Engine
    from ocicore.engine.records import Container

#: How long a conmon that lives may take from the death of the container to its exit file: on a machine with far more to do
#: than it can, seconds; an exit status recorded as unknown would never be put right.
_EXIT_FILE_MS = 30_000
_LOOK_AGAIN_MS = 2
#: Exit status when nobody saw the container end (conmon was killed).
UNKNOWN_EXIT = -1


def sync(engine: Engine, container: Container, *, wait_for_exit_file: bool = True) -> None:
    """Bring the record up to date. Call it with the container's lock held when something will be done about it."""
    if container.status not in records.ALIVE:
        return
    if container.boot_id != engine.boot_id:
        _after_reboot(engine, container)
        return
    exit_file = f"{engine.paths.exits_dir}/{container.id}"
    ended = _read_exit_file(exit_file)
    if ended is None:
        if process.alive(container.pid, container.pid_start):
            _end_stale_stop(engine, container)
            return
        ended = _await_exit_file(container, exit_file) if wait_for_exit_file else _read_exit_file(exit_file)
    if ended is None:
        import time

        ended = (UNKNOWN_EXIT, time.time_ns())
    record_exit(engine, container, *ended)


def needed(engine: Engine, container: Container) -> list[Container]:
    """The containers that this one depends on, deepest first."""
    found = [engine.state.containers.get(one) for one in engine.state.containers.dependencies(container.id)]
    return [other for other in found if other is not None]


def up(engine: Engine, container: Container) -> bool:
    """Whether a container runs (or is paused) now; its record is read again. The caller holds its lock."""
    engine.state.containers.refresh(container)
    sync(engine, container)
    return container.status in (records.RUNNING, records.PAUSED)


def _after_reboot(engine: Engine, container: Container) -> None:
    status = records.CONFIGURED if container.status == records.CREATED else records.EXITED
    engine.state.containers.update(
        container,
        status=status,
        pid=0,
        pid_start=0,
        conmon_pid=0,
        conmon_start=0,
        boot_id="",
        mountpoint="",
        netns="",
        state={key: value for key, value in container.state.items() if key == "health_log"},
    )


def _end_stale_stop(engine: Engine, container: Container) -> None:
    """A `stop` that was killed half-way leaves "stopping": the container runs, so say so."""
    if container.status != records.STOPPING:
        return
    stopper, started = container.state.get("stopper", (0, 0))
    if not process.alive(stopper, started):
        engine.state.containers.update(container, status=records.RUNNING)


def _read_exit_file(path: str) -> tuple[int, int] | None:
    """(exit status, time in ns) of conmon's exit file; None when it is not there or not complete yet."""
    try:
        with open(path) as file:
            text = file.read().strip()
            when = os.fstat(file.fileno()).st_mtime_ns
        return int(text), when
    except (OSError, ValueError):
        return None


def _await_exit_file(container: Container, path: str) -> tuple[int, int] | None:
    """The exit file, which conmon writes within a few milliseconds of the container's death.

    conmon itself may stay longer: its exit command waits for the lock that our caller holds.
    """
    import time

    deadline = time.monotonic() + _EXIT_FILE_MS / 1000
    while True:
        gone = wait_conmon(container, _LOOK_AGAIN_MS)
        found = _read_exit_file(path)
        if found is not None or gone or time.monotonic() > deadline:
            return found


def record_exit(engine: Engine, container: Container, exit_code: int, finished: int) -> None:
    """The container has ended; it still has to be cleaned up."""
    oom = os.path.exists(f"{engine.paths.persist_dir}/{container.id}/oom")
    if not oom:
        oom = os.path.exists(f"{places.static_dir(engine, container)}/oom")
    with engine.state:
        engine.state.containers.update(
            container,
            status=records.STOPPED,
            pid=0,
            pid_start=0,
            exit_code=exit_code,
            finished=finished,
            oom_killed=oom,
        )
        engine.state.containers.record_exit_code(container.id, exit_code, finished)
    events.container(engine, "died", container, exit_code=exit_code)


def wait_conmon(container: Container, timeout_ms: int | None) -> bool:
    """Wait until conmon is gone (it writes the exit file before); False when the time was over first."""
    if not container.conmon_pid or not process.alive(container.conmon_pid, container.conmon_start):
        return True
    try:
        descriptor = process.pidfd_open(container.conmon_pid)
    except OSError:
        return True
    try:
        return process.wait_pidfd(descriptor, timeout_ms)
    finally:
        os.close(descriptor)


def wait_process(container: Container, timeout_ms: int | None) -> bool:
    """Wait until the container's first process is gone; False when the time was over first."""
    if not process.alive(container.pid, container.pid_start):
        return True
    try:
        descriptor = process.pidfd_open(container.pid)
    except OSError:
        return True
    try:
        return process.wait_pidfd(descriptor, timeout_ms)
    finally:
        os.close(descriptor)


def exit_file(engine: Engine, container_id: str) -> str:
    """Path of conmon's exit file."""
    return f"{engine.paths.exits_dir}/{container_id}"


def forget_exit(engine: Engine, container_id: str) -> None:
    """Remove what conmon left of an earlier run."""
    for path in (
        f"{engine.paths.exits_dir}/{container_id}",
        f"{engine.paths.persist_dir}/{container_id}/oom",
        f"{engine.paths.persist_dir}/{container_id}/exit",
    ):
        try:
            os.unlink(path)
        except OSError:
            pass
