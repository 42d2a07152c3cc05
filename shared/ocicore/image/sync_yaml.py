"""What a synchronisation shall copy, from a YAML file.

It is skopeo's (skopeo-sync(1)), with more keys by repository: `deny` (regular expressions of tags),
`images-newest` (how many of the highest versions), `images-newer-than` (a date), `platforms` (a list) and `destinations` (a
template of the name below the destination).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

from ocicore.config import yaml_file
from ocicore.config.auth import Credentials
from ocicore.errors import Error, InvalidInput
from ocicore.image import semver
from ocicore.image.config_blob import read_config
from ocicore.image.docker import DockerReference
from ocicore.image.referrers import related_tag
from ocicore.image.sync_plan import PLACEHOLDERS, SyncItem, docker_item, tags_of
from ocicore.image.types import SystemContext
from ocicore.oci import digest as digests
from ocicore.oci.config import parse as parse_config
from ocicore.oci.manifest import Index, Manifest, parse_manifest
from ocicore.oci.platform import parse as parse_platform
from ocicore.oci.reference import Reference, parse_normalized

_KEYS = frozenset(
    (
        "images",
        "images-by-tag-regex",
        "images-by-semver",
        "images-newest",
        "images-newer-than",
        "deny",
        "platforms",
        "destinations",
        "credentials",
        "tls-verify",
        "cert-dir",
    )
)

_LONG_AGO = datetime(1, 1, 2, tzinfo=UTC)


def from_yaml(path: str, context: SystemContext, warn: Callable[[str], None]) -> tuple[list[SyncItem], bool]:
    """The images a file names.

    Returns:
        The images, and whether some repository could not be listed (it is warned about and left out).

    Raises:
        InvalidInput: the file is malformed.
    """
    items: list[SyncItem] = []
    failed = False
    for registry, settings in _read_yaml(path).items():
        registry_context = _registry_context(context, registry, settings, path)
        for name, listed, wanted in _wanted(registry, settings, path):
            repository = f"{registry}/{name}"
            extras = _extras(name, settings, path)
            try:
                named = parse_normalized(repository)
                tags = wanted(named, registry_context)
            except Error as exc:
                warn(f"Error processing repo {repository}, skipping: {exc.message}")
                failed = True
                continue
            if not tags:
                warn(f"No refs to sync found in {repository}")
            items += [docker_item(item, registry_context, listed=listed, **extras) for item in tags]
    unique: dict[str, SyncItem] = {}
    for item in items:
        unique.setdefault(str(item.source), item)
    return list(unique.values()), failed


_Chooser = Callable[[Reference, SystemContext], list[Reference]]


def _extras(name: str, settings: dict[str, Any], path: str) -> dict[str, Any]:
    """Platforms and template of a repository."""
    found: dict[str, Any] = {}
    platforms = (settings.get("platforms") or {}).get(name)
    if platforms:
        items = platforms if isinstance(platforms, list) else [platforms]
        found["platforms"] = tuple(parse_platform(str(item)) for item in items)
    template = (settings.get("destinations") or {}).get(name)
    if template:
        try:
            filled = str(template).format_map(dict.fromkeys(PLACEHOLDERS, "x"))
        except (KeyError, ValueError, IndexError) as exc:
            raise InvalidInput(
                f'Failed to unmarshal "{path}": destinations: {name}: template "{template}" cannot be filled',
                hint="known are " + ", ".join(f"{{{item}}}" for item in PLACEHOLDERS),
            ) from exc
        if not filled:
            raise InvalidInput(f'Failed to unmarshal "{path}": destinations: {name}: the template is empty')
        found["template"] = str(template)
    return found


def _read_yaml(path: str) -> dict[str, dict[str, Any]]:
    value = yaml_file.load(path, "Failed to unmarshal")
    if not isinstance(value, dict):
        raise InvalidInput(f'Failed to unmarshal "{path}": expected registries as keys')
    for registry, settings in value.items():
        if settings is None:
            value[registry] = settings = {}
        if not isinstance(settings, dict):
            raise InvalidInput(f'Failed to unmarshal "{path}": {registry}: expected a table')
        unknown = set(settings) - _KEYS
        if unknown:
            raise InvalidInput(f'Failed to unmarshal "{path}": {registry}: unknown key "{min(unknown)}"')
        for key in _KEYS - {"tls-verify", "cert-dir"}:
            if settings.get(key) is not None and not isinstance(settings[key], dict):
                raise InvalidInput(f'Failed to unmarshal "{path}": {registry}: {key}: expected a table')
    return value


def _registry_context(
    context: SystemContext, registry: str, settings: dict[str, Any], path: str
) -> SystemContext:
    changes: dict[str, Any] = {}
    credentials = settings.get("credentials")
    if isinstance(credentials, dict) and credentials.get("username"):
        changes["credentials"] = Credentials(
            str(credentials.get("username")), str(credentials.get("password") or "")
        )
    verify = settings.get("tls-verify")
    if verify is not None:
        if not isinstance(verify, bool):
            raise InvalidInput(
                f'Failed to unmarshal "{path}": {registry}: tls-verify is neither true nor false'
            )
        changes["tls_verify"] = verify
    if settings.get("cert-dir"):
        changes["cert_dir"] = str(settings["cert-dir"])
    return context.with_(**changes) if changes else context


def _wanted(registry: str, settings: dict[str, Any], path: str) -> list[tuple[str, bool, _Chooser]]:
    """(repository without its registry, whether its tags are listed, what chooses its images) of one table."""
    found: list[tuple[str, bool, _Chooser]] = []
    denied = {
        name: [_regex(pattern, path) for pattern in patterns or ()]
        for name, patterns in (settings.get("deny") or {}).items()
    }

    def allowed(name: str, tag: str) -> bool:
        return not any(pattern.search(tag) for pattern in denied.get(name, ()))

    for name, tags in (settings.get("images") or {}).items():
        found.append((name, not tags, _listed(name, [str(tag) for tag in tags or ()], allowed)))
    for name, pattern in (settings.get("images-by-tag-regex") or {}).items():
        regex = _regex(pattern, path)
        test = lambda tag, regex=regex: regex.search(tag) is not None  # noqa: E731
        found.append((name, True, _tested(name, test, allowed)))
    for name, text in (settings.get("images-by-semver") or {}).items():
        inside = semver.constraint(str(text))

        def fits(tag: str, inside: Callable[[semver.Version], bool] = inside) -> bool:
            version = semver.parse(tag)
            return version is not None and inside(version)

        found.append((name, True, _tested(name, fits, allowed)))
    for name, count in (settings.get("images-newest") or {}).items():
        if not isinstance(count, int) or isinstance(count, bool) or count < 1:
            raise InvalidInput(
                f'Failed to unmarshal "{path}": images-newest: {name}: expected a number above 0'
            )
        found.append((name, True, _newest(name, count, allowed)))
    for name, text in (settings.get("images-newer-than") or {}).items():
        found.append((name, True, _newer(name, _moment(text, name, path), allowed)))
    return found


def _moment(value: object, name: str, path: str) -> datetime:
    """A date of the file, in UTC unless it says otherwise."""
    try:
        if isinstance(value, datetime):
            found = value
        elif isinstance(value, date):
            found = datetime(value.year, value.month, value.day)
        else:
            found = datetime.fromisoformat(str(value))
    except ValueError as exc:
        raise InvalidInput(
            f'Failed to unmarshal "{path}": images-newer-than: {name}: "{value}" is no date',
            hint="2026-01-31 or 2026-01-31T12:00:00Z",
        ) from exc
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def _listed(name: str, tags: list[str], allowed: Callable[[str, str], bool]) -> _Chooser:
    def choose(named: Reference, context: SystemContext) -> list[Reference]:
        wanted = tags or [tag for tag in tags_of(named, context) if allowed(name, tag)]
        return [named.with_digest(tag) if digests.is_valid(tag) else named.with_tag(tag) for tag in wanted]

    return choose


def _tested(name: str, test: Callable[[str], bool], allowed: Callable[[str, str], bool]) -> _Chooser:
    def choose(named: Reference, context: SystemContext) -> list[Reference]:
        return [named.with_tag(tag) for tag in tags_of(named, context) if test(tag) and allowed(name, tag)]

    return choose


def _newest(name: str, count: int, allowed: Callable[[str, str], bool]) -> _Chooser:
    def choose(named: Reference, context: SystemContext) -> list[Reference]:
        versions = []
        for tag in tags_of(named, context):
            version = semver.parse(tag)
            if version is not None and not version[3] and allowed(name, tag):
                versions.append((semver.key(version), tag))
        return [named.with_tag(tag) for _, tag in sorted(versions, reverse=True)[:count]]

    return choose


def _newer(name: str, moment: datetime, allowed: Callable[[str, str], bool]) -> _Chooser:
    def choose(named: Reference, context: SystemContext) -> list[Reference]:
        found = []
        for tag in tags_of(named, context):
            if (
                allowed(name, tag)
                and not related_tag(tag)
                and _created(named.with_tag(tag), context) > moment
            ):
                found.append(named.with_tag(tag))
        return found

    return choose


def _created(named: Reference, context: SystemContext) -> datetime:
    """When an image was made, of a list the one for this platform; long ago when it does not say."""
    source = DockerReference(named).source(context)
    try:
        parsed = parse_manifest(*source.manifest())
        if isinstance(parsed, Index):
            parsed = parse_manifest(*source.manifest(parsed.choose(context.wanted_platform()).digest))
        if not isinstance(parsed, Manifest) or parsed.config is None:
            return _LONG_AGO
        text = str(parse_config(read_config(source, parsed.config)).raw.get("created") or "")
        # Python reads at most six digits of a second.
        found = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text)) if text else _LONG_AGO
    except ValueError:
        return _LONG_AGO
    finally:
        source.close()
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def _regex(text: object, path: str) -> re.Pattern[str]:
    try:
        return re.compile(str(text))
    except re.error as exc:
        raise InvalidInput(f'Failed to unmarshal "{path}": regular expression "{text}": {exc}') from exc
