"""Kubernetes YAML as Python data: the documents of a file, in the order in which they must be dealt with.

Follows the API objects of core/v1, apps/v1 and batch/v1. Accessors say where something of the wrong type stands.
"""

from __future__ import annotations

from typing import Any

import yaml

from ocicore.errors import Error, InvalidInput

Json = dict[str, Any]

#: What others refer to comes first.
_ORDER = ("PersistentVolumeClaim", "Secret", "ConfigMap", "Pod", "DaemonSet", "Deployment", "Job")
_MAX_SIZE = 16 * 1024 * 1024


class _Loader(yaml.SafeLoader):
    """YAML as Kubernetes reads it: times stay text."""


_Loader.yaml_implicit_resolvers = {
    key: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for key, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def load(data: bytes, where: str) -> list[Json]:
    """The objects of all documents, empty ones left out, in the order of `_ORDER` (others last, as written).

    Raises:
        InvalidInput: no YAML, or a document that is no object with a kind.
    """
    if len(data) > _MAX_SIZE:
        raise InvalidInput(f"reading {where}: {len(data)} bytes, more than the {_MAX_SIZE} allowed")
    try:
        found = list(yaml.load_all(data, Loader=_Loader))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"line {mark.line + 1}: " if mark is not None else ""
        raise InvalidInput(
            f"reading {where}: {place}{getattr(error, 'problem', None) or 'not YAML'}"
        ) from error
    except (RecursionError, UnicodeDecodeError, ValueError) as error:
        raise InvalidInput(f"reading {where}: not YAML: {error}") from error
    documents: list[Json] = []
    for value in found:
        if value is None:
            continue
        if not isinstance(value, dict):
            raise InvalidInput(f"reading {where}: unable to read kube YAML: a document is no object")
        documents += _items(value)
    for value in documents:
        if not isinstance(value.get("kind"), str):
            raise InvalidInput(f"reading {where}: unable to read kube YAML: a document has no kind")
    return sorted(documents, key=_rank)


def _items(value: Json) -> list[Json]:
    """The objects of a List."""
    if value.get("kind") == "List" and isinstance(value.get("items"), list):
        return [item for item in value["items"] if isinstance(item, dict)]
    return [value]


def _rank(value: Json) -> int:
    kind = value["kind"]
    return _ORDER.index(kind) if kind in _ORDER else len(_ORDER)


def read_file(path: str, stdin: Any) -> bytes:
    """A file, standard input ("-"), or what an http(s) address gives. Raises Error."""
    if path == "-":
        data: bytes = stdin.read()
        return data
    if path.startswith(("http://", "https://")):
        import requests

        from ocicore.registry.web import open_session, reason

        try:
            with open_session() as session:
                answer = session.get(path, timeout=60)
                answer.raise_for_status()
        except requests.RequestException as error:
            raise Error(f"reading {path}: {reason(error)}") from error
        return answer.content
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise Error(f"open {path}: {(error.strerror or '').lower()}") from error


def mapping(value: Json, key: str, where: str) -> Json:
    """An object in an object, {} when it is not there. Raises InvalidInput."""
    found = value.get(key)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise InvalidInput(f"{where}: {key}: must be an object")
    return found


def objects(value: Json, key: str, where: str) -> list[Json]:
    """A list of objects, [] when it is not there. Raises InvalidInput."""
    found = value.get(key)
    if found is None:
        return []
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise InvalidInput(f"{where}: {key}: must be a list of objects")
    return found


def _scalar(value: object) -> object:
    """Where Kubernetes wants a string, YAML's numbers and booleans are what they are written as, as its own reader has it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else f"{value:g}" if isinstance(value, float) else value


def texts(value: Json, key: str, where: str) -> list[str]:
    """A list of strings, [] when it is not there. Raises InvalidInput."""
    found = value.get(key)
    if found is None:
        return []
    if isinstance(found, list):
        items = [_scalar(item) for item in found]
        words = [item for item in items if isinstance(item, str)]
        if len(words) == len(items):
            return words
    raise InvalidInput(f"{where}: {key}: must be a list of strings")


def text(value: Json, key: str, where: str, default: str = "") -> str:
    """A string. Raises InvalidInput."""
    found = _scalar(value.get(key))
    if found is None:
        return default
    if not isinstance(found, str):
        raise InvalidInput(f"{where}: {key}: must be a string", hint="put it in quotes")
    return found


def number(value: Json, key: str, where: str) -> int | None:
    """A whole number, None when it is not there. Raises InvalidInput."""
    found = value.get(key)
    if found is None:
        return None
    if isinstance(found, bool) or not isinstance(found, int):
        raise InvalidInput(f"{where}: {key}: must be a whole number")
    return found


def flag(value: Json, key: str, where: str) -> bool | None:
    """A boolean, None when it is not there. Raises InvalidInput."""
    found = value.get(key)
    if found is not None and not isinstance(found, bool):
        raise InvalidInput(f"{where}: {key}: must be true or false")
    return found


def string_map(value: Json, key: str, where: str) -> dict[str, str]:
    """An object of strings, {} when it is not there. Raises InvalidInput."""
    found = {name: _scalar(item) for name, item in mapping(value, key, where).items()}
    for name, item in found.items():
        if not isinstance(item, str):
            raise InvalidInput(f"{where}: {key}: {name}: must be a string", hint="put it in quotes")
    return {str(name): str(item) for name, item in found.items()}


def name_of(value: Json, where: str) -> str:
    """metadata.name. Raises InvalidInput."""
    return text(mapping(value, "metadata", where), "name", where)
