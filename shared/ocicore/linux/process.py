"""Processes and signals: identity that survives pid reuse, pidfds, subreaper, signal names (proc_pid_stat(5))."""

from __future__ import annotations

import os

from ocicore.errors import Error, InvalidInput
from ocicore.native._native import ffi, lib

_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_PR_SET_DUMPABLE = 4
_PR_SET_NAME = 15
_PR_SET_CHILD_SUBREAPER = 36

#: Signals by name on Linux, without the real-time ones.
SIGNALS = {
    "SIGHUP": 1,
    "SIGINT": 2,
    "SIGQUIT": 3,
    "SIGILL": 4,
    "SIGTRAP": 5,
    "SIGABRT": 6,
    "SIGBUS": 7,
    "SIGFPE": 8,
    "SIGKILL": 9,
    "SIGUSR1": 10,
    "SIGSEGV": 11,
    "SIGUSR2": 12,
    "SIGPIPE": 13,
    "SIGALRM": 14,
    "SIGTERM": 15,
    "SIGSTKFLT": 16,
    "SIGCHLD": 17,
    "SIGCONT": 18,
    "SIGSTOP": 19,
    "SIGTSTP": 20,
    "SIGTTIN": 21,
    "SIGTTOU": 22,
    "SIGURG": 23,
    "SIGXCPU": 24,
    "SIGXFSZ": 25,
    "SIGVTALRM": 26,
    "SIGPROF": 27,
    "SIGWINCH": 28,
    "SIGIO": 29,
    "SIGPWR": 30,
    "SIGSYS": 31,
}
_ALIASES = {"SIGIOT": 6, "SIGCLD": 17, "SIGPOLL": 29}
_RTMIN = 34
_RTMAX = 64


class ProcessError(Error):
    """A process cannot be examined or signalled; `.errno` is the system call's."""

    def __init__(self, message: str, *, errno: int) -> None:
        super().__init__(message)
        self.errno = errno


def start_time(pid: int) -> int:
    """Clock ticks since boot at which a process started: with its pid, an identity that is never reused.

    0 when there is no such process (any more).
    """
    try:
        with open(f"/proc/{pid}/stat", "rb") as stream:
            # The name in brackets may hold anything, brackets and spaces too: count from the last one.
            return int(stream.read().rpartition(b")")[2].split()[19])
    except (FileNotFoundError, ProcessLookupError):
        return 0


