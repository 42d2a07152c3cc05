"""System-call filters: a profile (Docker's and podman's JSON form) becomes linux.seccomp of the runtime specification.

Conditions of a profile (capabilities, architecture, kernel version) are decided here, because the specification has
none. The runtime only loads the result.
"""

from __future__ import annotations

import os

from ocicore.errors import InvalidInput
from ocicore.files import quick_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from typing import Any

    Json = dict[str, Any]

#: An administrator's profile wins over the distribution's; ours is the last resort.
HOST_PROFILES = ("/etc/containers/seccomp.json", "/usr/share/containers/seccomp.json")

_ALLOW = "SCMP_ACT_ALLOW"
_ERRNO = "SCMP_ACT_ERRNO"
_EPERM = 1
_EINVAL = 22
_ENOSYS = 38
_AF_NETLINK = 16
_NETLINK_AUDIT = 9

#: GOARCH -> the name which profiles use for it in includes/excludes.
_PROFILE_NAMES = {"386": "x86", "mips64le": "mipsel64", "mipsle": "mipsel"}


def default(
    capabilities: Collection[str], *, architecture: str, kernel: tuple[int, int], profile: str = ""
) -> Json:
    """linux.seccomp of a container that asked for nothing special.

    Args:
        capabilities: the container's bounding set, with CAP_.
        architecture: GOARCH.
        profile: a configured file that replaces the host's, "" for none.
    """
    for path in (profile,) if profile else HOST_PROFILES:
        if profile or os.path.exists(path):
            return from_file(path, capabilities, architecture=architecture, kernel=kernel)
    return builtin(capabilities, architecture=architecture)


def from_file(
    path: str, capabilities: Collection[str], *, architecture: str, kernel: tuple[int, int]
) -> Json:
    """linux.seccomp from a profile on disk. Raises InvalidInput, naming the file."""
    try:
        with open(path, "rb") as stream:
            profile = quick_json.loads(stream.read())
    except OSError as error:
        raise InvalidInput(f"opening seccomp profile failed: open {path}: {_reason(error)}") from None
    except ValueError as error:
        raise InvalidInput(f"loading seccomp profile ({path}) failed: {error}") from None
    if not isinstance(profile, dict):
        raise InvalidInput(f"loading seccomp profile ({path}) failed: not a JSON object")
    return resolve(profile, capabilities, architecture=architecture, kernel=kernel)


def resolve(
    profile: Json, capabilities: Collection[str], *, architecture: str, kernel: tuple[int, int]
) -> Json:
    """Decide the conditions of a profile. Raises InvalidInput for one that contradicts itself."""
    if profile.get("archMap") and profile.get("architectures"):
        raise InvalidInput(
            "loading seccomp profile failed: both 'architectures' and 'archMap' were specified, use only one"
        )
    native = _PROFILE_NAMES.get(architecture, architecture)
    result: Json = {"defaultAction": profile.get("defaultAction", "")}
    default_errno = _errno(profile, "defaultErrnoRet", "defaultErrno")
    if default_errno is not None:
        result["defaultErrnoRet"] = default_errno
    architectures = _architectures(profile, architecture)
    if architectures:
        result["architectures"] = architectures
    for key in ("flags", "listenerPath", "listenerMetadata"):
        if profile.get(key):
            result[key] = profile[key]

    calls = []
    for rule in profile.get("syscalls") or ():
        if not _applies(rule, capabilities, native, kernel):
            continue
        if rule.get("name") and rule.get("names"):
            raise InvalidInput(
                "loading seccomp profile failed: 'name' and 'names' were specified, use either one"
            )
        names = rule.get("names") or ([rule["name"]] if rule.get("name") else [])
        if not names:
            continue
        call: Json = {"names": names, "action": rule["action"]}
        number = _errno(rule, "errnoRet", "errno")
        if number is not None:
            call["errnoRet"] = number
        if rule.get("args"):
            call["args"] = [_argument(argument) for argument in rule["args"]]
        calls.append(call)
    result["syscalls"] = calls
    return result


