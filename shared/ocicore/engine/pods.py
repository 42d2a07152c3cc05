"""Making a pod: its record, and the infra container that holds the namespaces its containers share.

What is kept in the record's `config`:

    create_command   words, for `inspect` and generated units
    hostname         what the containers that share the UTS namespace are called
    shares           kinds of namespaces shared: ipc, net, uts, pid, cgroup, user
    exit_policy      "continue" or "stop"
    restart          as typed; containers without a policy of their own take it over
    cgroup_parent, cgroup   see pod_cgroup.py; "" for none
    resources        limits of the cgroup (options/resources.py)
    security_opt, devices   that every container gets too, as typed
    asked            options that only `clone` and `inspect` read, as they were typed
    id_file          removed with the pod
    service          container that lives as long as the pod (kube play)
"""

from __future__ import annotations

import time

from ocicore.engine import events, names, pod_cgroup
from ocicore.engine.create_options import CreateOptions
from ocicore.errors import Error, InvalidInput, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from ocicore.engine.context import Engine
    from ocicore.engine.create import Resolve
    from ocicore.engine.pod_table import Pod

NAMESPACES = ("cgroup", "ipc", "net", "pid", "uts", "user")
DEFAULT_SHARES = ("ipc", "net", "uts")
_POLICIES = ("continue", "stop")
#: Options of `pod create` that are the infra container's.
_INFRA = (
    "add_host dns dns_option dns_search gidmap uidmap subuidname subgidname ip ip6 mac_address network net "
    "network_alias no_hosts no_hostname hosts_file pid uts publish security_opt shm_size shm_size_systemd sysctl "
    "userns volume volumes_from device gpus restart ipc label label_file"
).split()
_RESOURCES = (
    "blkio_weight blkio_weight_device cpu_shares cpus cpuset_cpus cpuset_mems device_read_bps device_write_bps "
    "memory memory_swap"
).split()


def parse_shares(text: str) -> list[str]:
    """--share: a comma list, "+" in front adds to the default, "none" or "" is nothing. Raises InvalidInput."""
    words: list[str] = []
    if text.startswith("+"):
        words, text = list(DEFAULT_SHARES), text[1:]
    words += [word for word in text.split(",") if word]
    if words == ["none"]:
        return []
    for word in words:
        if word not in NAMESPACES:
            raise InvalidInput(
                f"invalid kernel namespace to share: {word}. Options are: cgroup, ipc, net, pid, uts or none"
            )
    return list(dict.fromkeys(words))


class PodOptions:
    """What a caller may ask of a new pod, beside the options of its infra container.

    Attributes:
        values, given: options of `pod create` by attribute name, and which were set on purpose.
    """

    __slots__ = ("given", "values")

    def __init__(self, values: Mapping[str, Any], given: Iterable[str] | None = None) -> None:
        self.values = values
        self.given = frozenset(values if given is None else given)

    def get(self, name: str, default: Any = "") -> Any:
        """A value, the default when it was not given at all."""
        return self.values.get(name, default)


def create(engine: Engine, options: PodOptions, *, create_command: list[str], resolve: Resolve) -> Pod:
    """Make a pod, with its infra container unless that was refused; nothing is started.

    Raises:
        Conflict: the name is taken. InvalidInput, NotFound, Error: nothing is left behind.
    """
    config, labels, shares, infra = _decide(engine, options, create_command)
    pod_id = names.random_id()
    name = options.get("name")
    if name:
        names.check_name(name)
    else:
        name = names.random_name(lambda text: engine.state.containers.name_holder(text) is not None)
    if options.get("hostname"):
        names.check_name(options.get("hostname"))
    config["hostname"] = options.get("hostname") or (name if "uts" in shares else "")
    # On cgroup v1 an ordinary user owns no group: the runtime then makes none.
    groups = not engine.rootless or engine.host.cgroup_mode == "v2"
    if options.get("share_parent", True) and groups:
        parent = pod_cgroup.parent(engine, options.get("cgroup_parent"))
        config["cgroup_parent"], config["cgroup"] = parent, pod_cgroup.place(engine, pod_id, parent)
    image = ""
    if infra:
        from ocicore.engine import pause_image

        def find(wanted: str) -> Any:
            return resolve(wanted, CreateOptions({"quiet": True}))

        image = pause_image.find(engine, options.get("infra_image"), find)
    created = time.time_ns()
    pod = engine.state.pods.add(id=pod_id, name=name, created=created, labels=labels, config=config)
    try:
        if infra:
            _add_infra(engine, options, pod, image, resolve)
    except BaseException:
        engine.state.pods.remove(pod)
        raise
    event(engine, "create", pod)
    return pod


def event(engine: Engine, status: str, pod: Pod) -> None:
    """An event of a pod."""
    events.write(engine, "pod", status, ID=pod.id, Name=pod.name, Attributes=pod.labels)


