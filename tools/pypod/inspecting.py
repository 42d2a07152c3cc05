"""Printing inspected objects: a JSON list, or one line of a Go template for each."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ocicore.cli.context import Context
    from ocicore.cli.godata import Struct
    from ocicore.errors import Error

#: Fields that are points in time; a network's key is small.
_TIMES = (
    "Created", "created", "CreatedAt", "UpdatedAt", "StartedAt", "FinishedAt", "CheckpointedAt", "RestoredAt"
)  # fmt: skip
#: Go's field of an image's history -> key, and what it is when it is not there.
_HISTORY: dict[str, tuple[str, object]] = {
    "Created": ("created", None),
    "CreatedBy": ("created_by", ""),
    "Author": ("author", ""),
    "Comment": ("comment", ""),
    "EmptyLayer": ("empty_layer", False),
}

#: Fields of podman's structs with "omitempty".
CONTAINER_OMITTED: dict[str, Any] = {
    "OCIConfigPath": "",
    "SizeRw": 0,
    "SizeRootFs": 0,
    "State": {
        "ConmonPid": 0,
        "CgroupPath": "",
        "CheckpointLog": "",
        "CheckpointPath": "",
        "RestoreLog": "",
        "Checkpointed": False,
        "Restored": False,
        "StoppedByUser": False,
        "Error": "",
        "Health": {"Status": "", "FailingStreak": 0, "Log": None},
    },
    "Config": {
        "Healthcheck": None,
        "StartupHealthCheck": None,
        "Secrets": None,
        "Timezone": "",
        "StopTimeout": 0,
        "HealthLogDestination": "",
        "HealthMaxLogCount": 0,
        "HealthMaxLogSize": 0,
        "HealthcheckOnFailureAction": "",
        "SystemdMode": False,
        "Timeout": 0,
        "CreateCommand": None,
        "ExposedPorts": None,
        "Volumes": None,
        "sdNotifySocket": "",
    },
    "HostConfig": {
        "IDMappings": None,
        "Init": False,
        "CgroupConf": None,
        "IntelRdtClosID": "",
        "AutoRemoveImage": False,
    },
    "NetworkSettings": {"Networks": None},
}
IMAGE_OMITTED: dict[str, Any] = {
    "Config": {
        "User": "",
        "ExposedPorts": None,
        "Env": [],
        "Entrypoint": [],
        "Cmd": [],
        "Volumes": None,
        "WorkingDir": "",
        "Labels": None,
        "StopSignal": "",
        "ArgsEscaped": False,
    },
    "Healthcheck": None,
    "NamesHistory": [],
    "ManifestType": "",
    "User": "",
}
POD_OMITTED: dict[str, Any] = {
    "CgroupParent": "",
    "CgroupPath": "",
    "Hostname": "",
    "LockNumber": 0,
    "Namespace": "",
    "Labels": {},
    "InfraContainerID": "",
    "InfraConfig": None,
    "SharedNamespaces": [],
    "Containers": [],
    "CPUPeriod": 0,
    "CPUQuota": 0,
    "CPUShares": 0,
    "CPUSetCPUs": "",
    "CPUSetMems": "",
    "Mounts": [],
    "Devices": [],
    "BlkioDeviceReadBps": [],
    "BlkioDeviceWriteBps": [],
    "VolumesFrom": [],
    "SecurityOpts": [],
    "MemoryLimit": 0,
    "MemorySwap": 0,
    "BlkioWeight": 0,
    "BlkioWeightDevice": [],
    "RestartPolicy": "",
}
VOLUME_OMITTED: dict[str, Any] = {
    "Status": {},
    "Anonymous": False,
    "UID": 0,
    "GID": 0,
    "NeedsCopyUp": False,
    "NeedsChown": False,
    "Timeout": 0,
    "StorageID": "",
}


def show(
    ctx: Context,
    names: list[str],
    find: Callable[[str], dict[str, Any]],
    format: str,
    *,
    indent: str = "     ",
    omitted: dict[str, Any] | Callable[[dict[str, Any]], dict[str, Any]] | None = None,
) -> int:
    """Inspect each name; what is found is printed even when other names are missing.

    Args:
        find: name to object. Raises Error.
        format: "" or "json" for JSON, else a template.
        omitted: fields (with their zero values) that JSON leaves out; templates know them. Called with the object when it
            is a function.
    """
    from ocicore.errors import NotFound

    objects: list[dict[str, Any]] = []
    errors: list[Error] = []
    for name in names:
        try:
            objects.append(find(name))
        except NotFound as error:
            errors.append(error)
    _print(ctx, objects, format, indent, omitted)
    if errors:
        from pypod.options.select import report

        return report(ctx, errors)
    return 0


def _print(
    ctx: Context,
    objects: list[dict[str, Any]],
    format: str,
    indent: str,
    omitted: dict[str, Any] | Callable[[dict[str, Any]], dict[str, Any]] | None,
) -> None:
    if format in ("", "json"):
        from ocicore.cli.gojson import dumps

        ctx.stdout.write(dumps(objects, indent=indent, escape_html=False) + "\n")
        return
    from ocicore.cli import template
    from ocicore.cli.godata import Struct

    if template.is_json(format):
        ctx.stdout.write(template_json(objects, indent) + "\n")
        return
    rows = [
        Struct(
            _named(_with_omitted(one, omitted(one) if callable(omitted) else omitted or {})),
            aliases=_go_names(one),
        )
        for one in objects
    ]
    for other, name in ((".Src", ".Source"), (".Dst", ".Destination"), (".ImageID", ".Image")):
        format = format.replace(other, name)  # podman's older names
    template.print_list(ctx.stdout, format, rows, name="inspect")


def _go_names(one: dict[str, Any]) -> dict[str, str]:
    """Go's names of an object's fields that are not its JSON keys."""
    if "network_interface" in one:
        from pypod.commands.network.inspect import FIELDS

        return FIELDS
    return {"ID": "Id"} if "Id" in one else {}


def _named(value: dict[str, Any]) -> dict[str, Any]:
    """Lists of what has an Id have Go's ID, too (the containers of a pod)."""
    from ocicore.cli.godata import Struct

    return {
        key: [
            Struct(one, aliases={"ID": "Id"}) if isinstance(one, dict) and "Id" in one else one
            for one in found
        ]
        if isinstance(found, list)
        else found
        for key, found in value.items()
    }


