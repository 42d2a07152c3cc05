"""CDI devices: `--device vendor.com/class=name` and --gpus, by the Container Device Interface specification (0.x – 1.0).

Vendors describe devices in JSON or YAML files of a few directories; what a device needs (nodes, mounts, variables, hooks)
is laid over the runtime specification right before start. Of two files that describe a device the one in the later
directory wins; within one directory that is a conflict and the device is unusable.
"""

from __future__ import annotations

import os

from ocicore.errors import InvalidInput, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    Json = dict[str, Any]

#: What --gpus stands for.
GPU_KIND = "nvidia.com/gpu"
_HOOKS = ("prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop")


def is_name(text: str) -> bool:
    """Whether a --device value is a qualified CDI name (section "CDI devices") rather than a path."""
    kind, equals, name = text.partition("=")
    vendor, slash, family = kind.partition("/")
    return bool(
        equals and name and slash and vendor and family and not text.startswith("/") and ":" not in kind
    )


def gpus(words: Iterable[str]) -> list[str]:
    """CDI names of --gpus values: "all" or numbers and identifiers."""
    return [f"{GPU_KIND}={word}" for word in words]


class Registry:
    """The devices that the specification directories describe."""

    def __init__(self, folders: Sequence[str]) -> None:
        self._folders = folders
        self._edits: dict[str, list[Json]] = {}
        self._conflicts: dict[str, tuple[str, str]] = {}
        for folder in folders:
            self._read_folder(folder)

    def _read_folder(self, folder: str) -> None:
        try:
            names = sorted(os.listdir(folder))
        except OSError:
            return
        here: dict[str, str] = {}
        for name in names:
            if not name.endswith((".json", ".yaml", ".yml")):
                continue
            path = f"{folder}/{name}"
            document = _load(path)
            common = document.get("containerEdits") or {}
            for device in document.get("devices") or ():
                full = f"{document.get('kind', '')}={device.get('name', '')}"
                if full in here:
                    self._conflicts[full] = (here[full], path)
                here[full] = path
                self._edits[full] = [device.get("containerEdits") or {}, common]

    def edits(self, names: Iterable[str]) -> list[Json]:
        """containerEdits of the devices, those common to a file once. Raises NotFound, InvalidInput."""
        found: list[Json] = []
        names = list(names)
        missing = [name for name in names if name not in self._edits]
        if missing:
            raise NotFound(
                f"setting up CDI devices: unresolvable CDI devices {', '.join(missing)}",
                hint=f"looked in {', '.join(self._folders)}",
            )
        for name in names:
            if name in self._conflicts:
                first, second = self._conflicts[name]
                raise InvalidInput(
                    f"setting up CDI devices: {name} is described by both {first} and {second}"
                )
            for edit in self._edits[name]:
                if edit not in found:
                    found.append(edit)
        return found


def _load(path: str) -> Json:
    """One specification. Raises InvalidInput naming the file."""
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
        if path.endswith(".json"):
            import json

            document = json.loads(text)
        else:
            import yaml

            document = yaml.safe_load(text)
    except OSError as error:
        raise InvalidInput(f"reading CDI specification {path}: {(error.strerror or '').lower()}") from error
    except Exception as error:  # noqa: BLE001 – each parser has its own class of errors
        first = (str(error).splitlines() or ["malformed"])[0]
        raise InvalidInput(f"reading CDI specification {path}: {first}") from None
    if not isinstance(document, dict) or "/" not in str(document.get("kind", "")):
        raise InvalidInput(f"reading CDI specification {path}: it has no kind VENDOR/CLASS")
    return document


def inject(document: Any, edits: Iterable[Json], *, binds: bool) -> None:
    """Lay edits over a runtime specification.

    Args:
        binds: device nodes cannot be made (user namespace): bind the host's.
    """
    from ocicore.runtime import devices

    process, linux = document["process"], document["linux"]
    for edit in edits:
        process["env"] = _merged_env(process.get("env") or [], edit.get("env") or [])
        for node in edit.get("deviceNodes") or ():
            path = node["path"]
            source = node.get("hostPath") or path
            permissions = node.get("permissions") or "rwm"
            if binds:
                document["mounts"].append(devices.bind(source, path, permissions))
                continue
            entry = devices.describe(source, path)
            for key in ("type", "major", "minor", "fileMode", "uid", "gid"):
                if node.get(key) is not None:
                    entry[key] = node[key]
            known = [device for device in linux.get("devices") or () if device["path"] != path]
            linux["devices"] = [*known, entry]
            linux.setdefault("resources", {}).setdefault("devices", []).append(
                devices.allow(entry, permissions)
            )
        for mount in edit.get("mounts") or ():
            document["mounts"].append(
                {
                    "destination": mount["containerPath"],
                    "source": mount["hostPath"],
                    "type": mount.get("type") or "bind",
                    "options": list(mount.get("options") or ["ro", "nosuid", "nodev", "bind"]),
                }
            )
        for hook in edit.get("hooks") or ():
            _add_hook(document, hook)
        for group in edit.get("additionalGids") or ():
            groups = process["user"].setdefault("additionalGids", [])
            if group and group not in groups:
                groups.append(group)


def _merged_env(old: list[str], new: list[str]) -> list[str]:
    names = {entry.partition("=")[0] for entry in new}
    return [entry for entry in old if entry.partition("=")[0] not in names] + list(new)


def _add_hook(document: Json, hook: Json) -> None:
    name = hook.get("hookName", "")
    if name not in _HOOKS:
        raise InvalidInput(
            f"setting up CDI devices: invalid hook name {name!r}: choose from {', '.join(_HOOKS)}"
        )
    entry = {"path": hook["path"]}
    for key in ("args", "env", "timeout"):
        if hook.get(key):
            entry[key] = hook[key]
    document.setdefault("hooks", {}).setdefault(name, []).append(entry)
