"""OCI hooks for the commands of a build: which of the installed ones apply (oci-hooks(5), version 1.0.0)."""

from __future__ import annotations

import os

from ocicore.files import quick_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    Json = dict[str, Any]

_STAGES = ("createRuntime", "createContainer", "startContainer", "poststart", "poststop", "prestart")


def choose(folders: Sequence[str], spec: Mapping[str, Any], warn: Callable[[str], None]) -> Json:
    """The `hooks` object for a specification.

    Args:
        folders: in rising precedence; a file of the same name in a later one replaces the earlier.
        spec: the runtime specification the conditions are about.
        warn: told about files that cannot be used.
    """
    files: dict[str, str] = {}
    for folder in folders:
        try:
            names = os.listdir(folder)
        except OSError:
            continue
        for name in names:
            if name.endswith(".json"):
                files[name] = os.path.join(folder, name)
    result: Json = {}
    for name in sorted(files):
        try:
            with open(files[name], "rb") as stream:
                value = quick_json.loads(stream.read())
            if value.get("version") != "1.0.0":
                raise ValueError(f"unsupported version {value.get('version')!r}")
            if not _applies(value.get("when") or {}, spec):
                continue
            for stage in value.get("stages") or ():
                if stage not in _STAGES:
                    raise ValueError(f"unknown stage {stage!r}")
                result.setdefault(stage, []).append(value["hook"])
        except (OSError, ValueError, KeyError, AttributeError) as error:
            warn(f"hook {files[name]} is not used: {error}")
    return result


def _applies(when: Mapping[str, Any], spec: Mapping[str, Any]) -> bool:
    import re

    matches = []
    if "always" in when:
        matches.append(bool(when["always"]))
    if "hasBindMounts" in when:
        bound = any("bind" in (mount.get("options") or ()) for mount in spec.get("mounts") or ())
        matches.append(bound == bool(when["hasBindMounts"]))
    if "commands" in when:
        program = (spec.get("process") or {}).get("args") or [""]
        matches.append(any(re.search(pattern, program[0]) for pattern in when["commands"]))
    if "annotations" in when:
        annotations = spec.get("annotations") or {}
        matches.append(
            all(
                any(re.search(key, name) and re.search(value, text) for name, text in annotations.items())
                for key, value in when["annotations"].items()
            )
        )
    return bool(matches) and all(matches)
