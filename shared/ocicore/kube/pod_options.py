"""A pod's YAML as options: of `pod create`, and of `create` for each of its containers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ocicore.engine.auto_update import AUTHFILE_LABEL, POLICY_LABEL
from ocicore.errors import InvalidInput, NotFound
from ocicore.kube import documents, pod_volumes, probes, quantities

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ocicore.engine.context import Engine
    from ocicore.kube.pod_volumes import PodVolume
    from ocicore.kube.sources import Sources

    Json = dict[str, Any]

RESTART = {"Always": "always", "OnFailure": "on-failure", "Never": "no", "": "always"}
_USERNS = "io.podman.annotations.userns"
_INFRA_NAME = "io.podman.annotations.infra.name"
_INIT_KIND = "io.podman.annotations.init.container.type"
_ULIMIT = "io.podman.annotations.ulimit"
_AUTOMOUNT = "io.podman.annotations.kube.image.volumes.mount"
_SECCOMP = "seccomp.security.alpha.kubernetes.io"
#: Annotations "KEY/CONTAINER" that set an option of that container.
_BY_CONTAINER = {
    "io.podman.annotations.cid-file": "cidfile",
    "io.podman.annotations.autoremove": "rm",
    "io.podman.annotations.init": "init",
    "io.podman.annotations.apparmor": "apparmor",
    "io.podman.annotations.seccomp": "seccomp",
    "io.podman.annotations.label": "label",
    "io.podman.annotations.volumes-from": "volumes_from",
    "io.podman.annotations.pids-limit": "pids_limit",
}


def pod_values(name: str, template: Json, *, publish_all: bool) -> Json:
    """Options of the pod by attribute name, without what the command line adds. Raises InvalidInput."""
    where = f"pod {name}"
    spec = documents.mapping(template, "spec", where)
    annotations = annotations_of(template, where)
    restart = documents.text(spec, "restartPolicy", where)
    if restart not in RESTART:
        raise InvalidInput(f"{where}: restartPolicy: {restart!r}: must be Always, OnFailure or Never")
    values: Json = {
        "name": name,
        "label": [f"{key}={value}" for key, value in _labels(template, where).items()],
        "share": "ipc,net,uts",
        "hostname": documents.text(spec, "hostname", where) or name,
        "exit_policy": "stop",
        "restart": RESTART[restart],
        # Of the containers alone: a pod whose unit is being stopped would come up again with its infra container.
        "infra_restart": "no",
        "publish": _ports(spec, where, publish_all=publish_all),
    }
    if documents.flag(spec, "shareProcessNamespace", where):
        values["share"] += ",pid"
    for key, option in (("hostPID", "pid"), ("hostIPC", "ipc")):
        if documents.flag(spec, key, where):
            values[option] = "host"
    if documents.flag(spec, "hostNetwork", where):
        import os

        values.update({"network": ["host"], "hostname": os.uname().nodename, "uts": "host", "publish": []})
    aliases = [
        f"{host}:{documents.text(alias, 'ip', where)}"
        for alias in documents.objects(spec, "hostAliases", where)
        for host in documents.texts(alias, "hostnames", where)
    ]
    if aliases:
        values["add_host"] = aliases
    _resolver(values, documents.mapping(spec, "dnsConfig", where), where)
    context = documents.mapping(spec, "securityContext", where)
    sysctls = documents.objects(context, "sysctls", where)
    if sysctls:
        values["sysctl"] = [
            f"{documents.text(one, 'name', where)}={documents.text(one, 'value', where)}" for one in sysctls
        ]
    userns = annotations.get(_USERNS) or annotations.get(f"{_USERNS}/{name}", "")
    if not userns and documents.flag(spec, "hostUsers", where) is False:
        userns = "auto"
    if userns:
        values["userns"] = "auto" if userns == "private" else userns
    if annotations.get(_INFRA_NAME):
        values["infra_name"] = annotations[_INFRA_NAME]
    return values


def annotations_of(template: Json, where: str) -> dict[str, str]:
    """metadata.annotations. Raises InvalidInput."""
    return documents.string_map(documents.mapping(template, "metadata", where), "annotations", where)


def _labels(template: Json, where: str) -> dict[str, str]:
    return documents.string_map(documents.mapping(template, "metadata", where), "labels", where)


def update_labels(annotations: Mapping[str, str], container: str) -> dict[str, str]:
    """What auto-update looks for, from annotations for all containers or for one: `io.containers.autoupdate/NAME`."""
    found = {}
    for label in (POLICY_LABEL, AUTHFILE_LABEL):
        given = annotations.get(f"{label}/{container}", annotations.get(label, ""))
        if given:
            found[label] = given
    return found


def _resolver(values: Json, config: Json, where: str) -> None:
    servers, searches = (documents.texts(config, key, where) for key in ("nameservers", "searches"))
    if servers:
        values["dns"] = servers
    if searches:
        values["dns_search"] = searches
    options = []
    for entry in documents.objects(config, "options", where):
        value = documents.text(entry, "value", where)
        options.append(documents.text(entry, "name", where) + (f":{value}" if value else ""))
    if options:
        values["dns_option"] = options


def _ports(spec: Json, where: str, *, publish_all: bool) -> list[str]:
    found = []
    for key in ("containers", "initContainers"):
        for container in documents.objects(spec, key, where):
            for port in documents.objects(container, "ports", where):
                inside = documents.number(port, "containerPort", where) or 0
                outside = documents.number(port, "hostPort", where) or 0
                if not outside and publish_all:
                    outside = inside
                if not outside:
                    continue
                protocol = documents.text(port, "protocol", where, "TCP").lower()
                address = documents.text(port, "hostIP", where)
                if ":" in address:
                    address = f"[{address}]"
                found.append(f"{address + ':' if address else ''}{outside}:{inside or outside}/{protocol}")
    return found


def container_values(
    engine: Engine,
    template: Json,
    container: Json,
    *,
    pod_name: str,
    full_name: str,
    volumes: dict[str, PodVolume],
    sources: Sources,
    annotations: Mapping[str, str],
    facts: Mapping[str, str],
    seccomp_root: str = "",
    init: bool = False,
) -> tuple[Json, list[str]]:
    """(options of `create` by attribute name, the command's words).

    Args:
        full_name: of the container, with its pod's.
        annotations: of the pod, with those of the command line.
        facts: what environment variables may refer to (see Sources.environment).
        seccomp_root: where the seccomp profiles "localhost/…" of annotations lie.

    Raises:
        InvalidInput, NotFound.
    """
    own = documents.text(container, "name", f"pod {pod_name}")
    where = f"pod {pod_name}: container {own or '(without a name)'}"
    if not own:
        raise InvalidInput(f"{where}: it needs a name")
    spec = documents.mapping(template, "spec", where)
    values: Json = {"name": full_name}
    command, args = documents.texts(container, "command", where), documents.texts(container, "args", where)
    if command:
        values["entrypoint"] = json.dumps(command)
    for key, option in (("workingDir", "workdir"), ("tty", "tty"), ("stdin", "interactive")):
        if container.get(key):
            values[option] = container[key]
    env = sources.environment(container, where, facts)
    if env:
        values["env"] = [f"{key}={value}" for key, value in env.items()]
    labels = {**_labels(template, where), **update_labels(annotations, own)}
    if labels:
        values["label"] = [f"{key}={value}" for key, value in labels.items()]
    kept = [
        f"{key}={value}" for key, value in annotations.items() if "/" not in key.partition("annotations")[2]
    ]
    if kept:
        values["annotation"] = kept
    restart = documents.text(spec, "restartPolicy", where)
    values["restart"] = "no" if init else RESTART[restart]
    grace = documents.number(spec, "terminationGracePeriodSeconds", where)
    if grace is not None:
        values["stop_timeout"] = grace
    values["writable_tmpfs"] = True
    mounts, devices = pod_volumes.mounts(engine, container, volumes, where)
    mounts = [*automounts(engine, annotations, own), *mounts]
    if mounts:
        values["mount"] = mounts
    if devices:
        values["device"] = devices
    _rights(values, documents.mapping(spec, "securityContext", where), container, where)
    _limits(values, container, where)
    if init:
        if any(
            container.get(key) for key in ("lifecycle", "livenessProbe", "readinessProbe", "startupProbe")
        ):
            raise InvalidInput(
                "cannot create an init container that has either of lifecycle, livenessProbe, readinessProbe, "
                "or startupProbe set"
            )
        values["init_ctr"] = annotations.get(f"{_INIT_KIND}/{own}") or annotations.get(_INIT_KIND) or "once"
    else:
        probes.apply(values, container, where, never=values["restart"] == "no")
    _from_annotations(values, annotations, own, where)
    profile = seccomp_profile(annotations, own, seccomp_root)
    if profile:
        values["security_opt"] = [*values.get("security_opt", ()), f"seccomp={profile}"]
    return values, args


def automounts(engine: Engine, annotations: Mapping[str, str], own: str) -> list[str]:
    """--mount words for the volumes of the images that an annotation names. Raises NotFound."""
    found: dict[str, str] = {}
    for name in annotations.get(f"{_AUTOMOUNT}/{own}", "").split(";"):
        if not name:
            continue
        try:
            image = engine.images.find(name)
        except NotFound as error:
            error.message = f"image {name} from container {own} does not exist in local storage, cannot automount: {error.message}"
            raise
        for path in image.config().volumes:
            if path in found:
                engine.warn(
                    f'Multiple volume mounts to "{path}" requested, overriding them with image {name}'
                )
            found[path] = f"type=image,src={image.id},dst={path},subpath={path}"
    return list(found.values())


def seccomp_profile(annotations: Mapping[str, str], own: str, root: str) -> str:
    """The seccomp profile of a container (else its pod's) in Kubernetes' older annotations. Raises InvalidInput."""
    text = annotations.get(f"container.{_SECCOMP}/{own}", annotations.get(f"{_SECCOMP}/pod", ""))
    if text in ("", "docker/default", "runtime/default", "unconfined"):
        return text if text == "unconfined" else ""
    kind, _, rest = text.partition("/")
    if kind != "localhost" or not rest:
        raise InvalidInput(f"invalid seccomp path: {text}")
    return f"{root}/{rest}"


def _from_annotations(values: Json, annotations: Mapping[str, str], own: str, where: str) -> None:
    if annotations.get(_ULIMIT):
        values["ulimit"] = annotations[_ULIMIT].split(",")
    for key, option in _BY_CONTAINER.items():
        text = annotations.get(f"{key}/{own}", "")
        if not text:
            continue
        if option in ("rm", "init"):
            if text.lower() not in ("true", "false", "1", "0", "t", "f"):
                raise InvalidInput(f"{where}: annotation {key}: {text!r} is no boolean")
            values[option] = text.lower() in ("true", "1", "t")
        elif option in ("apparmor", "seccomp", "label"):
            values["security_opt"] = [*values.get("security_opt", ()), f"{option}={text}"]
        elif option == "volumes_from":
            values[option] = text.split(";")
        elif option == "pids_limit":
            if not text.lstrip("-").isdigit():
                raise InvalidInput(f"{where}: annotation {key}: {text!r} is no number")
            values[option] = int(text)
        else:
            values[option] = text


def _rights(values: Json, pod: Json, container: Json, where: str) -> None:
    """securityContext of the container over the pod's."""
    own = documents.mapping(container, "securityContext", where)
    if documents.flag(own, "readOnlyRootFilesystem", where):
        values["read_only"] = True
    if documents.flag(own, "privileged", where):
        values["privileged"] = True
    options = []
    if documents.flag(own, "allowPrivilegeEscalation", where) is False:
        options.append("no-new-privileges")
    if documents.text(own, "procMount", where) == "Unmasked":
        options.append("unmask=all")
    labels = {
        **documents.mapping(pod, "seLinuxOptions", where),
        **documents.mapping(own, "seLinuxOptions", where),
    }
    for key in ("user", "role", "type", "level", "filetype"):
        if labels.get(key):
            options.append(f"label={key}:{labels[key]}")
    if options:
        values["security_opt"] = options
    capabilities = documents.mapping(own, "capabilities", where)
    for key, option in (("add", "cap_add"), ("drop", "cap_drop")):
        words = documents.texts(capabilities, key, where)
        if words:
            values[option] = words
    user, group = (
        documents.number(own, key, where)
        if documents.number(own, key, where) is not None
        else documents.number(pod, key, where)
        for key in ("runAsUser", "runAsGroup")
    )
    if user is not None or group is not None:
        values["user"] = f"{0 if user is None else user}" + ("" if group is None else f":{group}")
    groups = pod.get("supplementalGroups") or []
    extra = documents.number(pod, "fsGroup", where)
    if not isinstance(groups, list) or not all(isinstance(item, int) for item in groups):
        raise InvalidInput(f"{where}: supplementalGroups: must be a list of whole numbers")
    wanted = [str(item) for item in [*groups, *([] if extra is None else [extra])]]
    if wanted:
        values["group_add"] = wanted


def _limits(values: Json, container: Json, where: str) -> None:
    resources = documents.mapping(container, "resources", where)
    limits, requests = (documents.mapping(resources, key, where) for key in ("limits", "requests"))
    if "cpu" in limits:
        values["cpus"] = quantities.milli(limits["cpu"], f"{where}: resources: cpu") / 1000
    for key, source in (("memory", limits), ("memory_reservation", requests)):
        if "memory" in source:
            amount = quantities.whole(source["memory"], f"{where}: resources: memory")
            if amount:
                values[key] = str(amount)
    devices = []
    for name, value in limits.items():
        if name.startswith("podman.io/device="):
            # "podman.io/device=/dev/x": 1 passes a device on.
            if quantities.whole(value, where):
                devices.append(name.partition("=")[2])
    if devices:
        values["device"] = [*values.get("device", ()), *devices]


def names_of(containers: Sequence[Json], where: str) -> list[str]:
    """Names of containers. Raises InvalidInput for one that is there twice."""
    found: list[str] = []
    for container in containers:
        name = documents.text(container, "name", where)
        if name in found:
            raise InvalidInput(f'the {where} is invalid; duplicate container name "{name}" detected')
        found.append(name)
    return found
