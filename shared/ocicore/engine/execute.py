"""exec: one more process in a running container.

Without a terminal and attached, the runtime's `exec` runs in the foreground on our own streams: no monitor is needed
for a process that ends with its caller. A terminal, a detached process, or a command we cannot find beforehand
(whose error the runtime words best) goes through conmon.
"""

from __future__ import annotations

import os
import time

from ocicore.engine import conmon_place, events, liveness, names, places, records
from ocicore.engine.errors import WrongState
from ocicore.errors import Error, NotFound
from ocicore.files import quick_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from ocicore.engine.context import Engine
    from ocicore.engine.records import Container
    from ocicore.engine.streams import Streams


class ExecOptions:
    """What `exec` was asked for: command, env, user, workdir, tty, interactive, privileged, extra_fds, recorded.

    `recorded`: whether others see the session (`inspect`); one that is not cannot be detached from.
    """

    __slots__ = (
        "command",
        "env",
        "extra_fds",
        "interactive",
        "privileged",
        "recorded",
        "tty",
        "user",
        "workdir",
    )

    def __init__(
        self,
        command: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        user: str = "",
        workdir: str = "",
        tty: bool = False,
        interactive: bool = False,
        privileged: bool = False,
        extra_fds: Sequence[int] = (),
        recorded: bool = True,
    ) -> None:
        self.command = list(command)
        self.env = dict(env or {})
        self.user = user
        self.workdir = workdir
        self.tty = tty
        self.interactive = interactive
        self.privileged = privileged
        self.extra_fds = tuple(extra_fds)
        self.recorded = recorded


def require_running(engine: Engine, container: Container) -> None:
    """Raises WrongState, in podman's words, unless processes can be started in it; else this process may start them."""
    liveness.sync(engine, container)
    if container.status not in (records.RUNNING, records.CREATED):
        raise WrongState("can only create exec sessions on running containers")
    conmon_place.leave_session(engine, container)


def wait_until_running(engine: Engine, name: str, seconds: int) -> None:
    """Wait for a container that another process makes and starts. Raises Error when it does not come in time."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            container = engine.state.containers.find(name)
        except NotFound:
            pass
        else:
            liveness.sync(engine, container)
            if container.status == records.RUNNING:
                return
        if time.monotonic() >= deadline:
            raise Error(f"timed out waiting for container: {name}")
        time.sleep(0.1)


def process_object(engine: Engine, container: Container, options: ExecOptions) -> dict[str, Any]:
    """The OCI process, derived from the container's own config.json."""
    from ocicore.runtime import spec

    path = f"{places.static_dir(engine, container)}/config.json"
    try:
        with open(path, "rb") as file:
            document = quick_json.loads(file.read())
    except (OSError, ValueError) as error:
        raise Error(f"reading {path}: {error}") from error
    env = dict(options.env)
    return spec.exec_process(
        document,
        args=options.command,
        env=env,
        cwd=options.workdir,
        user=options.user,
        rootfs=f"/proc/{container.pid}/root" if options.user else "",
        terminal=options.tty,
        privileged=options.privileged,
        host=engine.host if options.privileged else None,
    )


def run(engine: Engine, container: Container, options: ExecOptions, streams: Streams) -> int | None:
    """Run a process and stay with it; its exit status, or None after the user has detached. Raises Error."""
    require_running(engine, container)
    process = process_object(engine, container, options)
    events.container(engine, "exec", container)
    if not options.tty and _is_executable(container.pid, options.command[0], process):
        return _in_foreground(engine, container, options, process)
    return _monitored(engine, container, options, process, streams)


def capture(engine: Engine, container: Container, options: ExecOptions) -> tuple[int, str]:
    """Run a process and keep what it writes: (exit status, text). Raises Error."""
    require_running(engine, container)
    output = os.memfd_create("output", os.MFD_CLOEXEC)
    try:
        process = process_object(engine, container, options)
        status = _in_foreground(engine, container, options, process, output=output)
        os.lseek(output, 0, os.SEEK_SET)
        with os.fdopen(os.dup(output), encoding="utf-8", errors="replace") as file:
            return status, file.read()
    finally:
        os.close(output)


