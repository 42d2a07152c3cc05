"""registries.conf version 2 and its drop-ins: search registries, aliases, mirrors, blocks, locations.

Follows containers-registries.conf(5) and containers-registries.conf.d(5); version 1 is read too. On the
hot path as far as short names go, so nothing heavy is imported.
"""

from __future__ import annotations

import os

from ocicore.config import toml
from ocicore.errors import InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from ocicore.config.paths import UserPaths

SYSTEM_FILE = "/etc/containers/registries.conf"
SYSTEM_DIRECTORY = "/etc/containers/registries.conf.d"
_MODES = ("disabled", "permissive", "enforcing")
_PULL_FROM = ("all", "digest-only", "tag-only")


class Endpoint:
    """One place an image may be pulled from.

    Attributes:
        reference: full name there, with the tag or digest asked for.
        host: registry to connect to.
        insecure: plain HTTP and unknown certificates are allowed.
        mirror: it is a mirror and not the registry itself.
    """

    __slots__ = ("host", "insecure", "mirror", "reference")

    def __init__(self, reference: str, *, insecure: bool, mirror: bool) -> None:
        self.reference = reference
        self.host = reference.partition("/")[0]
        self.insecure = insecure
        self.mirror = mirror

    def __repr__(self) -> str:
        return f"Endpoint({self.reference!r}, insecure={self.insecure}, mirror={self.mirror})"


class _Mirror:
    __slots__ = ("insecure", "location", "pull_from")

    def __init__(self, location: str, insecure: bool, pull_from: str) -> None:
        self.location = location
        self.insecure = insecure
        self.pull_from = pull_from


class RegistryRule:
    """One `[[registry]]` table."""

    __slots__ = ("blocked", "insecure", "location", "mirrors", "prefix")

    def __init__(
        self, prefix: str, location: str, insecure: bool, blocked: bool, mirrors: Sequence[_Mirror]
    ) -> None:
        self.prefix = prefix
        self.location = location
        self.insecure = insecure
        self.blocked = blocked
        self.mirrors = list(mirrors)

    def match_length(self, reference: str) -> int:
        """Length of the part of the reference the prefix covers, -1 when it does not match."""
        if self.prefix.startswith("*."):
            host = reference.partition("/")[0]
            bare = host.partition(":")[0]
            suffix = self.prefix[1:]
            for candidate in (host, bare):
                if candidate.endswith(suffix) and len(candidate) > len(suffix):
                    return len(candidate)
            return -1
        if not reference.startswith(self.prefix):
            return -1
        rest = reference[len(self.prefix) :]
        return len(self.prefix) if not rest or rest[0] in "/:@" else -1


class RegistriesConfig:
    """What is in force.

    Attributes:
        unqualified_search: registries short names are completed with.
        aliases: short repository name to full one.
        short_name_mode: "disabled", "permissive" or "enforcing".
        credential_helpers: names, in order; "containers-auth.json" stands for the files.
        search_origin: file that named the search registries, for messages.
        alias_origins: the same by alias.
    """

    def __init__(self) -> None:
        self.unqualified_search: list[str] = []
        self.aliases: dict[str, str] = {}
        self.alias_origins: dict[str, str] = {}
        self.short_name_mode = "permissive"
        self.credential_helpers: list[str] = []
        self.search_origin = ""
        self.rules: dict[str, RegistryRule] = {}

    def rule_for(self, reference: str) -> RegistryRule | None:
        """The rule with the longest prefix that covers the reference."""
        best: RegistryRule | None = None
        length = -1
        for rule in self.rules.values():
            covered = rule.match_length(reference)
            # An exact prefix beats a wildcard of the same reach.
            if covered > length or (
                covered == length and covered >= 0 and best is not None and best.prefix.startswith("*.")
            ):
                best, length = rule, covered
        return best

    def find(self, reference: str) -> list[Endpoint]:
        """Where to pull from, mirrors first, the registry itself last.

        Args:
            reference: full name with tag or digest.

        Raises:
            InvalidInput: the registry is blocked.
        """
        rule = self.rule_for(reference)
        if rule is None:
            return [Endpoint(reference, insecure=False, mirror=False)]
        if rule.blocked:
            host = reference.partition("/")[0]
            raise InvalidInput(
                f"registry {rule.prefix} is blocked in {SYSTEM_FILE} or {SYSTEM_DIRECTORY}"
                if rule.prefix != host
                else f"registry {host} is blocked in {SYSTEM_FILE} or {SYSTEM_DIRECTORY}",
                hint="remove blocked = true there, or use another registry",
            )
        by_digest = "@" in reference
        found = []
        for mirror in rule.mirrors:
            if (mirror.pull_from == "digest-only" and not by_digest) or (
                mirror.pull_from == "tag-only" and by_digest
            ):
                continue
            found.append(
                Endpoint(_rewrite(reference, rule, mirror.location), insecure=mirror.insecure, mirror=True)
            )
        found.append(Endpoint(_rewrite(reference, rule, rule.location), insecure=rule.insecure, mirror=False))
        return found

    def push_endpoint(self, reference: str) -> Endpoint:
        """Where to push to: what the name says; locations and mirrors are for pulls. Raises InvalidInput when blocked."""
        return Endpoint(reference, insecure=self.find(reference)[-1].insecure, mirror=False)

    def is_insecure(self, reference: str) -> bool:
        """Whether the registry of the reference may be spoken to without TLS."""
        rule = self.rule_for(reference)
        return rule is not None and rule.insecure

    def is_blocked(self, reference: str) -> bool:
        """Whether the registry of the reference is blocked."""
        rule = self.rule_for(reference)
        return rule is not None and rule.blocked


