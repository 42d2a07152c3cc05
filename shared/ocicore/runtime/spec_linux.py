"""The `linux` part of config.json: namespaces, id maps, limits, hidden paths, the cgroup's place."""

from __future__ import annotations

import os

from ocicore.errors import InvalidInput, NotFound, Unsupported
from ocicore.runtime import devices
from ocicore.runtime.spec_mounts import spec_mappings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from ocicore.runtime.types import ContainerConfig, HostFacts, IdMapping, Namespace, Resources

    Json = dict[str, Any]
    Warn = Callable[[str], None]

#: Hidden from every container that is not privileged.
MASKED_PATHS = (
    "/proc/acpi",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
    "/sys/fs/selinux",
)
READONLY_PATHS = (
    "/proc/asound",
    "/proc/bus",
    "/proc/fs",
    "/proc/irq",
    "/proc/sys",
    "/proc/sysrq-trigger",
)
_CPU_FOLDER = "/sys/devices/system/cpu"

#: Key of Namespaces -> name in the specification, in podman's order.
_NAMESPACES = (
    ("pid", "pid"),
    ("net", "network"),
    ("ipc", "ipc"),
    ("uts", "uts"),
    ("mnt", "mount"),
    ("cgroup", "cgroup"),
    ("user", "user"),
)
DEFAULT_PIDS_LIMIT = 2048
_CGROUPFS_PARENT = "/libpod_parent"


def namespace(config: ContainerConfig, kind: str, host: HostFacts) -> Namespace:
    """The namespace asked for, or podman's default."""
    chosen: Namespace | None = config.get("namespaces", {}).get(kind)  # type: ignore[assignment]
    if chosen is not None:
        return chosen
    if kind == "user":
        return {"mode": "private" if config.get("uid_mappings") else "host"}
    if kind == "cgroup":
        return {"mode": "private" if host.cgroup_mode == "v2" else "host"}
    return {"mode": "private"}


def namespaces(config: ContainerConfig, host: HostFacts) -> list[Json]:
    """linux.namespaces. Raises InvalidInput for a "path" without one."""
    result: list[Json] = []
    for key, name in _NAMESPACES:
        chosen = namespace(config, key, host)
        mode = chosen["mode"]
        if mode == "host":
            continue
        entry: Json = {"type": name}
        if mode == "path":
            path = chosen.get("path", "")
            if not path:
                raise InvalidInput(f"joining the {name} namespace: no path given")
            entry["path"] = path
        elif mode not in {"private", "none"}:
            raise InvalidInput(f'{name} namespace: unknown mode "{mode}"')
        result.append(entry)
    return result


def id_mappings(config: ContainerConfig, host: HostFacts) -> Json:
    """linux.uidMappings and gidMappings, empty when the container has no user namespace of its own."""
    result: Json = {}
    if config.get("uid_mappings"):
        gids = config.get("gid_mappings") or config["uid_mappings"]
        result["uidMappings"] = spec_mappings(_split(config["uid_mappings"], host.uid_map))
        result["gidMappings"] = spec_mappings(_split(gids, host.gid_map))
    return result


def _split(extents: list[IdMapping], ours: list[tuple[int, int, int]]) -> list[IdMapping]:
    """Cut extents where one of our own namespace's ends: the kernel takes none that spans two of them."""
    bounds = sorted({edge for inside, _, size in ours for edge in (inside, inside + size)})
    result: list[IdMapping] = []
    for extent in extents:
        first, end = extent["host_id"], extent["host_id"] + extent["size"]
        edges = [first, *(edge for edge in bounds if first < edge < end), end]
        for number, stop in enumerate(edges[1:]):
            start = edges[number]
            inside = extent["container_id"] + start - first
            result.append({"container_id": inside, "host_id": start, "size": stop - start})
    return result


def hidden_paths(
    config: ContainerConfig, host: HostFacts, *, sys_is_host: bool
) -> tuple[list[str], list[str]]:
    """(maskedPaths, readonlyPaths) after --security-opt mask/unmask."""
    security = config.get("security", {})
    masked: list[str] = []
    readonly: list[str] = []
    if not security.get("privileged"):
        unmask = security.get("unmask", ())
        if sys_is_host and host.rootless:
            masked.append("/sys/kernel")
        masked += [path for path in (*MASKED_PATHS, *_thermal()) if not _matches(path, unmask)]
        readonly += [path for path in READONLY_PATHS if not _matches(path, unmask)]
        if host.rootless and namespace(config, "pid", host)["mode"] == "host":
            return masked, readonly
    for path in security.get("mask", ()):
        if path.startswith("/"):
            masked.append(path)
    return masked, readonly


