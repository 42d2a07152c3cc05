"""Starting conmon, which starts and then watches the container: its options, pipes and answers.

The protocol is upstream's (conmon.8, parent_pipe_fd.c); ours adds `_OCI_OWNERPIPE`. conmon forks itself into the
background; the first process ends at once, the second answers {"data": pid} or {"data": -1, "message": …} on the
synchronisation pipe.
"""

from __future__ import annotations

import os

from ocicore.errors import Error, MissingProgram
from ocicore.files import quick_json
from ocicore.linux import spawn
from ocicore.runtime import monitor_protocol as protocol
from ocicore.runtime import oci
from ocicore.runtime.monitor_pipes import MonitorFailure, Pipes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ocicore.runtime.types import ExecRequest, MonitorRequest

    Warn = Callable[[str], None]

#: Installed places of conmon, ours first.
FOLDERS = (
    "/usr/local/libexec/pypod/conmon",
    "/usr/libexec/pypod/conmon",
    "/usr/lib/pypod/conmon",
    "/usr/libexec/podman/conmon",
    "/usr/local/libexec/podman/conmon",
    "/usr/local/lib/podman/conmon",
    "/usr/bin/conmon",
    "/usr/sbin/conmon",
    "/usr/local/bin/conmon",
    "/usr/local/sbin/conmon",
)
#: Never passed on: the socket belongs to our own service manager.
_PRIVATE_VARIABLES = (
    "NOTIFY_SOCKET",
    protocol.ENV_SYNC_PIPE,
    protocol.ENV_START_PIPE,
    protocol.ENV_ATTACH_PIPE,
    protocol.ENV_OWNER_PIPE,
    protocol.ENV_TERMINAL_SIZE,
)


class Launched:
    """A created (not yet started) container: pid of its process 1, pid of its conmon (0 when unknown)."""

    __slots__ = ("conmon_pid", "pid")

    def __init__(self, pid: int, conmon_pid: int) -> None:
        self.pid = pid
        self.conmon_pid = conmon_pid


def find(configured: Sequence[str], named: str = "") -> str:
    """Path of conmon: the one named, else the configured ones, ours beside this package, the installed ones.

    Args:
        configured: what an administrator has chosen (engine.conmon_path), without the built-in list.

    Raises MissingProgram.
    """
    if named:
        if os.access(named, os.X_OK):
            return named
        raise MissingProgram(f"could not find a working conmon binary: {named}: no such executable file")
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    above = os.path.dirname(package)
    checkout = os.path.dirname(above)
    # PREFIX/lib/pypod/ocicore (make install) and PREFIX/lib/pythonX/site-packages/ocicore (pip).
    installed = os.path.dirname(checkout)
    for path in (
        *configured,
        f"{checkout}/build/conmon/conmon",
        f"{installed}/libexec/pypod/conmon",
        f"{os.path.dirname(installed)}/libexec/pypod/conmon",
        *FOLDERS,
    ):
        if os.access(path, os.X_OK) and not os.path.isdir(path):
            return path
    raise MissingProgram("could not find a working conmon binary", hint="install the package conmon")


