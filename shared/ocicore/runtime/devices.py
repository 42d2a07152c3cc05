"""Device nodes of a container (runtime-spec: linux.devices, linux.resources.devices).

HOST[:CONTAINER][:PERMISSIONS] as in --device. As root a node is made by the runtime and allowed in the device cgroup;
rootless nobody may make nodes, so the host's node is bound.
"""

from __future__ import annotations

import os
import stat

from ocicore.errors import InvalidInput, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Json = dict[str, Any]

#: Names below /dev which are file systems or the container's own (never copied with --privileged).
_OWN_DIRECTORIES = frozenset({"pts", "shm", "fd", "mqueue", ".lxc", ".lxd-mounts"})


def parse(text: str) -> tuple[str, str, str]:
    """(host path, container path, permissions) of one --device value. Raises InvalidInput."""
    parts = text.split(":")
    permissions = "rwm"
    target = ""
    if len(parts) > 3 or not parts[0]:
        raise InvalidInput(f"invalid device specification: {text}")
    if len(parts) == 3:
        permissions = parts[2]
        if not permissions:
            raise InvalidInput(f"empty device mode in device specification: {text}")
        if not _is_mode(permissions):
            raise InvalidInput(f'invalid device mode "{permissions}" in device "{text}"')
    if len(parts) >= 2:
        if _is_mode(parts[1]):
            permissions = parts[1]
        elif parts[1] and not parts[1].startswith("/"):
            raise InvalidInput(f'invalid device mode "{parts[1]}" in device "{text}"')
        else:
            target = parts[1]
    return parts[0], target or parts[0], permissions


def _is_mode(text: str) -> bool:
    return bool(text) and set(text) <= set("rwm") and len(set(text)) == len(text)


def expand(text: str) -> list[tuple[str, str, str]]:
    """The nodes one --device value stands for: itself, or every node below a folder.

    Raises NotFound when the host has no such node, InvalidInput for something that is no device.
    """
    source, target, permissions = parse(text)
    real = os.path.realpath(source)
    try:
        mode = os.stat(real).st_mode
    except OSError as error:
        raise NotFound(f"stat {source}: {_reason(error)}") from None
    if not stat.S_ISDIR(mode):
        return [(real, target, permissions)]
    found = []
    for folder, _, names in os.walk(real):
        for name in sorted(names):
            path = f"{folder}/{name}"
            kind = os.lstat(path).st_mode
            if stat.S_ISCHR(kind) or stat.S_ISBLK(kind):
                found.append((path, target + path[len(real) :], permissions))
    if not found:
        raise InvalidInput(f"no devices found in {source}: invalid argument")
    return found


def describe(path: str, target: str | None = None) -> Json:
    """The linux.devices entry of a node on the host. Raises InvalidInput for other files."""
    info = os.stat(path)
    if stat.S_ISCHR(info.st_mode):
        kind = "c"
    elif stat.S_ISBLK(info.st_mode):
        kind = "b"
    elif stat.S_ISFIFO(info.st_mode):
        kind = "p"
    else:
        raise InvalidInput(f"{path} is not a valid device: not a device node")
    return {
        "path": target or path,
        "type": kind,
        "major": os.major(info.st_rdev),
        "minor": os.minor(info.st_rdev),
        "fileMode": stat.S_IMODE(info.st_mode),
        "uid": info.st_uid,
        "gid": info.st_gid,
    }


def allow(device: Json, permissions: str) -> Json:
    """The device-cgroup rule that lets the container use a described device."""
    return {
        "allow": True,
        "type": device["type"],
        "major": device["major"],
        "minor": device["minor"],
        "access": permissions,
    }


def bind(source: str, target: str, permissions: str) -> Json:
    """The mount that stands for a device where nodes cannot be made (user namespaces)."""
    mode = "rw" if "w" in permissions else "ro"
    return {
        "destination": target,
        "type": "bind",
        "source": source,
        "options": ["slave", "nosuid", "noexec", mode, "rbind"],
    }


def parse_cgroup_rule(text: str) -> Json:
    """A --device-cgroup-rule: TYPE MAJOR:MINOR ACCESS, "*" for any number. Raises InvalidInput."""
    fields = text.split()
    if len(fields) != 3:
        raise InvalidInput(
            f'invalid device cgroup rule requires type, major:Minor, and access rules: "{text}"'
        )
    if fields[0] not in {"a", "b", "c"}:
        raise InvalidInput(f"invalid device type in device-access-add: {fields[0]}")
    major, _, minor = fields[1].partition(":")
    minor = minor or "*"
    for part in (major, minor):
        if part != "*" and not part.isdigit():
            raise InvalidInput(f'strconv.ParseUint: parsing "{part}": invalid syntax')
    for letter in fields[2]:
        if letter not in "rwm":
            raise InvalidInput(f"invalid device access in device-access-add: {letter}")
    rule: Json = {"allow": True, "type": fields[0], "access": fields[2]}
    if major != "*":
        rule["major"] = int(major)
    if minor != "*":
        rule["minor"] = int(minor)
    return rule


def host_devices(folder: str = "/dev") -> list[Json]:
    """Every node below /dev, for --privileged; what cannot be read is left out."""
    result = []
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return []
    for entry in entries:
        if entry.is_symlink() or entry.name == "console":
            continue
        if entry.is_dir(follow_symlinks=False):
            if entry.name not in _OWN_DIRECTORIES:
                result += host_devices(entry.path)
            continue
        try:
            device = describe(entry.path)
        except (OSError, InvalidInput):
            continue
        if device["type"] != "p":
            result.append(device)
    return result


def is_virtual_console(path: str) -> bool:
    """Whether a path is /dev/tty<number> (console(4)), which a container must not take over."""
    number = path.removeprefix("/dev/tty")
    return number != path and number.isdigit()


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
