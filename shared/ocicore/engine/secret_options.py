"""--secret NAME[,type=mount|env][,target=…][,uid=…][,gid=…][,mode=…]: parsed at creation, provided at start."""

from __future__ import annotations

import os

from ocicore.engine import secrets
from ocicore.errors import InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ocicore.engine.context import Engine
    from ocicore.engine.prepare import Preparation


def resolve(engine: Engine, texts: list[str]) -> list[dict[str, Any]]:
    """Each option as name, id, type, target, uid, gid, mode. Raises InvalidInput, NoSuchSecret."""
    found = []
    for text in texts:
        secret = read(text)
        known = secrets.find(engine, secret["name"])
        found.append({**secret, "name": known["name"], "id": known["id"]})
    return found


def read(text: str) -> dict[str, Any]:
    """One option: name, type, target, uid, gid, mode. Raises InvalidInput."""
    words = text.split(",")
    result: dict[str, Any] = {"type": "mount", "target": "", "uid": 0, "gid": 0, "mode": 0o444}
    name = ""
    if "=" not in words[0]:
        name = words.pop(0)
    given = set()
    for word in words:
        key, equals, value = word.partition("=")
        if not equals:
            raise InvalidInput(f"option {word} must be in form option=value: secrets must be in the form")
        given.add(key)
        if key == "source":
            name = value
        elif key == "type":
            if value not in ("mount", "env"):
                raise InvalidInput(f"type {value} is invalid: secret type must be mount or env")
            result["type"] = value
        elif key in ("target", "dst"):
            result["target"] = value
        elif key in ("uid", "gid"):
            if not value.isdigit():
                raise InvalidInput(f"{key} {value} invalid: must be a number: secret option")
            result[key] = int(value)
        elif key == "mode":
            try:
                result["mode"] = int(value, 8)
            except ValueError:
                raise InvalidInput(f"mode {value} invalid: must be octal: secret option") from None
        else:
            raise InvalidInput(f"option {word} invalid: secret option")
    if not name:
        raise InvalidInput("no secret given")
    if result["type"] == "env" and given & {"uid", "gid", "mode"}:
        raise InvalidInput("UID, GID, Mode options cannot be set with secret type env")
    result["name"] = name
    return result


def mount(work: Preparation) -> None:
    """Write the secrets of type mount into the run directory and bind them (/run/secrets/NAME). Raises NoSuchSecret."""
    wanted = [secret for secret in work.config["secrets"] if secret["type"] == "mount"]
    if not wanted:
        return
    from ocicore.engine.prepare import map_id

    directory = f"{work.run_dir}/secrets"
    os.makedirs(directory, mode=0o700, exist_ok=True)
    runtime = work.config["runtime"]
    for number, secret in enumerate(wanted):
        data = secrets.data(work.engine, secrets.find(work.engine, secret["id"]))
        path = f"{directory}/{number}"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            os.fchown(
                descriptor,
                map_id(secret["uid"], runtime.get("uid_mappings")),
                map_id(secret["gid"], runtime.get("gid_mappings")),
            )
            os.fchmod(descriptor, secret["mode"])
            os.write(descriptor, data)
        finally:
            os.close(descriptor)
        target = secret["target"] or secret["name"]
        destination = target if target.startswith("/") else f"/run/secrets/{target}"
        work.bind_file(path, destination)


def environment(work: Preparation) -> dict[str, str]:
    """Variables for secrets of type env."""
    result = {}
    for secret in work.config["secrets"]:
        if secret["type"] == "env":
            data = secrets.data(work.engine, secrets.find(work.engine, secret["id"]))
            result[secret["target"] or secret["name"]] = data.decode("utf-8", "surrogateescape")
    return result
