"""Processes of a container as podman's top prints them: psgo's descriptors, read from /proc."""

from __future__ import annotations

import os
import time

from ocicore.errors import InvalidInput
from ocicore.linux import cgroups

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ocicore.engine.records import Container

DEFAULT = ("user", "pid", "ppid", "pcpu", "etime", "tty", "time", "args")
_HEADERS = {
    "args": "COMMAND",
    "capamb": "AMBIENT CAPS",
    "capbnd": "BOUNDING CAPS",
    "capeff": "EFFECTIVE CAPS",
    "capinh": "INHERITED CAPS",
    "capprm": "PERMITTED CAPS",
    "comm": "COMMAND",
    "etime": "ELAPSED",
    "group": "GROUP",
    "groups": "GROUPS",
    "hgroup": "HGROUP",
    "hgroups": "HGROUPS",
    "hpid": "HPID",
    "huid": "HUID",
    "huser": "HUSER",
    "label": "LABEL",
    "nice": "NI",
    "pcpu": "%CPU",
    "pgid": "PGID",
    "pid": "PID",
    "ppid": "PPID",
    "rgroup": "RGROUP",
    "rss": "RSS",
    "ruser": "RUSER",
    "seccomp": "SECCOMP",
    "state": "STATE",
    "stime": "STIME",
    "time": "TIME",
    "tty": "TTY",
    "uid": "UID",
    "user": "USER",
    "vsz": "VSZ",
}
_ALIASES = {"%cpu": "pcpu", "command": "args", "egroup": "group", "euser": "user", "ni": "nice"}
_TICKS = os.sysconf("SC_CLK_TCK")
_SECCOMP = {"0": "disabled", "1": "strict", "2": "filter"}


def descriptors(words: Sequence[str]) -> list[str] | None:
    """Names of columns; None when the words are options for ps(1). Raises InvalidInput for a mixture."""
    if not words:
        return list(DEFAULT)
    if words[0].startswith("-"):
        return None
    names = [name.strip().lower() for word in words for name in word.split(",") if name.strip()]
    known = [_ALIASES.get(name, name) for name in names]
    unknown = [name for name in known if name not in _HEADERS]
    if len(unknown) == len(known):
        return None
    if unknown:
        raise InvalidInput(f"unknown descriptor {unknown[0]!r}: choose from {', '.join(sorted(_HEADERS))}")
    return known


def list_descriptors() -> list[str]:
    """All names, for --list-descriptors and completion."""
    return sorted(_HEADERS)


def lines(container: Container, names: Sequence[str]) -> list[str]:
    """The header and one tab-separated line a process."""
    result = ["\t".join(_HEADERS[name] for name in names)]
    for pid in pids_of(container.pid):
        try:
            process = _Process(pid, container.pid)
        except (OSError, ValueError, IndexError):
            continue  # it has ended
        result.append("\t".join(_COLUMNS[name](process) for name in names))
    return result


def pids_of(first: int) -> list[int]:
    """Processes in the pid namespace of a container's first process, that one first."""
    try:
        wanted = os.readlink(f"/proc/{first}/ns/pid")
    except OSError:
        return []
    if wanted == os.readlink("/proc/self/ns/pid"):
        groups = cgroups.own_paths(first)
        found = set()
        for path in groups.values():
            found.update(cgroups.processes(path))
        return sorted(found) or [first]
    result = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                if os.readlink(f"/proc/{name}/ns/pid") == wanted:
                    result.append(int(name))
            except OSError:
                continue
    return sorted(result)


class _Process:
    """What /proc says about one process."""

    def __init__(self, pid: int, first: int) -> None:
        self.host_pid = pid
        self.first = first
        with open(f"/proc/{pid}/stat", "rb") as file:
            text = file.read().decode("utf-8", "replace")
        self.name = text[text.index("(") + 1 : text.rindex(")")]
        self.fields = text[text.rindex(")") + 2 :].split()
        with open(f"/proc/{pid}/status", "rb") as file:
            content = file.read().decode("utf-8", "replace")
        lines = [line.partition(":") for line in content.splitlines()]
        self.status = {key: value.strip() for key, _, value in lines}
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            self.command = file.read().replace(b"\0", b" ").decode("utf-8", "replace").strip()

    def inner(self, key: str) -> str:
        """The innermost number of an NSpid-like line."""
        return (self.status.get(key) or "0").split()[-1]

    def number(self, index: int) -> int:
        """Field of stat(5), counted from the state as 0."""
        return int(self.fields[index])

    def elapsed(self) -> float:
        """Seconds since the process started."""
        with open("/proc/uptime") as file:
            uptime = float(file.read().split()[0])
        return max(uptime - self.number(19) / _TICKS, 0.0)

    def cpu_seconds(self) -> float:
        """User and system time."""
        return (self.number(11) + self.number(12)) / _TICKS

    def name_of(self, kind: str, host_id: int, *, host: bool) -> str:
        """A user's or group's name: the container's own, or the host's."""
        if host:
            real = _map_outside("uid" if kind == "passwd" else "gid", host_id)
            return _lookup("", kind, real) or str(real)
        inside = _map_inside(self.first, "uid" if kind == "passwd" else "gid", host_id)
        if inside is None:
            return str(host_id)
        return _lookup(f"/proc/{self.first}/root", kind, inside) or str(inside)


