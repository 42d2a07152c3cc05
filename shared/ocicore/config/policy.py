"""policy.json: which images may be used (containers-policy.json(5)). Parsed and validated here, evaluated in `image`."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from ocicore.config.paths import UserPaths
from ocicore.errors import InvalidInput

SYSTEM_FILE = "/etc/containers/policy.json"

_REQUIREMENT_KEYS: dict[str, frozenset[str]] = {
    "insecureAcceptAnything": frozenset(),
    "reject": frozenset(),
    "signedBy": frozenset(("keyType", "keyPath", "keyPaths", "keyData", "signedIdentity")),
    "sigstoreSigned": frozenset(
        (
            "keyPath",
            "keyPaths",
            "keyData",
            "keyDatas",
            "fulcio",
            "pki",
            "rekorPublicKeyPath",
            "rekorPublicKeyPaths",
            "rekorPublicKeyData",
            "rekorPublicKeyDatas",
            "signedIdentity",
        )
    ),
}
_IDENTITY_KEYS: dict[str, frozenset[str]] = {
    "matchExact": frozenset(),
    "matchRepoDigestOrExact": frozenset(),
    "matchRepository": frozenset(),
    "exactReference": frozenset(("dockerReference",)),
    "exactRepository": frozenset(("dockerRepository",)),
    "remapIdentity": frozenset(("prefix", "signedPrefix")),
}


_PKI_KEYS = (
    "caRootsPath",
    "caRootsData",
    "caIntermediatesPath",
    "caIntermediatesData",
    "subjectEmail",
    "subjectHostname",
)
_REKOR_KEYS = ("rekorPublicKeyPath", "rekorPublicKeyPaths", "rekorPublicKeyData", "rekorPublicKeyDatas")


class Requirement:
    """One condition an image has to meet.

    Attributes:
        type: "insecureAcceptAnything", "reject", "signedBy" or "sigstoreSigned".
        fields: the other keys.
    """

    __slots__ = ("fields", "type")

    def __init__(self, type: str, fields: dict[str, Any]) -> None:
        self.type = type
        self.fields = fields


class Policy:
    """A whole policy.

    Attributes:
        default: what holds where no scope fits.
        transports: requirements by transport and scope ("" is the transport's default).
        source: the file, for messages.
    """

    def __init__(
        self, default: list[Requirement], transports: dict[str, dict[str, list[Requirement]]], source: str
    ) -> None:
        self.default = default
        self.transports = transports
        self.source = source

    def requirements(self, transport: str, scopes: list[str]) -> list[Requirement]:
        """Requirements for an image: of the first of its scopes that is named, of the transport, or the default.

        Args:
            transport: e.g. "docker".
            scopes: the image's identity, then ever wider scopes.
        """
        named = self.transports.get(transport, {})
        for scope in scopes:
            if scope in named:
                return named[scope]
        return named.get("", self.default)


def insecure() -> Policy:
    """A policy that accepts everything (`--insecure-policy`)."""
    return Policy([Requirement("insecureAcceptAnything", {})], {}, "--insecure-policy")


def default_path(paths: UserPaths, environ: Mapping[str, str]) -> str:
    """The user's policy if there is one, else the system's.

    Raises:
        InvalidInput: there is none.
    """
    own = os.path.join(paths.config_home, "containers", "policy.json")
    for candidate in (own, SYSTEM_FILE):
        if os.path.exists(candidate):
            return candidate
    raise InvalidInput(
        f'no policy.json file found at any of the following: "{own}", "{SYSTEM_FILE}"',
        hint="install the package golang-github-containers-common (containers-common), or give --policy",
    )


def load(path: str) -> Policy:
    """Read and validate a policy; raises InvalidInput with file and place."""
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError as exc:
        raise InvalidInput(f"loading trust policy: {path}: {(exc.strerror or str(exc)).lower()}") from exc
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as exc:
        raise InvalidInput(f"loading trust policy: {path}: {exc}") from exc
    if not isinstance(value, dict):
        raise _wrong(path, "not a JSON object")
    unknown = set(value) - {"default", "transports"}
    if unknown:
        raise _wrong(path, f'unknown key "{min(unknown)}"')
    if "default" not in value:
        raise _wrong(path, "default policy is missing")
    default = _requirements(value["default"], path, "default")
    transports: dict[str, dict[str, list[Requirement]]] = {}
    tables = value.get("transports") or {}
    if not isinstance(tables, dict):
        raise _wrong(path, "transports is not an object")
    for transport, scopes in tables.items():
        if not isinstance(scopes, dict):
            raise _wrong(path, f'transports."{transport}" is not an object')
        transports[transport] = {
            scope: _requirements(entry, path, f'transports."{transport}"."{scope}"')
            for scope, entry in scopes.items()
        }
    return Policy(default, transports, path)


def _requirements(value: Any, path: str, where: str) -> list[Requirement]:
    if not isinstance(value, list) or not value:
        raise _wrong(path, f"{where}: list of verification policy requirements must not be empty")
    return [_requirement(item, path, f"{where}[{number}]") for number, item in enumerate(value)]


def _requirement(value: Any, path: str, where: str) -> Requirement:
    if not isinstance(value, dict):
        raise _wrong(path, f"{where} is not an object")
    kind = value.get("type")
    allowed = _REQUIREMENT_KEYS.get(kind) if isinstance(kind, str) else None
    if allowed is None or not isinstance(kind, str):
        raise _wrong(path, f'{where}: unknown policy requirement type "{kind}"')
    fields = {key: item for key, item in value.items() if key != "type"}
    unknown = set(fields) - allowed
    if unknown:
        raise _wrong(path, f'{where}: unknown key "{min(unknown)}"')
    if kind == "signedBy":
        if fields.get("keyType") not in (
            "GPGKeys",
            "signedByGPGKeys",
            "X509Certificates",
            "signedByX509CAs",
        ):
            raise _wrong(path, f'{where}: invalid keyType "{fields.get("keyType", "")}"')
        if sum(1 for key in ("keyPath", "keyPaths", "keyData") if fields.get(key)) != 1:
            raise _wrong(path, f"{where}: exactly one of keyPath, keyPaths and keyData must be specified")
    if kind == "sigstoreSigned":
        sources = ("keyPath", "keyPaths", "keyData", "keyDatas", "fulcio", "pki")
        if sum(1 for key in sources if fields.get(key)) != 1:
            raise _wrong(path, f"{where}: exactly one of {', '.join(sources)} must be specified")
        _check_witnesses(fields, path, where)
    identity = fields.get("signedIdentity")
    if identity is not None:
        _check_identity(identity, path, f"{where}.signedIdentity")
    return Requirement(kind, fields)


def _check_witnesses(fields: dict[str, Any], path: str, where: str) -> None:
    """The authorities' and Rekor's part of a sigstoreSigned requirement."""
    logs = [key for key in _REKOR_KEYS if fields.get(key)]
    if fields.get("pki") is not None:
        _check_pki(fields["pki"], path, f"{where}.pki")
        if logs:
            raise _wrong(path, f"{where}: {', '.join(_REKOR_KEYS)} are not supported with pki")
    if len(logs) > 1:
        raise _wrong(path, f"{where}: at most one of {', '.join(_REKOR_KEYS)} may be specified")
    fulcio = fields.get("fulcio")
    if fulcio is None:
        return
    if not isinstance(fulcio, dict):
        raise _wrong(path, f"{where}.fulcio is not an object")
    unknown = set(fulcio) - {"caPath", "caData", "oidcIssuer", "subjectEmail"}
    if unknown:
        raise _wrong(path, f'{where}.fulcio: unknown key "{min(unknown)}"')
    if bool(fulcio.get("caPath")) == bool(fulcio.get("caData")):
        raise _wrong(path, f"{where}.fulcio: exactly one of caPath and caData must be specified")
    for key in ("oidcIssuer", "subjectEmail"):
        if not isinstance(fulcio.get(key), str) or not fulcio[key]:
            raise _wrong(path, f"{where}.fulcio: {key} is missing")
    if not logs:
        raise _wrong(
            path, f"{where}: at least one of {', '.join(_REKOR_KEYS)} must be specified if fulcio is used"
        )


def _check_pki(pki: Any, path: str, where: str) -> None:
    if not isinstance(pki, dict):
        raise _wrong(path, f"{where} is not an object")
    unknown = set(pki) - set(_PKI_KEYS)
    if unknown:
        raise _wrong(path, f'{where}: unknown key "{min(unknown)}"')
    for key, value in pki.items():
        if not isinstance(value, str):
            raise _wrong(path, f"{where}: {key} is not a string")
    if bool(pki.get("caRootsPath")) == bool(pki.get("caRootsData")):
        raise _wrong(path, f"{where}: exactly one of caRootsPath and caRootsData must be specified")
    if pki.get("caIntermediatesPath") and pki.get("caIntermediatesData"):
        raise _wrong(
            path, f"{where}: only one of caIntermediatesPath and caIntermediatesData may be specified"
        )
    if not pki.get("subjectEmail") and not pki.get("subjectHostname"):
        raise _wrong(path, f"{where}: at least one of subjectEmail and subjectHostname must be specified")


def _check_identity(value: Any, path: str, where: str) -> None:
    kind = value.get("type") if isinstance(value, dict) else None
    wanted = _IDENTITY_KEYS.get(kind) if isinstance(kind, str) else None
    if wanted is None:
        raise _wrong(path, f'{where}: unknown policy reference match type "{kind}"')
    if set(value) - {"type"} != wanted:
        raise _wrong(path, f"{where}: expected the keys {', '.join(sorted(wanted)) or '(none)'}")


def _wrong(path: str, why: str) -> InvalidInput:
    return InvalidInput(f"invalid policy in {path}: {why}")
