"""Resource limits of a pod's control group: as files of cgroup v1 and v2, or as properties of a systemd slice.

Input is what options/resources.py read (`Resources`). Conversions from v1's to v2's scale are the OCI runtime
specification's (config-linux.md): shares 2–262144 to weight 1–10000, blkio weight 10–1000 to io weight 1–10000.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_PERIOD = 100_000


def _weight(shares: int) -> int:
    return 1 + (min(max(shares, 2), 262144) - 2) * 9999 // 262142


def _io_weight(weight: int) -> int:
    return 1 + (min(max(weight, 10), 1000) - 10) * 9999 // 990


def write(group: str, limits: dict[str, Any], *, warn: Callable[[str], None]) -> None:
    """Write the limits into the files of a group that exists. What the kernel has no file for is a warning."""
    from ocicore.linux import cgroups

    files = _v2(limits) if cgroups.mode() == "v2" else _v1(limits)
    roots = cgroups.paths_of(group)
    for controller, name, value in files:
        paths = [
            path for path in roots if not controller or f"/{controller}/" in f"{path}/".replace(",", "/")
        ]
        target = next((f"{path}/{name}" for path in paths if os.path.exists(f"{path}/{name}")), "")
        if not target:
            warn(f"pod limits: this kernel has no {name} in {group}: the limit is not set")
            continue
        try:
            descriptor = os.open(target, os.O_WRONLY | os.O_CLOEXEC)
            try:
                os.write(descriptor, value.encode())
            finally:
                os.close(descriptor)
        except OSError as error:
            from ocicore.errors import Error

            raise Error(f"writing {value} to {target}: {(error.strerror or '').lower()}") from error


def _v2(limits: dict[str, Any]) -> list[tuple[str, str, str]]:
    found = []
    if limits.get("memory"):
        found.append(("", "memory.max", str(limits["memory"])))
    swap = limits.get("memory_swap")
    if swap:
        # v2 counts swap alone, the option memory and swap together.
        found.append(("", "memory.swap.max", "max" if swap < 0 else str(swap - limits.get("memory", 0))))
    if limits.get("memory_reservation"):
        found.append(("", "memory.low", str(limits["memory_reservation"])))
    if limits.get("cpu_shares"):
        found.append(("", "cpu.weight", str(_weight(limits["cpu_shares"]))))
    if limits.get("cpu_quota") or limits.get("cpu_period"):
        quota = limits.get("cpu_quota", 0)
        text = str(quota) if quota > 0 else "max"
        found.append(("", "cpu.max", f"{text} {limits.get('cpu_period') or _PERIOD}"))
    for key in ("cpus", "mems"):
        if limits.get(f"cpuset_{key}"):
            found.append(("", f"cpuset.{key}", limits[f"cpuset_{key}"]))
    if limits.get("blkio_weight"):
        bfq = any(
            os.path.exists(f"/sys/fs/cgroup/{part}/io.bfq.weight") for part in ("system.slice", "user.slice")
        )
        name, value = (
            ("io.bfq.weight", limits["blkio_weight"])
            if bfq
            else ("io.weight", _io_weight(limits["blkio_weight"]))
        )
        found.append(("", name, str(value)))
    for key, word in (("device_read_bps", "rbps"), ("device_write_bps", "wbps")):
        for device in limits.get(key, ()):
            found.append(("", "io.max", f"{_number(device['path'])} {word}={device['rate']}"))
    return found


def _v1(limits: dict[str, Any]) -> list[tuple[str, str, str]]:
    found = []
    for key, controller, name in (
        ("memory", "memory", "memory.limit_in_bytes"),
        ("memory_swap", "memory", "memory.memsw.limit_in_bytes"),
        ("memory_reservation", "memory", "memory.soft_limit_in_bytes"),
        ("cpu_shares", "cpu", "cpu.shares"),
        ("cpu_period", "cpu", "cpu.cfs_period_us"),
        ("cpu_quota", "cpu", "cpu.cfs_quota_us"),
        ("cpuset_cpus", "cpuset", "cpuset.cpus"),
        ("cpuset_mems", "cpuset", "cpuset.mems"),
        ("blkio_weight", "blkio", "blkio.weight"),
    ):
        if limits.get(key):
            found.append((controller, name, str(limits[key])))
    for key, name in (
        ("device_read_bps", "blkio.throttle.read_bps_device"),
        ("device_write_bps", "blkio.throttle.write_bps_device"),
    ):
        for device in limits.get(key, ()):
            found.append(("blkio", name, f"{_number(device['path'])} {device['rate']}"))
    return found


def _number(path: str) -> str:
    from ocicore.errors import NotFound

    try:
        device = os.stat(path).st_rdev
    except OSError as error:
        raise NotFound(f"could not get throttle device {path}: {(error.strerror or '').lower()}") from None
    return f"{os.major(device)}:{os.minor(device)}"


def properties(limits: dict[str, Any]) -> list[str]:
    """The limits as properties of a slice (systemd.resource-control(5))."""
    found = []
    if limits.get("memory"):
        found.append(f"MemoryMax={limits['memory']}")
    swap = limits.get("memory_swap")
    if swap:
        found.append(f"MemorySwapMax={'infinity' if swap < 0 else swap - limits.get('memory', 0)}")
    if limits.get("memory_reservation"):
        found.append(f"MemoryLow={limits['memory_reservation']}")
    if limits.get("cpu_shares"):
        found.append(f"CPUWeight={_weight(limits['cpu_shares'])}")
    if limits.get("cpu_quota"):
        percent = limits["cpu_quota"] * 100 / (limits.get("cpu_period") or _PERIOD)
        found.append(f"CPUQuota={percent:g}%")
        if limits.get("cpu_period"):
            found.append(f"CPUQuotaPeriodSec={limits['cpu_period']}us")
    for key, name in (("cpuset_cpus", "AllowedCPUs"), ("cpuset_mems", "AllowedMemoryNodes")):
        if limits.get(key):
            found.append(f"{name}={limits[key].replace(',', ' ')}")
    if limits.get("blkio_weight"):
        found.append(f"IOWeight={_io_weight(limits['blkio_weight'])}")
    for key, name in (("device_read_bps", "IOReadBandwidthMax"), ("device_write_bps", "IOWriteBandwidthMax")):
        for device in limits.get(key, ()):
            found.append(f"{name}={device['path']} {device['rate']}")
    return found