def _map_inside(pid: int, kind: str, host_id: int) -> int | None:
    """Our id as the container's user namespace has it."""
    if os.readlink(f"/proc/{pid}/ns/user") == os.readlink("/proc/self/ns/user"):
        return host_id  # the map of one's own namespace is told relative to the parent
    with open(f"/proc/{pid}/{kind}_map") as file:
        for line in file:
            inside, outside, size = map(int, line.split())
            if outside <= host_id < outside + size:
                return inside + host_id - outside
    return None


def _map_outside(kind: str, our_id: int) -> int:
    """Our id (of the namespace a rootless engine is in) as the host has it."""
    with open(f"/proc/self/{kind}_map") as file:
        for line in file:
            inside, outside, size = map(int, line.split())
            if inside <= our_id < inside + size:
                return outside + our_id - inside
    return our_id


def _lookup(root: str, kind: str, number: int) -> str:
    try:
        with open(f"{root}/etc/{kind}", encoding="utf-8", errors="replace") as file:
            for line in file:
                fields = line.split(":")
                if len(fields) > 2 and fields[2] == str(number):
                    return fields[0]
    except OSError:
        return ""
    return ""


def _ids(process: _Process, key: str, index: int) -> int:
    return int(process.status[key].split()[index])


def _parent(process: _Process) -> str:
    parent = process.status.get("PPid", "0")
    try:
        with open(f"/proc/{parent}/status") as file:
            for line in file:
                if line.startswith("NSpid:"):
                    numbers = line.split()[1:]
                    own = (process.status.get("NSpid") or "").split()
                    return numbers[-1] if len(numbers) == len(own) else "0"
    except OSError:
        return "0"
    return "0"


def _duration(seconds: float) -> str:
    """Go's duration with nanosecond fractions cut to what the kernel knows: "1m2.5s"."""
    from ocicore.engine.quantities import format_duration

    return format_duration(int(seconds * 1_000_000_000))


def _tty(process: _Process) -> str:
    device = process.number(4)
    if not device:
        return "?"
    major, minor = os.major(device), os.minor(device)
    if 136 <= major <= 143:
        return f"pts/{minor + (major - 136) * 256}"
    return f"tty{minor}" if major == 4 else "?"


def _capabilities(key: str) -> Callable[[_Process], str]:
    def text(process: _Process) -> str:
        from ocicore.linux import caps

        bits = int(process.status.get(key, "0"), 16)
        if not bits:
            return "none"
        if bits == (1 << (caps.last_cap() + 1)) - 1:
            return "full"
        names = [name for number, name in enumerate(caps.CAPABILITIES) if bits >> number & 1]
        return ",".join(name.removeprefix("CAP_") for name in names)

    return text


def _label(process: _Process) -> str:
    try:
        with open(f"/proc/{process.host_pid}/attr/current") as file:
            return file.read().strip("\0\n") or "?"
    except OSError:
        return "?"


def _groups(process: _Process, *, host: bool = False) -> str:
    numbers = process.status.get("Groups", "").split()
    return ",".join(process.name_of("group", int(number), host=host) for number in numbers)


def _user_number(process: _Process) -> str:
    number = _ids(process, "Uid", 1)
    inside = _map_inside(process.first, "uid", number)
    return str(number if inside is None else inside)


def _percent(process: _Process) -> str:
    elapsed = process.elapsed()
    return f"{100 * process.cpu_seconds() / elapsed:.3f}" if elapsed else "0.000"


def _started(process: _Process) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S %z %Z", time.localtime(time.time() - process.elapsed()))


_COLUMNS: dict[str, Callable[[_Process], str]] = {
    "args": lambda p: p.command or f"[{p.name}]",
    "capamb": _capabilities("CapAmb"),
    "capbnd": _capabilities("CapBnd"),
    "capeff": _capabilities("CapEff"),
    "capinh": _capabilities("CapInh"),
    "capprm": _capabilities("CapPrm"),
    "comm": lambda p: p.name,
    "etime": lambda p: _duration(p.elapsed()),
    "group": lambda p: p.name_of("group", _ids(p, "Gid", 1), host=False),
    "groups": _groups,
    "hgroup": lambda p: p.name_of("group", _ids(p, "Gid", 1), host=True),
    "hgroups": lambda p: _groups(p, host=True),
    "hpid": lambda p: str(p.host_pid),
    "huid": lambda p: str(_map_outside("uid", _ids(p, "Uid", 1))),
    "huser": lambda p: p.name_of("passwd", _ids(p, "Uid", 1), host=True),
    "label": _label,
    "nice": lambda p: str(p.number(16)),
    "pcpu": _percent,
    "pgid": lambda p: p.inner("NSpgid"),
    "pid": lambda p: p.inner("NSpid"),
    "ppid": _parent,
    "rgroup": lambda p: p.name_of("group", _ids(p, "Gid", 0), host=False),
    "rss": lambda p: (p.status.get("VmRSS") or "0").split()[0],
    "ruser": lambda p: p.name_of("passwd", _ids(p, "Uid", 0), host=False),
    "seccomp": lambda p: _SECCOMP.get(p.status.get("Seccomp", ""), "?"),
    "state": lambda p: p.fields[0],
    "stime": _started,
    "time": lambda p: _duration(p.cpu_seconds()),
    "tty": _tty,
    "uid": _user_number,
    "user": lambda p: p.name_of("passwd", _ids(p, "Uid", 1), host=False),
    "vsz": lambda p: (p.status.get("VmSize") or "0").split()[0],
}
