"""Small configuration files in YAML: one table of known keys; mistakes are told with file and line."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from ocicore.errors import InvalidInput


def load(path: str, doing: str = "parsing") -> Any:
    """The value of a file; raises InvalidInput."""
    import yaml

    try:
        with open(path, encoding="utf-8") as file:
            return yaml.load(file, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except OSError as exc:
        raise InvalidInput(f"open {path}: {(exc.strerror or str(exc)).lower()}") from exc
    except (yaml.YAMLError, UnicodeDecodeError) as exc:
        mark = getattr(exc, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark is not None else ""
        raise InvalidInput(f'{doing} "{path}": {where}{getattr(exc, "problem", None) or exc}') from exc


def load_table(path: str, keys: Collection[str]) -> dict[str, Any]:
    """The table of a file; raises InvalidInput, also for a key that is not among `keys`."""
    return table(load(path), path, keys)


def table(value: Any, path: str, keys: Collection[str], place: str = "") -> dict[str, Any]:
    """A value as a table of known keys; None is an empty one."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidInput(f'parsing "{path}": {place or "it"} is not a table')
    unknown = {str(key) for key in value} - set(keys)
    if unknown:
        raise InvalidInput(
            f'parsing "{path}": {place + ": " if place else ""}unknown key "{min(unknown)}"',
            hint=f"known are {', '.join(sorted(keys))}",
        )
    return value


def text(value: dict[str, Any], key: str, path: str) -> str:
    """A text, "" when it is not there; raises InvalidInput for anything else."""
    found = value.get(key)
    if found is None:
        return ""
    if not isinstance(found, str):
        raise InvalidInput(f'parsing "{path}": {key} is not a text', hint="put it in quotes")
    return found


def texts(value: dict[str, Any], key: str, path: str) -> list[str] | None:
    """A list of texts, None when it is not there; raises InvalidInput for anything else."""
    found = value.get(key)
    if found is None:
        return None
    if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
        raise InvalidInput(f'parsing "{path}": {key} is not a list of texts')
    return found