def _is_executable(pid: int, command: str, process: dict[str, Any]) -> bool:
    """Whether the command is surely there: looked up in the container's own mounts."""
    if command.startswith("/"):
        candidates = [command]
    elif "/" in command:
        return False
    else:
        path = next((entry[5:] for entry in process["env"] if entry.startswith("PATH=")), "")
        candidates = [f"{directory}/{command}" for directory in path.split(":") if directory.startswith("/")]
    root = f"/proc/{pid}/root"
    for candidate in candidates:
        mode = _mode_inside(root, candidate)
        if mode is not None:
            return mode & 0o170000 == 0o100000 and bool(mode & 0o111)
    return False


def _mode_inside(root: str, path: str) -> int | None:
    """The mode of a file as the container sees it; absolute links are followed from its root.

    Only a guess for choosing the way (nothing is opened), so a link half-way up that points to an absolute path may
    mislead it: the runtime then reports the error itself.
    """
    for _ in range(8):
        try:
            info = os.lstat(root + path)
            if info.st_mode & 0o170000 != 0o120000:
                return info.st_mode
            target = os.readlink(root + path)
        except OSError:
            return None
        path = target if target.startswith("/") else os.path.normpath(f"{os.path.dirname(path)}/{target}")
    return None


def _in_foreground(
    engine: Engine,
    container: Container,
    options: ExecOptions,
    process: dict[str, Any],
    *,
    output: int | None = None,
) -> int:
    """The runtime's exec on our own streams, or with both outputs in `output`.

    Its own failures are on stderr already, as its log tells.
    """
    from ocicore.linux import spawn
    from ocicore.runtime import oci

    base = engine.runtime(container.config["oci_runtime"])
    # Both files are memory only, found by the runtime below its own /proc.
    spec_fd = os.memfd_create("process.json", os.MFD_CLOEXEC)
    log_fd = os.memfd_create("oci-log", os.MFD_CLOEXEC)
    stdin = 0
    try:
        os.write(spec_fd, quick_json.dumps(process).encode())
        if not options.interactive:
            stdin = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
        number = 3 + len(options.extra_fds)
        words = ["exec", "--process", f"/proc/self/fd/{number}"]
        if options.extra_fds:
            words += ["--preserve-fds", str(len(options.extra_fds))]
        argv = base.argv(*words, container.id)
        if base.writes_json_log:
            argv[1:1] = ["--log-format=json", f"--log=/proc/self/fd/{number + 1}"]
        fds = {
            3 + position: descriptor
            for position, descriptor in enumerate(options.extra_fds)
            if descriptor >= 0
        }
        out, err = (1, 2) if output is None else (output, output)
        fds.update({0: stdin, 1: out, 2: err, number: spec_fd, number + 1: log_fd})
        status = spawn.run(argv, base.env, fds)
        if status < 0:
            status = 128 - status
        if status:
            text = oci.log_message(f"/proc/self/fd/{log_fd}")
            if text:
                failure = oci.runtime_error(base.name, text)
                return failure.exit_status or 125
        return status
    finally:
        os.close(spec_fd)
        os.close(log_fd)
        if stdin:
            os.close(stdin)


def _monitored(
    engine: Engine,
    container: Container,
    options: ExecOptions,
    process: dict[str, Any],
    streams: Streams,
) -> int | None:
    from ocicore.runtime import attach

    session, bundle = _new_session(engine, container, options, process)
    detached = False
    try:
        size = attach.terminal_size(streams.stdin, streams.stdout, streams.stderr) if options.tty else None
        launched = _launch(
            engine, container, session, bundle, process, options, attach_first=True, terminal_size=size
        )
        try:
            launched.wait_ready()
            socket = attach.connect(bundle)
            if size is not None:
                # Upstream's conmon knows only this way, which may come late.
                attach.resize(bundle, *size)
            launched.start()
            outcome = attach.attach(
                socket,
                stdin=streams.stdin if options.interactive else None,
                stdout=streams.stdout,
                stderr=streams.stderr,
                terminal=options.tty,
                detach_keys=streams.detach_keys,
                bundle=bundle,
            )
            launched.pid()
            detached = outcome == "detached"
            if detached:
                engine.state.execs.update(session, status=records.RUNNING)
                return None
            status: int = launched.exit_status()
            return status
        finally:
            launched.close()
    finally:
        if not detached:
            forget(engine, container, session.id)


