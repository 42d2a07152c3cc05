"""Ending containers: stop (signal, wait, SIGKILL), kill, pause, unpause, restart."""

from __future__ import annotations

import os

from ocicore.engine import cleanup, events, liveness, records
from ocicore.engine.errors import WrongState
from ocicore.errors import Error, NotFound
from ocicore.linux import process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.engine.context import Engine
    from ocicore.engine.records import Container

_SIGKILL = 9
#: After SIGKILL the kernel needs a moment to tear a big process down.
_KILL_WAIT_MS = 60_000


class Stopping:
    """A stop that has begun: seconds to wait (-1: for ever), the signal sent, when (monotonic)."""

    __slots__ = ("begun", "seconds", "signal")

    def __init__(self, seconds: int, signal: int) -> None:
        import time

        self.seconds = seconds
        self.signal = signal
        self.begun = time.monotonic()

    def left_ms(self) -> int | None:
        """Milliseconds until patience ends; None: never."""
        import time

        if self.seconds < 0:
            return None
        return max(int((self.begun + self.seconds - time.monotonic()) * 1000), 0)


def stop(engine: Engine, container: Container, *, timeout: int | None = None) -> bool:
    """Ask the container to end, and kill it when it has not after `timeout` seconds (its own when None, -1: never).

    Returns whether it had to be stopped at all. Raises Error when it cannot be ended.
    """
    begun = begin(engine, container, timeout=timeout)
    if begun is None:
        return False
    finish(engine, container, begun)
    return True


def begin(engine: Engine, container: Container, *, timeout: int | None = None) -> Stopping | None:
    """Send the stop signal and do not wait; None when there is nothing to stop."""
    with engine.lock(container.id):
        engine.state.containers.refresh(container)
        liveness.sync(engine, container)
        if container.status in (records.CONFIGURED, records.EXITED, records.REMOVING):
            # podman: a stopped restart=always container must not come back at boot or by its policy.
            if not container.stopped_by_user:
                engine.state.containers.update(container, stopped_by_user=True)
            return None
        if container.status == records.STOPPED:
            engine.state.containers.update(container, stopped_by_user=True)
            cleanup.take_down(engine, container)
            return None
        if container.status == records.PAUSED:
            _resume(engine, container)
        own_pid = os.getpid()
        engine.state.containers.update(
            container,
            status=records.STOPPING,
            stopped_by_user=True,
            state={**container.state, "stopper": [own_pid, process.start_time(own_pid)]},
        )
        seconds = container.config["stop_timeout"] if timeout is None else timeout
        begun = Stopping(seconds, container.config["stop_signal"] if seconds else _SIGKILL)
        if begun.signal != _SIGKILL:
            _signal(engine, container, begun.signal)
    return begun


def finish(engine: Engine, container: Container, begun: Stopping) -> None:
    """Wait for the end of a stop that has begun, resort to SIGKILL, and clean up. Nobody is kept waiting for the lock."""
    if begun.signal == _SIGKILL or not liveness.wait_process(container, begun.left_ms()):
        if begun.signal != _SIGKILL:
            engine.warn(
                f"StopSignal {process.signal_name(begun.signal)} failed to stop container {container.name} in "
                f"{begun.seconds} seconds, resorting to SIGKILL"
            )
        _kill_hard(engine, container)
    with engine.lock(container.id):
        try:
            engine.state.containers.refresh(container)
        except NotFound:
            engine.locks.discard(container.id)
            return
        liveness.sync(engine, container)
        if container.status != records.STOPPED:
            return
        lost = container.exit_code == liveness.UNKNOWN_EXIT
        events.container(engine, "stop", container)
        cleanup.take_down(engine, container)
        if container.config["auto_remove"]:
            cleanup.auto_remove(engine, container)
    if lost:
        raise Error(
            f"container {container.id} conmon exited prematurely, exit code could not be retrieved: "
            "internal libpod error"
        )


