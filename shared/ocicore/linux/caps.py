"""Capabilities (capabilities(7)): names, what this process has, what it may still get."""

from __future__ import annotations

import os

from ocicore.errors import Error
from ocicore.native._native import ffi, lib

#: Names in the kernel's order (include/uapi/linux/capability.h): the index is the number.
CAPABILITIES = (
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
)

_PR_CAPBSET_READ = 23
_PR_CAPBSET_DROP = 24
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_PR_CAP_AMBIENT_CLEAR_ALL = 4


class CapabilityError(Error):
    """The kernel refused to change capabilities, or a name is not one."""


def number(name: str) -> int:
    """The number of "CAP_CHOWN" (any case, the prefix may be missing). Raises CapabilityError."""
    wanted = name.upper()
    if not wanted.startswith("CAP_"):
        wanted = "CAP_" + wanted
    try:
        return CAPABILITIES.index(wanted)
    except ValueError:
        raise CapabilityError(f"unknown capability: {name}") from None


def last_cap() -> int:
    """The highest number this kernel knows."""
    try:
        with open("/proc/sys/kernel/cap_last_cap", encoding="utf-8") as stream:
            return int(stream.read())
    except OSError:
        cap = len(CAPABILITIES) - 1
        while cap > 0 and lib.oci_prctl(_PR_CAPBSET_READ, cap, 0, 0, 0) < 0:
            cap -= 1
        return cap


def known() -> tuple[str, ...]:
    """The names this kernel knows, in order."""
    return CAPABILITIES[: last_cap() + 1]


def effective() -> frozenset[str]:
    """Names of the effective set of this thread."""
    return _names(_sets()[0])


def permitted() -> frozenset[str]:
    """Names of the permitted set of this thread."""
    return _names(_sets()[1])


def bounding() -> frozenset[str]:
    """Names of the bounding set of this thread."""
    return frozenset(
        name for i, name in enumerate(CAPABILITIES) if lib.oci_prctl(_PR_CAPBSET_READ, i, 0, 0, 0) == 1
    )


def has(name: str) -> bool:
    """Whether a capability is effective now."""
    return bool(_sets()[0] >> number(name) & 1)


def set_all(
    names: frozenset[str] | set[str], *, inheritable: frozenset[str] | set[str] = frozenset()
) -> None:
    """Make `names` the effective and permitted sets of this thread."""
    mask = _mask(names)
    if lib.oci_capset(mask, mask, _mask(inheritable)) < 0:
        raise CapabilityError(f"setting capabilities: {os.strerror(ffi.errno).lower()}")


def drop_bounding(keep: frozenset[str] | set[str]) -> None:
    """Remove everything but `keep` from the bounding set (needs CAP_SETPCAP)."""
    for name in bounding() - frozenset(keep):
        if lib.oci_prctl(_PR_CAPBSET_DROP, number(name), 0, 0, 0) < 0:
            raise CapabilityError(f"dropping {name} from the bounding set: {os.strerror(ffi.errno).lower()}")


def set_ambient(names: frozenset[str] | set[str]) -> None:
    """Replace the ambient set (each must be permitted and inheritable)."""
    lib.oci_prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    for name in names:
        if lib.oci_prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, number(name), 0, 0) < 0:
            raise CapabilityError(f"raising ambient {name}: {os.strerror(ffi.errno).lower()}")


def _sets() -> tuple[int, int, int]:
    masks = [ffi.new("uint64_t *") for _ in range(3)]
    if lib.oci_capget(*masks) < 0:
        raise CapabilityError(f"reading capabilities: {os.strerror(ffi.errno).lower()}")
    return masks[0][0], masks[1][0], masks[2][0]


def _names(mask: int) -> frozenset[str]:
    return frozenset(name for i, name in enumerate(CAPABILITIES) if mask >> i & 1)


def _mask(names: frozenset[str] | set[str]) -> int:
    mask = 0
    for name in names:
        mask |= 1 << number(name)
    return mask
