"""Starting programs with posix_spawn: descriptors placed by number, output captured in memory files.

`subprocess` costs a hot command several milliseconds of imports and forks a process with everything mapped;
posix_spawn needs neither. Every descriptor Python opens is close-on-exec, so a child gets only what it is given.
"""

from __future__ import annotations

import os

from ocicore.errors import Error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

#: Python ignores these two; an ignored signal is inherited through exec, and programs count on the default.
_RESET_SIGNALS = (13, 25)
_F_DUPFD_CLOEXEC = 1030


class SpawnError(Error):
    """A program cannot be started; `.errno` is the system call's."""

    def __init__(self, message: str, *, errno: int) -> None:
        super().__init__(message)
        self.errno = errno


class Completed:
    """What a captured program left: status (negative: killed by that signal), stdout and stderr as bytes."""

    __slots__ = ("status", "stderr", "stdout")

    def __init__(self, status: int, stdout: bytes, stderr: bytes) -> None:
        self.status = status
        self.stdout = stdout
        self.stderr = stderr

    def error_text(self) -> str:
        """stderr (else stdout) as one line of text, "" when both are empty."""
        text = (self.stderr.strip() or self.stdout.strip()).decode("utf-8", "replace")
        return " ".join(text.split("\n")).strip()


def spawn(
    argv: Sequence[str],
    env: Mapping[str, str],
    fds: Mapping[int, int] | None = None,
    *,
    new_group: bool = False,
    new_session: bool = False,
) -> int:
    """Start argv[0] (an absolute path) and return its pid, which the caller waits for.

    Args:
        fds: number in the child -> our descriptor; 0, 1 and 2 not named here are inherited.
        new_group: the child leads a process group of its own; new_session: a session.
    Raises SpawnError.
    """
    import fcntl

    wanted = dict(fds or {})
    # A source may have the number of another's target: all sources move above the targets first.
    floor = max(wanted, default=2) + 1
    moved: list[int] = []
    actions: list[tuple[int, int, int]] = []
    try:
        for target, source in wanted.items():
            copy = fcntl.fcntl(source, _F_DUPFD_CLOEXEC, floor)
            moved.append(copy)
            actions.append((os.POSIX_SPAWN_DUP2, copy, target))
        if new_session:
            return os.posix_spawn(
                argv[0],
                tuple(argv),
                env,
                file_actions=actions,
                setsid=True,
                setsigmask=(),
                setsigdef=_RESET_SIGNALS,
            )
        if new_group:
            return os.posix_spawn(
                argv[0],
                tuple(argv),
                env,
                file_actions=actions,
                setpgroup=0,
                setsigmask=(),
                setsigdef=_RESET_SIGNALS,
            )
        return os.posix_spawn(
            argv[0], tuple(argv), env, file_actions=actions, setsigmask=(), setsigdef=_RESET_SIGNALS
        )
    except OSError as error:
        reason = os.strerror(error.errno or 0).lower()
        raise SpawnError(f"starting {argv[0]}: {reason}", errno=error.errno or 0) from None
    finally:
        close(moved)


def wait(pid: int) -> int:
    """The exit status of a child; negative when a signal ended it."""
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status)


def run(argv: Sequence[str], env: Mapping[str, str], fds: Mapping[int, int] | None = None) -> int:
    """Start a program, wait, return its status. Raises SpawnError."""
    return wait(spawn(argv, env, fds))


class Captured:
    """A program that runs while its output is kept; the caller does `finish` it. Raises SpawnError.

    Output goes to memory files rather than pipes: nothing has to be read while it runs, and a daemon that
    the program leaves behind cannot keep us waiting for end of file.
    """

    __slots__ = ("_opened", "_pid")

    def __init__(
        self,
        argv: Sequence[str],
        env: Mapping[str, str],
        stdin: bytes = b"",
        fds: Mapping[int, int] | None = None,
    ) -> None:
        opened = self._opened = [
            os.memfd_create(name, os.MFD_CLOEXEC) for name in ("stdin", "stdout", "stderr")
        ]
        try:
            if stdin:
                _write_all(opened[0], stdin)
                os.lseek(opened[0], 0, os.SEEK_SET)
            self._pid = spawn(argv, env, {0: opened[0], 1: opened[1], 2: opened[2], **(fds or {})})
        except BaseException:
            close(opened)
            raise

    def finish(self) -> Completed:
        """Wait for its end; what it left."""
        try:
            status = wait(self._pid)
            return Completed(status, _read_all(self._opened[1]), _read_all(self._opened[2]))
        finally:
            close(self._opened)


def capture(
    argv: Sequence[str],
    env: Mapping[str, str],
    stdin: bytes = b"",
    fds: Mapping[int, int] | None = None,
) -> Completed:
    """Run a program with input from memory and keep what it wrote. Raises SpawnError."""
    return Captured(argv, env, stdin, fds).finish()


def find(name: str, folders: Iterable[str]) -> str:
    """The first executable file `name` in the folders, "" when there is none."""
    for folder in folders:
        path = f"{folder or '.'}/{name}"
        if os.access(path, os.X_OK) and not os.path.isdir(path):
            return path
    return ""


def close(fds: Iterable[int]) -> None:
    """Close descriptors."""
    for fd in fds:
        os.close(fd)


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def _read_all(fd: int) -> bytes:
    size = os.fstat(fd).st_size
    return os.pread(fd, size, 0) if size else b""
