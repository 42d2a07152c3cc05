"""What being in a pod means for a new container: the namespaces, limits and options it takes from there."""

from __future__ import annotations

from ocicore.engine.create_options import CreateOptions
from ocicore.errors import InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ocicore.engine.context import Engine
    from ocicore.engine.pod_table import Pod

#: Shared namespace -> the option that chooses it.
_OPTION = {"cgroup": "cgroupns", "ipc": "ipc", "pid": "pid", "uts": "uts", "user": "userns"}
_NETWORK = (
    "publish publish_all expose dns dns_option dns_search add_host ip ip6 mac_address network_alias".split()
)


def options_in(engine: Engine, options: CreateOptions, pod: Pod, *, made: bool) -> CreateOptions:
    """The options of a container that joins a pod.

    Args:
        made: the pod was made for this container and has its network options.

    Raises:
        InvalidInput: an option contradicts what the pod shares.
    """
    values: dict[str, Any] = {}
    if made:
        for key in (*_NETWORK, "hostname", "network", "net", "no_hosts", "no_hostname", "hosts_file"):
            values[key] = [] if isinstance(getattr(options, key), list) else type(getattr(options, key))()
    dropped = set(values)
    joined = pod.infra_id
    shares = pod.config["shares"] if joined else []
    for kind in shares:
        if kind == "net":
            _network(options, values, joined, made=made)
            continue
        option = _OPTION[kind]
        if getattr(options, option) in ("", "pod"):
            values[option] = f"container:{joined}"
        elif kind == "user":
            raise InvalidInput("--userns and --pod cannot be set together")
    _unshared_pod_modes(options, values)
    if options.hostname and not made and "uts" in shares and values.get("uts", "").startswith("container:"):
        raise InvalidInput(
            "invalid config provided: cannot set hostname when joining the pod UTS namespace: "
            "invalid configuration"
        )
    if pod.config["cgroup"] and "cgroup_parent" not in options.given:
        values["cgroup_parent"] = pod.config["cgroup"]
    if "restart" not in options.given and pod.config["restart"] and not options.rm:
        values["restart"] = pod.config["restart"]
    if pod.config["security_opt"] and not options.security_opt:
        values["security_opt"] = list(pod.config["security_opt"])
    if pod.config["devices"]:
        values["device"] = [*pod.config["devices"], *options.device]
    if joined:
        infra = engine.state.containers.get(joined)
        if infra is not None and infra.config["mounts"]:
            values["volumes_from"] = [joined, *options.volumes_from]
    given = (set(options.given) - dropped) | {key for key in values if values[key] and key not in dropped}
    return CreateOptions({**_all(options), **values}, given)


def _network(options: CreateOptions, values: dict[str, Any], infra: str, *, made: bool) -> None:
    words = options.network or ([options.net] if options.net else [])
    if made or not words or words == ["pod"]:
        values["network"] = [f"container:{infra}"]
        values["net"] = ""
    else:
        return
    if made:
        return
    if options.publish or options.publish_all or options.expose:
        raise InvalidInput(
            "invalid config provided: published or exposed ports must be defined when the pod is created: "
            "network cannot be configured when it is shared with a pod"
        )
    for name in ("ip", "ip6", "mac_address"):
        if getattr(options, name):
            word = {"ip": "IP address", "ip6": "IP address", "mac_address": "MAC address"}[name]
            raise InvalidInput(
                f"invalid config provided: {word} must be defined when the pod is created: "
                "network cannot be configured when it is shared with a pod"
            )


def _unshared_pod_modes(options: CreateOptions, values: dict[str, Any]) -> None:
    """`--pid pod` and the like without anything to join are the ordinary mode."""
    for option in _OPTION.values():
        if getattr(options, option) == "pod" and option not in values:
            values[option] = ""


def _all(options: CreateOptions) -> dict[str, Any]:
    return dict(options.values)
