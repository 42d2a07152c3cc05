"""OCI hooks from hooks directories (oci-hooks(5), version 1.0.0): which apply to a container."""

from __future__ import annotations

import os

from ocicore.errors import Error, InvalidInput
from ocicore.files import quick_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

STAGES = (
    "precreate",
    "prestart",
    "createRuntime",
    "createContainer",
    "startContainer",
    "poststart",
    "poststop",
)


def matching(directories: Sequence[str], config: dict[str, Any]) -> dict[str, Any]:
    """Stage -> hooks, in the order of file names; a later directory's file hides one of the same name.

    Raises Error, InvalidInput for a file that is no hook.
    """
    files: dict[str, str] = {}
    for directory in directories:
        for name in sorted(os.listdir(directory)):
            if name.endswith(".json"):
                files[name] = f"{directory}/{name}"
    result: dict[str, Any] = {}
    for name in sorted(files):
        hook = _load(files[name])
        if _applies(hook.get("when") or {}, config, files[name]):
            for stage in hook["stages"]:
                if stage not in STAGES:
                    raise InvalidInput(f"reading hook {files[name]}: unknown stage {stage!r}")
                if stage != "precreate":
                    result.setdefault(stage, []).append(hook["hook"])
    return result


def _load(path: str) -> dict[str, Any]:
    try:
        with open(path, "rb") as file:
            hook = quick_json.loads(file.read())
    except (OSError, ValueError) as error:
        raise Error(f"reading hook {path}: {error}") from error
    if not isinstance(hook, dict) or hook.get("version") != "1.0.0":
        raise InvalidInput(f"reading hook {path}: version must be 1.0.0")
    if not (hook.get("hook") or {}).get("path") or not hook.get("stages"):
        raise InvalidInput(f"reading hook {path}: hook.path and stages are required")
    if not os.path.exists(hook["hook"]["path"]):
        raise InvalidInput(f"reading hook {path}: stat {hook['hook']['path']}: no such file or directory")
    return hook


def _applies(when: dict[str, Any], config: dict[str, Any], path: str) -> bool:
    """All conditions must hold; at least one must be given."""
    import re

    if not when:
        raise InvalidInput(f"reading hook {path}: when is empty")
    runtime = config["runtime"]
    try:
        if "always" in when and not when["always"]:
            return False
        if "hasBindMounts" in when:
            binds = any(mount["type"] == "bind" for mount in config["mounts"])
            if binds != when["hasBindMounts"]:
                return False
        for pattern, value in (when.get("annotations") or {}).items():
            if not any(
                re.search(pattern, key) and re.search(value, text)
                for key, text in runtime["annotations"].items()
            ):
                return False
        commands = when.get("commands")
        if commands:
            return any(re.search(pattern, runtime["args"][0]) for pattern in commands)
    except re.error as error:
        raise InvalidInput(f"reading hook {path}: invalid regular expression: {error}") from None
    return True
