"""Reading what conmon logged: k8s-file (CRI log lines), json-file (Docker's), journald (through journalctl).

A long line is logged in pieces; they are joined again, each stream for itself. Following goes on over a rotation: the
old file is read to its end, then the new one from its start.
"""

from __future__ import annotations

import os

from ocicore.errors import InvalidInput, MissingProgram, NotFound
from ocicore.files import quick_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

_BLOCK = 1 << 16
_POLL_SECONDS = 0.05
_SECOND = 1_000_000_000
#: Days from 0000-03-01 to 1970-01-01 in the proleptic Gregorian calendar.
_EPOCH_DAYS = 719468


class LogLine:
    """time (ns since the epoch), stream ("stdout" or "stderr"), data (bytes; ends in a newline unless the output did not).

    The time is worked out when asked for: most readers only want the text.
    """

    __slots__ = ("_stamp", "data", "stream")

    def __init__(self, stamp: bytes | int, stream: str, data: bytes) -> None:
        self._stamp = stamp
        self.stream = stream
        self.data = data

    @property
    def time(self) -> int:
        """Nanoseconds since the epoch; 0 for what is no time."""
        stamp = self._stamp
        if isinstance(stamp, int):
            return stamp
        self._stamp = parse_time(stamp) or 0
        return self._stamp


def read(
    driver: str,
    path: str,
    *,
    tail: int = -1,
    since: int | None = None,
    until: int | None = None,
    follow: Callable[[], bool] | None = None,
    container_id: str = "",
    unit: str = "",
    env: Mapping[str, str] | None = None,
) -> Iterator[LogLine]:
    """The lines of a container's log, oldest first.

    Args:
        driver: "k8s-file", "json-file", "journald", or "passthrough" of a unit, whose manager keeps its output.
        path: the log file (files only); container_id, env: whose entries, and journalctl's environment (journald only).
        unit: field and value of the journal's entries of a unit ("_SYSTEMD_UNIT=web.service"; passthrough only).
        tail: only so many last lines (-1: all); since, until: only lines of that time, ns since the epoch, inclusive.
        follow: None to stop at the end, else called at the end of the file: whether more may come.
    Raises NotFound (no log file), InvalidInput (another driver), MissingProgram (journalctl).
    """
    if follow is not None and until is not None:
        follow = _up_to(until, follow)
    if driver == "journald":
        return _journal(f"CONTAINER_ID_FULL={container_id}", tail, since, until, follow, env or {})
    if driver.startswith("passthrough") and unit:
        return _journal(unit, tail, since, until, follow, env or {})
    if driver not in {"k8s-file", "json-file"}:
        raise InvalidInput(f"this container is using the '{driver}' log driver, cannot read logs")
    parse = _parse_cri if driver == "k8s-file" else _parse_json
    return _file(path, parse, tail, since, until, follow)


def _up_to(until: int, follow: Callable[[], bool]) -> Callable[[], bool]:
    """More may come only until that time, even where nothing is written that would show it."""
    from time import time_ns

    return lambda: follow() and time_ns() <= until


def _file(
    path: str,
    parse: Callable[[bytes], tuple[bytes, str, bytes, bool] | None],
    tail: int,
    since: int | None,
    until: int | None,
    follow: Callable[[], bool] | None,
) -> Iterator[LogLine]:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise NotFound(f"unable to read container log {path}: no such file") from None
    pieces: dict[str, bytes] = {}
    latest: dict[str, bytes] = {}
    bounded = since is not None or until is not None
    try:
        if tail >= 0:
            os.lseek(fd, _tail_start(fd, tail, parse), os.SEEK_SET)
        for raw in _raw_lines(fd, path, follow):
            entry = parse(raw)
            if entry is None:
                continue
            stamp, stream, data, partial = entry
            if bounded:
                time = parse_time(stamp) or 0
                if since is not None and time < since:
                    continue
                if until is not None and time > until:
                    return
            if partial:
                pieces[stream] = pieces.get(stream, b"") + data
                latest[stream] = stamp
                continue
            if pieces:
                data = pieces.pop(stream, b"") + data
            yield LogLine(stamp, stream, data)
        for stream, data in pieces.items():
            yield LogLine(latest[stream], stream, data)
    finally:
        os.close(fd)


