"""Texts of the files every command sees: /etc/hosts, /etc/resolv.conf, /run/.containerenv.

The first two are the network package's; the last is podman's container information file.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ocicore.build.run_network import OpenNetwork
    from ocicore.build.working import WorkingContainer


def hosts(
    entries: Sequence[str],
    *,
    hostname: str,
    name: str,
    base: str,
    network: OpenNetwork | None,
    shared: bool,
    host_address: str | None,
) -> str:
    """The text of /etc/hosts.

    Args:
        entries: --add-host values.
        hostname: of the command, "" when that is the host's; name: the container's.
        base: file to begin with, "" for none.
        shared: the host's network is used, and the host name stands for one of its addresses.
        host_address: configured for host.containers.internal ("" for no such entry), None to choose.
    """
    from ocicore.network import hosts as texts
    from ocicore.network import netns

    # An address of the host's own, as with buildah, and not the bridge's.
    own = network.addresses if network is not None else []
    if host_address is None:
        host_address = netns.host_address(own)
    if shared:
        own = [address for address in [netns.host_address([])] if address]
    return texts.text(
        base=_read(base) if base else "",
        kind="host" if shared else network.kind if network is not None else "none",
        names=[text for text in (hostname, "" if shared else name) if text],
        addresses=own,
        gateways=[],
        extra=entries,
        host_address=host_address,
    )


def resolv_conf(
    servers: Sequence[str],
    search: Sequence[str],
    options: Sequence[str],
    *,
    network: OpenNetwork | None,
    shared: bool,
) -> str:
    """The text of /etc/resolv.conf: what was asked for, the rest from the networks and the host."""
    from ocicore.network import resolv

    return resolv.text(
        kind="host" if shared else network.kind if network is not None else "none",
        network_servers=network.dns_servers if network is not None else [],
        network_search=network.dns_search if network is not None else [],
        servers=servers,
        search=search,
        options=options,
    )


def container_env(container: WorkingContainer, *, rootless: bool) -> str:
    """The text of /run/.containerenv, which scripts in images read."""
    return (
        'engine="buildah"\n'
        f'name="{container.name}"\n'
        f'id="{container.id}"\n'
        f'image="{container.image_name}"\n'
        f'imageid="{container.image_id}"\n'
        f"rootless={1 if rootless else 0}\n"
    )


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as stream:
            return stream.read()
    except OSError:
        return ""
