"""kube generate: containers, pods and volumes as Kubernetes YAML that `kube play` (and Kubernetes) read."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import yaml

from ocicore.engine import pod_verbs
from ocicore.errors import Conflict, InvalidInput, NotFound
from ocicore.kube import container_yaml
from ocicore.kube.container_yaml import clean_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ocicore.engine.context import Engine
    from ocicore.engine.pod_table import Pod
    from ocicore.engine.records import Container, Volume

    Json = dict[str, Any]

TYPES = ("pod", "deployment", "daemonset", "job")
_POLICIES = {"always": "Always", "no": "Never", "on-failure": "OnFailure"}
_NODE_PORTS = range(30000, 32768)


def generate(
    engine: Engine,
    names: Sequence[str],
    *,
    kind: str = "pod",
    service: bool = False,
    replicas: int = 1,
    podman_only: bool = False,
    version: str,
) -> str:
    """The YAML of all objects named.

    Args:
        names: containers (which become one pod), pods, volumes.
        kind: one of TYPES.
        service: a Service for the published ports too.
        podman_only: keep annotations that only podman knows.

    Raises:
        NotFound, InvalidInput.
    """
    if kind not in TYPES:
        raise InvalidInput(
            f"invalid generation type: {kind}: only pods, deployments, jobs, and daemonsets are currently supported"
        )
    if replicas < 1:
        raise InvalidInput(
            "--replicas has to be greater than or equal to 1. By default, --replicas is set to 1"
        )
    if replicas > 1 and kind != "deployment":
        raise InvalidInput("--replicas can only be set when --type is set to deployment")
    containers, pods, volumes = _sorted_out(engine, names)
    claims = [_claim(volume) for volume in volumes]
    made = [_of_pod(engine, pod, podman_only=podman_only) for pod in pods]
    if containers:
        made.append(_of_containers(engine, containers, podman_only=podman_only))
    services = [_service(pod_object) for pod_object in made] if service else []
    # As helm installs: what others need comes first.
    documents = [*claims, *services, *(_wrapped(pod_object, kind, replicas) for pod_object in made)]
    heading = (
        "# Save the output of this file and use kubectl create -f to import\n"
        "# it into Kubernetes.\n#\n"
        f"# Created with podman-{version}\n"
    )
    if any({"ipc", "net", "uts"} - set(pod.config["shares"]) for pod in pods):
        heading += "\n# NOTE: The pod shares other namespaces than pods of Kubernetes do: there it may behave otherwise.\n"
    return heading + "---\n".join(_dump(value) for value in documents)


def _dump(value: Json) -> str:
    return yaml.safe_dump(value, default_flow_style=False, sort_keys=True, allow_unicode=True, width=1000)


def _sorted_out(engine: Engine, names: Sequence[str]) -> tuple[list[Container], list[Pod], list[Volume]]:
    containers: list[Container] = []
    pods: list[Pod] = []
    volumes: list[Volume] = []
    for name in names:
        try:
            container = engine.state.containers.find(name)
        except NotFound:
            pass
        else:
            if container.pod_id:
                raise InvalidInput(
                    f"container {container.id} is associated with pod {container.pod_id}: use generate on the pod itself"
                )
            containers.append(container)
            continue
        try:
            pods.append(engine.state.pods.find(name))
            continue
        except NotFound:
            pass
        volume = engine.state.volumes.get(name)
        if volume is None:
            raise NotFound(
                f'name or ID "{name}" not found: no container, pod or volume has it',
                hint="see ps -a, pod ps, volume ls",
            )
        volumes.append(volume)
    if containers and pods:
        raise Conflict("cannot generate pods and containers at the same time")
    return containers, pods, volumes


def _object(name: str, spec: Json, annotations: dict[str, str]) -> Json:
    metadata: Json = {
        "creationTimestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "labels": {"app": name},
        "name": name,
    }
    if annotations:
        metadata["annotations"] = annotations
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def _of_pod(engine: Engine, pod: Pod, *, podman_only: bool) -> Json:
    found = pod_verbs.members(engine, pod)
    infra = next((container for container in found if container.is_infra), None)
    others = [container for container in found if not container.is_infra]
    if not others:
        raise InvalidInput(
            f"pod {pod.name} has no containers"
            if infra is None
            else f"pod {pod.id} only has an infra container"
        )
    spec, annotations = _spec(engine, others, podman_only=podman_only, name_prefix=pod.name)
    if infra is not None:
        network = infra.config["network"]
        if "net" in pod.config["shares"]:
            for container in (*spec["containers"], *spec.get("initContainers", ())):
                container.pop("ports", None)
            ports = container_yaml.ports(network["ports"])
            if ports:
                spec["containers"][0]["ports"] = ports
        _network(spec, network)
        if infra.config["runtime"].get("uid_mappings"):
            spec["hostUsers"] = False
            annotations["io.podman.annotations.userns"] = infra.config["namespaces"]["user"]
        if infra.name != f"{pod.id[:12]}-infra":
            annotations["io.podman.annotations.infra.name"] = infra.name
        if pod.config["hostname"] and pod.config["hostname"] != pod.name:
            spec["hostname"] = pod.config["hostname"]
    if "pid" in pod.config["shares"]:
        spec["shareProcessNamespace"] = True
    _restart(spec, pod.config["restart"].partition(":")[0])
    return _object(clean_name(pod.name), spec, annotations)


def _of_containers(engine: Engine, containers: list[Container], *, podman_only: bool) -> Json:
    spec, annotations = _spec(engine, containers, podman_only=podman_only)
    if all(container.config["network"]["kind"] == "host" for container in containers):
        spec["hostNetwork"] = True
    for container in containers:
        _network(spec, container.config["network"], host=False)
        if container.config["runtime"].get("uid_mappings"):
            spec["hostUsers"] = False
        hostname = container.config["runtime"].get("hostname")
        if hostname and "hostname" not in spec:
            spec["hostname"] = hostname
    _restart(spec, containers[0].config["restart"]["name"])
    name = clean_name(containers[0].name)
    if name in [clean_name(container.name) for container in containers]:
        name += "-pod"
    return _object(name, spec, annotations)


def _restart(spec: Json, policy: str) -> None:
    if policy in _POLICIES:
        spec["restartPolicy"] = _POLICIES[policy]


def _spec(
    engine: Engine, containers: list[Container], *, podman_only: bool, name_prefix: str = ""
) -> tuple[Json, dict[str, str]]:
    """(spec, annotations) with containers, init containers and volumes."""
    spec: Json = {"containers": []}
    annotations: dict[str, str] = {}
    volumes: dict[str, Json] = {}
    for container in containers:
        made, needed = container_yaml.of_container(engine, container)
        target = "initContainers" if pod_verbs.init_kind(container) else "containers"
        spec.setdefault(target, []).append(made)
        volumes.update(needed)
        annotations.update(container_yaml.annotations_of(container, podman_only=podman_only))
        config = container.config
        if config["stop_timeout"] != engine.config.engine.stop_timeout:
            spec.setdefault("terminationGracePeriodSeconds", config["stop_timeout"])
    if volumes:
        spec["volumes"] = list(volumes.values())
    return spec, annotations


def _network(spec: Json, network: Json, *, host: bool = True) -> None:
    if host and network["kind"] == "host":
        spec["hostNetwork"] = True
    aliases = []
    for text in network["add_hosts"]:
        name, _, address = text.partition(":")
        aliases.append({"hostnames": [name], "ip": address})
    if aliases:
        spec["hostAliases"] = [*spec.get("hostAliases", ()), *aliases]
    config: Json = spec.get("dnsConfig", {})
    for key, name in (("dns", "nameservers"), ("dns_search", "searches")):
        if network[key]:
            config[name] = list(dict.fromkeys([*config.get(name, ()), *network[key]]))
    for text in network["dns_options"]:
        name, colon, value = text.partition(":")
        config.setdefault("options", []).append({"name": name, "value": value} if colon else {"name": name})
    if config:
        spec["dnsConfig"] = config


def _wrapped(pod: Json, kind: str, replicas: int) -> Json:
    if kind == "pod":
        return pod
    policy = pod["spec"].get("restartPolicy", "")
    name = pod["metadata"]["name"]
    if kind in ("deployment", "daemonset") and policy not in ("", "Always"):
        what = "Deployments" if kind == "deployment" else "DaemonSets"
        raise InvalidInput(f"k8s {what} can only have restartPolicy set to Always")
    if kind == "job":
        if policy == "Always":
            raise InvalidInput(
                "k8s Jobs can not have restartPolicy set to Always; only Never and OnFailure policies allowed"
            )
        pod["spec"]["restartPolicy"] = "Never"
    spec: Json = {"template": {"metadata": pod["metadata"], "spec": pod["spec"]}}
    if kind == "job":
        spec.update({"completions": 1, "parallelism": 1})
    else:
        spec["selector"] = {"matchLabels": {"app": name}}
        if replicas > 1:
            spec["replicas"] = replicas
    metadata = {
        "creationTimestamp": pod["metadata"]["creationTimestamp"],
        "labels": pod["metadata"]["labels"],
        "name": f"{name}-{kind}",
    }
    shown = {"deployment": "Deployment", "daemonset": "DaemonSet", "job": "Job"}[kind]
    version = "batch/v1" if kind == "job" else "apps/v1"
    return {"apiVersion": version, "kind": shown, "metadata": metadata, "spec": spec}


def _service(pod: Json) -> Json:
    """A NodePort service for the ports of all containers, which then need no port of the host."""
    import random

    found = [port for container in pod["spec"]["containers"] for port in container.get("ports", ())]
    chosen = random.sample(_NODE_PORTS, len(found))
    ports = []
    for port, node_port in zip(found, chosen, strict=True):
        entry: Json = {
            "name": str(port["containerPort"]),
            "nodePort": node_port,
            "port": port["containerPort"],
            "targetPort": port["containerPort"],
        }
        if port.get("protocol"):
            entry["protocol"] = port["protocol"]
        ports.append(entry)
        port.pop("hostPort", None)
    metadata = {key: value for key, value in pod["metadata"].items() if key != "annotations"}
    spec: Json = {"selector": {"app": pod["metadata"]["labels"]["app"]}, "type": "NodePort"}
    if ports:
        spec["ports"] = ports
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}


def _claim(volume: Volume) -> Json:
    annotations = {"volume.podman.io/driver": volume.driver}
    for key, name in (("o", "mount-options"), ("device", "device"), ("type", "type")):
        if volume.options.get(key):
            annotations[f"volume.podman.io/{name}"] = volume.options[key]
    metadata: Json = {
        "annotations": annotations,
        "creationTimestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "name": volume.name,
    }
    if volume.labels:
        metadata["labels"] = volume.labels
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": metadata,
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
        "status": {},
    }
