"""Secrets: names and metadata in secrets.json, the bytes with a driver (podman's secrets manager, its own directory).

The file driver keeps data in secretsdata.json (0600); `pass` and `shell` call programs.
"""

from __future__ import annotations

import os
import time

from ocicore.engine import events, names
from ocicore.engine.errors import NoSuchSecret
from ocicore.engine.quantities import rfc3339
from ocicore.errors import Conflict, Error, InvalidInput
from ocicore.files import quick_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from ocicore.engine.context import Engine

    Json = dict[str, Any]

MAX_SIZE = 512_000
DRIVERS = ("file", "pass", "shell")


def _path(engine: Engine) -> str:
    return f"{engine.paths.secrets_dir}/secrets.json"


def _load(engine: Engine) -> Json:
    try:
        with open(_path(engine), "rb") as file:
            found = quick_json.loads(file.read())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise Error(f"reading secrets: {_path(engine)}: {error}") from error
    return found if isinstance(found, dict) else {}


def _save(engine: Engine, secrets: Json) -> None:
    from ocicore.files import atomic

    os.makedirs(engine.paths.secrets_dir, mode=0o700, exist_ok=True)
    atomic.write(_path(engine), quick_json.dumps(secrets).encode(), mode=0o600)


def all_secrets(engine: Engine) -> list[Json]:
    """Every record, oldest first: id, name, driver, driver_opts, labels, created, updated."""
    return sorted(_load(engine).values(), key=lambda secret: str(secret["created"]))


def find(engine: Engine, name: str) -> Json:
    """By name, full id or unique prefix. Raises NoSuchSecret, Conflict."""
    secrets = _load(engine)
    for secret in secrets.values():
        if secret["name"] == name or secret["id"] == name:
            return dict(secret)
    found = [secret for identifier, secret in secrets.items() if name and identifier.startswith(name)]
    if len(found) > 1:
        raise Conflict(f"more than one result secret with prefix {name}: secret ID is ambiguous")
    if not found:
        raise NoSuchSecret(name)
    return dict(found[0])


def create(
    engine: Engine,
    name: str,
    data: bytes,
    *,
    driver: str = "file",
    driver_opts: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
    replace: bool = False,
) -> str:
    """Store a secret; its id. Raises Conflict, InvalidInput, Error."""
    if not name or len(name) > 253 or any(character in name for character in ",/=\0"):
        raise InvalidInput(
            f"secret name {name!r} can not include '=', '/', ',', or the NULL ('\\0') and be between 1 and 253 "
            "characters: invalid secret name"
        )
    if not data or len(data) >= MAX_SIZE:
        raise InvalidInput("secret data must be larger than 0 and less than 512000 bytes")
    if driver not in DRIVERS:
        raise InvalidInput(f"secret driver {driver!r}: must be one of {', '.join(DRIVERS)}: invalid driver")
    options = {**(driver_opts or {})}
    with engine.lock("secrets"):
        secrets = _load(engine)
        created = rfc3339(time.time_ns())
        for identifier, secret in list(secrets.items()):
            if secret["name"] == name:
                if not replace:
                    raise Conflict(f"{name}: secret name in use")
                _store(engine, secret).delete(identifier)
                del secrets[identifier]
        identifier = names.random_id()[:25]
        record: Json = {
            "id": identifier,
            "name": name,
            "driver": driver,
            "driver_opts": options,
            "labels": dict(labels or {}),
            "created": created,
            "updated": rfc3339(time.time_ns()),
        }
        _store(engine, record).put(identifier, data)
        secrets[identifier] = record
        _save(engine, secrets)
    events.write(engine, "secret", "create", ID=identifier, Name=name)
    return identifier


def data(engine: Engine, secret: Json) -> bytes:
    """The secret's bytes. Raises Error."""
    found: bytes = _store(engine, secret).get(secret["id"])
    return found


def remove(engine: Engine, name: str) -> str:
    """Delete a secret; its id. Raises NoSuchSecret, Error."""
    with engine.lock("secrets"):
        secret = find(engine, name)
        secrets = _load(engine)
        _store(engine, secret).delete(secret["id"])
        secrets.pop(secret["id"], None)
        _save(engine, secrets)
    events.write(engine, "secret", "remove", ID=secret["id"], Name=secret["name"])
    identifier: str = secret["id"]
    return identifier


def _store(engine: Engine, secret: Json) -> Any:
    from ocicore.engine import secret_drivers

    return secret_drivers.open_driver(engine, secret["driver"], secret["driver_opts"])
