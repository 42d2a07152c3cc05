"""HostConfig of `container inspect`: what was asked for, in Docker's shape with podman's defaults filled in."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ocicore.engine.context import Engine
    from ocicore.engine.records import Container

    Json = dict[str, Any]


def own_annotations(config: Json, runtime: Json) -> Json | None:
    """Annotations podman sets for its own flags, and the user's; None when there are none."""
    result: Json = {}
    if config["auto_remove"]:
        result["io.podman.annotations.autoremove"] = "TRUE"
    if runtime.get("init"):
        result["io.podman.annotations.init"] = "TRUE"
    if runtime["security"].get("privileged"):
        result["io.podman.annotations.privileged"] = "TRUE"
    if runtime.get("publish_all"):
        result["io.podman.annotations.publish-all"] = "TRUE"
    result.update(runtime["annotations"])
    return result or None


def _shown_mode(mode: str, default: str) -> str:
    return mode or default


def network_mode(network: Json) -> str:
    """What --network was, as inspect shows it."""
    kind: str = network["kind"]
    if kind == "container":
        return f"container:{network['target']}"
    if kind == "ns":
        return f"ns:{network['target']}"
    return kind


def _tmpfs(config: Json) -> Json:
    result = {}
    for mount in config["mounts"]:
        if mount["type"] == "tmpfs":
            words = list(mount.get("options", ()))
            for group in (("rw", "ro"), ("rprivate",), ("nosuid", "suid"), ("nodev", "dev"), ("tmpcopyup",)):
                if not any(word in group for word in words):
                    words.append(group[0])
            result[mount["destination"]] = ",".join(words)
    return result


def _binds(config: Json) -> list[str]:
    found = []
    for mount in config["mounts"]:
        if mount["type"] not in ("bind", "volume"):
            continue
        source = mount.get("name") if mount["type"] == "volume" else mount.get("source")
        words = [word for word in mount.get("options", ()) if word != "rw"]
        access = [] if "ro" in words else ["rw"]
        if not any(word.endswith(("private", "shared", "slave")) for word in words):
            words.append("rprivate")
        if mount["type"] == "volume":
            words += ["nosuid", "nodev"]
        if not {"bind", "rbind"} & set(words):
            words.append("rbind")
        found.append(f"{source}:{mount['destination']}:{','.join([*access, *words])}")
    return found


def _devices(runtime: Json) -> list[Json]:
    found = []
    for text in runtime["devices"]:
        host, _, rest = text.partition(":")
        inside, _, mode = rest.partition(":")
        if inside and not inside.startswith("/"):
            inside, mode = host, inside
        found.append({"PathOnHost": host, "PathInContainer": inside or host, "CgroupPermissions": mode})
    return found


