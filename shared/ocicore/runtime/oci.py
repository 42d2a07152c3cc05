"""OCI runtimes (crun, runc, runsc, any other) through the command line they all copied from runc.

Which one is used, its commands, and what its error text means: podman's wording and exit statuses (126: may not be
run, 127: not found), because scripts match on them.
"""

from __future__ import annotations

import os

from ocicore.errors import Error, InvalidInput, MissingProgram, NotFound, Unsupported
from ocicore.files import quick_json
from ocicore.linux import spawn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from ocicore.linux.commands import Commands

    Json = dict[str, Any]

#: Order in which an unnamed runtime is looked for.
PREFERENCE = ("crun", "runc", "runsc", "youki", "kata")

#: Where runtimes are looked for besides the configured table and PATH.
_FOLDERS = (
    "/usr/bin",
    "/usr/sbin",
    "/usr/local/bin",
    "/usr/local/sbin",
    "/sbin",
    "/bin",
    "/usr/lib/cri-o-runc/sbin",
    "/run/current-system/sw/bin",
)


class Abilities:
    """What runtimes can do, by the names of their programs: runtime_supports_… of containers.conf."""

    __slots__ = ("json_errors", "no_cgroups")

    def __init__(
        self,
        json_errors: Sequence[str] = ("crun", "runc", "kata", "runsc", "youki", "krun", "ocijail"),
        no_cgroups: Sequence[str] = ("crun", "krun"),
    ) -> None:
        self.json_errors = json_errors
        self.no_cgroups = no_cgroups


class RuntimeFailure(Error):
    """An OCI runtime failed for a reason of its own; status 126/127 when the command could not be run."""


class CommandNotFound(RuntimeFailure):
    """The command named does not exist in the container."""

    exit_status = 127


class CommandDenied(RuntimeFailure):
    """The command exists and may not be executed."""

    exit_status = 126


def runtime_error(name: str, text: str) -> RuntimeFailure:
    """A runtime's error text as podman words it, with podman's exit status."""
    lines = [line for line in text.replace("\r", "").strip().split("\n") if line.strip()]
    for line in lines:
        low = line.lower()
        if "permission denied" in low or "operation not permitted" in low:
            return CommandDenied(f"{name}: {line.strip()}: OCI permission denied")
    for line in lines:
        low = line.lower()
        if (
            "executable file not found in" in low
            or "no such file or directory" in low
            or "open executable" in low
        ):
            return CommandNotFound(
                f"{name}: {line.strip()}: OCI runtime attempted to invoke a command that was not found"
            )
    message = " ".join(line.strip() for line in lines) or "failed without saying why"
    if "`/proc/" in message and "/attr" in message:
        for end, verb in (("/exec`", "assign"), ("/current`", "get"), ("`", "process")):
            if end in message:
                return RuntimeFailure(
                    f"{name}: {message}: OCI runtime error: unable to {verb} security attribute"
                )
    return RuntimeFailure(f"{name}: {message}: OCI runtime error")


def run_status(error: Error) -> int:
    """Exit status of `run` for a container that could not be started: 127 when something was not found, else 126."""
    if error.exit_status is not None:
        return error.exit_status
    low = str(error).lower()
    return 127 if "not found" in low or "no such file" in low or "executable path is empty" in low else 126


def log_message(path: str) -> str:
    """The last error a runtime wrote with --log-format=json, "" when there is none."""
    try:
        with open(path, "rb") as stream:
            lines = stream.read().split(b"\n")
    except OSError:
        return ""
    for line in reversed(lines):
        try:
            entry = quick_json.loads(line) if line.strip() else None
        except ValueError:
            continue
        if isinstance(entry, dict) and entry.get("level") in {"error", "fatal", None} and entry.get("msg"):
            return str(entry["msg"])
    return ""


