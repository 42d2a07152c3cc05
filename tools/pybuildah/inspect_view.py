"""What the templates of `inspect --format` see: Go's names for the record's fields, which its JSON writes otherwise.

Follows buildah's BuilderInfo, image-spec's Image and Docker's V2S2 image as Go structures: every field is there, with
its zero value when the record has none.
"""

from __future__ import annotations

from ocicore.cli.godata import Duration, GoMap, Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    Json = Mapping[str, Any]

_TIME = "0001-01-01T00:00:00Z"
#: (Go's name, JSON's name, zero value); a type as zero value is called.
_HISTORY = (
    ("Created", "created", _TIME),
    ("CreatedBy", "created_by", ""),
    ("Author", "author", ""),
    ("Comment", "comment", ""),
    ("EmptyLayer", "empty_layer", False),
)
_OCI_CONFIG = (
    ("User", "User", ""),
    ("ExposedPorts", "ExposedPorts", GoMap),
    ("Env", "Env", list),
    ("Entrypoint", "Entrypoint", list),
    ("Cmd", "Cmd", list),
    ("Volumes", "Volumes", GoMap),
    ("WorkingDir", "WorkingDir", ""),
    ("Labels", "Labels", GoMap),
    ("StopSignal", "StopSignal", ""),
    ("ArgsEscaped", "ArgsEscaped", False),
)
_OCI = (
    ("Created", "created", _TIME),
    ("Author", "author", ""),
    ("Architecture", "architecture", ""),
    ("OS", "os", ""),
    ("OSVersion", "os.version", ""),
    ("OSFeatures", "os.features", list),
    ("Variant", "variant", ""),
)
_HEALTH = (
    ("Test", "Test", list),
    ("Interval", "Interval", Duration),
    ("Timeout", "Timeout", Duration),
    ("StartPeriod", "StartPeriod", Duration),
    ("StartInterval", "StartInterval", Duration),
    ("Retries", "Retries", 0),
)
_DOCKER_CONFIG = (
    ("Hostname", "Hostname", ""),
    ("Domainname", "Domainname", ""),
    ("User", "User", ""),
    ("AttachStdin", "AttachStdin", False),
    ("AttachStdout", "AttachStdout", False),
    ("AttachStderr", "AttachStderr", False),
    ("ExposedPorts", "ExposedPorts", GoMap),
    ("Tty", "Tty", False),
    ("OpenStdin", "OpenStdin", False),
    ("StdinOnce", "StdinOnce", False),
    ("Env", "Env", list),
    ("Cmd", "Cmd", list),
    ("Healthcheck", "Healthcheck", None),
    ("ArgsEscaped", "ArgsEscaped", False),
    ("Image", "Image", ""),
    ("Volumes", "Volumes", GoMap),
    ("WorkingDir", "WorkingDir", ""),
    ("Entrypoint", "Entrypoint", list),
    ("NetworkDisabled", "NetworkDisabled", False),
    ("MacAddress", "MacAddress", ""),
    ("OnBuild", "OnBuild", list),
    ("Labels", "Labels", GoMap),
    ("StopSignal", "StopSignal", ""),
    ("StopTimeout", "StopTimeout", None),
    ("Shell", "Shell", list),
)
_DOCKER = (
    ("ID", "id", ""),
    ("Parent", "parent", ""),
    ("Comment", "comment", ""),
    ("Created", "created", _TIME),
    ("Container", "container", ""),
    ("DockerVersion", "docker_version", ""),
    ("Author", "author", ""),
    ("Architecture", "architecture", ""),
    ("Variant", "variant", ""),
    ("OS", "os", ""),
    ("Size", "Size", 0),
    ("OSVersion", "os.version", ""),
    ("OSFeatures", "os.features", list),
)


def view(record: Json) -> Struct:
    """The description of a container (`inspect.describe`) as a Go structure."""
    fields = dict(record)
    fields["OCIv1"] = _oci(record.get("OCIv1") or {})
    fields["Docker"] = _docker(record.get("Docker") or {})
    fields["ImageAnnotations"] = GoMap(record.get("ImageAnnotations") or {})
    fields["History"] = [_struct(entry, _HISTORY, "v1.History") for entry in record.get("History") or ()]
    return Struct(fields, type_name="buildah.BuilderInfo")


def _struct(value: Json, fields: tuple[tuple[str, str, Any], ...], type_name: str) -> Struct:
    found: dict[str, object] = {}
    for name, key, zero in fields:
        item = value.get(key)
        if item is None:
            item = zero() if isinstance(zero, type) else zero
        elif zero is Duration:
            item = Duration(item)
        elif zero is GoMap:
            # The members of ExposedPorts and Volumes are empty structures.
            item = GoMap(
                {member_key: Struct({}) if member == {} else member for member_key, member in item.items()}
            )
        if name == "Created":
            item = _go_time(str(item))
        found[name] = item
    return Struct(found, type_name=type_name)


def _go_time(text: str) -> str:
    """A time as Go prints it: "2024-01-02 03:04:05 +0000 UTC"."""
    date, _, clock = text.partition("T")
    return f"{date} {clock.removesuffix('Z')} +0000 UTC" if clock.endswith("Z") else text


def _root_fs(value: Json) -> Struct:
    return Struct(
        {"Type": value.get("type") or "", "DiffIDs": list(value.get("diff_ids") or ())}, type_name="RootFS"
    )


def _oci(value: Json) -> Struct:
    image = _struct(value, _OCI, "v1.Image")
    return Struct(
        {
            **image.fields,
            "Config": _struct(value.get("config") or {}, _OCI_CONFIG, "v1.ImageConfig"),
            "RootFS": _root_fs(value.get("rootfs") or {}),
            "History": [_struct(entry, _HISTORY, "v1.History") for entry in value.get("history") or ()],
        },
        type_name="v1.Image",
    )


def _docker_config(value: Json) -> Struct:
    config = _struct(value, _DOCKER_CONFIG, "docker.Config")
    health = value.get("Healthcheck")
    if health:
        return Struct(
            {**config.fields, "Healthcheck": _struct(health, _HEALTH, "docker.HealthConfig")},
            type_name="docker.Config",
        )
    return config


def _docker(value: Json) -> Struct:
    image = _struct(value, _DOCKER, "docker.V2Image")
    return Struct(
        {
            **image.fields,
            "ContainerConfig": _docker_config(value.get("container_config") or {}),
            "Config": _docker_config(value.get("config") or {}),
            "RootFS": _root_fs(value.get("rootfs") or {}),
            "History": [
                _struct(entry, _HISTORY, "docker.V2S2History") for entry in value.get("history") or ()
            ],
        },
        type_name="docker.V2Image",
    )