def builtin(capabilities: Collection[str], *, architecture: str) -> Json:
    """linux.seccomp from our own table."""
    from ocicore.runtime import seccomp_default as table

    native = _PROFILE_NAMES.get(architecture, architecture)
    allowed = list(table.ALLOWED)
    refused = list(table.REFUSED)
    for names, calls in table.BY_ARCHITECTURE:
        if native in names:
            allowed += calls
    guarded: list[str] = []
    for capability, calls in table.BY_CAPABILITY.items():
        if capability in capabilities:
            allowed += calls
        else:
            guarded += calls
    known = set(allowed)
    # A call named by two capabilities is allowed by either, and no call may have two actions.
    refused = sorted({name for name in refused + guarded if name not in known})
    calls_list: list[Json] = [
        {"names": refused, "action": _ERRNO, "errnoRet": _EPERM},
        {"names": sorted(known), "action": _ALLOW},
    ]
    calls_list += [
        {"names": ["personality"], "action": _ALLOW, "args": [_compare(0, value, "SCMP_CMP_EQ")]}
        for value in table.PERSONALITIES
    ]
    calls_list += _socket_rules("CAP_AUDIT_WRITE" in capabilities)
    result: Json = {"defaultAction": _ERRNO, "defaultErrnoRet": _ENOSYS}
    if architecture in table.ARCHITECTURES:
        result["architectures"] = list(table.ARCHITECTURES[architecture])
    result["syscalls"] = calls_list
    return result


def _socket_rules(audit: bool) -> list[Json]:
    """socket(2): everything but the audit netlink, which needs CAP_AUDIT_WRITE."""
    if audit:
        return [{"names": ["socket"], "action": _ALLOW}]
    family = _compare(0, _AF_NETLINK, "SCMP_CMP_EQ")
    protocol = _compare(2, _NETLINK_AUDIT, "SCMP_CMP_EQ")
    return [
        {"names": ["socket"], "action": _ERRNO, "errnoRet": _EINVAL, "args": [family, protocol]},
        {"names": ["socket"], "action": _ALLOW, "args": [_compare(2, _NETLINK_AUDIT, "SCMP_CMP_NE")]},
        {"names": ["socket"], "action": _ALLOW, "args": [_compare(0, _AF_NETLINK, "SCMP_CMP_NE")]},
    ]


def _compare(index: int, value: int, operator: str) -> Json:
    return {"index": index, "value": value, "op": operator}


def _argument(argument: Json) -> Json:
    result = {"index": argument["index"], "value": argument["value"], "op": argument["op"]}
    if argument.get("valueTwo"):
        result["valueTwo"] = argument["valueTwo"]
    return result


def _applies(rule: Json, capabilities: Collection[str], native: str, kernel: tuple[int, int]) -> bool:
    includes = rule.get("includes") or {}
    excludes = rule.get("excludes") or {}
    if includes:
        if includes.get("arches") and native not in includes["arches"]:
            return False
        if any(name not in capabilities for name in includes.get("caps") or ()):
            return False
        if includes.get("minKernel") and kernel < _version(includes["minKernel"]):
            return False
    if excludes:
        if native in (excludes.get("arches") or ()):
            return False
        if _any_of(excludes.get("caps"), capabilities):
            return False
        if excludes.get("minKernel") and kernel >= _version(excludes["minKernel"]):
            return False
    return True


def _any_of(names: Iterable[str] | None, among: Collection[str]) -> bool:
    return any(name in among for name in names or ())


def _version(text: str) -> tuple[int, int]:
    major, _, minor = text.partition(".")
    try:
        return int(major), int(minor)
    except ValueError:
        raise InvalidInput(f"loading seccomp profile failed: invalid kernel version {text!r}") from None


def _errno(holder: Json, number_key: str, name_key: str) -> int | None:
    """A rule's errno, by name where there is one (names differ in number between architectures)."""
    name = holder.get(name_key)
    if name:
        import errno

        number = getattr(errno, name, None)
        if number is None:
            raise InvalidInput(f"loading seccomp profile failed: unknown errno {name!r}")
        return int(number)
    value = holder.get(number_key)
    return None if value is None else int(value)


def _architectures(profile: Json, architecture: str) -> list[str]:
    listed = profile.get("architectures")
    if listed:
        return list(listed)
    from ocicore.runtime.seccomp_default import ARCHITECTURES

    native = ARCHITECTURES.get(architecture, ("",))[0]
    for entry in profile.get("archMap") or ():
        if entry.get("architecture") == native:
            return [native, *(entry.get("subArchitectures") or ())]
    return []


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
