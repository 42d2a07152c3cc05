"""The object of `container inspect`, with podman 5's keys in its order (libpod/define: InspectContainerData)."""

from __future__ import annotations

import os

from ocicore.engine import listing, records
from ocicore.engine.inspect_host_config import host_config, own_annotations
from ocicore.engine.inspect_network import network_settings
from ocicore.engine.quantities import rfc3339
from ocicore.files import quick_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ocicore.engine.context import Engine
    from ocicore.engine.records import Container

    Json = dict[str, Any]

_ZERO = "0001-01-01T00:00:00Z"


def inspect(engine: Engine, container: Container, *, size: bool = False) -> Json:
    """Everything about one container."""
    listing.refresh(engine, container)
    config = container.config
    runtime = config["runtime"]
    static_dir = engine.store.container_dir(container.id)
    run_dir = engine.store.container_run_dir(container.id)
    document = _document(static_dir) if container.status != records.CONFIGURED else {}
    caps = _capabilities(engine, runtime, document)
    args = runtime["args"]
    alive = container.status in records.ALIVE
    result: Json = {
        "Id": container.id,
        "Created": rfc3339(container.created),
        "Path": args[0],
        "Args": args[1:],
        "State": _state(engine, container, document),
        "Image": container.image_id,
        "ImageDigest": config["image"]["digest"],
        "ImageName": container.image_name,
        "Rootfs": config.get("rootfs", ""),
        "Pod": container.pod_id,
        "ResolvConfPath": _present(f"{run_dir}/resolv.conf", alive),
        "HostnamePath": _present(f"{run_dir}/hostname", alive),
        "HostsPath": _present(f"{run_dir}/hosts", alive),
        "StaticDir": static_dir,
    }
    if document:
        result["OCIConfigPath"] = f"{static_dir}/config.json"
    result.update(
        {
            "OCIRuntime": config.get("runtime_asked") or engine.runtime(config["oci_runtime"]).name,
            "ConmonPidFile": config["conmon_pidfile"] or f"{run_dir}/conmon.pid",
            "PidFile": config["pidfile"] or f"{run_dir}/pidfile",
            "Name": container.name,
            "RestartCount": container.restarts,
            "Driver": engine.store.driver_name,
            "MountLabel": runtime["security"].get("selinux_mount_label", ""),
            "ProcessLabel": runtime["security"].get("selinux_process_label", ""),
            "AppArmorProfile": runtime["security"].get("apparmor", ""),
            "EffectiveCaps": caps[0],
            "BoundingCaps": caps[1],
            "ExecIDs": [session.id for session in engine.state.execs.of_container(container.id)],
            "GraphDriver": _graph_driver(engine, container),
        }
    )
    if size:
        found = listing.sizes(engine, container)
        result["SizeRw"] = found["rwSize"]
        result["SizeRootFs"] = found["rootFsSize"]
    result.update(
        {
            "Mounts": [
                mount(one)
                for one in config["mounts"]
                if one["type"] in ("bind", "volume", "overlay", "image")
            ],
            "Dependencies": engine.state.containers.dependencies(container.id),
            "NetworkSettings": network_settings(engine, container),
            "Namespace": "",
            "IsInfra": container.is_infra,
            "IsService": bool(config.get("is_service")),
            "KubeExitCodePropagation": config.get("exit_codes", "invalid"),
            "lockNumber": 0,
            "Config": _config(engine, container),
            "HostConfig": {**host_config(engine, container, static_dir), **_limits(document)},
            "UseImageHosts": config["network"]["no_hosts"],
            "UseImageHostname": config["network"]["no_hostname"],
        }
    )
    return result


def _document(static_dir: str) -> Json:
    try:
        with open(f"{static_dir}/config.json", "rb") as file:
            found = quick_json.loads(file.read())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _limits(document: Json) -> Json:
    """The limits the process was started with, where it was: those the host implied are among them."""
    limits = (document.get("process") or {}).get("rlimits")
    if not limits:
        return {}
    return {"Ulimits": [{"Name": one["type"], "Soft": one["soft"], "Hard": one["hard"]} for one in limits]}


