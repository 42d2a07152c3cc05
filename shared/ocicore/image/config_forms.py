"""The two forms of an image configuration: OCI (image-spec 1.1, config.md) and Docker v2 schema 2.

Both are rebuilt with every key in the order of containers/image's structures, because the digest of
the configuration is the image's identifier. On the hot path.
"""

from __future__ import annotations

from ocicore.image import go_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

_ZERO_TIME = "0001-01-01T00:00:00Z"
#: The members of an OCI configuration's process part, in Go's order.
OCI_RUN_KEYS = (
    "User",
    "ExposedPorts",
    "Env",
    "Entrypoint",
    "Cmd",
    "Volumes",
    "WorkingDir",
    "Labels",
    "StopSignal",
    "ArgsEscaped",
)
# Key, and the value written where the configuration has none; None as the second member: omitted then.
_OMIT = object()
_DOCKER_RUN_KEYS: tuple[tuple[str, object], ...] = (
    ("Hostname", ""),
    ("Domainname", ""),
    ("User", ""),
    ("AttachStdin", False),
    ("AttachStdout", False),
    ("AttachStderr", False),
    ("ExposedPorts", _OMIT),
    ("Tty", False),
    ("OpenStdin", False),
    ("StdinOnce", False),
    ("Env", None),
    ("Cmd", None),
    ("Healthcheck", _OMIT),
    ("ArgsEscaped", _OMIT),
    ("Image", ""),
    ("Volumes", None),
    ("WorkingDir", ""),
    ("Entrypoint", None),
    ("NetworkDisabled", _OMIT),
    ("MacAddress", _OMIT),
    ("OnBuild", None),
    ("Labels", None),
    ("StopSignal", _OMIT),
    ("StopTimeout", _OMIT),
    ("Shell", _OMIT),
)
_SORTED = ("ExposedPorts", "Volumes", "Labels")
_HEALTH_KEYS = ("Test", "StartPeriod", "StartInterval", "Interval", "Timeout", "Retries")


def oci(config: Mapping[str, Any], diff_ids: Sequence[str], history: Sequence[Mapping[str, Any]]) -> bytes:
    """The configuration as OCI bytes.

    Args:
        config: either form; keys OCI does not know (Healthcheck, Shell, OnBuild …) are left out.
        diff_ids: digests of the uncompressed layers, from the base.
        history: entries, oldest first.
    """
    run = config.get("config") or {}
    value: dict[str, Any] = {}
    for key in ("created", "author"):
        if config.get(key):
            value[key] = config[key]
    if "created" in value:
        value["created"] = go_time(value["created"])
    value["architecture"] = config.get("architecture") or ""
    value["os"] = config.get("os") or ""
    for key in ("os.version", "os.features", "variant"):
        if config.get(key):
            value[key] = config[key]
    value["config"] = {key: _ordered(key, run[key]) for key in OCI_RUN_KEYS if run.get(key)}
    value["rootfs"] = {"type": "layers", "diff_ids": list(diff_ids)}
    entries = [_history_entry(entry, ("created", "created_by", "author", "comment")) for entry in history]
    if entries:
        value["history"] = entries
    return go_json.dumps(value)


def docker(
    config: Mapping[str, Any],
    diff_ids: Sequence[str],
    history: Sequence[Mapping[str, Any]],
    *,
    parent: str = "",
    container: str = "",
) -> bytes:
    """The configuration as Docker v2 schema 2 bytes.

    Args:
        config: either form.
        diff_ids: digests of the uncompressed layers, from the base.
        history: entries, oldest first.
        parent: `sha256:<id>` of the image it was built on.
        container: identifier of the container that was committed.
    """
    run = docker_run_config(config.get("config") or {})
    value: dict[str, Any] = {}
    if config.get("id"):
        value["id"] = config["id"]
    if config.get("comment"):
        value["comment"] = config["comment"]
    value["created"] = go_time(config.get("created") or _ZERO_TIME)
    container = container or str(config.get("container") or "")
    if container:
        value["container"] = container
    value["container_config"] = docker_run_config(
        config.get("container_config") or (run if container else {})
    )
    for key in ("docker_version", "author"):
        if config.get(key):
            value[key] = config[key]
    value["config"] = run
    for key in ("architecture", "variant", "os", "Size"):
        if config.get(key):
            value[key] = config[key]
    parent = parent or str(config.get("parent") or "")
    if parent:
        value["parent"] = parent
    value["rootfs"] = {"type": "layers"}
    if diff_ids:
        value["rootfs"]["diff_ids"] = list(diff_ids)
    entries = [_history_entry(entry, ("created", "author", "created_by", "comment")) for entry in history]
    for entry in entries:
        if "created" not in entry:
            entry_with_date = {"created": _ZERO_TIME, **entry}
            entry.clear()
            entry.update(entry_with_date)
    if entries:
        value["history"] = entries
    for key in ("os.version", "os.features"):
        if config.get(key):
            value[key] = config[key]
    return go_json.dumps(value)


def docker_run_config(run: Mapping[str, Any]) -> dict[str, Any]:
    """The execution part with Docker's keys, order and defaults."""
    value: dict[str, Any] = {}
    for key, default in _DOCKER_RUN_KEYS:
        found = run.get(key)
        if key == "Healthcheck" and isinstance(found, dict):
            found = {name: found[name] for name in _HEALTH_KEYS if found.get(name)}
            value[key] = found
        elif found or (isinstance(found, list | dict) and default is not _OMIT):
            value[key] = _ordered(key, found)
        elif default is not _OMIT:
            value[key] = default
    return value


def _ordered(key: str, value: Any) -> Any:
    # Go writes maps sorted by key.
    if key in _SORTED and isinstance(value, dict):
        return {name: value[name] if key == "Labels" else {} for name in sorted(value)}
    return value


def _history_entry(entry: Mapping[str, Any], keys: Sequence[str]) -> dict[str, Any]:
    result = {key: entry[key] for key in keys if entry.get(key)}
    if "created" in result:
        result["created"] = go_time(result["created"])
    if entry.get("empty_layer"):
        result["empty_layer"] = True
    return result


def go_time(text: str) -> str:
    """An RFC 3339 time as Go writes it again: no zeros at the end of the fraction."""
    if "." not in text:
        return text
    head, _, rest = text.partition(".")
    end = 0
    while end < len(rest) and rest[end].isdigit():
        end += 1
    fraction, zone = rest[:end].rstrip("0"), rest[end:]
    return f"{head}.{fraction}{zone}" if fraction else head + zone