def _thermal() -> list[str]:
    """Per-CPU folders which tell about other tenants' load (on hardware that has them)."""
    if not os.path.exists(f"{_CPU_FOLDER}/cpu0/thermal_throttle"):
        return []
    names = [name for name in os.listdir(_CPU_FOLDER) if name[:3] == "cpu" and name[3:].isdigit()]
    return [f"{_CPU_FOLDER}/{name}/thermal_throttle" for name in sorted(names, key=lambda n: int(n[3:]))]


def _matches(path: str, patterns: Iterable[str]) -> bool:
    for words in patterns:
        for word in words.split(":"):
            if word.lower() == "all" or word.rstrip("/") == path:
                return True
            if "*" in word or "?" in word or "[" in word:
                import fnmatch

                # A shell pattern's "*" stops at "/", so both must have as many parts.
                if word.count("/") == path.count("/") and fnmatch.fnmatchcase(path, word):
                    return True
    return False


def cgroups_path(config: ContainerConfig, host: HostFacts) -> str:
    """linux.cgroupsPath; "" leaves the choice to the runtime."""
    if config.get("cgroup_path"):
        return config["cgroup_path"]
    mode = config.get("cgroups", "enabled")
    parent = config.get("cgroup_parent", "")
    name = f"libpod-{config['id']}"
    if mode == "disabled":
        return ""
    if mode == "split":
        if host.cgroup_root in {"", "/"}:
            raise Unsupported("cgroups=split: this process runs in the root cgroup, which cannot be split")
        return f"{host.cgroup_root}/libpod-payload-{config['id']}"
    if config.get("cgroup_manager", "cgroupfs") == "systemd":
        slice_name = (
            os.path.basename(parent) if parent else ("user.slice" if host.rootless else "machine.slice")
        )
        if not slice_name.endswith(".slice"):
            raise InvalidInput(
                f'did not receive systemd slice as cgroup parent when using systemd to manage cgroups: "{parent}"'
            )
        return f"{slice_name}:libpod:{config['id']}"
    if parent.endswith(".slice"):
        raise InvalidInput(f'systemd slice received as cgroup parent when using cgroupfs: "{parent}"')
    if host.rootless and (not parent or parent == _CGROUPFS_PARENT):
        return ""
    return f"{parent.rstrip('/') or _CGROUPFS_PARENT}/{name}"


def resources(config: ContainerConfig, host: HostFacts, warn: Warn) -> Json:
    """linux.resources without devices. On cgroup v1 an ordinary user cannot limit anything: a note, no error."""
    wanted: Resources = config.get("resources", {})
    if config.get("cgroups") == "disabled":
        if wanted:
            raise InvalidInput("cannot set resource limits when cgroups are disabled")
        return {}
    if host.rootless and host.cgroup_mode != "v2":
        explicit = [
            key for key in wanted if key != "pids_limit" or wanted["pids_limit"] != DEFAULT_PIDS_LIMIT
        ]
        if explicit:
            warn("resource limits are not supported and ignored on cgroups V1 rootless systems")
        return {}
    result: Json = {}
    _put(result, "memory", _memory(wanted, host))
    _put(result, "cpu", _cpu(wanted))
    limit = wanted.get("pids_limit", 0)
    if limit > 0:
        result["pids"] = {"limit": limit}
    _put(result, "blockIO", _block_io(wanted))
    if wanted.get("unified"):
        if host.cgroup_mode != "v2":
            raise Unsupported("cgroup configuration (--cgroup-conf) needs cgroup v2")
        result["unified"] = dict(wanted["unified"])
    return result


def _put(target: Json, key: str, value: Json) -> None:
    if value:
        target[key] = value


