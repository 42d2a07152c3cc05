"""Destinations of remote clients: podman-connections.json and the older tables of containers.conf (common/pkg/config).

{"Connection": {"Default": "a", "Connections": {"a": {"URI": "ssh://…", "Identity": "/key", "IsMachine": false}}}}
"""

from __future__ import annotations

from ocicore.errors import InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
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
    from ocicore.files import quick_json

    path = environ.get("PODMAN_CONNECTIONS_CONF") or f"{paths.config_home}/containers/podman-connections.json"
    default = ""
    written: dict[str, Any] = {}
    try:
        with open(path, "rb") as file:
            value = quick_json.loads(file.read())
        table = (value or {}).get("Connection") or {}
        default = str(table.get("Default") or "")
        written = dict(table.get("Connections") or {})
    except FileNotFoundError:
        pass
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise InvalidInput(f"reading {path}: {error}") from error
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
