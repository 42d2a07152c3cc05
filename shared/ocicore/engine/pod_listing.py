"""Looking at pods: their state, the rows of `pod ps`, the object of `pod inspect` (podman's keys), and --filter."""

from __future__ import annotations

from ocicore.engine import pod_cgroup, pod_verbs, records
from ocicore.engine.quantities import rfc3339
from ocicore.errors import InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from ocicore.engine.context import Engine
    from ocicore.engine.pod_table import Pod
    from ocicore.engine.records import Container

    Json = dict[str, Any]
    Test = Callable[["PodView"], bool]

_ENDED = frozenset((records.EXITED, records.STOPPED))
_NEW = frozenset((records.CONFIGURED, records.CREATED))
STATES = ("Created", "Degraded", "Error", "Exited", "Paused", "Running", "Stopped")


class PodView:
    """A pod with its containers as they are now: pod, containers (infra first), state."""

    __slots__ = ("containers", "pod", "state")

    def __init__(self, engine: Engine, pod: Pod) -> None:
        self.pod = pod
        self.containers = pod_verbs.members(engine, pod)
        self.state = state(self.containers)


def state(containers: list[Container]) -> str:
    """What the states of its containers make of a pod; init containers do not count."""
    counted = [container.status for container in containers if not pod_verbs.init_kind(container)]
    if not counted:
        return "Created"
    running = counted.count(records.RUNNING)
    if running == len(counted):
        return "Running"
    if running:
        return "Degraded"
    if counted.count(records.PAUSED) == len(counted):
        return "Paused"
    ended = sum(status in _ENDED for status in counted)
    if ended == len(counted):
        return "Exited"
    if ended:
        return "Stopped"
    if any(status not in _NEW and status != records.PAUSED for status in counted):
        return "Error"
    return "Created"


def views(engine: Engine, filters: Iterable[str] = ()) -> list[PodView]:
    """All pods that match, oldest first. Raises InvalidInput."""
    tests = _tests(engine, filters)
    found = [PodView(engine, pod) for pod in engine.state.pods.all()]
    return [view for view in found if all(test(view) for test in tests)]


def row(engine: Engine, view: PodView) -> Json:
    """One row of `pod ps`, as podman's JSON has it."""
    pod = view.pod
    infra = next((c for c in view.containers if c.is_infra), None)
    return {
        "Cgroup": pod.config["cgroup_parent"],
        "Containers": [
            {
                "Id": container.id,
                "Names": container.name,
                "Status": container.shown_status,
                "RestartCount": container.restarts,
            }
            for container in view.containers
        ]
        or None,
        "Created": rfc3339(pod.created),
        "Id": pod.id,
        "InfraId": pod.infra_id,
        "Name": pod.name,
        "Namespace": "",
        "Networks": list(infra.networks) if infra is not None else None,
        "Status": view.state,
        "Labels": pod.labels,
    }


def inspect(engine: Engine, pod: Pod) -> Json:
    """Everything about a pod."""
    view = PodView(engine, pod)
    config = pod.config
    infra = next((c for c in view.containers if c.is_infra), None)
    result: Json = {"Id": pod.id, "Name": pod.name, "Created": rfc3339(pod.created)}
    if config["create_command"]:
        result["CreateCommand"] = config["create_command"]
    result.update({"ExitPolicy": config["exit_policy"], "State": view.state, "Hostname": config["hostname"]})
    if pod.labels:
        result["Labels"] = dict(sorted(pod.labels.items()))
    result["CreateCgroup"] = bool(config["cgroup"])
    if config["cgroup"]:
        result["CgroupParent"] = config["cgroup_parent"]
        result["CgroupPath"] = pod_cgroup.path(engine, pod)
    result["CreateInfra"] = infra is not None
    if infra is not None:
        result["InfraContainerID"] = infra.id
        result["InfraConfig"] = _infra_config(pod, infra)
    if config["shares"]:
        result["SharedNamespaces"] = config["shares"]
    result["NumContainers"] = len(view.containers)
    if view.containers:
        result["Containers"] = [
            {"Id": c.id, "Name": c.name, "State": c.shown_status} for c in view.containers
        ]
    _limits(result, config["resources"])
    if infra is not None and infra.config["mounts"]:
        from ocicore.engine import inspecting

        result["mounts"] = [inspecting.mount(one) for one in infra.config["mounts"]]
    if config["devices"]:
        result["devices"] = [_device(text) for text in config["devices"]]
    if config["security_opt"]:
        result["security_opt"] = config["security_opt"]
    if config["restart"]:
        result["RestartPolicy"] = config["restart"]
    result["LockNumber"] = 0
    return result


def _device(text: str) -> Json:
    host, _, rest = text.partition(":")
    inside, _, rights = rest.partition(":")
    return {"PathOnHost": host, "PathInContainer": inside or host, "CgroupPermissions": rights}


