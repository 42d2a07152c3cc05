"""registries.d: where signatures of images are kept (containers-registries.d(5)): lookaside and attachments."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import yaml

from ocicore.config.paths import UserPaths
from ocicore.errors import InvalidInput

SYSTEM_DIRECTORY = "/etc/containers/registries.d"
_KEYS = frozenset(
    ("lookaside", "lookaside-staging", "sigstore", "sigstore-staging", "use-sigstore-attachments")
)


class SignatureStorage:
    """Where the signatures of images under one scope are.

    Attributes:
        lookaside: URL to read from, "" for none.
        lookaside_staging: URL to write to, "" to write where they are read.
        use_sigstore_attachments: sigstore signatures are images beside the image; None when nothing is said.
    """

    __slots__ = ("lookaside", "lookaside_staging", "use_sigstore_attachments")

    def __init__(self, lookaside: str, staging: str, attachments: bool | None) -> None:
        self.lookaside = lookaside
        self.lookaside_staging = staging
        self.use_sigstore_attachments = attachments


def default_directory(paths: UserPaths) -> str:
    """The user's directory if there is one, else the system's."""
    own = os.path.join(paths.config_home, "containers", "registries.d")
    return own if os.path.isdir(own) else SYSTEM_DIRECTORY


def load(directory: str) -> dict[str, SignatureStorage]:
    """Scopes ("" is the default) with what the files of a directory say about them.

    Raises:
        InvalidInput: a file is no YAML, has unknown keys, or defines a scope twice.
    """
    found: dict[str, SignatureStorage] = {}
    origins: dict[str, str] = {}
    try:
        names = sorted(os.listdir(directory))
    except FileNotFoundError:
        return found
    except OSError as exc:
        raise InvalidInput(f"reading {directory}: {(exc.strerror or str(exc)).lower()}") from exc
    for name in names:
        if not name.endswith(".yaml"):
            continue
        path = os.path.join(directory, name)
        for scope, entry in _scopes(path):
            if scope in found:
                what = f'"{scope}"' if scope else '"default-docker"'
                raise InvalidInput(
                    f"parsing signature storage configuration: {what} defined both in "
                    f'"{origins[scope]}" and "{path}"'
                )
            found[scope] = _storage(entry, path)
            origins[scope] = path
    return found


def find(configured: Mapping[str, SignatureStorage], reference: str) -> SignatureStorage | None:
    """The entry for a full reference: itself, its repository, each namespace, the host, wildcards, the default."""
    candidates = [reference]
    repository = reference.partition("@")[0]
    colon = repository.rfind(":")
    if colon > repository.rfind("/"):
        repository = repository[:colon]
    while True:
        candidates.append(repository)
        if "/" not in repository:
            break
        repository = repository.rpartition("/")[0]
    host = repository.partition(":")[0]
    while "." in host:
        host = host.partition(".")[2]
        candidates.append("*." + host)
    candidates.append("")
    return next((configured[name] for name in candidates if name in configured), None)


def _scopes(path: str) -> list[tuple[str, Any]]:
    try:
        with open(path, encoding="utf-8") as file:
            value = yaml.safe_load(file) or {}
    except yaml.YAMLError as exc:
        mark = getattr(exc, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark is not None else ""
        raise InvalidInput(f"parsing {path}: {where}{getattr(exc, 'problem', None) or 'not YAML'}") from exc
    except OSError as exc:
        raise InvalidInput(f"reading {path}: {(exc.strerror or str(exc)).lower()}") from exc
    if not isinstance(value, dict) or set(value) - {"default-docker", "docker"}:
        raise InvalidInput(f"parsing {path}: expected the keys default-docker and docker only")
    scopes = []
    if value.get("default-docker") is not None:
        scopes.append(("", value["default-docker"]))
    scopes += [(str(scope), entry) for scope, entry in (value.get("docker") or {}).items()]
    return scopes


def _storage(entry: Any, path: str) -> SignatureStorage:
    if not isinstance(entry, dict) or set(entry) - _KEYS:
        raise InvalidInput(f"parsing {path}: unknown keys in a scope; allowed: {', '.join(sorted(_KEYS))}")
    attachments = entry.get("use-sigstore-attachments")
    return SignatureStorage(
        str(entry.get("lookaside") or entry.get("sigstore") or ""),
        str(entry.get("lookaside-staging") or entry.get("sigstore-staging") or ""),
        attachments if isinstance(attachments, bool) else None,
    )