def _signal(engine: Engine, container: Container, number: int) -> None:
    runtime = engine.runtime(container.config["oci_runtime"])
    try:
        # Straight from us: cheaper than a runtime process, and the pid cannot be another's (pidfd and start time).
        if process.kill_process(container.pid, number, container.pid_start):
            return
    except Error:
        runtime.kill(container.id, number)


def _kill_hard(engine: Engine, container: Container) -> None:
    """SIGKILL, to every process where there is no pid namespace of its own. Raises Error when it survives."""
    if container.config["namespaces"]["pid"] not in ("", "private"):
        runtime = engine.runtime(container.config["oci_runtime"])
        try:
            runtime.kill(container.id, _SIGKILL, all=True)
        except Error:
            # Without a cgroup (rootless on v1) the runtime cannot find them all: at least the first one ends.
            _signal(engine, container, _SIGKILL)
    else:
        _signal(engine, container, _SIGKILL)
    if not liveness.wait_process(container, _KILL_WAIT_MS):
        raise Error(f"given PID did not die within timeout: container {container.id} survived SIGKILL")


def kill(engine: Engine, container: Container, number: int) -> None:
    """Send one signal. Raises WrongState when it does not run."""
    with engine.lock(container.id):
        engine.state.containers.refresh(container)
        liveness.sync(engine, container)
        if container.status not in (records.RUNNING, records.STOPPING, records.PAUSED, records.CREATED):
            raise WrongState(
                f"can only kill running containers. {container.id} is in state {container.shown_status}"
            )
        if number == _SIGKILL or number == container.config["stop_signal"]:
            engine.state.containers.update(container, stopped_by_user=True)
        _signal(engine, container, number)
        events.container(engine, "kill", container)
    if number == _SIGKILL:
        # podman's callers may start it again at once: wait until it is recorded as ended.
        liveness.wait_process(container, _KILL_WAIT_MS)
        with engine.lock(container.id):
            try:
                engine.state.containers.refresh(container)
            except NotFound:
                return
            liveness.sync(engine, container)


def pause(engine: Engine, container: Container) -> None:
    """Freeze every process. Raises WrongState."""
    with engine.lock(container.id):
        engine.state.containers.refresh(container)
        liveness.sync(engine, container)
        if container.status == records.PAUSED:
            raise WrongState(f'"{container.id}" is already paused')
        if container.status != records.RUNNING:
            raise WrongState(f'"{container.id}" is not running, can\'t pause')
        engine.runtime(container.config["oci_runtime"]).pause(container.id)
        engine.state.containers.update(container, status=records.PAUSED)
        events.container(engine, "pause", container)


def unpause(engine: Engine, container: Container) -> None:
    """Thaw every process. Raises WrongState."""
    with engine.lock(container.id):
        engine.state.containers.refresh(container)
        liveness.sync(engine, container)
        if container.status != records.PAUSED:
            raise WrongState(f'"{container.id}" is not paused, can\'t unpause')
        _resume(engine, container)
        events.container(engine, "unpause", container)


def _resume(engine: Engine, container: Container) -> None:
    engine.runtime(container.config["oci_runtime"]).resume(container.id)
    engine.state.containers.update(container, status=records.RUNNING)


def restart(engine: Engine, container: Container, *, timeout: int | None = None) -> None:
    """Stop it where it runs, and start it."""
    from ocicore.engine import start

    stop_only(engine, container, timeout)
    start.start(engine, container)
    events.container(engine, "restart", container)


def stop_only(engine: Engine, container: Container, timeout: int | None) -> None:
    """`stop` of a container that must stay even with --rm."""
    config = container.config
    if not config["auto_remove"]:
        stop(engine, container, timeout=timeout)
        return
    engine.state.containers.update(container, config={**config, "auto_remove": False})
    try:
        stop(engine, container, timeout=timeout)
    finally:
        engine.state.containers.update(container, config=config)