def load(
    paths: UserPaths,
    environ: Mapping[str, str],
    *,
    file: str | None = None,
    directory: str | None = None,
) -> RegistriesConfig:
    """The configuration in force.

    Args:
        file: `--registries-conf`; else $CONTAINERS_REGISTRIES_CONF, the user's, the system's.
        directory: instead of the usual drop-in directories; else $CONTAINERS_REGISTRIES_CONF_DIR.

    Raises:
        InvalidInput: a file is malformed; the message names the file and, for syntax, the line.
    """
    file = file or environ.get("CONTAINERS_REGISTRIES_CONF") or environ.get("REGISTRIES_CONFIG_PATH")
    directory = directory or environ.get("CONTAINERS_REGISTRIES_CONF_DIR")
    user_file = os.path.join(paths.config_home, "containers", "registries.conf")
    user_directory = user_file + ".d"
    directories = [directory] if directory else [SYSTEM_DIRECTORY, user_directory]
    required = file is not None
    if file is None:
        if os.path.exists(user_file):
            file = user_file
            if not directory:
                directories = [user_directory]
        else:
            file = SYSTEM_FILE
    config = RegistriesConfig()
    _apply(config, file, required=required)
    for folder in directories:
        try:
            names = sorted(os.listdir(folder))
        except OSError:
            continue
        for name in names:
            if name.endswith(".conf"):
                _apply(config, os.path.join(folder, name), required=False)
    _apply_alias_cache(config, alias_cache_path(paths, environ))
    return config


def alias_cache_path(paths: UserPaths, environ: Mapping[str, str]) -> str:
    """The file in which chosen short names are remembered."""
    given = environ.get("CONTAINERS_SHORT_NAME_ALIASES_CONF")
    if given:
        return given
    if not paths.rootless:
        return "/var/cache/containers/short-name-aliases.conf"
    cache = environ.get("XDG_CACHE_HOME") or os.path.join(paths.home, ".cache")
    return os.path.join(cache, "containers", "short-name-aliases.conf")


def _apply(config: RegistriesConfig, path: str, *, required: bool) -> None:
    try:
        data = toml.load(path)
    except FileNotFoundError:
        if required:
            raise InvalidInput(
                f"loading registries configuration: {path}: no such file or directory"
            ) from None
        return
    except OSError as exc:
        raise InvalidInput(
            f"loading registries configuration: {path}: {(exc.strerror or str(exc)).lower()}"
        ) from exc
    if isinstance(data.get("registries"), dict):
        data = _from_version_1(data, path)
    search = _list(data, "unqualified-search-registries", path)
    if search is not None:
        config.unqualified_search = [_host(item, path) for item in search]
        config.search_origin = path
    helpers = _list(data, "credential-helpers", path)
    if helpers is not None:
        config.credential_helpers = helpers
    mode = data.get("short-name-mode")
    if mode is not None and mode != "":
        if mode not in _MODES:
            raise InvalidInput(
                f'loading registries configuration: {path}: invalid short-name mode: "{mode}"',
                hint="one of " + ", ".join(_MODES),
            )
        config.short_name_mode = mode
    aliases = data.get("aliases") or {}
    if not isinstance(aliases, dict):
        raise _wrong(path, "aliases is not a table")
    for short, full in aliases.items():
        _set_alias(config, short, full, path)
    tables = data.get("registry") or []
    if not isinstance(tables, list):
        raise _wrong(path, "registry is not an array of tables ([[registry]])")
    seen: dict[str, RegistryRule] = {}
    for table in tables:
        rule = _rule(table, path)
        other = seen.get(rule.prefix)
        if other is not None and (other.insecure, other.blocked) != (rule.insecure, rule.blocked):
            raise _wrong(path, f"registry {rule.prefix} is defined twice with different settings")
        seen[rule.prefix] = rule
    config.rules.update(seen)


