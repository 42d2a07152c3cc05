"""Control groups, versions 1, 2 and both at once: where a process is, own groups, killing, freezing, statistics.

Follows the kernel's admin-guide/cgroup-v2.rst and cgroup-v1/*.rst. The host's mounts are only ever read.
"""

from __future__ import annotations

import os

from ocicore.errors import Error
from ocicore.linux import mount

ROOT = "/sys/fs/cgroup"


class CgroupError(Error):
    """A control group cannot be made, changed or removed."""


class CgroupStats:
    """Figures of one group; None where the kernel offers none.

    memory_bytes is what podman shows: usage without inactive page cache. cpu_ns is total CPU time.
    """

    __slots__ = (
        "block_read_bytes",
        "block_write_bytes",
        "cpu_ns",
        "cpu_system_ns",
        "cpu_user_ns",
        "memory_bytes",
        "memory_limit_bytes",
        "pids",
        "pids_limit",
    )

    def __init__(self) -> None:
        self.cpu_ns: int | None = None
        self.cpu_user_ns: int | None = None
        self.cpu_system_ns: int | None = None
        self.memory_bytes: int | None = None
        self.memory_limit_bytes: int | None = None
        self.pids: int | None = None
        self.pids_limit: int | None = None
        self.block_read_bytes: int | None = None
        self.block_write_bytes: int | None = None


def mode(root: str = ROOT) -> str:
    """ "v2" (unified), "hybrid" (v1 with a v2 tree at ROOT/unified) or "v1"."""
    try:
        if mount.fs_magic(root) == mount.CGROUP2_MAGIC:
            return "v2"
        if mount.fs_magic(os.path.join(root, "unified")) == mount.CGROUP2_MAGIC:
            return "hybrid"
    except mount.MountError:
        pass
    return "v1"


def controllers(root: str = ROOT) -> list[str]:
    """Names of the usable controllers, sorted: of the unified tree with v2, of the mounted hierarchies else."""
    if mode(root) == "v2":
        own = own_paths().get("", "/")
        for path in (root + own, root):
            text = _read(os.path.join(path, "cgroup.controllers"))
            if text is not None:
                return sorted(text.split())
        return []
    found = set()
    for line in (_read("/proc/cgroups") or "").splitlines():
        fields = line.split()
        if len(fields) == 4 and fields[3] == "1" and os.path.isdir(os.path.join(root, fields[0])):
            found.add(fields[0])
    return sorted(found)


def own_paths(pid: int | str = "self") -> dict[str, str]:
    """Group of a process by controller ("" is the unified tree, "name=systemd" a named one): /proc/PID/cgroup."""
    paths: dict[str, str] = {}
    for line in (_read(f"/proc/{pid}/cgroup") or "").splitlines():
        _, names, path = line.split(":", 2)
        for name in names.split(","):
            paths[name] = path
    return paths


def paths_of(group: str, root: str = ROOT) -> list[str]:
    """The directories a group name has: one with v2, else one in every mounted hierarchy that knows it."""
    group = "/" + group.strip("/")
    if mode(root) == "v2":
        return [root + group]
    return [path for path in (f"{root}/{tree}{group}" for tree in _trees(root)) if os.path.isdir(path)]


def create(group: str, root: str = ROOT) -> list[str]:
    """Make a group in every usable hierarchy; with v2 its controllers are enabled on the way down.

    Returns the directories. Raises CgroupError.
    """
    group = "/" + group.strip("/")
    if mode(root) == "v2":
        return [_create_v2(group, root)]
    made = []
    for tree in _trees(root):
        path = f"{root}/{tree}{group}"
        try:
            os.makedirs(path, exist_ok=True)
        except OSError as error:
            if error.errno in (13, 30, 1):  # EACCES, EROFS, EPERM: a hierarchy not delegated to us
                continue
            raise _failure("creating control group", path, error) from None
        if tree == "cpuset":
            _inherit_cpuset(path, f"{root}/{tree}")
        made.append(path)
    if not made:
        raise CgroupError(
            f"creating control group {group}: no hierarchy is writable",
            hint="run as root, or use --cgroups=disabled",
        )
    return made