def choose(
    requested: str,
    configured: str,
    table: Mapping[str, Sequence[str]],
    *,
    cgroup_mode: str,
    env: Mapping[str, str],
    flags: Sequence[str] = (),
    abilities: Abilities | None = None,
) -> OCIRuntime:
    """The runtime to use.

    Args:
        requested: --runtime (a name or a path), "" for none.
        configured: `runtime` of containers.conf, "" for none; one that is there and cannot work here is passed over.
        table: `[engine.runtimes]`, name -> paths.
        cgroup_mode: "v1", "hybrid" or "v2".
        env: environment for the runtime; PATH is searched too.
        flags: --runtime-flag values, without their dashes.
    Raises InvalidInput when the one requested or configured does not exist, MissingProgram when there is none at all.
    """
    folders = [*_FOLDERS, *env.get("PATH", "").split(":")]
    if requested:
        path = _locate(requested, table, folders)
        if not path:
            raise InvalidInput(f"requested OCI runtime {requested} is not available: invalid argument")
        return OCIRuntime(os.path.basename(requested), path, env, flags, "named by --runtime", abilities)
    notes = []
    order = [configured, *PREFERENCE] if configured else list(PREFERENCE)
    for name in order:
        path = _locate(name, table, folders)
        if not path and name == configured:
            raise InvalidInput(
                f'default OCI runtime "{name}" not found: invalid argument',
                hint="install it, or change `runtime` in the table [engine] of containers.conf",
            )
        if not path:
            notes.append(f"{name}: not installed")
            continue
        obstacle = _obstacle(name, cgroup_mode)
        if obstacle:
            notes.append(f"{name}: {obstacle}")
            continue
        reason = "named by containers.conf" if name == configured else "the first that works here"
        if notes:
            reason += f" ({'; '.join(dict.fromkeys(notes))})"
        return OCIRuntime(os.path.basename(name), path, env, flags, reason, abilities)
    raise MissingProgram(
        f"no OCI runtime works on this host: {'; '.join(notes)}",
        hint="install the package crun or runc",
    )


def _locate(name: str, table: Mapping[str, Sequence[str]], folders: Sequence[str]) -> str:
    if "/" in name:
        return name if os.access(name, os.X_OK) else ""
    for path in table.get(name, ()):
        if os.access(path, os.X_OK):
            return path
    return spawn.find(name, folders)


def _obstacle(name: str, cgroup_mode: str) -> str:
    """Why a runtime cannot work on this host, told from the host alone (running it would cost milliseconds)."""
    if name.startswith("crun") and cgroup_mode == "hybrid":
        return "does not support hybrid cgroups"
    return ""