def _apply_alias_cache(config: RegistriesConfig, path: str) -> None:
    try:
        data = toml.load(path)
    except OSError:
        return
    for short, full in (data.get("aliases") or {}).items():
        _set_alias(config, short, full, path)


def _set_alias(config: RegistriesConfig, short: str, full: object, path: str) -> None:
    if not isinstance(full, str):
        raise _wrong(path, f'alias "{short}" is not a string')
    if not full:
        config.aliases.pop(short, None)
        return
    if "/" not in full or "@" in full or ":" in full.rpartition("/")[2]:
        raise _wrong(path, f'alias "{short}" must point to a full name without tag and digest, not "{full}"')
    config.aliases[short] = full
    config.alias_origins[short] = path


def _rule(table: Any, path: str) -> RegistryRule:
    if not isinstance(table, dict):
        raise _wrong(path, "[[registry]] is not a table")
    prefix = _text(table, "prefix", path)
    location = _text(table, "location", path)
    if not prefix:
        if not location:
            raise _wrong(path, "[[registry]]: both prefix and location are empty")
        prefix = location
    prefix, location = _name(prefix, path), _name(location, path)
    if not location and not prefix.startswith("*."):
        raise _wrong(
            path, f'[[registry]] with prefix "{prefix}": location is empty and prefix is no wildcard'
        )
    if prefix.startswith("*") and not prefix.startswith("*."):
        raise _wrong(path, f'[[registry]]: invalid wildcard prefix "{prefix}"')
    digest_only = _flag(table, "mirror-by-digest-only", path)
    mirrors = []
    for entry in table.get("mirror") or []:
        if not isinstance(entry, dict):
            raise _wrong(path, "[[registry.mirror]] is not a table")
        place = _name(_text(entry, "location", path), path)
        if not place:
            raise _wrong(path, f'mirror of "{prefix}": location is empty')
        pull_from = _text(entry, "pull-from-mirror", path) or ("digest-only" if digest_only else "all")
        if pull_from not in _PULL_FROM:
            raise _wrong(path, f'mirror {place}: unsupported pull-from-mirror value "{pull_from}"')
        mirrors.append(_Mirror(place, _flag(entry, "insecure", path), pull_from))
    return RegistryRule(
        prefix, location, _flag(table, "insecure", path), _flag(table, "blocked", path), mirrors
    )


def _rewrite(reference: str, rule: RegistryRule, location: str) -> str:
    if not location:
        return reference
    covered = rule.match_length(reference)
    return location + reference[covered:]


def _from_version_1(data: dict[str, Any], path: str) -> dict[str, Any]:
    """Version 1 (`[registries.search]` …) in the form of version 2."""
    if data.get("registry") or data.get("unqualified-search-registries"):
        raise _wrong(path, "mixing sysregistry v1/v2 is not supported")
    tables = data["registries"]

    def names(kind: str) -> list[str]:
        table = tables.get(kind) or {}
        return [str(item) for item in table.get("registries") or ()]

    rules: dict[str, dict[str, Any]] = {}
    for name in names("insecure"):
        rules.setdefault(name, {"location": name})["insecure"] = True
    for name in names("block"):
        rules.setdefault(name, {"location": name})["blocked"] = True
    return {"unqualified-search-registries": names("search"), "registry": list(rules.values())}


def _text(table: dict[str, Any], key: str, path: str) -> str:
    value = table.get(key, "")
    if not isinstance(value, str):
        raise _wrong(path, f"{key} is not a string")
    return value


def _flag(table: dict[str, Any], key: str, path: str) -> bool:
    value = table.get(key, False)
    if not isinstance(value, bool):
        raise _wrong(path, f"{key} is neither true nor false")
    return value


def _list(table: dict[str, Any], key: str, path: str) -> list[str] | None:
    value = table.get(key)
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise _wrong(path, f"{key} is not an array of strings")
    return list(value)


def _name(text: str, path: str) -> str:
    text = text.rstrip("/")
    if text.startswith(("http://", "https://")):
        raise _wrong(path, f'invalid location "{text}": a URL scheme is not allowed here')
    return text


def _host(text: str, path: str) -> str:
    name = _name(text, path)
    if not name:
        raise _wrong(path, "unqualified-search-registries has an empty entry")
    return name


def _wrong(path: str, why: str) -> InvalidInput:
    return InvalidInput(f"loading registries configuration: {path}: {why}")