def add_process(group: str, pid: int, root: str = ROOT) -> None:
    """Move a process into a group (in every hierarchy that has it)."""
    for path in paths_of(group, root):
        try:
            _write(os.path.join(path, "cgroup.procs"), str(pid))
        except OSError as error:
            raise _failure(f"moving process {pid} to control group", path, error) from None


#: The group below a unit's own in which the engine and conmon are, beside the containers' groups.
RUNTIME_GROUP = "runtime"


def leave_for_children(group: str, root: str = ROOT) -> None:
    """Moves this process from its group to one below: with v2 a group with processes can have no controllers for others.

    Args:
        group: as `delegated` gives it.

    Raises:
        CgroupError
    """
    below = f"{group.rstrip('/')}/{RUNTIME_GROUP}"
    if mode(root) != "v2" or own_paths().get("") == below:
        return
    path = f"{root}{below}"
    try:
        os.makedirs(path, exist_ok=True)
        _write(os.path.join(path, "cgroup.procs"), str(os.getpid()))
    except OSError as error:
        raise _failure("splitting control group", path, error) from None


def delegated(group: str) -> str:
    """The group that a unit's processes divide among them: `group`, or its parent once it has been divided."""
    return group.removesuffix(f"/{RUNTIME_GROUP}") or "/"


def remove(group: str, root: str = ROOT) -> None:
    """Remove a group and the empty groups below it; not finding it is no error. Raises CgroupError when busy."""
    for path in paths_of(group, root):
        for folder, _, _ in os.walk(path, topdown=False):
            try:
                os.rmdir(folder)
            except FileNotFoundError:
                continue
            except OSError as error:
                raise _failure("removing control group", folder, error) from None


def processes(group: str, root: str = ROOT) -> list[int]:
    """Pids in a group and below, sorted."""
    pids: set[int] = set()
    for path in paths_of(group, root):
        for folder, _, _ in os.walk(path):
            pids.update(int(line) for line in (_read(os.path.join(folder, "cgroup.procs")) or "").split())
    return sorted(pids)


def kill(group: str, number: int = 9, root: str = ROOT) -> None:
    """Signal everything in a group and below; SIGKILL goes through cgroup.kill where the kernel has it (5.14)."""
    if number == 9 and mode(root) == "v2":
        path = paths_of(group, root)[0]
        try:
            _write(os.path.join(path, "cgroup.kill"), "1")
            return
        except OSError:
            pass
    for pid in processes(group, root):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def freeze(group: str, frozen: bool = True, root: str = ROOT) -> None:
    """Stop (or let go on) every process of a group. Returns when the kernel reports it done, at most 2 seconds later."""
    import time

    if mode(root) == "v2":
        path = paths_of(group, root)[0]
        setting, wanted = os.path.join(path, "cgroup.freeze"), "1" if frozen else "0"
        events = os.path.join(path, "cgroup.events")
        done = f"frozen {wanted}"
    else:
        path = f"{root}/freezer/{group.strip('/')}"
        setting, wanted = os.path.join(path, "freezer.state"), "FROZEN" if frozen else "THAWED"
        events, done = setting, wanted
    try:
        _write(setting, wanted)
    except OSError as error:
        raise _failure("freezing control group", path, error) from None
    deadline = time.monotonic() + 2
    while done not in (_read(events) or "").replace("\n", " ").strip() and time.monotonic() < deadline:
        time.sleep(0.005)


def stats(paths: dict[str, str], root: str = ROOT) -> CgroupStats:
    """Figures of the group a process is in; `paths` as `own_paths` returns them."""
    result = CgroupStats()
    if mode(root) == "v2":
        _stats_v2(result, root + paths.get("", "/"))
    else:
        _stats_v1(result, paths, root)
    return result


def _stats_v2(result: CgroupStats, path: str) -> None:
    cpu = _pairs(os.path.join(path, "cpu.stat"))
    if cpu:
        result.cpu_ns = cpu.get("usage_usec", 0) * 1000
        result.cpu_user_ns = cpu.get("user_usec", 0) * 1000
        result.cpu_system_ns = cpu.get("system_usec", 0) * 1000
    usage = _number(os.path.join(path, "memory.current"))
    if usage is not None:
        inactive = _pairs(os.path.join(path, "memory.stat")).get("inactive_file", 0)
        result.memory_bytes = max(usage - inactive, 0)
        result.memory_limit_bytes = _number(os.path.join(path, "memory.max"))
    result.pids = _number(os.path.join(path, "pids.current"))
    result.pids_limit = _number(os.path.join(path, "pids.max"))
    text = _read(os.path.join(path, "io.stat"))
    if text is not None:
        read = written = 0
        for word in text.split():
            if word.startswith("rbytes="):
                read += int(word[7:])
            elif word.startswith("wbytes="):
                written += int(word[7:])
        result.block_read_bytes, result.block_write_bytes = read, written