def _present(path: str, alive: bool) -> str:
    return path if alive and os.path.exists(path) else ""


def _capabilities(engine: Engine, runtime: Json, document: Json) -> tuple[list[str], list[str]]:
    if document:
        found = document["process"].get("capabilities") or {}
        return found.get("effective") or [], found.get("bounding") or []
    from ocicore.runtime import capabilities

    security = runtime["security"]
    if security.get("privileged"):
        every = sorted(engine.host.bounding or ())
        return every, every
    names = capabilities.merge(
        security.get("capabilities", capabilities.DEFAULT),
        security.get("cap_add", ()),
        security.get("cap_drop", ()),
        engine.host.bounding,
    )
    root = runtime.get("user", "").partition(":")[0] in ("", "0", "root")
    return (list(names) if root else []), list(names)


def _state(engine: Engine, container: Container, document: Json) -> Json:
    status = container.shown_status
    result: Json = {
        "OciVersion": document.get("ociVersion", "1.2.0"),
        "Status": status,
        "Running": container.status in (records.RUNNING, records.STOPPING),
        "Paused": container.status == records.PAUSED,
        "Restarting": False,
        "OOMKilled": container.oom_killed,
        "Dead": False,
        "Pid": container.pid,
    }
    if container.conmon_pid:
        result["ConmonPid"] = container.conmon_pid
    result.update(
        {
            "ExitCode": container.exit_code,
            "Error": "",
            "StartedAt": rfc3339(container.started),
            "FinishedAt": rfc3339(container.finished),
        }
    )
    if container.config["health"]:
        result["Health"] = _health(engine, container)
    path = (document.get("linux") or {}).get("cgroupsPath", "")
    if path:
        result["CgroupPath"] = path
    marks = container.state.get("checkpoint")
    restored = container.state.get("restored_at")
    result["CheckpointedAt"] = rfc3339(marks["at"]) if marks else _ZERO
    result["RestoredAt"] = rfc3339(restored) if restored else _ZERO
    if marks:
        result["Checkpointed"] = True
    if restored:
        result["Restored"] = True
    if container.stopped_by_user:
        result["StoppedByUser"] = True
    return result


def _health(engine: Engine, container: Container) -> Json:
    if container.status in records.ALIVE:
        from ocicore.engine import health_check

        found = health_check.read(engine, container)
        return {
            "Status": found["Status"],
            "FailingStreak": found["FailingStreak"],
            "Log": found["Log"] or None,
        }
    kept = container.state.get("health_log") or {}
    streak, log = kept.get("streak", 0), kept.get("log")
    return {"Status": container.health or "starting", "FailingStreak": streak, "Log": log or None}


def _graph_driver(engine: Engine, container: Container) -> Json | None:
    if container.config.get("rootfs"):
        return None
    from ocicore.engine.image_listing import driver_data
    from ocicore.errors import NotFound

    try:
        layer = engine.store.container(container.id).layer
    except NotFound:
        return {"Name": engine.store.driver_name, "Data": {}}
    data = driver_data(engine, layer)
    if container.mountpoint and data:
        data = {"LowerDir": data.get("LowerDir", ""), "MergedDir": container.mountpoint, **data}
    return {"Name": engine.store.driver_name, "Data": data}


def mount(mount: Json) -> Json:
    """A MountSpec as `inspect` shows it."""
    options = [word for word in mount.get("options", ()) if word not in ("z", "Z", "U")]
    propagation = next(
        (word for word in options if word.endswith(("private", "shared", "slave"))), "rprivate"
    )
    result: Json = {"Type": "volume" if mount["type"] == "volume" else mount["type"]}
    if mount["type"] == "overlay":
        result["Type"] = "bind"
    if mount.get("name"):
        result["Name"] = mount["name"]
    shown = [word for word in options if word not in ("ro", "rw") and word != propagation]
    if mount["type"] == "bind" and not {"bind", "rbind"} & set(shown):
        shown.append("rbind")
    if mount["type"] == "volume" and not shown:
        shown = ["nosuid", "nodev", "rbind"]
    result.update(
        {
            "Source": mount["name"] if mount["type"] == "image" else mount.get("source", ""),
            "Destination": mount["destination"],
            "Driver": "local" if mount["type"] == "volume" else "",
            "Mode": ",".join(word for word in mount.get("options", ()) if word in ("z", "Z")),
            "Options": shown,
            "RW": "ro" not in options and (mount["type"] != "image" or bool(mount.get("read_write"))),
            "Propagation": propagation,
        }
    )
    if mount.get("sub_path"):
        result["SubPath"] = mount["sub_path"]
    return result


