"""Commands that end when this process does, however it ends: each has a guard (native/guard.c) above it.

For what would otherwise go on by itself, such as the container of an OCI runtime that was killed.
"""

from __future__ import annotations

import os

from ocicore.errors import Error
from ocicore.linux.spawn import SpawnError
from ocicore.native._native import ffi, lib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

_F_DUPFD_CLOEXEC = 1030
_SIGTERM = 15


class Stopped(Error):
    """The command was not started, or was killed, because `Commands.stop` was called."""


class Commands:
    """The commands of one build. Any thread may run one; `stop` may be called by a signal handler."""

    __slots__ = ("_guards", "_stopped")

    def __init__(self) -> None:
        self._guards: set[int] = set()
        self._stopped = False

    def run(
        self,
        argv: Sequence[str],
        env: Mapping[str, str],
        fds: Mapping[int, int],
        after: Sequence[str] = (),
    ) -> int:
        """Start a program, wait, return its exit status (128 + number after a signal).

        Args:
            argv: argv[0] is an absolute path.
            fds: number in the child -> our descriptor.
            after: command line that runs when the program and all it started were killed; never after an ordinary end.

        Raises:
            SpawnError: it cannot be started. Stopped.
        """
        if self.stopped():
            raise Stopped("interrupted")
        slot = ffi.new("int *")
        try:
            self._start(argv, env, fds, after, slot)
            self._guards.add(slot[0])
            if self.stopped():
                os.kill(slot[0], _SIGTERM)
            status = self._wait(slot[0])
        except BaseException:
            # Also an exception out of a signal handler, at whatever point it came.
            if slot[0] and slot[0] in self._guards:
                os.kill(slot[0], _SIGTERM)
                self._wait(slot[0])
            elif slot[0]:
                _kill_unnoted(slot[0])
            raise
        if self.stopped():
            raise Stopped("interrupted")
        return status

    def stopped(self) -> bool:
        """Whether nothing is started any more."""
        return self._stopped

    def stop(self) -> None:
        """Kill what runs, and what it started; `run` raises Stopped from now on."""
        self._stopped = True
        for pid in tuple(self._guards):
            try:
                os.kill(pid, _SIGTERM)
            except ProcessLookupError:
                pass  # the thread that waits for it has just done so

    def _start(
        self,
        argv: Sequence[str],
        env: Mapping[str, str],
        fds: Mapping[int, int],
        after: Sequence[str],
        slot: Any,
    ) -> None:
        import fcntl

        floor = max(fds, default=2) + 1
        moved: list[int] = []
        try:
            # A source may have the number of another's target: all sources move above the targets first.
            for source in fds.values():
                moved.append(fcntl.fcntl(source, _F_DUPFD_CLOEXEC, floor))
            keep: list[Any] = []
            error = ffi.new("struct oci_error *")
            words, variables, cleanup = (
                _strings(texts, keep)
                for texts in (argv, [f"{key}={value}" for key, value in env.items()], after)
            )
            numbers = ffi.new("int[]", list(fds))
            sources = ffi.new("int[]", moved)
            if lib.oci_guarded(words, variables, cleanup, numbers, sources, len(moved), slot, error) < 0:
                reason = os.strerror(error.number).lower()
                raise SpawnError(f"starting {argv[0]}: {reason}", errno=error.number)
        finally:
            for descriptor in moved:
                os.close(descriptor)

    def _wait(self, pid: int) -> int:
        # Forgotten before it is reaped: afterwards the number may be somebody else's.
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        self._guards.discard(pid)
        _, status = os.waitpid(pid, 0)
        code = os.waitstatus_to_exitcode(status)
        return 128 - code if code < 0 else code


def _kill_unnoted(pid: int) -> None:
    """A guard of which it is not known whether it was waited for already."""
    try:
        if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None:
            os.kill(pid, _SIGTERM)
        os.waitpid(pid, 0)
    except ChildProcessError:
        return


def _strings(texts: Sequence[str], keep: list[Any]) -> Any:
    """char *const [] with NULL at its end; `keep` holds the memory."""
    made = [ffi.new("char[]", os.fsencode(text)) for text in texts]
    keep.extend(made)
    result = ffi.new("char *[]", [*made, ffi.NULL])
    keep.append(result)
    return result