def launch(request: MonitorRequest, *, runtime: oci.OCIRuntime, conmon: str, warn: Warn) -> Launched:
    """Create a container under a new conmon.

    Raises oci.RuntimeFailure with the runtime's own reason (126/127 where the command cannot be run), MonitorFailure
    when conmon fails.
    """
    oci_log = f"{request.run_dir}/oci-log"
    pid_file = f"{request.run_dir}/pidfile"
    conmon_pid_file = f"{request.run_dir}/conmon.pid"
    _remove(oci_log, pid_file, conmon_pid_file, f"{request.exit_dir}/{request.container_id}")
    preserved = len(request.extra_fds) or request.preserve_fds
    argv = _shared_arguments(request, runtime, conmon, request.container_id, pid_file, oci_log)
    argv += ["-n", request.name, "--conmon-pidfile", conmon_pid_file]
    argv += _log_arguments(request)
    if request.persist_dir:
        argv += ["--persist-dir", request.persist_dir]
    if request.terminal:
        argv.append("-t")
    elif request.stdin:
        argv.append("-i")
    for value, words in (
        (request.leave_stdin_open, ("--leave-stdin-open",)),
        (request.timeout, (f"--timeout={request.timeout}",)),
        (request.no_new_keyring, ("--no-new-keyring",)),
        (request.no_pivot, ("--no-pivot",)),
        (request.syslog, ("--syslog",)),
        (request.listen_pid, ("--replace-listen-pid",)),
        (
            request.sdnotify == "container" and request.sdnotify_socket,
            (f"--sdnotify-socket={request.sdnotify_socket}",),
        ),
        (request.restore, ("--restore", request.restore)),
    ):
        if value:
            argv += words
    for word in request.restore_args:
        argv += ["--runtime-opt", word]
    argv += _runtime_options(request.runtime_opts, preserved)
    argv += request.health

    passthrough = any(driver.startswith("passthrough") for driver in request.log)
    pipes = Pipes(preserved, attach=False, owner_fd=request.owner_fd, held_fds=request.held_fds)
    try:
        child = _start(argv, request, pipes, passthrough=passthrough)
        _place(child.pid, request, warn)
        pipes.release()
        child.finish()
        answer = pipes.answer()
        if answer is None or answer[0] < 0:
            raise _creation_error(runtime, oci_log, answer)
        return Launched(answer[0], _read_number(conmon_pid_file))
    except Error:
        # The runtime may have got as far as making its state; nobody else would remove it.
        _forget(runtime, request.container_id)
        raise
    finally:
        pipes.close()


def launch_exec(request: ExecRequest, *, runtime: oci.OCIRuntime, conmon: str, warn: Warn) -> ExecSession:
    """Start a conmon for one more process. With request.attach the process waits until ExecSession.start().

    Raises MonitorFailure; failures of the runtime come from ExecSession.pid().
    """
    process_file = f"{request.bundle}/process.json"
    oci_log = f"{request.run_dir}/oci-log"
    pid_file = f"{request.run_dir}/exec_pid"
    _remove(oci_log, pid_file, f"{request.exit_dir}/{request.container_id}")
    with open(process_file, "wb") as stream:
        stream.write(quick_json.dumps(request.process).encode())
    preserved = len(request.extra_fds) or request.preserve_fds
    argv = _shared_arguments(request, runtime, conmon, request.session_id, pid_file, oci_log)
    argv += ["-n", request.container_id[:12], "-l", "none"]
    argv += _runtime_options((f"--cgroup={request.cgroup}",) if request.cgroup else (), preserved)
    if request.terminal:
        argv.append("-t")
    if request.stdin:
        argv.append("-i")
    argv += ["-e", "--exec-process-spec", process_file]
    if request.attach:
        argv.append("--exec-attach")
    pipes = Pipes(preserved, attach=request.attach, owner_fd=request.owner_fd)
    try:
        child = _start(argv, request, pipes, passthrough=False)
        pipes.release()
        child.finish()
    except BaseException:
        pipes.close()
        raise
    return ExecSession(request, runtime, pipes, oci_log)


class ExecSession:
    """A process being started in a running container. Call wait_ready, attach, start, pid, exit_status in this order."""

    __slots__ = ("_log", "_pipes", "_request", "_runtime", "_started")

    def __init__(self, request: ExecRequest, runtime: oci.OCIRuntime, pipes: Pipes, oci_log: str) -> None:
        self._request = request
        self._runtime = runtime
        self._pipes = pipes
        self._log = oci_log
        self._started = not request.attach

    @property
    def attach_socket(self) -> str:
        """Path of the socket to attach to, once ready."""
        return f"{self._request.bundle}/attach"

    def wait_ready(self) -> None:
        """Wait until conmon listens on the attach socket. Raises MonitorFailure."""
        answer = self._pipes.ready()
        if answer is None:
            raise MonitorFailure("exec session: conmon ended before it was ready to attach to")

    def start(self) -> None:
        """Let the runtime start the process."""
        if not self._started:
            self._started = True
            self._pipes.release()

    def pid(self) -> int:
        """Host pid of the process. Raises oci.RuntimeFailure when the runtime could not start it."""
        answer = self._pipes.answer()
        if answer is None or answer[0] < 0:
            raise _creation_error(self._runtime, self._log, answer)
        return answer[0]

    def exit_status(self) -> int:
        """Wait for the end of the process; its status, or -1 when conmon was killed."""
        answer = self._pipes.answer(timeout_ms=None)
        return -1 if answer is None else answer[0]

    def close(self) -> None:
        """Close the pipes; the process goes on."""
        self._pipes.close()