def _new_session(
    engine: Engine, container: Container, options: ExecOptions, process: dict[str, Any]
) -> tuple[records.ExecSession, str]:
    session = records.ExecSession(
        id=names.random_id(),
        container_id=container.id,
        config={
            "command": options.command,
            "tty": options.tty,
            "user": options.user,
            "privileged": options.privileged,
            "interactive": options.interactive,
        },
        boot_id=engine.boot_id,
    )
    bundle = session_directory(engine, container, session.id)
    os.makedirs(bundle, mode=0o700, exist_ok=True)
    if options.recorded:
        engine.state.execs.add(session)
    return session, bundle


def session_directory(engine: Engine, container: Container, session_id: str) -> str:
    """Folder of one session's files."""
    return f"{places.run_dir(engine, container)}/{session_id}"


def _launch(
    engine: Engine,
    container: Container,
    session: records.ExecSession,
    bundle: str,
    process: dict[str, Any],
    options: ExecOptions,
    *,
    attach_first: bool,
    terminal_size: tuple[int, int] | None = None,
) -> Any:
    from ocicore.engine import runtime_choice, start
    from ocicore.runtime import monitor
    from ocicore.runtime.types import ExecRequest

    exits = f"{bundle}/exit"
    os.makedirs(exits, mode=0o700, exist_ok=True)
    request = ExecRequest(
        container_id=container.id,
        session_id=session.id,
        bundle=bundle,
        run_dir=bundle,
        exit_dir=exits,
        process=process,
        attach=attach_first,
        terminal=options.tty,
        terminal_size=terminal_size,
        stdin=options.interactive,
        extra_fds=options.extra_fds,
        exit_command=() if attach_first else start.exit_command(engine, container.id, session=session.id),
        env=runtime_choice.runtime_environment(engine),
        log_level=start.conmon_level(engine.options.log_level),
    )
    return monitor.launch_exec(
        request,
        runtime=engine.runtime(container.config["oci_runtime"]),
        conmon=runtime_choice.conmon(engine),
        warn=engine.warn,
    )


def detach(engine: Engine, container: Container, options: ExecOptions) -> str:
    """Run a process in the background; the session's id. Raises Error."""
    require_running(engine, container)
    process = process_object(engine, container, options)
    session, bundle = _new_session(engine, container, options, process)
    try:
        launched = _launch(engine, container, session, bundle, process, options, attach_first=False)
        try:
            pid = launched.pid()
        finally:
            launched.close()
    except BaseException:
        forget(engine, container, session.id)
        raise
    from ocicore.linux import process as processes

    engine.state.execs.update(session, status=records.RUNNING, pid=pid, pid_start=processes.start_time(pid))
    events.container(engine, "exec", container)
    return session.id


def forget(engine: Engine, container: Container, session_id: str) -> None:
    """Remove a session's record and files: it has ended."""
    from ocicore.engine import volumes

    engine.state.execs.remove(session_id)
    try:
        volumes.delete_tree(session_directory(engine, container, session_id))
    except NotFound:
        pass


def end_session(engine: Engine, container: Container, session_id: str, *, remove: bool) -> None:
    """What conmon's exit command does for a detached session: record its exit status, or remove it."""
    session = engine.state.execs.find(session_id)
    bundle = session_directory(engine, container, session_id)
    code = 0
    try:
        with open(f"{bundle}/exit/{container.id}") as file:
            code = int(file.read().strip() or "0")
    except (OSError, ValueError):
        code = liveness.UNKNOWN_EXIT
    events.container(engine, "exec_died", container, exit_code=code, execID=session_id)
    if remove:
        forget(engine, container, session_id)
    else:
        engine.state.execs.update(session, status=records.STOPPED, exit_code=code, pid=0)