def _limits(result: Json, limits: Json) -> None:
    for key, name in (
        ("cpu_period", "cpu_period"),
        ("cpu_quota", "cpu_quota"),
        ("cpu_shares", "cpu_shares"),
        ("cpuset_cpus", "cpuset_cpus"),
        ("cpuset_mems", "cpuset_mems"),
        ("memory", "memory_limit"),
        ("memory_swap", "memory_swap"),
        ("blkio_weight", "blkio_weight"),
    ):
        if limits.get(key):
            result[name] = limits[key]
    for key in ("device_read_bps", "device_write_bps"):
        if limits.get(key):
            result[key] = [{"Path": item["path"], "Rate": item["rate"]} for item in limits[key]]


def _infra_config(pod: Pod, infra: Container) -> Json:
    from ocicore.engine.inspect_host_config import port_bindings

    network = infra.config["network"]
    asked = pod.config["asked"]
    result: Json = {
        "PortBindings": port_bindings(infra),
        "HostNetwork": network["kind"] == "host",
        "StaticIP": asked.get("ip") or "",
        "StaticMAC": asked.get("mac_address") or "",
        "NoManageResolvConf": network["dns"] == ["none"],
        "DNSServer": network["dns"] or None,
        "DNSSearch": network["dns_search"] or None,
        "DNSOption": network["dns_options"] or None,
        "NoManageHostname": network["no_hostname"],
        "NoManageHosts": network["no_hosts"],
        "HostAdd": network["add_hosts"] or None,
        "HostsFile": network["hosts_file"],
        "Networks": list(infra.networks) or None,
        "NetworkOptions": {network["kind"]: network["options"]} if network["options"] else None,
    }
    limits = pod.config["resources"]
    for key in ("cpu_period", "cpu_quota", "cpuset_cpus"):
        if limits.get(key):
            result[key] = limits[key]
    modes = infra.config["namespaces"]
    shown = {"pid": "pid_ns", "user": "userns", "uts": "uts_ns"}
    for kind, name in shown.items():
        result[name] = "host" if modes[kind] in ("host", "") and kind == "user" else modes[kind] or "private"
    return result


def _tests(engine: Engine, texts: Iterable[str]) -> list[Test]:
    groups: dict[str, list[str]] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals:
            raise InvalidInput(f"filter input must be in the form of filter=value: {text} is invalid")
        groups.setdefault(key, []).append(value)
    return [_test(engine, key, values) for key, values in groups.items()]


def _test(engine: Engine, key: str, values: list[str]) -> Test:
    if key in ("id", "ctr-ids"):
        wanted = [_id_test(value) for value in values]
        if key == "id":
            return lambda view: any(test(view.pod.id) for test in wanted)
        return lambda view: any(test(c.id) for c in view.containers for test in wanted)
    if key in ("name", "ctr-names"):
        patterns = [_pattern(value) for value in values]
        if key == "name":
            return lambda view: any(pattern(view.pod.name) for pattern in patterns)
        return lambda view: any(pattern(c.name) for c in view.containers for pattern in patterns)
    if key == "ctr-number":
        try:
            numbers = {int(value) for value in values}
        except ValueError:
            raise InvalidInput(f"filter ctr-number: {values[0]!r} is no number") from None
        return lambda view: len(view.containers) in numbers
    if key == "ctr-status":
        for value in values:
            if value not in ("created", "running", "paused", "stopped", "exited", "unknown"):
                raise InvalidInput(f"{value} is not a valid status")
        return lambda view: any(_has_status(c, value) for c in view.containers for value in values)
    if key == "status":
        for value in values:
            if value.capitalize() not in STATES:
                raise InvalidInput(f"{value} is not a valid pod status")
        return lambda view: view.state.lower() in {value.lower() for value in values}
    if key in ("label", "label!"):
        from ocicore.engine.container_filters import match_label

        def labelled(view: PodView) -> bool:
            found = all(match_label(view.pod.labels, value) for value in values)
            return found == (key == "label")

        return labelled
    if key == "until":
        from ocicore.engine.container_filters import parse_moment

        moment = parse_moment(values[0])
        return lambda view: view.pod.created < moment
    if key == "network":
        from ocicore.engine import network_setup

        definitions = network_setup.definitions(engine)
        names = {definitions.get(value)["name"] for value in values}
        return lambda view: any(names & set(c.networks) for c in view.containers if c.is_infra)
    raise InvalidInput(f"{key} is an invalid filter")


def _has_status(container: Container, wanted: str) -> bool:
    if wanted in ("stopped", "exited"):
        return container.status in _ENDED
    return container.shown_status == wanted


def _id_test(value: str) -> Callable[[str], bool]:
    """A prefix, or a regular expression when it does not look like one."""
    import re

    if re.fullmatch("[0-9a-fA-F]+", value):
        return lambda text: text.startswith(value.lower())
    return _pattern(value)


def _pattern(value: str) -> Callable[[str], bool]:
    import re

    try:
        compiled = re.compile(value)
    except re.error as error:
        raise InvalidInput(f"error parsing regexp: {value}: {error}") from None
    return lambda text: compiled.search(text) is not None
