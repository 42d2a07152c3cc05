"""--change of commit and import: a few Containerfile instructions applied to an image's configuration."""

from __future__ import annotations

from ocicore.errors import InvalidInput
from ocicore.files import quick_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any


def apply(settings: dict[str, Any], changes: Sequence[str]) -> None:
    """Change `settings` (the configuration's "config" object) in place. Raises InvalidInput."""
    for change in changes:
        text = change.strip()
        keyword, separator, value = text.partition(" ")
        if "=" in keyword:
            # podman also takes KEYWORD=value.
            keyword, separator, value = text.partition("=")
        keyword, value = keyword.upper(), value.strip()
        if not separator or not value:
            raise InvalidInput(f"invalid change {change!r} - must be formatted as KEY VALUE")
        maker = _CHANGES.get(keyword)
        if maker is None:
            choices = ", ".join(sorted(_CHANGES))
            raise InvalidInput(f"invalid change {change!r} - must be one of {choices}")
        maker(settings, value)


def _words(value: str) -> list[str]:
    """JSON's exec form, or the shell form."""
    if value.startswith("["):
        try:
            found = quick_json.loads(value)
        except ValueError:
            found = None
        if isinstance(found, list) and all(isinstance(word, str) for word in found):
            return found
    return ["/bin/sh", "-c", value]


def _pairs(value: str) -> dict[str, str]:
    import shlex

    first, _, rest = value.partition(" ")
    if "=" not in first:
        return {first: rest.strip()}
    try:
        words = shlex.split(value)
    except ValueError as error:
        raise InvalidInput(f"invalid change value {value!r}: {error}") from None
    return dict(word.partition("=")[::2] for word in words)


def _env(settings: dict[str, Any], value: str) -> None:
    env = dict(entry.partition("=")[::2] for entry in settings.get("Env") or ())
    env.update(_pairs(value))
    settings["Env"] = [f"{key}={text}" for key, text in env.items()]


def _label(settings: dict[str, Any], value: str) -> None:
    settings["Labels"] = {**(settings.get("Labels") or {}), **_pairs(value)}


def _expose(settings: dict[str, Any], value: str) -> None:
    ports = settings["ExposedPorts"] = dict(settings.get("ExposedPorts") or {})
    for word in value.split():
        ports[word if "/" in word else f"{word}/tcp"] = {}


def _volume(settings: dict[str, Any], value: str) -> None:
    volumes = settings["Volumes"] = dict(settings.get("Volumes") or {})
    words = _words(value) if value.startswith("[") else value.split()
    volumes.update({word: {} for word in words})


def _on_build(settings: dict[str, Any], value: str) -> None:
    settings["OnBuild"] = [*(settings.get("OnBuild") or ()), value]


def _setter(key: str) -> Any:
    def change(settings: dict[str, Any], value: str) -> None:
        settings[key] = value

    return change


def _command(settings: dict[str, Any], value: str) -> None:
    settings["Cmd"] = _words(value)


def _entrypoint(settings: dict[str, Any], value: str) -> None:
    settings["Entrypoint"] = _words(value)


_CHANGES: dict[str, Any] = {
    "CMD": _command,
    "ENTRYPOINT": _entrypoint,
    "ENV": _env,
    "EXPOSE": _expose,
    "LABEL": _label,
    "ONBUILD": _on_build,
    "STOPSIGNAL": _setter("StopSignal"),
    "USER": _setter("User"),
    "VOLUME": _volume,
    "WORKDIR": _setter("WorkingDir"),
}
