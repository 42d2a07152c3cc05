"""Container Device Interface: devices by qualified name ("vendor.com/class=device"), and what they add to a container.

Follows the CDI specification 0.8 (cncf-tags/container-device-interface): JSON or YAML files in the given folders, later
folders winning over earlier ones; `containerEdits` of the file and of the device go into the runtime specification.
"""

from __future__ import annotations

import os

from ocicore.errors import InvalidInput, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    Json = dict[str, Any]

DIRECTORIES = ("/etc/cdi", "/var/run/cdi")
_HOOKS = ("prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop")


def is_qualified(text: str) -> bool:
    """Whether a --device value names a CDI device rather than a path."""
    kind, equals, name = text.partition("=")
    vendor, slash, group = kind.partition("/")
    return bool(equals and name and slash and group and vendor and not text.startswith(("/", ".")))


def edits(names: Sequence[str], folders: Sequence[str] = DIRECTORIES) -> list[Json]:
    """The containerEdits of some devices, in order; a file's own edits once.

    Raises:
        NotFound: a device is not defined. InvalidInput: a file cannot be read.
    """
    found: list[Json] = []
    seen: set[str] = set()
    devices = _devices(folders)
    for name in names:
        entry = devices.get(name)
        if entry is None:
            near = ", ".join(sorted(devices)) or "none"
            raise NotFound(
                f"unresolvable CDI devices {name}", hint=f"devices defined in {', '.join(folders)}: {near}"
            )
        path, own, device = entry
        if path not in seen:
            seen.add(path)
            found.append(own)
        found.append(device)
    return found


def apply(spec: Json, changes: Sequence[Json], *, in_user_namespace: bool) -> None:
    """Put containerEdits into a runtime specification.

    Args:
        in_user_namespace: nodes cannot be made there; the host's are bound instead.

    Raises:
        NotFound: a device node is not there.
    """
    for change in changes:
        env = spec.setdefault("process", {}).setdefault("env", [])
        for text in change.get("env") or ():
            name = text.partition("=")[0]
            env[:] = [entry for entry in env if entry.partition("=")[0] != name]
            env.append(text)
        for node in change.get("deviceNodes") or ():
            _device(spec, node, in_user_namespace=in_user_namespace)
        for mount in change.get("mounts") or ():
            options = list(mount.get("options") or ("bind",))
            if not {"bind", "rbind"} & set(options):
                options.append("bind")
            spec.setdefault("mounts", []).append(
                {
                    "type": mount.get("type") or "bind",
                    "source": mount["hostPath"],
                    "destination": mount["containerPath"],
                    "options": options,
                }
            )
        for hook in change.get("hooks") or ():
            if hook.get("hookName") in _HOOKS:
                added = {key: hook[key] for key in ("path", "args", "env", "timeout") if key in hook}
                spec.setdefault("hooks", {}).setdefault(hook["hookName"], []).append(added)
        groups = change.get("additionalGids")
        if groups:
            spec["process"].setdefault("user", {}).setdefault("additionalGids", []).extend(groups)


def _device(spec: Json, node: Json, *, in_user_namespace: bool) -> None:
    from ocicore.runtime import devices

    host = node.get("hostPath") or node["path"]
    try:
        device = devices.describe(host, node["path"])
    except OSError as error:
        raise NotFound(f"CDI device node {host}: {(error.strerror or '').lower()}") from error
    permissions = node.get("permissions") or "rwm"
    if in_user_namespace:
        spec.setdefault("mounts", []).append(devices.bind(host, node["path"], permissions))
        return
    device.update(
        {
            key: node[key]
            for key in ("type", "major", "minor", "fileMode", "uid", "gid")
            if node.get(key) is not None
        }
    )
    linux = spec.setdefault("linux", {})
    linux["devices"] = [
        *(old for old in linux.get("devices") or () if old["path"] != device["path"]),
        device,
    ]
    rules = linux.setdefault("resources", {}).setdefault("devices", [])
    rules.append(devices.allow(device, permissions))


def _devices(folders: Sequence[str]) -> dict[str, tuple[str, Json, Json]]:
    """Qualified name -> (file, the file's edits, the device's edits)."""
    found: dict[str, tuple[str, Json, Json]] = {}
    for folder in folders:
        try:
            names = sorted(os.listdir(folder))
        except OSError:
            continue
        for name in names:
            if not name.endswith((".json", ".yaml", ".yml")):
                continue
            path = os.path.join(folder, name)
            value = _read(path)
            for device in value.get("devices") or ():
                qualified = f"{value.get('kind')}={device.get('name')}"
                found[qualified] = (
                    path,
                    value.get("containerEdits") or {},
                    device.get("containerEdits") or {},
                )
    return found


def _read(path: str) -> Json:
    try:
        with open(path, "rb") as stream:
            data = stream.read()
        if path.endswith(".json"):
            from ocicore.files import quick_json

            value = quick_json.loads(data)
        else:
            import yaml

            value = yaml.safe_load(data)
    except (OSError, ValueError) as error:
        raise InvalidInput(f"reading CDI specification {path}: {error}") from error
    except Exception as error:  # yaml's errors have a base of their own, and yaml is not imported for JSON
        raise InvalidInput(f"reading CDI specification {path}: {' '.join(str(error).split())}") from error
    if not isinstance(value, dict):
        raise InvalidInput(f"reading CDI specification {path}: is no object")
    return value