def _environment(container: Container) -> list[str]:
    runtime = container.config["runtime"]
    env = dict(runtime["env"])
    if not runtime.get("unset_env_all"):
        env.setdefault("container", "podman")
        if runtime["terminal"]:
            env.setdefault("TERM", "xterm")
        env.setdefault("HOME", "/root" if runtime.get("user", "") in ("", "0", "root") else "/")
        env.setdefault("HOSTNAME", runtime.get("hostname") or container.id[:12])
    return [f"{key}={value}" for key, value in env.items()]


def _without_zeros(check: dict[str, Any]) -> dict[str, Any]:
    """As podman shows a check: what is zero is not said."""
    return {key: value for key, value in check.items() if value}


def _config(engine: Engine, container: Container) -> Json:
    from ocicore.engine import network_setup
    from ocicore.linux.process import signal_name

    config = container.config
    runtime = config["runtime"]
    asked = config["asked"]
    result: Json = {
        "Hostname": network_setup.hostname(engine, container),
        "Domainname": "",
        "User": runtime.get("user", ""),
        "AttachStdin": False,
        "AttachStdout": False,
        "AttachStderr": False,
        "Tty": runtime["terminal"],
        "OpenStdin": config["stdin"],
        "StdinOnce": False,
        "Env": _environment(container),
        "Cmd": config["cmd"] or None,
        "Image": container.image_name,
        "Volumes": None,
        "WorkingDir": runtime["cwd"],
        "Entrypoint": config["entrypoint"] or None,
        "OnBuild": None,
        "Labels": container.labels or None,
        "Annotations": own_annotations(config, runtime),
        "StopSignal": signal_name(config["stop_signal"]),
    }
    if config["health"]:
        check = dict(config["health"])
        on_failure = check.pop("on_failure", "none")
        log_count, log_size = check.pop("log_count", 5), check.pop("log_size", 500)
        destination = check.pop("destination", "local")
        startup = check.pop("startup", None)
        if startup:
            result["StartupHealthCheck"] = _without_zeros(startup)
        result["Healthcheck"] = _without_zeros(check)
        result["HealthcheckOnFailureAction"] = on_failure
    else:
        result["HealthcheckOnFailureAction"] = "none"
        log_count, log_size, destination = 5, 500, "local"
        if config.get("health_disabled"):
            result["Healthcheck"] = {"Test": ["NONE"]}
    result.update(
        {
            "HealthLogDestination": destination,
            "HealthcheckMaxLogCount": log_count,
            "HealthcheckMaxLogSize": log_size,
            "CreateCommand": config["create_command"],
        }
    )
    if config["tz"]:
        result["Timezone"] = config["tz"]
    if runtime["systemd"]:
        result["SystemdMode"] = True
    result["Umask"] = runtime["umask"] or "0022"
    if config["secrets"]:
        result["Secrets"] = [
            {
                "Name": secret["name"],
                "ID": secret["id"],
                "UID": secret["uid"],
                "GID": secret["gid"],
                "Mode": secret["mode"],
            }
            for secret in config["secrets"]
        ]
    result.update(
        {
            "Timeout": config["timeout"],
            "StopTimeout": config["stop_timeout"],
            "Passwd": asked.get("passwd", True),
            "sdNotifyMode": config["sdnotify"],
        }
    )
    if config.get("sdnotify_socket"):
        result["sdNotifySocket"] = config["sdnotify_socket"]
    if container.exposed:
        result["ExposedPorts"] = container.exposed
    return result