class _Child:
    """The first conmon process, which ends as soon as the second one runs."""

    __slots__ = ("_stderr", "pid")

    def __init__(self, pid: int, stderr: int) -> None:
        self.pid = pid
        self._stderr = stderr

    def finish(self) -> None:
        """Reap it. Raises MonitorFailure with what it wrote when it failed."""
        try:
            status = spawn.wait(self.pid)
            if status != 0:
                text = (
                    os.pread(self._stderr, 8192, 0).decode("utf-8", "replace").strip()
                    if self._stderr >= 0
                    else ""
                )
                text = " ".join(text.split("\n"))
                raise MonitorFailure(f"conmon failed: exit status {status}{': ' if text else ''}{text}")
        finally:
            if self._stderr >= 0:
                os.close(self._stderr)


def _start(
    argv: list[str], request: MonitorRequest | ExecRequest, pipes: Pipes, *, passthrough: bool
) -> _Child:
    fds = dict(pipes.child)
    sources = request.extra_fds or tuple(range(3, 3 + request.preserve_fds))
    fds.update({3 + position: fd for position, fd in enumerate(sources) if fd >= 0})
    null = stderr = -1
    if not passthrough:
        null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
        stderr = os.memfd_create("conmon-stderr", os.MFD_CLOEXEC)
        fds.update({0: null, 1: null, 2: stderr})
    env = _environment(request.env, pipes.env)
    if request.terminal and request.terminal_size is not None:
        rows, columns = request.terminal_size
        env[protocol.ENV_TERMINAL_SIZE] = f"{rows} {columns}"
    try:
        # A group of its own: ^C at the terminal must reach the container through the proxy only.
        pid = spawn.spawn(argv, env, fds, new_group=True)
    except spawn.SpawnError:
        if stderr >= 0:
            os.close(stderr)
        raise
    finally:
        if null >= 0:
            os.close(null)
        pipes.close_child()
    return _Child(pid, stderr)


def _environment(base: Mapping[str, str], pipes: Mapping[str, str]) -> dict[str, str]:
    env = {key: value for key, value in base.items() if key not in _PRIVATE_VARIABLES}
    if os.geteuid() == 0 and "_CONTAINERS_ROOTLESS_UID" not in env:
        # Root's containers belong to the system's manager, never to a session's.
        env.pop("DBUS_SESSION_BUS_ADDRESS", None)
    env.update(pipes)
    return env


def _shared_arguments(
    request: MonitorRequest | ExecRequest,
    runtime: oci.OCIRuntime,
    conmon: str,
    unique: str,
    pid_file: str,
    oci_log: str,
) -> list[str]:
    argv = [conmon, "--api-version", "1", "-c", request.container_id, "-u", unique]
    if getattr(request, "hidden_mounts", ()):
        argv += _without_mounts(request, runtime.path)  # type: ignore[arg-type]
    else:
        argv += ["-r", runtime.path]
    argv += ["-b", request.bundle, "-p", pid_file, "--exit-dir", request.exit_dir, "--full-attach"]
    argv += ["--log-level", request.log_level]
    for flag in runtime.flags:
        argv += ["--runtime-arg", flag]
    if runtime.writes_json_log:
        argv += ["--runtime-arg", "--log-format=json", "--runtime-arg", "--log", f"--runtime-arg={oci_log}"]
    if request.exit_command:
        argv += ["--exit-command", request.exit_command[0]]
        for word in request.exit_command[1:]:
            argv += ["--exit-command-arg", word]
        if request.exit_delay:
            argv += ["--exit-delay", str(request.exit_delay)]
    manager = getattr(request, "cgroup_manager", "")
    if manager == "systemd":
        # conmon's own switch comes before all of --runtime-arg, and so would reach what stands in front of the runtime.
        argv += ["--runtime-arg", "--systemd-cgroup"] if getattr(request, "hidden_mounts", ()) else ["-s"]
    elif manager == "disabled":
        runtime.check_no_cgroups()
        argv += ["--runtime-arg", "--cgroup-manager", "--runtime-arg", "disabled"]
    return argv


