"""Facts about this machine and this process which decide what a container can be given; read once a process."""

from __future__ import annotations

import os

from ocicore.runtime.types import HostFacts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_CAP_SYS_RESOURCE = 24

#: machine field of uname(2) -> GOARCH.
_ARCHITECTURES = {
    "x86_64": "amd64",
    "aarch64": "arm64",
    "i386": "386",
    "i686": "386",
    "ppc64le": "ppc64le",
    "s390x": "s390x",
    "riscv64": "riscv64",
    "loongarch64": "loong64",
    "mips64": "mips64",
}

#: Rows of /proc/PID/limits -> the specification's names.
_LIMITS = {
    "Max cpu time": "CPU",
    "Max file size": "FSIZE",
    "Max data size": "DATA",
    "Max stack size": "STACK",
    "Max core file size": "CORE",
    "Max resident set": "RSS",
    "Max processes": "NPROC",
    "Max open files": "NOFILE",
    "Max locked memory": "MEMLOCK",
    "Max address space": "AS",
    "Max file locks": "LOCKS",
    "Max pending signals": "SIGPENDING",
    "Max msgqueue size": "MSGQUEUE",
    "Max nice priority": "NICE",
    "Max realtime priority": "RTPRIO",
    "Max realtime timeout": "RTTIME",
}


def probe(rootless: bool, warn: Callable[[str], None]) -> HostFacts:
    """Read the facts from /proc and /sys. `warn` hears about files that should be there and are not."""
    from ocicore.linux import caps, cgroups

    status = _status()
    effective = int(status.get("CapEff", "0"), 16)
    bounding_bits = int(status.get("CapBnd", "0"), 16)
    bounding = frozenset(name for number, name in enumerate(caps.CAPABILITIES) if bounding_bits >> number & 1)
    uid_map = id_map("uid")
    system = os.uname()
    if not os.path.exists("/proc/self/ns/user"):
        warn("the kernel has no user namespaces")
    # A capability counts against hard limits only in the initial user namespace (setrlimit(2)).
    initial = uid_map == [(0, 0, 4294967295)]
    return HostFacts(
        rootless=rootless,
        cgroup_mode=cgroups.mode(),
        cgroup_root=cgroups.delegated(_own_cgroup()),
        uid_map=uid_map,
        gid_map=id_map("gid"),
        rlimits=limits(),
        may_raise_limits=initial and bool(effective >> _CAP_SYS_RESOURCE & 1),
        bounding=bounding,
        apparmor=_first("/sys/module/apparmor/parameters/enabled").startswith("Y") and not rootless,
        selinux=os.path.exists("/sys/fs/selinux/enforce"),
        seccomp="Seccomp" in status,
        architecture=_ARCHITECTURES.get(
            system.machine, "arm" if system.machine[:3] == "arm" else system.machine
        ),
        kernel=_kernel(system.release),
        hostname=system.nodename,
    )


def id_map(kind: str) -> list[tuple[int, int, int]]:
    """Extents (inside, outside, size) of our user namespace; kind "uid" or "gid"."""
    try:
        with open(f"/proc/self/{kind}_map") as stream:
            return [_extent(line) for line in stream]
    except OSError:
        return [(0, 0, 4294967295)]


def _extent(line: str) -> tuple[int, int, int]:
    inside, outside, size = line.split()
    return int(inside), int(outside), int(size)


def limits() -> dict[str, tuple[int, int]]:
    """This process's limits: type -> (soft, hard), -1 unlimited."""
    result = {}
    with open("/proc/self/limits") as stream:
        for line in stream:
            name = _LIMITS.get(line[:26].rstrip())
            if name is not None:
                fields = line[26:].split()
                result[name] = (_limit(fields[0]), _limit(fields[1]))
    return result


def _limit(word: str) -> int:
    return -1 if word == "unlimited" else int(word)


def _status() -> dict[str, str]:
    with open("/proc/self/status") as stream:
        return {key: value.strip() for key, _, value in (line.partition(":") for line in stream)}


def _kernel(release: str) -> tuple[int, int]:
    major, _, rest = release.partition(".")
    minor = ""
    for character in rest:
        if not character.isdigit():
            break
        minor += character
    return int(major), int(minor or "0")


def _first(path: str) -> str:
    try:
        with open(path) as stream:
            return stream.readline()
    except OSError:
        return ""


def _own_cgroup() -> str:
    """Our path in the unified hierarchy, or in the first controller's on v1."""
    best = "/"
    try:
        with open("/proc/self/cgroup") as stream:
            for line in stream:
                number, controllers, path = line.rstrip("\n").split(":", 2)
                if number == "0" and not controllers:
                    return path if path != "/" or best == "/" else best
                if "memory" in controllers.split(","):
                    best = path
    except OSError:
        pass
    return best