def _decide(
    engine: Engine, options: PodOptions, create_command: list[str]
) -> tuple[dict[str, Any], dict[str, str], list[str], bool]:
    """(configuration, labels, shared namespaces, whether there is an infra container). Raises InvalidInput."""
    from ocicore.engine.options import labels as label_options
    from ocicore.engine.options import resources, restart

    shares = parse_shares(options.get("share", ",".join(DEFAULT_SHARES)))
    infra = bool(options.get("infra", True))
    if "infra" not in options.given and not shares:
        infra = False
    if not infra:
        _check_without_infra(options, shares)
        shares = []
    elif "cgroup" in shares and options.get("share_parent", True):
        raise InvalidInput(
            "cannot define the pod as the cgroup parent at the same time as joining the infra container's "
            "cgroupNS: invalid argument"
        )
    userns = options.get("userns")
    # Root's keep-id is the host's namespace, see create_namespaces.
    if infra and userns not in ("", "host") and (engine.rootless or not userns.startswith("keep-id")):
        shares.append("user")
    policy = options.get("exit_policy") or engine.config.engine.pod_exit_policy
    if policy not in _POLICIES:
        raise InvalidInput(
            f'running pod create option: invalid pod exit policy: "{policy}"', hint="continue or stop"
        )
    restart.read(options.get("restart"))
    wanted = {key: options.values[key] for key in _RESOURCES if key in options.values}
    limits = resources.read(
        CreateOptions(wanted), default_pids_limit=0, cgroups="enabled", given=options.given
    )
    config = {
        "create_command": create_command,
        "hostname": "",
        "shares": sorted(dict.fromkeys(shares)),
        "exit_policy": policy,
        "restart": options.get("restart"),
        "cgroup_parent": "",
        "cgroup": "",
        "resources": limits,
        "security_opt": list(options.get("security_opt", ())),
        "devices": list(options.get("device", ())),
        "asked": {key: options.values[key] for key in options.given if key in options.values},
        "id_file": options.get("pod_id_file"),
        "service": options.get("service"),
    }
    labels = label_options.read_labels(options.get("label_file", ()), options.get("label", ()))
    return config, labels, shares, infra


def _check_without_infra(options: PodOptions, shares: list[str]) -> None:
    if "no_hosts" in options.given and options.get("no_hosts"):
        raise InvalidInput("cannot specify --no-hosts without an infra container")
    if options.get("infra_name"):
        raise InvalidInput("cannot set infra-name without an infra container")
    if "share" in options.given and shares:
        raise InvalidInput(f"cannot set share({','.join(shares)}) namespaces without an infra container")
    if options.get("publish"):
        raise InvalidInput("you must have an infra container to publish port bindings to the host")
    for name in ("add_host", "dns", "dns_option", "dns_search", "ip", "ip6", "mac_address", "network"):
        if options.get(name):
            word = name.replace("_", "-")
            raise InvalidInput(f"cannot set --{word} without an infra container: it has no network")


def _add_infra(engine: Engine, options: PodOptions, pod: Pod, image: str, resolve: Resolve) -> None:
    from ocicore.engine import create

    values = {key: options.values[key] for key in _INFRA if key in options.values}
    given = {key for key in values if key in options.given}
    for key in ("network", "publish", "volume"):
        values[key] = list(values.get(key) or ())
    values["name"] = options.get("infra_name") or f"{pod.id[:12]}-infra"
    given.add("name")
    if pod.config["hostname"] and values.get("uts") != "host" and "net" not in values.get("uts", ""):
        values["hostname"] = pod.config["hostname"][:64]
        given.add("hostname")
    if "ipc" in pod.config["shares"] and not values.get("ipc"):
        values["ipc"] = "shareable"
        given.add("ipc")
    if pod.config["cgroup"]:
        values["cgroup_parent"] = pod.config["cgroup"]
        given.add("cgroup_parent")
    if "infra_restart" in options.values:
        values["restart"] = options.values["infra_restart"]
        given.add("restart")
    # It is no service of its own: a manager that waits for a pod hears of the containers in it.
    values["sdnotify"] = "ignore"
    given.add("sdnotify")
    if options.get("infra_command"):
        values["entrypoint"] = options.get("infra_command")
        given.add("entrypoint")
    if options.get("infra_conmon_pidfile"):
        values["conmon_pidfile"] = options.get("infra_conmon_pidfile")
        given.add("conmon_pidfile")
    container = create.create(
        engine,
        CreateOptions(values, given),
        image,
        [],
        create_command=[],
        resolve=resolve,
        pod=pod,
        infra=True,
    )
    try:
        engine.state.pods.set_infra(pod, container.id)
    except BaseException:
        from ocicore.engine import remove

        remove.remove(engine, container, force=True, with_pod=True)
        raise


def find_or_make(
    engine: Engine, options: CreateOptions, *, create_command: list[str], resolve: Resolve
) -> tuple[Pod, bool]:
    """The pod that --pod or --pod-id-file names, and whether it was made just now (--pod new:NAME).

    Ports, networks, names and the hostname of a container with --pod new: are its pod's. Raises NotFound, Error.
    """
    name = options.pod
    if options.pod_id_file:
        try:
            with open(options.pod_id_file) as file:
                name = file.readline().strip()
        except OSError as error:
            raise Error(
                f"reading pod id file {options.pod_id_file}: {(error.strerror or '').lower()}"
            ) from error
    if not name.startswith("new:"):
        try:
            return engine.state.pods.find(name), False
        except NotFound as error:
            error.message = (
                f"retrieving pod {name}: {error.message}" if not options.pod_id_file else error.message
            )
            raise
    wanted = name.removeprefix("new:")
    if not wanted:
        raise InvalidInput("new pod name must be at least one character")
    taken = (
        "add_host",
        "dns",
        "dns_option",
        "dns_search",
        "network",
        "net",
        "publish",
        "hostname",
        "no_hosts",
    )
    moved = (*taken, "ip", "ip6", "mac_address", "network_alias", "no_hostname", "hosts_file", "userns")
    values = {key: getattr(options, key) for key in moved if key in options.given}
    values["name"] = wanted
    values["cgroup_parent"] = options.cgroup_parent
    return create(engine, PodOptions(values), create_command=create_command, resolve=resolve), True