def host_config(engine: Engine, container: Container, static_dir: str) -> Json:
    """The whole object."""
    config = container.config
    runtime = config["runtime"]
    asked = config["asked"]
    limits = runtime["resources"]
    modes = config["namespaces"]
    log = config["log"]
    swappiness = limits.get("memory_swappiness")
    result: Json = {
        "Binds": _binds(config),
        "CgroupManager": runtime["cgroup_manager"],
        "CgroupMode": _shown_mode(modes["cgroup"], "private"),
        "ContainerIDFile": config["cidfile"],
        "LogConfig": {
            "Type": log.get("asked") or log["driver"],
            "Config": None,
            "Path": (log["path"] or f"{static_dir}/ctr.log") if log["driver"] == "k8s-file" else "",
            "Tag": log["tag"],
            "Size": "0B" if log["size"] < 0 else _size_text(log["size"]),
        },
        "NetworkMode": network_mode(config["network"]),
        "PortBindings": port_bindings(container),
        "RestartPolicy": {
            "Name": config["restart"]["name"] or "no",
            "MaximumRetryCount": config["restart"]["max_retries"],
        },
        "AutoRemove": config["auto_remove"],
        "AutoRemoveImage": config["auto_remove_image"],
        "Annotations": own_annotations(config, runtime),
        "ConsoleSize": [0, 0],
        "VolumeDriver": "",
        "VolumesFrom": asked.get("volumes_from") or None,
        "CapAdd": cap_names(runtime["security"].get("cap_add")),
        "CapDrop": cap_names(runtime["security"].get("cap_drop")),
        "Dns": config["network"]["dns"],
        "DnsOptions": config["network"]["dns_options"],
        "DnsSearch": config["network"]["dns_search"],
        "ExtraHosts": config["network"]["add_hosts"],
        "HostsFile": config["network"]["hosts_file"],
        "GroupAdd": runtime["group_add"],
        "IpcMode": _shown_mode(modes["ipc"], "shareable"),
        "Cgroup": "",
        "Cgroups": "default" if runtime["cgroups"] == "enabled" else runtime["cgroups"],
        "Links": None,
        "OomScoreAdj": runtime.get("oom_score_adj", 0),
        "PidMode": _shown_mode(modes["pid"], "private"),
        "Privileged": bool(runtime["security"].get("privileged")),
        "PublishAllPorts": bool(runtime.get("publish_all")),
        "ReadonlyRootfs": runtime["read_only"],
        "SecurityOpt": asked.get("security_opt") or [],
        "Tmpfs": _tmpfs(config),
        "UTSMode": _shown_mode(modes["uts"], "private"),
        "UsernsMode": "private" if runtime.get("uid_mappings") else "",
    }
    if runtime.get("uid_mappings"):
        from ocicore.engine.create_namespaces import describe

        result["IDMappings"] = {
            "UidMap": describe(runtime["uid_mappings"]),
            "GidMap": describe(runtime["gid_mappings"]),
        }
    quota, period = limits.get("cpu_quota", 0), limits.get("cpu_period", 0)
    result.update(
        {
            "ShmSize": runtime.get("shm_size", 65536 * 1024),
            "Runtime": "oci",
            "Isolation": "",
            "CpuShares": limits.get("cpu_shares", 0),
            "Memory": limits.get("memory", 0),
            "NanoCpus": quota * 1_000_000_000 // period if quota > 0 and period else 0,
            "CgroupParent": runtime["cgroup_parent"],
            "BlkioWeight": limits.get("blkio_weight", 0),
            "BlkioWeightDevice": [
                {"Path": device["path"], "Weight": device["weight"]}
                for device in limits.get("blkio_weight_device", ())
            ]
            or None,
            "BlkioDeviceReadBps": _rates(limits.get("device_read_bps")),
            "BlkioDeviceWriteBps": _rates(limits.get("device_write_bps")),
            "BlkioDeviceReadIOps": _rates(limits.get("device_read_iops")),
            "BlkioDeviceWriteIOps": _rates(limits.get("device_write_iops")),
            "CpuPeriod": period,
            "CpuQuota": quota,
            "CpuRealtimePeriod": limits.get("cpu_rt_period", 0),
            "CpuRealtimeRuntime": limits.get("cpu_rt_runtime", 0),
            "CpusetCpus": limits.get("cpuset_cpus", ""),
            "CpusetMems": limits.get("cpuset_mems", ""),
            "Devices": _devices(runtime),
            "DiskQuota": 0,
            "KernelMemory": 0,
            "MemoryReservation": limits.get("memory_reservation", 0),
            "MemorySwap": limits.get("memory_swap", 0),
            "MemorySwappiness": 0 if swappiness is None else swappiness,
            "OomKillDisable": bool(limits.get("oom_kill_disable")),
        }
    )
    if runtime.get("init"):
        result["Init"] = True
    result.update(
        {
            "PidsLimit": limits.get("pids_limit", 0),
            "Ulimits": [
                {"Name": "RLIMIT_" + limit["type"].upper(), "Soft": limit["soft"], "Hard": limit["hard"]}
                for limit in runtime["rlimits"]
            ],
            "CpuCount": 0,
            "CpuPercent": 0,
            "IOMaximumIOps": 0,
            "IOMaximumBandwidth": 0,
            "CgroupConf": limits.get("unified") or None,
        }
    )
    return result


def cap_names(names: Any) -> list[str]:
    """Capabilities as podman spells them: "CAP_CHOWN", "ALL"."""
    return [
        name.upper() if name.upper().startswith("CAP_") or name.upper() == "ALL" else "CAP_" + name.upper()
        for name in names or ()
    ]


def _rates(entries: Any) -> list[Json] | None:
    return [{"Path": entry["path"], "Rate": entry["rate"]} for entry in entries or ()] or None


def _size_text(size: int) -> str:
    """Decimal, as podman prints a log's limit: "10MB"."""
    value = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            return f"{value:.4g}{unit}"
        value /= 1000
    return str(size)


def port_bindings(container: Container) -> Json:
    """ "80/tcp" -> host addresses, as Docker has it."""
    result: Json = {}
    for mapping in container.ports:
        for step in range(mapping.get("range", 1) or 1):
            key = f"{mapping['container_port'] + step}/{mapping['protocol']}"
            entry = {
                "HostIp": mapping.get("host_ip") or "0.0.0.0",
                "HostPort": str(mapping["host_port"] + step),
            }
            result.setdefault(key, []).append(entry)
    return result
