"""One container as a Kubernetes container, with the volumes of the pod that it needs."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from ocicore.errors import InvalidInput
from ocicore.kube import quantities

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ocicore.engine.context import Engine
    from ocicore.engine.records import Container
    from ocicore.oci.config import ImageConfig

    Json = dict[str, Any]

_ULIMIT = "io.podman.annotations.ulimit"
_BIND = "bind-mount-options"
_UPDATE_LABELS = ("io.containers.autoupdate", "io.containers.autoupdate.authfile", "io.containers.sdnotify")
#: Variables that podman sets by itself.
_OWN_VARIABLES = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "container": "podman",
}


def clean_name(name: str) -> str:
    """A name that Kubernetes takes: it knows no underscores."""
    return name.replace("_", "")


def of_container(engine: Engine, container: Container) -> tuple[Json, dict[str, Json]]:
    """(container object, volumes by name). Raises InvalidInput for what Kubernetes cannot say, NotFound for its image."""
    config = container.config
    runtime = config["runtime"]
    if config.get("rootfs"):
        raise InvalidInput(f"container {container.name} has no image: it was made with --rootfs")
    if runtime.get("devices") and not runtime["security"].get("privileged"):
        raise InvalidInput(f"container {container.name}: devices have no form in Kubernetes YAML")
    image = engine.images.find(config["image"]["id"]).config()
    result: Json = {"image": container.image_name, "name": clean_name(container.name)}
    _words(result, config, image)
    env = _environment(runtime["env"], image)
    if env:
        result["env"] = env
    published = ports(config["network"]["ports"])
    if published:
        result["ports"] = published
    limits = _limits(runtime["resources"])
    if limits:
        result["resources"] = {"limits": limits}
    rights = _rights(engine, container, image)
    if rights:
        result["securityContext"] = rights
    if config["stdin"]:
        result["stdin"] = True
    if runtime["terminal"]:
        result["tty"] = True
    if runtime.get("cwd", "/") not in ("/", image.working_dir):
        result["workingDir"] = runtime["cwd"]
    mounts, volumes = _mounts(config["mounts"])
    if mounts:
        result["volumeMounts"] = mounts
    _probes(result, config["health"], image)
    return dict(sorted(result.items())), volumes


def _words(result: Json, config: Json, image: ImageConfig) -> None:
    entry, words = config["entrypoint"], config["cmd"]
    if entry and list(entry) != list(image.entrypoint):
        result["command"] = list(entry)
        if words:
            result["args"] = list(words)
    elif entry:
        if list(words) != list(image.cmd):
            result["args"] = list(words)
    elif list(words) != list(image.cmd):
        result["command"] = list(words)


def _environment(env: dict[str, str], image: ImageConfig) -> list[Json]:
    known = dict(text.partition("=")[::2] for text in image.env)
    found = []
    for name, value in env.items():
        if known.get(name) == value or _OWN_VARIABLES.get(name) == value:
            continue
        found.append({"name": name, "value": value})
    return found


def ports(mappings: Sequence[Json]) -> list[Json]:
    """Published ports, each one by itself. Raises InvalidInput for an unknown protocol."""
    found = []
    for mapping in mappings:
        for protocol in mapping["protocol"].split(","):
            if protocol not in ("tcp", "udp", "sctp"):
                raise InvalidInput(f"unknown network protocol {protocol}")
            for offset in range(mapping.get("range") or 1):
                entry: Json = {"containerPort": mapping["container_port"] + offset}
                if mapping.get("host_ip"):
                    entry["hostIP"] = mapping["host_ip"]
                entry["hostPort"] = mapping["host_port"] + offset
                if protocol != "tcp":
                    entry["protocol"] = protocol.upper()
                found.append(entry)
    return found


def _limits(resources: Json) -> Json:
    limits: Json = {}
    quota, period = resources.get("cpu_quota", 0), resources.get("cpu_period") or 100_000
    if quota > 0:
        milli = quota * 1000 // period
        if milli:
            limits["cpu"] = str(milli // 1000) if milli % 1000 == 0 else f"{milli}m"
    if resources.get("memory"):
        limits["memory"] = quantities.shown(resources["memory"])
    return limits


def _rights(engine: Engine, container: Container, image: ImageConfig) -> Json:
    from ocicore.engine.inspect_host_config import cap_names

    runtime = container.config["runtime"]
    security = runtime["security"]
    result: Json = {}
    if not security.get("privileged"):
        capabilities = {key: sorted(cap_names(security.get(f"cap_{key}"))) for key in ("add", "drop")}
        kept = {key: names for key, names in capabilities.items() if names}
        if kept:
            result["capabilities"] = kept
    else:
        result["privileged"] = True
    if security.get("no_new_privileges"):
        result["allowPrivilegeEscalation"] = False
    if runtime.get("read_only"):
        result["readOnlyRootFilesystem"] = True
    if "ALL" in [str(word).upper() for word in security.get("unmask", ())]:
        result["procMount"] = "Unmasked"
    labels = _selinux(container.config["asked"].get("security_opt") or ())
    if labels:
        result["seLinuxOptions"] = labels
    user = runtime.get("user", "")
    if user and user != image.user:
        result["runAsUser"], result["runAsGroup"] = _ids(engine, container, user)
    if image.user.isdigit() and int(image.user):
        result["runAsNonRoot"] = True
    return result


def _selinux(options: Sequence[str]) -> Json:
    """The labels asked for with --security-opt label=KIND:VALUE."""
    found: Json = {}
    for text in options:
        option, _, value = (
            text.replace(":", "=", 1).partition("=") if text.startswith("label:") else text.partition("=")
        )
        kind, colon, rest = value.partition(":")
        if option != "label":
            continue
        if colon and kind in ("filetype", "level", "type"):
            found[kind] = rest
        elif value == "disable":
            found["type"] = "spc_t"
    return found


def _ids(engine: Engine, container: Container, user: str) -> tuple[int, int]:
    """Numbers of a user; names are looked up in the container's root."""
    name, _, group = user.partition(":")
    if name.isdigit() and group.isdigit():
        return int(name), int(group)
    from ocicore.runtime import users

    root = engine.store.mount(container.id)
    try:
        found = users.resolve(user, root)
    finally:
        engine.store.unmount(container.id)
    return found.uid, found.gid