def state(pid: int) -> str:
    """The state letter ("R", "S", "Z" …), "" when there is no such process."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as stream:
            return stream.read().rpartition(b")")[2].split()[0].decode("ascii")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def parent(pid: int) -> int:
    """The parent's pid, 0 when there is no such process."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as stream:
            return int(stream.read().rpartition(b")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0


def alive(pid: int, started: int = 0) -> bool:
    """Whether a process exists, is no zombie, and (started ≠ 0) is still the one that started then."""
    if pid <= 0:
        return False
    try:
        with open(f"/proc/{pid}/stat", "rb") as stream:
            fields = stream.read().rpartition(b")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return fields[0] not in (b"Z", b"X") and (not started or int(fields[19]) == started)


def pidfd_open(pid: int) -> int:
    """A descriptor of a process. Raises ProcessLookupError (OSError) when there is none."""
    return os.pidfd_open(pid)


def pidfd_send_signal(pidfd: int, number: int) -> None:
    """Signal the very process the descriptor was opened for. Raises OSError."""
    # The C half: the package signal imports enum, which takes longer than the rest of `stop`.
    from _signal import pidfd_send_signal as send  # type: ignore[import-not-found]

    send(pidfd, number)


def wait_pidfd(pidfd: int, timeout_ms: int | None = None) -> bool:
    """Wait until the process ended; False when the time was over first."""
    import select

    poller = select.poll()
    poller.register(pidfd, select.POLLIN)
    return bool(poller.poll(timeout_ms))


def kill_process(pid: int, number: int, started: int = 0) -> bool:
    """Signal a process by pid and start time; False when it is gone."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return False
    try:
        if started and start_time(pid) != started:
            return False
        pidfd_send_signal(fd, number)
    except ProcessLookupError:
        return False
    finally:
        os.close(fd)
    return True


def end(pid: int, seconds: float = 2) -> bool:
    """SIGKILL, and wait until the pid is free again; False when it is not by then."""
    import time

    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    until = time.monotonic() + seconds
    try:
        pidfd_send_signal(fd, 9)
        wait_pidfd(fd, int(seconds * 1000))
        while time.monotonic() < until:  # ended, but its parent has not asked for its status yet
            pidfd_send_signal(fd, 0)
            time.sleep(0.002)
    except ProcessLookupError:
        return True
    finally:
        os.close(fd)
    return False


def set_subreaper(on: bool = True) -> None:
    """Orphaned descendants become this process's children."""
    _prctl("becoming subreaper", _PR_SET_CHILD_SUBREAPER, int(on))


def set_pdeathsig(number: int) -> None:
    """Send this process a signal when its parent thread ends (cleared by execve of setuid programs and setuid)."""
    _prctl("setting parent death signal", _PR_SET_PDEATHSIG, number)


def set_dumpable(on: bool = True) -> None:
    """Whether /proc/self belongs to the process's own ids; changing ids switches it off."""
    _prctl("setting dumpable", _PR_SET_DUMPABLE, int(on))


def set_name(name: str) -> None:
    """The name shown by ps -o comm (15 bytes are kept)."""
    buffer = ffi.new("char[]", name.encode())
    if lib.oci_prctl(_PR_SET_NAME, int(ffi.cast("uintptr_t", buffer)), 0, 0, 0) < 0:
        raise ProcessError(f"setting process name: {os.strerror(ffi.errno).lower()}", errno=ffi.errno)


def close_from(first: int) -> None:
    """Close every descriptor from `first` on (close_range(2))."""
    lib.oci_close_range(first, 0xFFFFFFFF, 0)


def boot_id() -> str:
    """The kernel's random id of this boot."""
    with open("/proc/sys/kernel/random/boot_id", encoding="utf-8") as stream:
        return stream.read().strip()


def parse_signal(text: str) -> int:
    """The number of "SIGTERM", "term", "15", "RTMIN+3", "SIGRTMAX-1".

    Raises:
        InvalidInput: podman's wording, "invalid signal: TEXT" or "valid signals are 1 through 64".
    """
    bare = text.removeprefix("-")  # as kill(1) takes it
    if bare.isdecimal() and bare.isascii():
        number = int(bare)
        if 1 <= number <= _RTMAX:
            return number
        raise InvalidInput(f"valid signals are 1 through {_RTMAX}" if number else f"invalid signal: {bare}")
    name = bare.upper()
    if not name.startswith("SIG"):
        name = "SIG" + name
    found = SIGNALS.get(name) or _ALIASES.get(name)
    if found:
        return found
    for base, start, sign in (("SIGRTMIN", _RTMIN, 1), ("SIGRTMAX", _RTMAX, -1)):
        rest = name.removeprefix(base)
        if rest == name:
            continue
        if not rest:
            return start
        if rest[0] == "+-"[sign < 0] and rest[1:].isdecimal() and int(rest[1:]) <= _RTMAX - _RTMIN:
            return start + sign * int(rest[1:])
    raise InvalidInput(f"invalid signal: {bare}")


def signal_name(number: int) -> str:
    """ "SIGTERM" for 15, "SIGRTMIN+1" for 35; the number as text when it is none."""
    for name, value in SIGNALS.items():
        if value == number:
            return name
    if _RTMIN <= number <= _RTMAX:
        middle = _RTMIN + 15
        if number == _RTMIN:
            return "SIGRTMIN"
        if number == _RTMAX:
            return "SIGRTMAX"
        return f"SIGRTMIN+{number - _RTMIN}" if number <= middle else f"SIGRTMAX-{_RTMAX - number}"
    return str(number)


def set_no_new_privileges() -> None:
    """No program started from here on gains privileges by its file (set-user-ID, file capabilities)."""
    _prctl("setting no_new_privs", _PR_SET_NO_NEW_PRIVS, 1)


def _prctl(doing: str, option: int, value: int) -> None:
    if lib.oci_prctl(option, value, 0, 0, 0) < 0:
        raise ProcessError(f"{doing}: {os.strerror(ffi.errno).lower()}", errno=ffi.errno)