def _with_omitted(value: dict[str, Any], omitted: dict[str, Any]) -> dict[str, Any]:
    """What JSON leaves out when it is empty is a field for templates all the same."""
    result = {**value}
    for key, default in omitted.items():
        if isinstance(default, dict) and default:
            given = value.get(key)
            result[key] = _with_omitted(given, default) if isinstance(given, dict) else default
        else:
            result.setdefault(key, default)
    for key in ("Healthcheck", "StartupHealthCheck"):
        if isinstance(result.get(key), dict) and "Test" in result[key]:
            result[key] = _durations(result[key])
    mappings = result.get("IDMappings")
    if isinstance(mappings, dict):
        result["IDMappings"] = {
            **mappings,
            "UIDMap": mappings.get("UidMap"),
            "GIDMap": mappings.get("GidMap"),
        }
    for name in ("LogCount", "LogSize"):
        if f"HealthcheckMax{name}" in result:  # Go's name is shorter than JSON's
            result[f"HealthMax{name}"] = result[f"HealthcheckMax{name}"]
    if "lockNumber" in result:
        result["LockNumber"] = result["lockNumber"]
    if omitted is IMAGE_OMITTED:
        result["HealthCheck"] = result["Healthcheck"]
    for key in [key for key in result if key.startswith("sdNotify")]:
        result[f"S{key[1:]}"] = result[key]  # the field's name in Go
    for key in _TIMES:
        if isinstance(result.get(key), str):
            from ocicore.cli import gotime

            result[key] = gotime.parse(result[key])
    if "History" in result:
        result["History"] = [_history(line) for line in result["History"] or ()]
    if "Health" in omitted:
        result["Healthcheck"] = result["Health"]  # an older name of the field
    return result


def _history(line: dict[str, Any]) -> Struct:
    """A line of an image's history: Go's names for its fields, those it has not got being empty."""
    from ocicore.cli import gotime
    from ocicore.cli.godata import Struct

    fields = {**line}
    if isinstance(line.get("created"), str):
        fields["created"] = gotime.parse(line["created"])
    absent = {name: lambda value=empty: value for name, (key, empty) in _HISTORY.items() if key not in line}
    return Struct(
        fields, aliases={name: key for name, (key, _) in _HISTORY.items() if key in line}, methods=absent
    )


def _durations(check: dict[str, Any]) -> dict[str, Any]:
    from ocicore.cli.godata import Duration

    names = ("Interval", "Timeout", "StartPeriod")
    return {key: Duration(value) if key in names else value for key, value in check.items()}


def template_json(objects: list[dict[str, Any]], indent: str) -> str:
    """JSON for --format '{{json}}'."""
    from ocicore.cli.gojson import dumps

    return dumps(objects, indent=indent, escape_html=False)