class OCIRuntime:
    """One runtime program.

    Slots:
        name: as used in messages; path: absolute; env: environment of its processes;
        flags: global options, with their dashes; reason: why this one, for `info`.
        abilities: of all runtimes; podman's own list where None is given.
    """

    __slots__ = ("abilities", "env", "flags", "name", "path", "reason")

    def __init__(
        self,
        name: str,
        path: str,
        env: Mapping[str, str],
        flags: Sequence[str] = (),
        reason: str = "",
        abilities: Abilities | None = None,
    ) -> None:
        self.abilities = abilities or Abilities()
        self.name = name
        self.path = path
        self.env = env
        self.flags = [flag if flag.startswith("-") else f"--{flag}" for flag in flags]
        self.reason = reason

    def check_no_cgroups(self) -> None:
        """Raises Unsupported: there is no `--cgroup-manager=disabled`."""
        if not self._has(self.abilities.no_cgroups):
            raise Unsupported(
                f"requested OCI runtime {self.name} is not compatible with NoCgroups: invalid argument"
            )

    @property
    def writes_json_log(self) -> bool:
        """Whether it has runc's --log-format=json; what others say goes to their standard error."""
        return self._has(self.abilities.json_errors)

    def _has(self, names: Sequence[str]) -> bool:
        """crun-vm and crun-wasm are crun, whose name they add to."""
        return self.name in names or self.name.partition("-")[0] in names

    def argv(self, *words: str, systemd_cgroup: bool = False) -> list[str]:
        """A command line: program, global options, command."""
        globals_ = ["--systemd-cgroup"] if systemd_cgroup else []
        return [self.path, *self.flags, *globals_, *words]

    def state(self, container_id: str) -> Json:
        """The runtime's own record (runtime-spec: state). Raises NotFound when it knows no such container."""
        result = self._call("state", container_id)
        state = quick_json.loads(result.stdout)
        if not isinstance(state, dict):
            raise RuntimeFailure(f"{self.name}: state of {container_id}: not a JSON object")
        return state

    def start(self, container_id: str) -> None:
        """Let a created container's process run."""
        self._call("start", container_id)

    def kill(self, container_id: str, signal: int, *, all: bool = False) -> None:
        """Send a signal to process 1, or with `all` to every process."""
        words = ["kill", "--all"] if all else ["kill"]
        self._call(*words, container_id, str(signal))

    def delete(self, container_id: str, *, force: bool = False) -> None:
        """Forget a container and remove its cgroup; force kills it first. Unknown containers are no error."""
        words = ["delete", "--force"] if force else ["delete"]
        try:
            self._call(*words, container_id)
        except NotFound:
            return

    def begin_delete(self, container_id: str) -> Deletion:
        """`delete` of a container that has ended, beside what the caller does before `finish`."""
        return Deletion(self, container_id)

    def pause(self, container_id: str) -> None:
        """Freeze every process."""
        self._call("pause", container_id)

    def resume(self, container_id: str) -> None:
        """Thaw every process."""
        self._call("resume", container_id)

    def update(self, container_id: str, resources: Json) -> None:
        """Change limits; `resources` is linux.resources."""
        self._call("update", "--resources=-", container_id, stdin=quick_json.dumps(resources).encode())

    def processes(self, container_id: str) -> list[int]:
        """Host pids of the container."""
        result = self._call("ps", "--format", "json", container_id)
        return [int(pid) for pid in quick_json.loads(result.stdout) or ()]

    def features(self) -> Json:
        """`features` (runtime-spec 1.1), {} from runtimes without it."""
        completed = spawn.capture(self.argv("features"), self.env)
        try:
            found = quick_json.loads(completed.stdout)
        except ValueError:
            return {}
        return found if completed.status == 0 and isinstance(found, dict) else {}

    def version(self) -> str:
        """What `--version` prints, "" when it fails."""
        completed = spawn.capture([self.path, "--version"], self.env)
        return completed.stdout.decode("utf-8", "replace").strip() if completed.status == 0 else ""

    def checkpoint(
        self, container_id: str, *, image_path: str, work_path: str, options: Sequence[str] = ()
    ) -> None:
        """Write a container's state with criu; `options` are the runtime's own (--leave-running, --tcp-established …)."""
        self._call("checkpoint", "--image-path", image_path, "--work-path", work_path, *options, container_id)

    def run_foreground(
        self,
        container_id: str,
        bundle: str,
        commands: Commands,
        *,
        stdin: int = 0,
        stdout: int = 1,
        stderr: int = 2,
        pid_file: str = "",
        preserve_fds: Mapping[int, int] | None = None,
        no_pivot: bool = False,
        no_new_keyring: bool = False,
        systemd_cgroup: bool = False,
        show_log: bool = False,
        console_socket: str = "",
    ) -> int:
        """Create, start, wait for and delete a container without a monitor; the status of its process.

        Args:
            commands: who ends the container when this process ends before it.
            stdin, stdout, stderr: our descriptors for the container's streams; with process.terminal they must be
                a terminal, which the runtime then uses itself.
            preserve_fds: further descriptors, number in the container (3, 4, … without holes) -> ours.
            console_socket: where the terminal's descriptor is sent, "" to let the runtime copy. runc refuses one here.
            show_log: copy what the runtime logged to our standard error (--debug).
        Raises RuntimeFailure (126/127 where the command cannot be run) when the runtime failed itself,
        commands.Stopped when it was killed because we are to end.
        """
        log_fd = os.memfd_create("oci-log", 0)
        fds = {0: stdin, 1: stdout, 2: stderr, **(preserve_fds or {})}
        try:
            # The log must outlive the exec of the runtime and be a path: the child finds it under its own /proc.
            log_number = max(fds) + 1
            form = "text" if show_log else "json"
            words = [f"--log-format={form}", "--log", f"/proc/self/fd/{log_number}"]
            if not self.writes_json_log or any(flag.startswith("--log=") for flag in self.flags):
                words = []
            command = ["run", "--bundle", bundle]
            if pid_file:
                command += ["--pid-file", pid_file]
            if preserve_fds:
                command += ["--preserve-fds", str(len(preserve_fds))]
            if no_pivot:
                command.append("--no-pivot")
            if no_new_keyring:
                command.append("--no-new-keyring")
            if console_socket:
                command += ["--console-socket", console_socket]
            argv = [*self.argv(systemd_cgroup=systemd_cgroup), *words, *command, container_id]
            forget = self.argv("delete", "--force", container_id)
            status = commands.run(argv, self.env, {**fds, log_number: log_fd}, forget)
            text = log_message(f"/proc/self/fd/{log_fd}") if status != 0 else ""
            if show_log:
                os.lseek(log_fd, 0, os.SEEK_SET)
                while data := os.read(log_fd, 1 << 16):
                    os.write(2, data)
        finally:
            os.close(log_fd)
        if text:
            raise runtime_error(self.name, text)
        return status

    def exec_foreground(
        self,
        container_id: str,
        process_file: str,
        *,
        stdin: int = 0,
        stdout: int = 1,
        stderr: int = 2,
        pid_file: str = "",
        detach: bool = False,
        preserve_fds: Mapping[int, int] | None = None,
    ) -> int:
        """Run one more process from a file with an OCI process object, without a monitor; its status."""
        command = ["exec", "--process", process_file]
        if pid_file:
            command += ["--pid-file", pid_file]
        if detach:
            command.append("--detach")
        if preserve_fds:
            command += ["--preserve-fds", str(len(preserve_fds))]
        fds = {0: stdin, 1: stdout, 2: stderr, **(preserve_fds or {})}
        status = spawn.run(self.argv(*command, container_id), self.env, fds)
        return 128 - status if status < 0 else status

    def _call(self, command: str, *words: str, stdin: bytes = b"") -> spawn.Completed:
        completed = spawn.capture(self.argv(command, *words), self.env, stdin)
        if completed.status != 0:
            raise self.failure(completed, words[-1] if words else "")
        return completed

    def failure(self, completed: spawn.Completed, container_id: str) -> Error:
        """What a command that ended with another status than 0 said."""
        text = _plain(completed.error_text())
        low = text.lower()
        if "does not exist" in low or ("no such file or directory" in low and "status" in low):
            return NotFound(f"{self.name}: container {container_id}: {text}")
        return runtime_error(self.name, text or f"exit status {completed.status}")


class Deletion:
    """A `delete` under way."""

    __slots__ = ("_container_id", "_process", "_runtime")

    def __init__(self, runtime: OCIRuntime, container_id: str) -> None:
        self._runtime = runtime
        self._container_id = container_id
        self._process = spawn.Captured(runtime.argv("delete", container_id), runtime.env)

    def finish(self) -> None:
        """Wait for it. Raises what `OCIRuntime.delete` raises."""
        completed = self._process.finish()
        if completed.status != 0:
            error = self._runtime.failure(completed, self._container_id)
            if not isinstance(error, NotFound):
                raise error


def _plain(text: str) -> str:
    """The message of a log line in logrus's text form (time="…" level=error msg="…"), else the text itself."""
    marker = ' msg="'
    at = text.rfind(marker)
    if at < 0 or not text.endswith('"'):
        return text
    return text[at + len(marker) : -1].replace('\\"', '"')