def _mounts(mounts: Sequence[Json]) -> tuple[list[Json], dict[str, Json]]:
    found: list[Json] = []
    volumes: dict[str, Json] = {}
    number = 0
    for mount in mounts:
        entry: Json = {"mountPath": mount["destination"]}
        if mount["type"] == "volume":
            name = _volume_name(mount["name"])
            entry["name"] = f"{name}-pvc"
            claim = {"claimName": name}
            volumes[entry["name"]] = {"name": entry["name"], "persistentVolumeClaim": claim}
            if mount.get("sub_path"):
                entry["subPath"] = mount["sub_path"]
        elif mount["type"] == "tmpfs":
            entry["name"] = f"tmp-{number}"
            volumes[entry["name"]] = {"emptyDir": {"medium": "Memory"}, "name": entry["name"]}
            number += 1
        elif mount["type"] == "bind":
            entry["name"] = f"{_path_name(mount['source'])}-host-{number}"
            kind = "Directory" if os.path.isdir(mount["source"]) else "File"
            if not os.path.exists(mount["source"]):
                kind = "DirectoryOrCreate"
            volumes[entry["name"]] = {
                "hostPath": {"path": mount["source"], "type": kind},
                "name": entry["name"],
            }
            number += 1
        else:
            raise InvalidInput(f"mounts of type {mount['type']} have no form in Kubernetes YAML")
        if "ro" in mount.get("options", ()):
            entry["readOnly"] = True
        found.append(dict(sorted(entry.items())))
    return found, volumes


def _volume_name(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


def _path_name(path: str) -> str:
    """A volume's name from a host path: "/etc/x.conf" -> "etc-x-conf"."""
    if path.rstrip("/") == "":
        return "root"
    return re.sub(r"[^a-z0-9-]+", "-", path.strip("/").lower()).strip("-")[:50] or "path"


def _probes(result: Json, check: Json | None, image: ImageConfig) -> None:
    """A health check that was asked for, as a liveness probe."""
    if not check or check.get("Test") == (image.healthcheck or {}).get("Test"):
        return
    test = check["Test"]
    words = ["/bin/sh", "-c", " ".join(test[1:])] if test[0] == "CMD-SHELL" else list(test[1:])
    second = 1_000_000_000
    probe: Json = {"exec": {"command": words}}
    if check.get("Interval"):
        probe["periodSeconds"] = max(check["Interval"] // second, 1)
    if check.get("Timeout"):
        probe["timeoutSeconds"] = max(check["Timeout"] // second, 1)
    if check.get("Retries"):
        probe["failureThreshold"] = check["Retries"]
    if check.get("StartPeriod"):
        probe["initialDelaySeconds"] = check["StartPeriod"] // second
    result["livenessProbe"] = probe


def annotations_of(container: Container, *, podman_only: bool) -> dict[str, str]:
    """What the pod says about this container in annotations."""
    config = container.config
    name = clean_name(container.name)
    found: dict[str, str] = {}
    for key, value in (config["runtime"].get("annotations") or {}).items():
        if podman_only or not key.startswith(("io.podman.", "io.kubernetes.cri", "org.opencontainers.")):
            found[f"{key}/{name}"] = value
    if podman_only:
        asked = config["asked"]
        if config["auto_remove"]:
            found[f"io.podman.annotations.autoremove/{name}"] = "TRUE"
        if config["runtime"].get("init"):
            found[f"io.podman.annotations.init/{name}"] = "TRUE"
        if asked.get("publish_all"):
            found[f"io.podman.annotations.publish-all/{name}"] = "TRUE"
    for key in _UPDATE_LABELS:
        if key in container.labels:
            found[f"{key}/{name}"] = container.labels[key]
    limits = config["asked"].get("ulimit") or ()
    if limits:
        found[_ULIMIT] = ",".join(limits)
    for mount in config["mounts"]:
        relabel = [word for word in mount.get("options", ()) if word in ("z", "Z")]
        if mount["type"] == "bind" and relabel:
            found[_BIND] = f"{mount['source']}:{relabel[0]}"
    return found
