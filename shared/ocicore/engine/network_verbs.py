"""network create, inspect, ls, rm, prune: definitions, and which containers use them."""

from __future__ import annotations

from ocicore.engine import events, listing, network_setup, records
from ocicore.engine.container_filters import match_label
from ocicore.errors import Error, InUse, InvalidInput, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from ocicore.engine.context import Engine

    Json = dict[str, Any]


class NetworkInUse(InUse):
    """Containers are on the network; podman exits with 2."""

    exit_status = 2


def create(engine: Engine, wanted: Json, *, ignore: bool = False) -> Json:
    """Make a network. Raises InvalidInput, Conflict; with `ignore` an existing one is returned."""
    table = network_setup.definitions(engine)
    name = wanted.get("name", "")
    if ignore and name and table.exists(name):
        return dict(table.get(name))
    made = dict(table.create(wanted))
    events.write(engine, "network", "create", ID=made["id"], Name=made["name"])
    return made


def find(engine: Engine, name: str) -> Json:
    """By name, id or prefix. Raises NotFound in podman's words."""
    try:
        return dict(network_setup.definitions(engine).get(name))
    except NotFound:
        raise NotFound(f"unable to find network with name or ID {name}: network not found") from None


def inspect(engine: Engine, name: str) -> Json:
    """The definition with the running containers on it."""
    network = find(engine, name)
    containers: Json = {}
    for container in engine.state.containers.all():
        if network["name"] not in container.networks:
            continue
        listing.refresh(engine, container)
        if container.status in records.ALIVE:
            status = (container.state.get("network") or {}).get(network["name"]) or {}
            containers[container.id] = {"name": container.name, "interfaces": _interfaces(status)}
    network["containers"] = containers
    return network


def _interfaces(status: Json) -> Json:
    """Keys in podman's order, whatever netavark's was."""
    found = {}
    for name, interface in (status.get("interfaces") or {}).items():
        subnets = [
            {key: subnet[key] for key in ("ipnet", "gateway") if key in subnet}
            for subnet in interface.get("subnets") or ()
        ]
        found[name] = {"subnets": subnets, "mac_address": interface.get("mac_address", "")}
    return found


def users(engine: Engine, name: str) -> list[str]:
    """Ids of the containers on a network, running or not."""
    return [container.id for container in engine.state.containers.all() if name in container.networks]


def remove(engine: Engine, name: str, *, force: bool = False, timeout: int | None = None) -> str:
    """Remove a network; with `force` its containers too. Returns its name. Raises NotFound, NetworkInUse."""
    network = find(engine, name)
    using = users(engine, network["name"])
    if using and not force:
        raise NetworkInUse(
            f'"{network["name"]}" has associated containers with it. Use -f to forcibly delete containers and '
            "pods: network is being used"
        )
    if using:
        from ocicore.engine import remove as container_removal

        for identifier in using:
            container = engine.state.containers.get(identifier)
            if container is not None:
                container_removal.remove(engine, container, force=True, depend=True, timeout=timeout)
    network_setup.definitions(engine).remove(network["name"])
    events.write(engine, "network", "remove", ID=network["id"], Name=network["name"])
    result: str = network["name"]
    return result


def select(engine: Engine, filters: Iterable[str]) -> list[Json]:
    """Networks that match. Raises InvalidInput."""
    groups: dict[str, list[Callable[[Json], bool]]] = {}
    for text in filters:
        key, equals, value = text.partition("=")
        if not equals:
            raise InvalidInput(f'invalid filter "{text}"')
        groups.setdefault(key, []).append(_test(engine, key.removesuffix("!"), value))
    kept = []
    for network in network_setup.definitions(engine).list():
        for key, tests in groups.items():
            combine = all if key in ("label", "label!") else any
            if combine(test(dict(network)) for test in tests) == key.endswith("!"):
                break
        else:
            kept.append(dict(network))
    return kept


def _test(engine: Engine, key: str, value: str) -> Callable[[Json], bool]:
    if key == "name":
        import re

        pattern = re.compile(value)
        return lambda network: pattern.search(network["name"]) is not None
    if key == "driver":
        return lambda network: bool(network["driver"] == value)
    if key == "id":
        return lambda network: bool(network["id"].startswith(value))
    if key == "label":
        return lambda network: match_label(network.get("labels") or {}, value)
    if key == "until":
        from ocicore.engine.container_filters import parse_moment
        from ocicore.storage import timestamps

        moment = parse_moment(value)
        return lambda network: timestamps.from_text(network.get("created", "")) < moment
    if key == "dangling":
        if value.lower() not in ("true", "1", "false", "0"):
            raise InvalidInput(f'invalid dangling filter value "{value}"')
        wanted = value.lower() in ("true", "1")
        default = engine.config.network.default_network
        return lambda network: (network["name"] != default and not users(engine, network["name"])) == wanted
    raise InvalidInput(f'invalid filter "{key}"')


def prune(engine: Engine, filters: Iterable[str]) -> tuple[list[str], list[Error]]:
    """Remove networks that no container uses; (names, failures)."""
    removed: list[str] = []
    errors: list[Error] = []
    for network in select(engine, filters):
        if network["name"] == engine.config.network.default_network or users(engine, network["name"]):
            continue
        try:
            removed.append(remove(engine, network["name"]))
        except Error as error:
            errors.append(error)
    return removed, errors
