"""policy.json for people: what it says about each scope, and changing what it says (podman image trust)."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ocicore.errors import Error, InvalidInput
from ocicore.files import atomic

if TYPE_CHECKING:
    from ocicore.config.registries_d import SignatureStorage

    #: A public key's bytes to the user ids in it.
    KeyReader = Callable[[bytes], list[str]]

_SHOWN = {
    "insecureAcceptAnything": "accept",
    "signedBy": "signed",
    "sigstoreSigned": "sigstoreSigned",
    "reject": "reject",
}
TYPES = ("accept", "insecureAcceptAnything", "reject", "signedBy", "sigstoreSigned")


def read(path: str) -> tuple[bytes, dict[str, Any]]:
    """(bytes, parsed). Raises Error."""
    try:
        with open(path, "rb") as file:
            raw = file.read()
    except OSError as error:
        raise Error(f"unable to read policy file: open {path}: {(error.strerror or '').lower()}") from error
    try:
        value = json.loads(raw)
    except ValueError as error:
        raise Error(f"could not parse trust policies from {path}: {error}") from error
    if not isinstance(value, dict):
        raise Error(f"could not parse trust policies from {path}: not an object")
    return raw, value


def describe(
    policy: Mapping[str, Any], storage: Mapping[str, SignatureStorage], key_ids: KeyReader
) -> list[dict[str, str]]:
    """One entry for every requirement, in podman's keys: transport, name, repo_name, sigstore, type, gpg_id."""
    found: list[dict[str, str]] = []
    default = policy.get("default") or []
    if default:
        found += _entries(default, "all", "* (default)", "default", "", storage, key_ids)
    transports = policy.get("transports") or {}
    for transport in sorted(transports):
        shown = "repository" if transport == "docker" else transport
        for scope in sorted(transports[transport]):
            found += _entries(
                transports[transport][scope] or [], shown, scope, scope, scope, storage, key_ids
            )
    return found


def _entries(
    requirements: Sequence[Mapping[str, Any]],
    transport: str,
    name: str,
    repository: str,
    scope: str,
    storage: Mapping[str, SignatureStorage],
    key_ids: KeyReader,
) -> list[dict[str, str]]:
    from ocicore.config import registries_d

    place = registries_d.find(storage, scope) if scope else storage.get("")
    result = []
    for requirement in requirements:
        kind = str(requirement.get("type") or "")
        entry = {"transport": transport, "name": name, "repo_name": repository}
        if place is not None and place.lookaside:
            entry["sigstore"] = place.lookaside
        entry["type"] = _SHOWN.get(kind, "")
        if kind == "signedBy":
            entry["gpg_id"] = ", ".join(_ids(requirement, key_ids))
        elif kind == "sigstoreSigned":
            entry["gpg_id"] = "N/A"
        if not entry.get("gpg_id"):
            entry.pop("gpg_id", None)
        result.append(entry)
    return result


def _ids(requirement: Mapping[str, Any], key_ids: KeyReader) -> list[str]:
    found: list[str] = []
    paths = [requirement.get("keyPath"), *(requirement.get("keyPaths") or ())]
    for path in filter(None, paths):
        try:
            with open(str(path), "rb") as file:
                found += key_ids(file.read())
        except OSError:
            continue  # as podman: a key that is not there has no ids
    if requirement.get("keyData"):
        try:
            found += key_ids(base64.b64decode(str(requirement["keyData"])))
        except ValueError:
            pass
    return found


def change(path: str, scope: str, kind: str, keys: Sequence[str]) -> None:
    """Say what is required of a scope ("default" is what holds where no scope fits), and write the file.

    Raises:
        InvalidInput: the type and the keys do not go together. Error: the file cannot be read or written.
    """
    trust = "insecureAcceptAnything" if kind == "accept" else kind
    if trust not in TYPES:
        raise InvalidInput(
            f"invalid choice: {kind} (choose from 'accept', 'reject', 'signedBy', 'sigstoreSigned')"
        )
    if trust in ("insecureAcceptAnything", "reject"):
        if keys:
            raise InvalidInput(f"{len(keys)} public keys unexpectedly provided for trust type {kind}")
        requirements: list[dict[str, str]] = [{"type": trust}]
    elif not keys:
        raise InvalidInput(f"at least one public key must be defined for type '{kind}'")
    elif trust == "signedBy":
        requirements = [{"type": trust, "keyType": "GPGKeys", "keyPath": key} for key in keys]
    else:
        requirements = [{"type": trust, "keyPath": key} for key in keys]
    value = read(path)[1] if os.path.exists(path) else {}
    if scope == "default":
        value["default"] = requirements
    else:
        if not value.get("default"):
            raise InvalidInput("default trust policy must be set", hint="set one: image trust set default")
        transports = value.setdefault("transports", {})
        holder = next((scopes for scopes in transports.values() if scope in scopes), None)
        if holder is None:
            holder = transports.setdefault("docker", {})
        holder[scope] = requirements
    ordered = {key: value[key] for key in ("default", "transports") if key in value}
    data = json.dumps({**ordered, **value}, indent=4, ensure_ascii=False)
    try:
        atomic.write(path, data.encode(), mode=0o644)
    except OSError as error:
        raise Error(f"writing {path}: {(error.strerror or '').lower()}") from error
