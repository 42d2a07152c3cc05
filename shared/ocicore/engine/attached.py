"""Staying with a container: `run`, `start --attach`, `attach`.

An attached `run` owns its container: conmon leaves the clean-up to us while our end of a pipe is open, so no second
process starts. Killed, we leave the container running, and conmon cleans up when it ends.
"""

from __future__ import annotations

import os

from ocicore.engine import cleanup, events, liveness, places, records, sd_notify, start
from ocicore.engine.errors import WrongState
from ocicore.errors import NotFound
from ocicore.linux import process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ocicore.engine.context import Engine
    from ocicore.engine.records import Container
    from ocicore.engine.streams import Streams

#: Signals that are not passed on: their meaning is between us and the kernel (podman's list).
_KEPT = frozenset(
    (
        "SIGKILL",
        "SIGSTOP",
        "SIGCHLD",
        "SIGPIPE",
        "SIGWINCH",
        "SIGURG",
        "SIGSEGV",
        "SIGBUS",
        "SIGILL",
        "SIGFPE",
        "SIGABRT",
        "SIGTRAP",
        "SIGSYS",
        "SIGTTIN",
        "SIGTTOU",
        "SIGTSTP",
    )
)


def proxied_signals() -> tuple[int, ...]:
    """Numbers of the signals an attached program passes on."""
    return tuple(
        number
        for number in range(1, 65)
        if number not in (32, 33) and process.signal_name(number) not in _KEPT
    )


def run(
    engine: Engine, container: Container, streams: Streams, *, extra_fds: Sequence[int] = ()
) -> int | None:
    """Create, attach, start and wait; the container's exit status, or None after the user has detached.

    Raises Error with podman's statuses when it cannot be started.
    """
    from ocicore.runtime import attach

    config = container.config
    passthrough = config["log"]["driver"].startswith("passthrough")
    owns = not cleanup.may_restart(container)
    reader = writer = -1
    if owns:
        reader, writer = os.pipe()
    try:
        with engine.lock(container.id):
            engine.state.containers.refresh(container)
            liveness.sync(engine, container)
            if container.status == records.STOPPED:
                cleanup.take_down(engine, container)
            if container.status in (records.RUNNING, records.PAUSED):
                raise WrongState(f"container {container.id} is already running")
            # Before the first instruction: programs ask for the size once, at their start.
            size = None
            if config["runtime"]["terminal"]:
                size = attach.terminal_size(streams.stdin, streams.stdout, streams.stderr)
            start.create_in_runtime(
                engine, container, owner_fd=reader, extra_fds=extra_fds, terminal_size=size
            )
            socket = None
            if not passthrough:
                socket = attach.connect(places.static_dir(engine, container))
                if size is not None:
                    # Upstream's conmon knows only this way, which may come late.
                    attach.resize(places.static_dir(engine, container), *size)
            start.start_created(engine, container)
            events.container(engine, "attach", container)
        sd_notify.wait_ready_beside(engine, container)
        if reader >= 0:
            os.close(reader)
            reader = -1
        if socket is not None and not _copy(engine, container, socket, streams):
            return None
        return finish(engine, container)
    finally:
        for descriptor in (reader, writer):
            if descriptor >= 0:
                os.close(descriptor)


def _copy(engine: Engine, container: Container, socket: object, streams: Streams) -> bool:
    """Copy between the container and our streams; False when the user detached."""
    from ocicore.runtime import attach

    pid, started = container.pid, container.pid_start

    def pass_on(number: int) -> None:
        process.kill_process(pid, number, started)

    outcome = attach.attach(
        socket,  # type: ignore[arg-type]
        stdin=streams.stdin,
        stdout=streams.stdout,
        stderr=streams.stderr,
        terminal=container.config["runtime"]["terminal"],
        detach_keys=streams.detach_keys,
        bundle=places.static_dir(engine, container),
        on_signal=pass_on if streams.sig_proxy else None,
        proxy=proxied_signals() if streams.sig_proxy else (),
    )
    return outcome != "detached"


def finish(engine: Engine, container: Container) -> int:
    """Wait for the end, clean up unless somebody else has, remove an --rm container; its exit status."""
    liveness.wait_process(container, None)
    with engine.lock(container.id):
        try:
            engine.state.containers.refresh(container)
        except NotFound:
            engine.locks.discard(container.id)
            code = engine.state.containers.exit_code(container.id)
            return liveness.UNKNOWN_EXIT if code is None else code
        liveness.sync(engine, container)
        code = container.exit_code
        if container.status == records.STOPPED and not cleanup.wants_restart(engine, container):
            cleanup.take_down(engine, container)
            events.container(engine, "cleanup", container)
            if container.config["auto_remove"]:
                cleanup.auto_remove(engine, container)
    if container.pod_id:
        from ocicore.engine import pod_verbs

        pod_verbs.after_end(engine, container)
    return code


def attach_to(engine: Engine, container: Container, streams: Streams) -> int | None:
    """Join a running container; its exit status, or None after the user has detached. Raises WrongState."""
    from ocicore.runtime import attach

    with engine.lock(container.id):
        engine.state.containers.refresh(container)
        liveness.sync(engine, container)
        if container.status not in (records.RUNNING, records.CREATED):
            raise WrongState("you can only attach to running containers")
        socket = attach.connect(places.static_dir(engine, container))
        if container.status == records.CREATED:
            start.start_created(engine, container)
        events.container(engine, "attach", container)
    if not _copy(engine, container, socket, streams):
        return None
    return wait_for_exit(engine, container)


def wait_for_exit(engine: Engine, container: Container) -> int:
    """The exit status of a container that somebody else cleans up."""
    liveness.wait_process(container, None)
    with engine.lock(container.id):
        try:
            engine.state.containers.refresh(container)
        except NotFound:
            engine.locks.discard(container.id)
            code = engine.state.containers.exit_code(container.id)
            return liveness.UNKNOWN_EXIT if code is None else code
        liveness.sync(engine, container)
        recorded = engine.state.containers.exit_code(container.id)
        return container.exit_code if recorded is None else recorded
