"""stats and top: what the processes of running containers use."""

from __future__ import annotations

import os
import time

from ocicore.engine import execute, listing, records
from ocicore.errors import Error, InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from ocicore.engine.context import Engine
    from ocicore.engine.records import Container


class Sample:
    """Counters of one container at one moment; times in nanoseconds, sizes in bytes."""

    __slots__ = (
        "at", "block_in", "block_out", "cpu", "cpu_system", "interfaces", "memory", "memory_limit", "net_in",
        "net_out", "pids",
    )  # fmt: skip

    def __init__(self) -> None:
        self.at = time.time_ns()
        self.cpu = self.cpu_system = self.memory = self.memory_limit = self.pids = 0
        self.block_in = self.block_out = self.net_in = self.net_out = 0
        #: Interface -> its counters, with podman's names.
        self.interfaces: dict[str, dict[str, int]] = {}


def sample(engine: Engine, container: Container) -> Sample:
    """Read a running container's counters. Raises Error when it has no cgroup."""
    from ocicore.linux import cgroups

    result = Sample()
    paths = cgroups.own_paths(container.pid)
    found = cgroups.stats(paths)
    result.cpu = found.cpu_ns or 0
    result.cpu_system = found.cpu_system_ns or 0
    result.memory = found.memory_bytes or 0
    total = _total_memory()
    limit = found.memory_limit_bytes or 0
    result.memory_limit = min(limit, total) if limit > 0 else total
    result.pids = found.pids or 0
    result.block_in, result.block_out = found.block_read_bytes or 0, found.block_write_bytes or 0
    result.interfaces = _network(container.pid)
    result.net_in = sum(counters["RxBytes"] for counters in result.interfaces.values())
    result.net_out = sum(counters["TxBytes"] for counters in result.interfaces.values())
    return result


def _total_memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


#: Columns of /proc/PID/net/dev under podman's names, in its order.
_COUNTERS = {
    "RxBytes": 0, "RxDropped": 3, "RxErrors": 2, "RxPackets": 1, "TxBytes": 8, "TxDropped": 11, "TxErrors": 10,
    "TxPackets": 9,
}  # fmt: skip


def _network(pid: int) -> dict[str, dict[str, int]]:
    """Counters of all interfaces but the loopback; those read until the process ended."""
    found: dict[str, dict[str, int]] = {}
    try:
        with open(f"/proc/{pid}/net/dev") as file:
            for line in file:
                name, colon, values = line.partition(":")
                fields = values.split()
                if colon and name.strip() != "lo" and len(fields) > 11:
                    found[name.strip()] = {key: int(fields[column]) for key, column in _COUNTERS.items()}
    except OSError:
        return {}
    return found


def row(container: Container, now: Sample, before: Sample | None) -> dict[str, Any]:
    """podman's ContainerStats: cpu is a percentage of one processor since `before`, or since the start."""
    if before is None:
        elapsed = max(now.at - container.started, 1)
        used = now.cpu
    else:
        elapsed = max(now.at - before.at, 1)
        used = now.cpu - before.cpu
    average_time = max(now.at - container.started, 1)
    return {
        "ContainerID": container.id,
        "Name": container.name,
        "CPU": 100 * used / elapsed,
        "AvgCPU": 100 * now.cpu / average_time,
        "CPUNano": now.cpu,
        "CPUSystemNano": now.cpu_system,
        "SystemNano": now.at,
        "UpTime": now.cpu,
        "MemUsage": now.memory,
        "MemLimit": now.memory_limit,
        "MemPerc": 100 * now.memory / now.memory_limit if now.memory_limit else 0.0,
        "Network": now.interfaces,
        "NetInput": now.net_in,
        "NetOutput": now.net_out,
        "BlockInput": now.block_in,
        "BlockOutput": now.block_out,
        "PIDs": now.pids,
    }


def top(engine: Engine, container: Container, words: Sequence[str]) -> list[str]:
    """Lines of `ps` for the container's processes, the header first. Raises Error, InvalidInput."""
    listing.refresh(engine, container)
    if container.status not in (records.RUNNING, records.PAUSED):
        raise Error("top can only be used on running containers")
    from ocicore.engine import process_table

    descriptors = process_table.descriptors(words)
    if descriptors is not None:
        return process_table.lines(container, descriptors)
    return _inside(engine, container, words)


def _inside(engine: Engine, container: Container, words: Sequence[str]) -> list[str]:
    """ps(1) options: the host's ps, else the container's own."""
    from ocicore.engine import host_ps

    found = host_ps.run(container.pid, words, engine.environ)
    if found is not None:
        status, text = found
        if status:
            raise InvalidInput(f"running ps failed with status {status}: {' '.join(text.split())}")
        return text.splitlines()
    status, text = execute.capture(engine, container, execute.ExecOptions(["ps", *words]))
    if status:
        raise InvalidInput(f"running ps in the container failed with status {status}: {text.strip()}")
    return text.splitlines()