def _raw_lines(fd: int, path: str, follow: Callable[[], bool] | None) -> Iterator[bytes]:
    """Complete lines of the file, and of its successors while it is followed. Does not close `fd`."""
    current = os.dup(fd)
    rest = b""
    try:
        while True:
            block = os.read(current, _BLOCK)
            if block:
                lines = (rest + block).split(b"\n")
                rest = lines.pop()
                yield from lines
                continue
            if follow is None:
                break
            # Asked before the last read: what the container wrote before it ended must not be missed.
            more = follow()
            if not _grown(current):
                successor = _successor(current, path)
                if successor >= 0:
                    os.close(current)
                    current = successor
                    rest = b""
                    continue
                if not more:
                    break
                _pause()
        if rest:
            yield rest
    finally:
        os.close(current)


def _grown(fd: int) -> bool:
    return os.fstat(fd).st_size > os.lseek(fd, 0, os.SEEK_CUR)


def _successor(fd: int, path: str) -> int:
    """A descriptor of the file that took this one's place, -1 when it is still the same; a truncated one is rewound."""
    known = os.fstat(fd)
    if known.st_size < os.lseek(fd, 0, os.SEEK_CUR):
        os.lseek(fd, 0, os.SEEK_SET)
        return os.dup(fd)
    try:
        now = os.stat(path)
        if (now.st_ino, now.st_dev) == (known.st_ino, known.st_dev):
            return -1
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return -1


def _pause() -> None:
    from time import sleep

    sleep(_POLL_SECONDS)


def _tail_start(fd: int, count: int, parse: Callable[[bytes], tuple[bytes, str, bytes, bool] | None]) -> int:
    """The offset of the last `count` whole lines, found from the end of the file."""
    end = os.fstat(fd).st_size
    if count == 0:
        return end
    position = end
    rest = b""
    whole = 0
    # The byte offset at which the last line looked at starts.
    start_of_line = end
    while position > 0:
        size = min(_BLOCK, position)
        position -= size
        block = os.pread(fd, size, position) + rest
        lines = block.split(b"\n")
        # The first piece may lack its beginning: it waits for the block before.
        rest = lines[0] if position else b""
        offset = position + len(block)
        for number in range(len(lines) - 1, 0 if position else -1, -1):
            offset -= len(lines[number])
            entry = parse(lines[number]) if lines[number] else None
            if entry is not None and not entry[3]:
                # A whole line ends here; everything behind it up to the one counted before belongs to that one.
                if whole == count:
                    return start_of_line
                whole += 1
            elif entry is not None and whole == 0:
                # An unfinished last line counts as one.
                whole = 1
            start_of_line = offset
            offset -= 1
    return 0


def _parse_cri(line: bytes) -> tuple[bytes, str, bytes, bool] | None:
    """TIME STREAM TAG TEXT: (time as written, stream, data, is a piece); None for what is no log line."""
    try:
        stamp, stream, tag, text = line.split(b" ", 3)
    except ValueError:
        return None
    if stamp[10:11] != b"T":
        return None
    name = "stderr" if stream == b"stderr" else "stdout"
    if tag[:1] == b"P":
        return stamp, name, text, True
    return stamp, name, text + b"\n", False


def _parse_json(line: bytes) -> tuple[bytes, str, bytes, bool] | None:
    """Docker's {"log", "stream", "time"}; a piece is one whose text has no newline at its end."""
    try:
        entry = quick_json.loads(line)
        data = str(entry["log"]).encode("utf-8", "surrogateescape")
        stamp = str(entry["time"]).encode()
    except (ValueError, KeyError, TypeError):
        return None
    return stamp, str(entry.get("stream") or "stdout"), data, not data.endswith(b"\n")