def _without_mounts(request: MonitorRequest, runtime: str) -> list[str]:
    """The runtime in a mount namespace of its own that lacks some of the host's mounts.

    Only below that one folder mounts no longer propagate: conmon and its clean-up stay in the host's namespace, and shared
    volumes go on being shared. Raises MissingProgram.
    """
    from shlex import quote

    from ocicore.linux import spawn

    unshare = spawn.find("unshare", request.env.get("PATH", "/usr/bin:/bin").split(":"))
    if not unshare:
        raise MissingProgram("unshare is not installed", hint="install the package util-linux")
    script = (
        f"mount --make-rslave {quote(request.hidden_below)} && umount {' '.join(map(quote, request.hidden_mounts))} "
        '&& exec "$0" "$@"'
    )
    words = ["--mount", "--propagation", "unchanged", "/bin/sh", "-c", script, runtime]
    return ["-r", unshare, *(word for flag in words for word in ("--runtime-arg", flag))]


def _log_arguments(request: MonitorRequest) -> list[str]:
    argv = []
    for driver in request.log or ("none",):
        argv += ["-l", driver.rstrip(":")]
    if request.log_size_max > 0:
        argv += ["--log-size-max", str(request.log_size_max)]
    if request.log_tag:
        argv += ["--log-tag", request.log_tag]
    for label in request.log_labels:
        argv += ["--log-label", label]
    return argv


def _runtime_options(words: Sequence[str], preserved: int) -> list[str]:
    argv = []
    for word in words:
        argv += ["--runtime-opt", word]
    if preserved:
        argv += ["--runtime-opt", "--preserve-fds", "--runtime-opt", str(preserved)]
    return argv


def _place(pid: int, request: MonitorRequest, warn: Warn) -> None:
    """Move conmon to its cgroup before it forks; a place that cannot be had is no reason not to run."""
    if not request.cgroup:
        return
    from ocicore.linux import cgroups

    user = request.env.get("_CONTAINERS_ROOTLESS_UID", "")
    try:
        if request.cgroup_manager == "systemd":
            from ocicore.systemd import scopes

            scopes.move(
                pid,
                f"libpod-conmon-{request.container_id}.scope",
                os.path.basename(request.cgroup),
                uid=int(user) if user else None,
                runtime_dir=request.env.get("XDG_RUNTIME_DIR", ""),
            )
        else:
            cgroups.create(request.cgroup)
            cgroups.add_process(request.cgroup, pid)
    except (Error, OSError) as error:
        # An ordinary user rarely owns a cgroup: expected there, worth a line for root.
        if os.geteuid() == 0 and not user:
            warn(f"failed to add conmon to cgroup {request.cgroup}: {error}")


def _creation_error(runtime: oci.OCIRuntime, oci_log: str, answer: tuple[int, str] | None) -> Error:
    text = oci.log_message(oci_log) or (answer[1] if answer else "")
    if text:
        return oci.runtime_error(runtime.name, text)
    if answer is None:
        return MonitorFailure("container create failed (no logs from conmon): it ended without an answer")
    return MonitorFailure("container create failed: internal libpod error")


def _forget(runtime: oci.OCIRuntime, container_id: str) -> None:
    try:
        runtime.delete(container_id, force=True)
    except Error:
        # Most failures leave nothing behind, and then there is nothing to delete.
        return


def _read_number(path: str) -> int:
    try:
        with open(path) as stream:
            return int(stream.read().strip() or "0")
    except (OSError, ValueError):
        return 0


def _remove(*paths: str) -> None:
    for path in paths:
        try:
            os.unlink(path)
        except FileNotFoundError:
            continue
