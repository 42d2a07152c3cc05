"""A container or pod as podman's SpecGenerator (pkg/specgen): what its REST interface takes to make the same again."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ocicore.engine.context import Engine
    from ocicore.engine.pod_table import Pod
    from ocicore.engine.records import Container

    Json = dict[str, Any]


def of_container(engine: Engine, container: Container, *, new_name: bool) -> Json:
    """The object of a container; with `new_name` under the name a clone would get."""
    from ocicore.engine import container_clone

    config = container.config
    runtime = config["runtime"]
    name = container_clone.next_name(engine, container.name) if new_name else container.name
    result: Json = {"name": name}
    _put(result, "pod", container.pod_id)
    _put(result, "entrypoint", config["entrypoint"])
    _put(result, "command", config["cmd"])
    _put(result, "env", dict(sorted(runtime["env"].items())))
    _put(result, "terminal", runtime["terminal"])
    _put(result, "stdin", config["stdin"])
    _put(result, "labels", config["labels"])
    _put(result, "annotations", runtime.get("annotations"))
    result["stop_signal"] = config["stop_signal"]
    result["stop_timeout"] = config["stop_timeout"]
    log = config["log"]
    result["log_configuration"] = {"driver": log["driver"]}
    _put(result["log_configuration"], "path", log["path"])
    if config["restart"]["name"] not in ("", "no"):
        result["restart_policy"] = config["restart"]["name"]
        _put(result, "restart_tries", config["restart"]["max_retries"])
    _put(result, "remove", config["auto_remove"])
    _put(result, "containerCreateCommand", config["create_command"])
    _put(result, "timezone", config["tz"])
    _put(result, "hostname", runtime.get("hostname", ""))
    _put(result, "sysctl", runtime.get("sysctl"))
    result["sdnotifyMode"] = config["sdnotify"]
    for key, kind in (
        ("pidns", "pid"),
        ("utsns", "uts"),
        ("ipcns", "ipc"),
        ("cgroupns", "cgroup"),
        ("userns", "user"),
    ):
        result[key] = _namespace(config["namespaces"][kind])
    if config.get("rootfs"):
        result["rootfs"] = config["rootfs"]
        _put(result, "rootfs_overlay", config["rootfs_overlay"])
    else:
        result["image"] = config["image"]["id"]
        result["raw_image_name"] = config["image"]["name"]
    _mounts(result, config["mounts"])
    _put(result, "devices", [{"path": text} for text in runtime.get("devices", ())])
    _put(result, "shm_size", runtime.get("shm_size"))
    _put(result, "work_dir", runtime.get("cwd"))
    _put(result, "umask", runtime.get("umask"))
    rights = runtime["security"]
    _put(result, "privileged", rights.get("privileged"))
    _put(result, "user", runtime.get("user"))
    _put(result, "groups", runtime.get("group_add"))
    _put(result, "cap_add", list(rights.get("cap_add", ())))
    _put(result, "cap_drop", list(rights.get("cap_drop", ())))
    _put(result, "read_only_filesystem", runtime.get("read_only"))
    if runtime.get("uid_mappings"):
        result["idmappings"] = {
            "UIDMap": [_id_map(item) for item in runtime["uid_mappings"]],
            "GIDMap": [_id_map(item) for item in runtime["gid_mappings"]],
        }
    _put(result, "cgroup_parent", runtime.get("cgroup_parent"))
    result["cgroups_mode"] = runtime["cgroups"]
    _network(result, config["network"])
    _limits(engine, result, runtime)
    _put(result, "r_limits", [_rlimit(item) for item in runtime.get("rlimits", ())])
    check = config["health"]
    if check:
        keys = ("Test", "Interval", "Timeout", "StartPeriod", "Retries")
        result["healthconfig"] = {key: check[key] for key in keys if key in check}
    return result


def of_pod(engine: Engine, pod: Pod, *, new_name: bool) -> Json:
    """The object of a pod, with its infra container's."""
    from ocicore.engine import container_clone

    config = pod.config
    result: Json = {"name": container_clone.next_name(engine, pod.name) if new_name else pod.name}
    _put(result, "hostname", config["hostname"])
    _put(result, "labels", pod.labels)
    _put(result, "restart_policy", config["restart"])
    result["exit_policy"] = config["exit_policy"]
    _put(result, "shared_namespaces", config["shares"])
    _put(result, "pod_create_command", config["create_command"])
    _put(result, "cgroup_parent", config["cgroup_parent"])
    _put(result, "security_opt", config["security_opt"])
    infra = engine.state.containers.get(pod.infra_id) if pod.infra_id else None
    if infra is None:
        result["no_infra"] = True
        return result
    result["infra_image"] = infra.image_name
    result["infra_name"] = f"{result['name']}-infra" if new_name else infra.name
    _network(result, infra.config["network"])
    _mounts(result, infra.config["mounts"])
    if config["resources"]:
        from ocicore.runtime import spec_linux

        wanted: Any = {"resources": config["resources"]}
        limits = spec_linux.resources(wanted, engine.host, engine.warn)
        _put(result, "resource_limits", limits)
    return result