def parse_time(text: bytes) -> int | None:
    """Nanoseconds since the epoch of an RFC 3339 time with any number of decimals, None when it is none."""
    try:
        year, month, day = int(text[0:4]), int(text[5:7]), int(text[8:10])
        hour, minute, second = int(text[11:13]), int(text[14:16]), int(text[17:19])
    except ValueError:
        return None
    at = 19
    nanoseconds = 0
    if text[at : at + 1] == b".":
        end = at + 1
        while text[end : end + 1].isdigit():
            end += 1
        nanoseconds = int(text[at + 1 : end].ljust(9, b"0")[:9] or b"0")
        at = end
    zone = text[at:]
    offset = 0
    if zone not in (b"Z", b"z", b""):
        try:
            offset = (int(zone[1:3]) * 60 + int(zone[4:6])) * 60
        except ValueError:
            return None
        if zone[:1] == b"-":
            offset = -offset
    seconds = _days(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - offset
    return seconds * _SECOND + nanoseconds


def _days(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01 (years start in March, so that the leap day comes last)."""
    if month <= 2:
        year -= 1
        month += 12
    era_days = 365 * year + year // 4 - year // 100 + year // 400
    return era_days + (153 * (month - 3) + 2) // 5 + day - 1 - _EPOCH_DAYS


def _journal(
    match: str,
    tail: int,
    since: int | None,
    until: int | None,
    follow: Callable[[], bool] | None,
    env: Mapping[str, str],
) -> Iterator[LogLine]:
    """Entries with a field and value, CONTAINER_ID_FULL as conmon writes it or a unit's; the journal's own program reads."""
    from ocicore.linux import spawn

    program = spawn.find("journalctl", ("/usr/bin", "/bin"))
    if not program:
        raise MissingProgram(
            "reading logs from the journal: journalctl is not installed", hint="install systemd"
        )
    argv = [program, "--quiet", "--output=json", "--all", "--no-pager", match]
    if since is not None:
        argv.append(f"--since=@{since / _SECOND:.6f}")
    if until is not None and follow is None:  # journalctl takes no end for what it follows
        argv.append(f"--until=@{until / _SECOND:.6f}")
    if tail >= 0:
        argv.append(f"--lines={tail}")
    if follow is not None:
        argv += ["--follow"] if tail >= 0 else ["--follow", "--no-tail"]
    # systemd's programs tell the service manager how they end; the service is ours.
    env = {name: value for name, value in env.items() if name != "NOTIFY_SOCKET"}
    reader, writer = os.pipe()
    null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    try:
        pid = spawn.spawn(argv, env, {0: null, 1: writer, 2: null})
    finally:
        os.close(writer)
        os.close(null)
    pieces: dict[str, bytes] = {}
    try:
        for raw in _pipe_lines(reader, follow):
            line = _journal_line(raw, pieces)
            if line is not None and until is not None and line.time > until:
                return
            if line is not None:
                yield line
    finally:
        os.close(reader)
        os.kill(pid, 15)
        spawn.wait(pid)


def _journal_line(raw: bytes, pieces: dict[str, bytes]) -> LogLine | None:
    try:
        entry = quick_json.loads(raw)
        message = entry["MESSAGE"]
        time = int(entry["__REALTIME_TIMESTAMP"]) * 1000
    except (ValueError, KeyError, TypeError):
        return None
    if "PODMAN_EVENT" in entry:  # what the engine itself has written in its unit
        return None
    stream = "stderr" if entry.get("PRIORITY") == "3" else "stdout"
    data = pieces.pop(stream, b"") + _journal_bytes(message)
    if entry.get("CONTAINER_PARTIAL_MESSAGE") == "true":
        pieces[stream] = data
        return None
    return LogLine(time, stream, data + b"\n")


def _journal_bytes(message: Any) -> bytes:
    """journalctl prints text as a string and anything else as an array of numbers."""
    if isinstance(message, list):
        return bytes(message)
    return str(message or "").encode("utf-8", "surrogateescape")


def _pipe_lines(fd: int, follow: Callable[[], bool] | None) -> Iterator[bytes]:
    import select

    poller = select.poll()
    poller.register(fd, select.POLLIN)
    rest = b""
    while True:
        if follow is not None and not poller.poll(int(_POLL_SECONDS * 1000)):
            # Nothing for a while: if the container has ended, nothing will come.
            if not follow() and not poller.poll(200):
                return
            continue
        block = os.read(fd, _BLOCK)
        if not block:
            return
        lines = (rest + block).split(b"\n")
        rest = lines.pop()
        yield from lines