def _memory(wanted: Resources, host: HostFacts) -> Json:
    result: Json = {}
    limit = wanted.get("memory", 0)
    swap = wanted.get("memory_swap", 0)
    if swap > 0 and limit > swap:
        raise InvalidInput("minimum memoryswap limit should be larger than memory limit, see usage")
    if swap > 0 and not limit:
        raise InvalidInput("you should always set the memory limit when using memoryswap limit")
    reservation = wanted.get("memory_reservation", 0)
    if limit and reservation and limit < reservation:
        raise InvalidInput("minimum memory limit cannot be less than memory reservation limit, see usage")
    for key, value in (("limit", limit), ("reservation", reservation), ("swap", swap)):
        if value:
            result[key] = value
    if limit > 0 and not swap:
        # As in podman and Docker: as much swap again as memory.
        result["swap"] = limit * 2
    if wanted.get("memory_swappiness", -1) >= 0 and host.cgroup_mode != "v2":
        result["swappiness"] = wanted["memory_swappiness"]
    if wanted.get("kernel_memory") and host.cgroup_mode != "v2":
        result["kernel"] = wanted["kernel_memory"]
    if wanted.get("oom_kill_disable"):
        result["disableOOMKiller"] = True
    return result


def _cpu(wanted: Resources) -> Json:
    result: Json = {}
    for key, name in (
        ("cpu_shares", "shares"),
        ("cpu_period", "period"),
        ("cpu_quota", "quota"),
        ("cpu_rt_period", "realtimePeriod"),
        ("cpu_rt_runtime", "realtimeRuntime"),
        ("cpuset_cpus", "cpus"),
        ("cpuset_mems", "mems"),
    ):
        value = wanted.get(key)
        if value:
            result[name] = value
    return result


def _block_io(wanted: Resources) -> Json:
    result: Json = {}
    if wanted.get("blkio_weight"):
        result["weight"] = wanted["blkio_weight"]
    weights = []
    for device in wanted.get("blkio_weight_device", ()):
        entry = _numbers(device["path"])
        for key, name in (("weight", "weight"), ("leaf_weight", "leafWeight")):
            if device.get(key):
                entry[name] = device.get(key)
        weights.append(entry)
    if weights:
        result["weightDevice"] = weights
    for key, name in (
        ("device_read_bps", "throttleReadBpsDevice"),
        ("device_write_bps", "throttleWriteBpsDevice"),
        ("device_read_iops", "throttleReadIOPSDevice"),
        ("device_write_iops", "throttleWriteIOPSDevice"),
    ):
        rates: Any = wanted.get(key)
        if rates:
            result[name] = [{**_numbers(rate["path"]), "rate": rate["rate"]} for rate in rates]
    return result


def _numbers(path: str) -> Json:
    try:
        number = os.stat(path).st_rdev
    except OSError as error:
        raise NotFound(f"could not get throttle device {path}: {(error.strerror or '').lower()}") from None
    return {"major": os.major(number), "minor": os.minor(number)}


def add_devices(
    config: ContainerConfig,
    host: HostFacts,
    spec_devices: list[Json],
    rules: list[Json],
    mounts: list[Json],
    *,
    new_userns: bool,
) -> None:
    """Fill linux.devices, the device cgroup's rules and – where nodes cannot be made – binds of the host's nodes."""
    privileged = config.get("security", {}).get("privileged", False)
    if privileged:
        _add_host_devices(config, host, spec_devices, mounts)
    elif not (host.rootless or new_userns):
        rules.append({"allow": False, "access": "rwm"})
    for text in config.get("devices", ()):
        for source, target, permissions in devices.expand(text):
            entry = devices.describe(source, target)
            if host.rootless or new_userns:
                mounts.append(devices.bind(source, target, permissions))
                continue
            spec_devices[:] = [known for known in spec_devices if known["path"] != target]
            spec_devices.append(entry)
            rules.append(devices.allow(entry, permissions))
    for text in config.get("device_cgroup_rules", ()):
        if host.rootless:
            raise Unsupported("device cgroup rules are not supported in rootless mode or in a user namespace")
        if not privileged:
            rules.append(devices.parse_cgroup_rule(text))
    if privileged and not host.rootless:
        rules[:] = [{"allow": True, "access": "rwm"}]


def _add_host_devices(
    config: ContainerConfig, host: HostFacts, spec_devices: list[Json], mounts: list[Json]
) -> None:
    taken = {mount["destination"] for mount in mounts}
    for device in devices.host_devices():
        path = device["path"]
        console = devices.is_virtual_console(path)
        if not host.rootless:
            if not (config.get("systemd") and console):
                spec_devices.append(device)
        elif not (console or path in taken or path in {"/dev/ptmx", "/dev/tty"}):
            mounts.append(devices.bind(path, path, "rwm"))
