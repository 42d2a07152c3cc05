"""A configuration from a file laid over an image's: `commit --config`.

The file is the object under "config" of an image configuration (image-spec 1.1, config.md; Docker's has a few more keys). What it
does not say stays as it is.
"""

from __future__ import annotations

from ocicore.errors import InvalidInput
from ocicore.files import quick_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_OBJECTS = ("ExposedPorts", "Labels", "Volumes")
_TEXTS = ("Domainname", "Hostname", "Image", "StopSignal", "User", "WorkingDir")
_LISTS = ("Cmd", "Entrypoint", "Env", "OnBuild", "Shell")


def read(path: str) -> dict[str, Any]:
    """The object in a file. Raises InvalidInput: unreadable, no JSON object, or a value of the wrong kind."""
    try:
        with open(path, "rb") as stream:
            value = quick_json.loads(stream.read())
    except (OSError, ValueError) as exc:
        reason = (exc.strerror or str(exc)).lower() if isinstance(exc, OSError) else str(exc)
        raise InvalidInput(f"reading configuration {path}: {reason}") from exc
    if not isinstance(value, dict):
        raise InvalidInput(f"reading configuration {path}: not a JSON object")
    for names, kind, expected in (
        (_OBJECTS, dict, "an object"),
        (_TEXTS, str, "a string"),
        (_LISTS, list, "a list of strings"),
        (("Healthcheck",), dict, "an object"),
    ):
        for name in names:
            item = value.get(name)
            wrong = item is not None and not isinstance(item, kind)
            if wrong or (kind is list and not all(isinstance(word, str) for word in item or ())):
                raise InvalidInput(f'reading configuration {path}: "{name}" is not {expected}')
    return value


def merge(settings: dict[str, Any], over: dict[str, Any]) -> None:
    """Change `settings`, an image's "config" object, in place by what `read` returned.

    Ports, labels and volumes are added, variables by their names; entry point and command are replaced together, as they only
    make sense so; everything else is replaced when it is there.
    """
    for key, value in over.items():
        if value in (None, "", [], {}):
            continue
        if key in _OBJECTS:
            settings[key] = {**(settings.get(key) or {}), **value}
        elif key == "Env":
            settings[key] = _environment(settings.get(key) or (), value)
        elif key not in ("Entrypoint", "Cmd"):
            settings[key] = value
    if over.get("Entrypoint") or over.get("Cmd"):
        for key in ("Entrypoint", "Cmd"):
            settings.pop(key, None)
            if over.get(key):
                settings[key] = over[key]


def _environment(old: Any, new: Any) -> list[str]:
    found: dict[str, str] = {}
    for entry in (*old, *new):
        name, _, value = entry.partition("=")
        found[name] = value
    return [f"{name}={value}" for name, value in found.items()]