def _put(target: Json, key: str, value: object) -> None:
    if value:
        target[key] = value


def _namespace(mode: str) -> Json:
    kind, _, value = mode.partition(":")
    if kind == "container":
        return {"nsmode": "container", "value": value}
    if kind == "ns":
        return {"nsmode": "path", "value": value}
    return {"nsmode": kind, "value": value} if value else {"nsmode": kind} if kind else {}


def _id_map(item: Json) -> Json:
    return {"ContainerID": item["container_id"], "HostID": item["host_id"], "Size": item["size"]}


def _rlimit(item: Json) -> Json:
    kind = item["type"].upper().removeprefix("RLIMIT_")
    return {"type": f"RLIMIT_{kind}", "hard": item["hard"], "soft": item["soft"]}


def _mounts(result: Json, mounts: list[Json]) -> None:
    plain, volumes, overlays, images = [], [], [], []
    for mount in mounts:
        options = list(mount.get("options", ()))
        if mount["type"] == "volume":
            volumes.append({"Name": mount["name"], "Dest": mount["destination"], "Options": options or None})
        elif mount["type"] == "overlay":
            overlays.append({"destination": mount["destination"], "source": mount["source"]})
        elif mount["type"] == "image":
            read_write = bool(mount.get("read_write"))
            images.append(
                {"Source": mount["source"], "Destination": mount["destination"], "ReadWrite": read_write}
            )
        else:
            entry = {"destination": mount["destination"], "type": mount["type"]}
            _put(entry, "source", mount.get("source"))
            _put(entry, "options", options)
            plain.append(entry)
    _put(result, "mounts", plain)
    _put(result, "volumes", volumes)
    _put(result, "overlay_volumes", overlays)
    _put(result, "image_volumes", images)


def _network(result: Json, network: Json) -> None:
    kind = network["kind"]
    result["netns"] = {"nsmode": kind}
    _put(result["netns"], "value", network["target"])
    if network["networks"]:
        result["Networks"] = {
            name: {key: value for key, value in options.items() if value}
            for name, options in network["networks"].items()
        }
    _put(result, "portmappings", network["ports"])
    _put(result, "expose", {int(key.partition("/")[0]): key.partition("/")[2] for key in network["exposed"]})
    _put(result, "dns_server", network["dns"])
    _put(result, "dns_search", network["dns_search"])
    _put(result, "dns_option", network["dns_options"])
    _put(result, "hostadd", network["add_hosts"])
    _put(result, "use_image_hosts", network["no_hosts"])
    _put(result, "use_image_hostname", network["no_hostname"])
    if network["options"]:
        result["network_options"] = {kind: network["options"]}


def _limits(engine: Engine, result: Json, runtime: Json) -> None:
    if not runtime["resources"] or runtime["cgroups"] == "disabled":
        return
    from ocicore.runtime import spec_linux

    limits = spec_linux.resources(runtime, engine.host, engine.warn)  # type: ignore[arg-type]
    _put(result, "resource_limits", limits)
