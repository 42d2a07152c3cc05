"""--memory, --cpus, --pids-limit, --blkio-*, --device-*-bps/iops, --cgroup-conf: limits for the OCI runtime.

Units: bytes, microseconds, counts. Rules that relate two limits are docker's.
"""

from __future__ import annotations

from ocicore.engine.options.labels import read_pairs
from ocicore.engine.quantities import parse_size
from ocicore.errors import InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from ocicore.runtime.types import Resources, ThrottleDevice, WeightDevice

#: Period that --cpus is counted in.
_CPUS_PERIOD = 100_000


def _weight(text: str) -> int:
    if not text.isdigit() or not (text == "0" or 10 <= int(text) <= 1000):
        raise InvalidInput("range of blkio weight is from 10 to 1000")
    return int(text)


def _weight_devices(entries: Iterable[str]) -> list[WeightDevice]:
    result: list[WeightDevice] = []
    for entry in entries:
        path, colon, weight = entry.partition(":")
        if not colon or not path.startswith("/dev/"):
            raise InvalidInput(f"bad format for device path and weight: {entry} (use /dev/NAME:WEIGHT)")
        result.append({"path": path, "weight": _weight(weight)})
    return result


def _rates(entries: Iterable[str], *, sizes: bool) -> list[ThrottleDevice]:
    result: list[ThrottleDevice] = []
    for entry in entries:
        path, colon, rate = entry.partition(":")
        if not colon or not path.startswith("/dev/"):
            raise InvalidInput(f"bad format for device path and rate: {entry} (use /dev/NAME:RATE)")
        if not sizes and not rate.isdigit():
            raise InvalidInput(f"invalid rate for device: {entry}: must be a number of operations a second")
        result.append(
            {"path": path, "rate": parse_size(rate, what="rate for device") if sizes else int(rate)}
        )
    return result


def read(args: Any, *, default_pids_limit: int, cgroups: str, given: frozenset[str]) -> Resources:
    """Limits of the options on `args`; only what is limited has a key. Raises InvalidInput.

    Args:
        args: the command's values (memory, memory_swap, cpus …).
        default_pids_limit: containers.conf's, used when none is given and cgroups are on.
        cgroups: the cgroup mode, "disabled" allows no limits.
        given: attribute names of the options on the command line.
    """
    result: Resources = {}
    if args.memory:
        result["memory"] = parse_size(args.memory, what="value for memory")
    if args.memory_reservation:
        result["memory_reservation"] = parse_size(
            args.memory_reservation, what="value for memory reservation"
        )
        if "memory" in result and result["memory_reservation"] > result["memory"]:
            raise InvalidInput("minimum memory limit can not be less than memory reservation limit")
    if args.memory_swap:
        swap = -1 if args.memory_swap == "-1" else parse_size(args.memory_swap, what="value for memory swap")
        if swap != -1 and "memory" not in result:
            raise InvalidInput("you should always set the memory limit when using memory swap limit")
        if swap != -1 and swap < result["memory"]:
            raise InvalidInput("minimum memory swap limit should be larger than memory limit")
        result["memory_swap"] = swap
    elif result.get("memory"):
        # Docker's default: as much swap again as memory.
        result["memory_swap"] = 2 * result["memory"]
    if args.memory_swappiness != -1:
        if not 0 <= args.memory_swappiness <= 100:
            raise InvalidInput(
                f"invalid value: {args.memory_swappiness}, valid memory swappiness range is 0-100"
            )
        result["memory_swappiness"] = args.memory_swappiness
    if args.cpus:
        if "cpu_period" in given or "cpu_quota" in given:
            other = "cpu-period" if "cpu_period" in given else "cpu-quota"
            raise InvalidInput(f"--{other} and --cpus cannot be set together")
        result["cpu_period"] = _CPUS_PERIOD
        result["cpu_quota"] = int(args.cpus * _CPUS_PERIOD)
    for key in ("cpu_shares", "cpu_period", "cpu_quota", "cpu_rt_period", "cpu_rt_runtime"):
        if getattr(args, key):
            result[key] = getattr(args, key)
    for key in ("cpuset_cpus", "cpuset_mems"):
        if getattr(args, key):
            result[key] = getattr(args, key)  # type: ignore[literal-required]
    if "pids_limit" in given:
        if args.pids_limit > 0:
            result["pids_limit"] = args.pids_limit
    elif cgroups != "disabled" and default_pids_limit > 0:
        result["pids_limit"] = default_pids_limit
    if getattr(args, "oom_kill_disable", False):
        result["oom_kill_disable"] = True
    if args.blkio_weight:
        result["blkio_weight"] = _weight(args.blkio_weight)
    if args.blkio_weight_device:
        result["blkio_weight_device"] = _weight_devices(args.blkio_weight_device)
    for key, sizes in (
        ("device_read_bps", True),
        ("device_write_bps", True),
        ("device_read_iops", False),
        ("device_write_iops", False),
    ):
        if getattr(args, key):
            result[key] = _rates(getattr(args, key), sizes=sizes)  # type: ignore[literal-required]
    if getattr(args, "cgroup_conf", ()):
        result["unified"] = read_pairs(args.cgroup_conf, "cgroup-conf")
    limits = set(result) - {"pids_limit"} if "pids_limit" not in given else set(result)
    if cgroups == "disabled" and limits:
        named = sorted(limits)[0].replace("_", "-")
        raise InvalidInput(f"cannot set --{named}: the container has no cgroup (--cgroups=disabled)")
    return result
