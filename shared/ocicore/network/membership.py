"""A running container joins or leaves one bridge network, or has its networks' rules made anew."""

from __future__ import annotations

from ocicore.errors import Error
from ocicore.network import netavark, setup
from ocicore.network.ipam import Ipam

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ocicore.network.setup import NetworkEnvironment, NetworkRequest, Warn

    Json = dict[str, Any]


def join(request: NetworkRequest, name: str, options: Json, *, env: NetworkEnvironment, warn: Warn) -> Json:
    """Connect the container's namespace to a network; netavark's status block.

    Args:
        request: as for setup; its mode is not looked at.
        options: of the container in this network; `interface_name` must be one it does not have.

    Raises:
        NotFound, InUse (a static address), Error: nothing is left behind.
    """
    network = env.networks.get(name)
    with Ipam(env.run_dir, env.networks.default_name) as ipam:
        leases = {}
        if network.get("ipam_options", {}).get("driver", "host-local") == "host-local":
            static = options.get("static_ips", ())
            leases[name] = ipam.allocate(request.container_id, network, static)
        try:
            return setup.connect_networks(request, env, {name: options}, {name: network}, leases, warn)[name]
        except BaseException:
            ipam.release(request.container_id, [name])
            raise


def leave(
    request: NetworkRequest, name: str, options: Json, remaining: dict[str, Json], *, env: NetworkEnvironment
) -> None:
    """Disconnect the container's namespace from a network.

    Args:
        remaining: netavark's blocks of the networks it stays on.

    Raises NotFound, Error.
    """
    network = env.networks.get(name)
    with Ipam(env.run_dir, env.networks.default_name) as ipam:
        leases = {name: ipam.assigned(request.container_id, name)}
        try:
            setup.disconnect_networks(request, env, {name: options}, {name: network}, leases)
        finally:
            ipam.release(request.container_id, [name])
    setup.publish_again(request, env, remaining)


def renew(
    request: NetworkRequest, status: dict[str, Json], *, env: NetworkEnvironment, warn: Warn
) -> dict[str, Json]:
    """Take a container's networks down and set them up with the addresses it has, after somebody flushed the firewall.

    Args:
        status: netavark's blocks by network, as they are now.

    Returns the new blocks. Raises Error.
    """
    definitions = {name: env.networks.get(name) for name in request.mode.networks}
    wanted = {name: dict(options) for name, options in request.mode.networks.items()}
    for name, options in wanted.items():
        for interface in (status.get(name, {}).get("interfaces") or {}).values():
            if interface.get("mac_address"):
                options["static_mac"] = interface["mac_address"]
    with Ipam(env.run_dir, env.networks.default_name) as ipam:
        leases = {name: ipam.assigned(request.container_id, name) for name in definitions}
        try:
            setup.disconnect_networks(request, env, wanted, definitions, leases)
        except Error as error:
            # What was flushed cannot be removed; setting up again is what counts.
            warn(f"reloading the network of container {request.container_id[:12]}: {error}")
        setup.end_publishing(request, env)
        return setup.connect_networks(request, env, wanted, definitions, leases, warn)


def tell_name_servers(env: NetworkEnvironment, name: str, servers: list[str]) -> None:
    """Make aardvark-dns forward a network's queries elsewhere, where it runs. Raises Error."""
    if netavark.find(env.helper_dirs)[1]:
        setup.caller(env).update(name, servers)
