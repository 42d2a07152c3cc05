"""Destinations of remote clients: podman-connections.json and the older tables of containers.conf (common/pkg/config).

{"Connection": {"Default": "a", "Connections": {"a": {"URI": "ssh://…", "Identity": "/key", "IsMachine": false}}}}
"""

from __future__ import annotations

import contextlib
import os

from ocicore.errors import InvalidInput, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from ocicore.config.paths import UserPaths


class Connection:
    """One destination.

    Attributes:
        name, uri, identity (path of a key, or ""), is_machine.
        default: remote clients use it when none is named.
        read_write: it is in the file that `system connection` of podman writes.
    """

    __slots__ = ("default", "identity", "is_machine", "name", "read_write", "uri")

    def __init__(self, name: str, value: dict[str, Any], *, default: bool, read_write: bool) -> None:
        self.name = name
        self.uri = str(value.get("URI") or value.get("uri") or "")
        self.identity = str(value.get("Identity") or value.get("identity") or "")
        self.is_machine = bool(value.get("IsMachine") or value.get("is_machine"))
        self.default = default
        self.read_write = read_write


def load(paths: UserPaths, environ: Mapping[str, str]) -> list[Connection]:
    """All of them, by name; the file's before those of containers.conf with the same name.

    Raises InvalidInput: the file is no such JSON.
    """
    from ocicore.config import containers_conf

    table = _read(file_path(paths, environ))["Connection"]
    default = str(table.get("Default") or "")
    written: dict[str, Any] = table["Connections"]
    engine = containers_conf.load(paths, environ).engine
    configured = {name: entry for name, entry in engine.service_destinations.items() if name not in written}
    default = default or engine.active_service
    found = [
        Connection(name, value, default=name == default, read_write=True) for name, value in written.items()
    ]
    found += [
        Connection(name, value, default=name == default, read_write=False)
        for name, value in configured.items()
    ]
    return sorted(found, key=lambda connection: connection.name)


def file_path(paths: UserPaths, environ: Mapping[str, str]) -> str:
    """The file that the verbs of `system connection` write."""
    return environ.get("PODMAN_CONNECTIONS_CONF") or f"{paths.config_home}/containers/podman-connections.json"


def add(
    paths: UserPaths,
    environ: Mapping[str, str],
    name: str,
    uri: str,
    *,
    identity: str = "",
    default: bool = False,
    tls: Mapping[str, str] | None = None,
) -> None:
    """Record a destination under a new or known name; the first one becomes the default.

    Args:
        tls: the file's keys TLSCA, TLSCert and TLSKey.
    """
    value = {"URI": uri, **({"Identity": identity} if identity else {}), **(tls or {})}
    with _edited(file_path(paths, environ)) as document:
        table = document["Connection"]
        if default or not table["Connections"]:
            table["Default"] = name
        table["Connections"][name] = value


def set_default(paths: UserPaths, environ: Mapping[str, str], name: str) -> None:
    """Raises NotFound: there is no such destination."""
    with _edited(file_path(paths, environ)) as document:
        _known(document, name)
        document["Connection"]["Default"] = name


def rename(paths: UserPaths, environ: Mapping[str, str], old: str, new: str) -> None:
    """Raises NotFound: there is no destination `old`."""
    with _edited(file_path(paths, environ)) as document:
        table = document["Connection"]
        _known(document, old)
        table["Connections"][new] = table["Connections"].pop(old)
        if table.get("Default") == old:
            table["Default"] = new


def remove(paths: UserPaths, environ: Mapping[str, str], name: str) -> None:
    """Forget a destination, in podman's farms too; one that is not there is no error. "" forgets them all."""
    with _edited(file_path(paths, environ)) as document:
        table = document["Connection"]
        gone = [name] if name else list(table["Connections"])
        for one in gone:
            table["Connections"].pop(one, None)
        if table.get("Default") in gone or not name:
            table.pop("Default", None)
        farms = document["Farm"].get("List") or {}
        for farm, members in farms.items():
            farms[farm] = [member for member in members if name and member != name]


def _known(document: dict[str, Any], name: str) -> None:
    if name not in document["Connection"]["Connections"]:
        raise NotFound(
            f'"{name}" destination is not defined. See "podman system connection add ..." to create a connection'
        )


def _read(path: str) -> dict[str, Any]:
    """The file, with its two tables and the connections always there. Raises InvalidInput."""
    from ocicore.files import quick_json

    try:
        with open(path, "rb") as file:
            value = quick_json.loads(file.read()) or {}
        table = value.get("Connection") or {}
        return {
            **value,
            "Connection": {**table, "Connections": dict(table.get("Connections") or {})},
            "Farm": dict(value.get("Farm") or {}),
        }
    except FileNotFoundError:
        return {"Connection": {"Connections": {}}, "Farm": {}}
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise InvalidInput(f"reading {path}: {error}") from error


@contextlib.contextmanager
def _edited(path: str) -> Iterator[dict[str, Any]]:
    """The file under podman's lock; written again when nothing was raised. Raises InvalidInput."""
    from ocicore.files import atomic, quick_json
    from ocicore.files.locks import FileLock

    try:
        os.makedirs(os.path.dirname(path) or ".", 0o755, exist_ok=True)
        with FileLock(f"{path}.lock").exclusive():
            document = _read(path)
            yield document
            if not document["Connection"]["Connections"]:
                del document["Connection"]["Connections"]
            atomic.write(path, quick_json.dumps(document).encode() + b"\n", 0o644)
    except OSError as error:
        raise InvalidInput(f"writing {path}: {(error.strerror or '').lower()}") from error
