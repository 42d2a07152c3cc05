"""network connect, disconnect, reload and update: which networks a container is on, while it runs too."""

from __future__ import annotations

from ocicore.engine import events, listing, network_setup, network_verbs, places, records
from ocicore.errors import Conflict, Error, InvalidInput, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from ocicore.engine.context import Engine
    from ocicore.engine.records import Container

    Json = dict[str, Any]

_CONNECTED = (records.CREATED, records.RUNNING, records.PAUSED)


def connect(engine: Engine, container: Container, network_name: str, options: Json) -> None:
    """Put a container on one more network; at once where it runs.

    Args:
        options: aliases, static_ips, static_mac.

    Raises:
        NotFound: no such network. InvalidInput: its network mode has no networks. Conflict: it is on it already.
    """
    network = network_verbs.find(engine, network_name)
    name = network["name"]
    with engine.lock(container.id):
        engine.state.containers.refresh(container)
        settings = _bridge_settings(container)
        if name in settings["networks"]:
            raise Conflict(
                f"container {container.id} is already connected to network {name}: network is already connected"
            )
        networks = {**settings["networks"]}
        taken = set(network_setup.interfaces(container).values())
        number = 0
        while f"eth{number}" in taken:
            number += 1
        networks[name] = {key: value for key, value in options.items() if value}
        status = dict(container.state.get("network") or {})
        if container.status in _CONNECTED and container.netns:
            from ocicore.network import membership

            status[name] = membership.join(
                network_setup.request(engine, container, container.netns),
                name,
                {
                    **networks[name],
                    "aliases": network_setup.aliases(container, networks[name]),
                    "interface_name": f"eth{number}",
                },
                env=network_setup.environment(engine),
                warn=engine.warn,
            )
            networks[name]["interface_name"] = f"eth{number}"
        _record(engine, container, settings, networks, status)
    _event(engine, "connect", container, name)


def disconnect(engine: Engine, container: Container, network_name: str, *, force: bool = False) -> None:
    """Take a container off a network; at once where it runs.

    Args:
        force: a network that is not there any more, or not in the container, is no reason to stop.

    Raises:
        NotFound: no such network. InvalidInput: the container is not on it.
    """
    try:
        name = network_verbs.find(engine, network_name)["name"]
    except NotFound:
        if not force:
            raise
        name = network_name
    with engine.lock(container.id):
        engine.state.containers.refresh(container)
        settings = _bridge_settings(container)
        networks = dict(settings["networks"])
        if name not in networks:
            raise InvalidInput(f"container {container.id} is not connected to network {name}")
        shown = network_setup.interfaces(container)
        options = {**networks.pop(name), "interface_name": shown[name]}
        status = dict(container.state.get("network") or {})
        status.pop(name, None)
        # The others keep the names their interfaces have.
        for other, kept in networks.items():
            networks[other] = {**kept, "interface_name": shown[other]}
        if container.status in _CONNECTED and container.netns:
            from ocicore.network import membership

            try:
                membership.leave(
                    network_setup.request(engine, container, container.netns),
                    name,
                    options,
                    status,
                    env=network_setup.environment(engine),
                )
            except Error as error:
                if not force:
                    raise
                engine.warn(f"disconnecting container {container.id} from {name}: {error.message}")
        _record(engine, container, settings, networks, status)
    _event(engine, "disconnect", container, name)


def _bridge_settings(container: Container) -> Json:
    settings: Json = container.config["network"]
    if settings["kind"] != "bridge":
        raise InvalidInput(f'"{settings["kind"]}" is not supported: invalid network mode')
    return settings


def _record(engine: Engine, container: Container, settings: Json, networks: Json, status: Json) -> None:
    """Keep it, and tell the container's own /etc/hosts and /etc/resolv.conf."""
    config = {**container.config, "network": {**settings, "networks": networks}}
    with engine.state:
        engine.state.containers.update(
            container, config=config, networks=sorted(networks), state={**container.state, "network": status}
        )
    if container.status not in _CONNECTED:
        return
    run_dir = places.run_dir(engine, container)
    name = network_setup.hostname(engine, container)
    if not settings["no_hosts"]:
        _rewrite(f"{run_dir}/hosts", network_setup.hosts_text(engine, container, name, status))
    if settings["dns"] != ["none"]:
        _rewrite(f"{run_dir}/resolv.conf", network_setup.resolv_text(engine, container, status))


def _rewrite(path: str, text: str) -> None:
    """In place: the file is bound into the container."""
    try:
        with open(path, "r+", encoding="utf-8", errors="surrogateescape") as file:
            file.truncate(0)
            file.write(text)
    except FileNotFoundError:
        return  # the user has mounted something there


def _event(engine: Engine, status: str, container: Container, name: str) -> None:
    events.write(
        engine,
        "network",
        status,
        ID=container.id,
        Name=name,
        Network=name,
        Attributes={"containerID": container.id},
    )


def reload(engine: Engine, container: Container) -> None:
    """Make the firewall's rules of a running container anew; one without networks, or not running, is left alone."""
    with engine.lock(container.id):
        engine.state.containers.refresh(container)
        listing.refresh(engine, container)
        if container.status not in _CONNECTED or not container.netns:
            raise InvalidInput(
                f"cannot reload container {container.id} as it is not running: container state improper"
            )
        if container.config["network"]["kind"] != "bridge":
            return
        from ocicore.network import membership

        status = membership.renew(
            network_setup.request(engine, container, container.netns),
            container.state.get("network") or {},
            env=network_setup.environment(engine),
            warn=engine.warn,
        )
        engine.state.containers.update(container, state={**container.state, "network": status})


def update(engine: Engine, name: str, *, add: Sequence[str], drop: Sequence[str]) -> None:
    """Change the name servers of a network, for the containers on it too. Raises NotFound, InvalidInput."""
    network = network_verbs.find(engine, name)
    if not network.get("dns_enabled"):
        raise InvalidInput(
            f"cannot update dns servers of network {network['name']}: dns is not enabled in it"
        )
    changed = network_setup.definitions(engine).update(network["name"], add_dns=add, remove_dns=drop)
    from ocicore.network import membership

    if network_verbs.users(engine, network["name"]):
        servers = list(changed.get("network_dns_servers") or ())
        membership.tell_name_servers(network_setup.environment(engine), network["name"], servers)