def _stats_v1(result: CgroupStats, paths: dict[str, str], root: str) -> None:
    def of(controller: str, name: str) -> str:
        return f"{root}/{controller}{paths.get(controller, '/')}/{name}"

    result.cpu_ns = _number(of("cpuacct", "cpuacct.usage"))
    if result.cpu_ns is not None:
        tick_ns = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
        times = _pairs(of("cpuacct", "cpuacct.stat"))
        result.cpu_user_ns = times.get("user", 0) * tick_ns
        result.cpu_system_ns = times.get("system", 0) * tick_ns
    usage = _number(of("memory", "memory.usage_in_bytes"))
    if usage is not None:
        inactive = _pairs(of("memory", "memory.stat")).get("total_inactive_file", 0)
        result.memory_bytes = max(usage - inactive, 0)
        limit = _number(of("memory", "memory.limit_in_bytes"))
        # "No limit" is the largest multiple of the page size.
        result.memory_limit_bytes = None if limit is None or limit > 1 << 62 else limit
    result.pids = _number(of("pids", "pids.current"))
    result.pids_limit = _number(of("pids", "pids.max"))
    text = _read(of("blkio", "blkio.throttle.io_service_bytes"))
    if text is not None:
        read = written = 0
        for line in text.splitlines():
            fields = line.split()
            if len(fields) == 3 and fields[1] == "Read":
                read += int(fields[2])
            elif len(fields) == 3 and fields[1] == "Write":
                written += int(fields[2])
        result.block_read_bytes, result.block_write_bytes = read, written


def _create_v2(group: str, root: str) -> str:
    path = root
    parts = [part for part in group.split("/") if part]
    for part in parts:
        available = (_read(os.path.join(path, "cgroup.controllers")) or "").split()
        for controller in available:
            try:
                _write(os.path.join(path, "cgroup.subtree_control"), f"+{controller}")
            except OSError:
                continue  # busy with processes, or not delegated: the group lacks that controller
        path = os.path.join(path, part)
        try:
            os.mkdir(path)
        except FileExistsError:
            pass
        except OSError as error:
            raise _failure("creating control group", path, error) from None
    return path


def _inherit_cpuset(path: str, top: str) -> None:
    """A new v1 cpuset is empty and refuses processes until it has processors and memory nodes."""
    current = top
    for part in path[len(top) :].strip("/").split("/"):
        above, current = current, os.path.join(current, part)
        for name in ("cpuset.cpus", "cpuset.mems"):
            if not (_read(os.path.join(current, name)) or "").strip():
                try:
                    _write(os.path.join(current, name), (_read(os.path.join(above, name)) or "").strip())
                except OSError:
                    return


def _trees(root: str) -> list[str]:
    """Hierarchies below the v1 root, each once: cpu and cpuacct are often one behind two links."""
    seen, trees = set(), []
    try:
        names = sorted(os.listdir(root))
    except FileNotFoundError:
        return []
    for name in names:
        path = os.path.join(root, name)
        real = os.path.realpath(path)
        if real not in seen and os.path.isfile(os.path.join(real, "cgroup.procs")):
            seen.add(real)
            trees.append(name)
    return trees


def _pairs(path: str) -> dict[str, int]:
    found = {}
    for line in (_read(path) or "").splitlines():
        key, _, value = line.partition(" ")
        if value.strip().isdecimal():
            found[key] = int(value)
    return found


def _number(path: str) -> int | None:
    """None when the file is missing, or says "max"."""
    text = (_read(path) or "").strip()
    return int(text) if text.isdecimal() else None


def _read(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as stream:
            return stream.read()
    except OSError:
        return None


def _write(path: str, text: str) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)


def _failure(doing: str, path: str, error: OSError) -> CgroupError:
    return CgroupError(f"{doing} {path}: {(error.strerror or '').lower()}")
