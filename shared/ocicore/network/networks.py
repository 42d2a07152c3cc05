"""Network definitions on disk: one JSON file a network, netavark's form, shared with podman.

Root's lie in /etc/containers/networks, an ordinary user's in GRAPHROOT/networks. The default network exists without a
file. Reading one definition is on the hot path; creating and removing are not.
"""

from __future__ import annotations

import os

from ocicore.errors import Conflict, Error, InvalidInput, NotFound
from ocicore.files import quick_json
from ocicore.network import addresses

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from ocicore.config.paths import UserPaths

    Json = dict[str, Any]
    Definitions = list[Json]

ROOT_DIR = "/etc/containers/networks"
_PODMAN_ID = "2f259bab93aaaaa2542ba43ef33eb990d0999ee1b9924b557b7be53c0b7a1bb9"
_NAME = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")


def default_dir(paths: UserPaths, configured: str = "") -> str:
    """The folder of definitions: the configured one, or podman's."""
    if configured:
        return configured
    return f"{paths.data_home}/containers/storage/networks" if paths.rootless else ROOT_DIR


class Networks:
    """The definitions in one folder.

    Args:
        config_dir: folder; made when the first network is created.
        default_name, default_subnet: the network that exists without a file.
        pools: [{"base": CIDR, "size": prefix}] from which subnets of new networks are taken.
        plugin_dirs: where drivers other than bridge, macvlan, ipvlan may be.
    """

    __slots__ = ("config_dir", "default_name", "default_subnet", "plugin_dirs", "pools")

    def __init__(
        self,
        config_dir: str,
        *,
        default_name: str = "podman",
        default_subnet: str = "10.88.0.0/16",
        pools: Sequence[Json] = (),
        plugin_dirs: Sequence[str] = (),
    ) -> None:
        self.config_dir = config_dir
        self.default_name = default_name
        self.default_subnet = default_subnet
        self.pools = pools
        self.plugin_dirs = plugin_dirs

    def get(self, name_or_id: str) -> Json:
        """One definition by name, id or a unique beginning of an id.

        Raises NotFound ("unable to find network with name or ID NAME: network not found").
        """
        if is_name(name_or_id):
            found = self._read(name_or_id)
            if found is not None:
                return found
            if name_or_id == self.default_name:
                return self._default()
        matching = (
            [network for network in self.list() if network["id"].startswith(name_or_id)] if name_or_id else []
        )
        exact = [network for network in matching if network["id"] == name_or_id]
        if exact:
            return exact[0]
        if len(matching) > 1:
            raise InvalidInput(f"more than one result for network ID {name_or_id}: network already exists")
        if not matching:
            raise NotFound(f"unable to find network with name or ID {name_or_id}: network not found")
        return matching[0]

    def exists(self, name_or_id: str) -> bool:
        """Whether get() would find it."""
        try:
            self.get(name_or_id)
        except NotFound:
            return False
        return True

    def list(self) -> Definitions:
        """All definitions by name, the default one included; unreadable files are left out."""
        found = {}
        try:
            names = os.listdir(self.config_dir)
        except OSError:
            names = []
        for file_name in names:
            name = file_name.removesuffix(".json")
            if name != file_name and is_name(name):
                network = self._read(name)
                if network is not None:
                    found[name] = network
        if self.default_name not in found:
            found[self.default_name] = self._default()
        return [found[name] for name in sorted(found)]

    def _read(self, name: str) -> Json | None:
        try:
            with open(f"{self.config_dir}/{name}.json", "rb") as stream:
                network = quick_json.loads(stream.read())
        except (OSError, ValueError):
            return None
        # As podman: a file whose name and content disagree is no network.
        if not isinstance(network, dict) or network.get("name") != name or not network.get("id"):
            return None
        return network

    def _default(self) -> Json:
        subnet = addresses.parse_subnet(self.default_subnet)
        return {
            "name": self.default_name,
            "id": _default_id(self.default_name),
            "driver": "bridge",
            "network_interface": "podman0",
            "created": _now(),
            "subnets": [
                {"subnet": str(subnet), "gateway": addresses.to_text(subnet.version, subnet.base + 1)}
            ],
            "ipv6_enabled": subnet.version == 6,
            "internal": False,
            "dns_enabled": False,
            "ipam_options": {"driver": "host-local"},
        }

    def create(self, wanted: Json) -> Json:
        """Make a network from a partial definition (keys as on disk; name may be missing) and return it complete.

        Raises InvalidInput, Conflict ("network name NAME already used: network already exists").
        """
        from ocicore.network import creation

        network: Json = {"driver": "bridge", "internal": False, "ipv6_enabled": False, **wanted}
        for key in ("labels", "options", "ipam_options"):
            network[key] = dict(network.get(key) or {})
        known = self.list()
        devices = (
            interfaces()
            | {entry.get("network_interface", "") for entry in known}
            | {e["name"] for e in known}
        )
        name = network.get("name") or ""
        if name:
            if not is_name(name):
                raise InvalidInput(
                    f"network name {name} invalid: names must match [a-zA-Z0-9][a-zA-Z0-9_.-]*: invalid argument"
                )
            if any(entry["name"] == name for entry in known):
                raise Conflict(f"network name {name} already used: network already exists")
        else:
            name = free_device(devices)
            network["name"] = name
        network["id"] = os.urandom(32).hex()
        creation.complete(network, known, devices, self.pools, self.plugin_dirs)
        network["created"] = _now()
        ordered = {key: network[key] for key in _ORDER if key in network and network[key] not in ({}, [], "")}
        self._write(ordered)
        return ordered

    def update(self, name_or_id: str, *, add_dns: Sequence[str] = (), remove_dns: Sequence[str] = ()) -> Json:
        """Change the name servers of a network; the caller tells netavark (netavark.update)."""
        network = self.get(name_or_id)
        for server in (*add_dns, *remove_dns):
            addresses.parse(server)
        servers = [server for server in network.get("network_dns_servers") or () if server not in remove_dns]
        network["network_dns_servers"] = list(dict.fromkeys([*servers, *add_dns]))
        self._write(network)
        return network

    def remove(self, name_or_id: str) -> Json:
        """Remove a definition (not its leases, not its bridge); the caller has made sure it is unused.

        Returns what was removed. Raises NotFound, InvalidInput for the default network.
        """
        network = self.get(name_or_id)
        if network["name"] == self.default_name:
            raise InvalidInput(f"default network {self.default_name} cannot be removed")
        try:
            os.unlink(f"{self.config_dir}/{network['name']}.json")
        except FileNotFoundError:
            pass
        except OSError as error:
            raise Error(f"removing network {network['name']}: {(error.strerror or '').lower()}") from None
        return network

    def _write(self, network: Json) -> None:
        from ocicore.files import atomic

        try:
            os.makedirs(self.config_dir, 0o755, exist_ok=True)
            atomic.write(
                f"{self.config_dir}/{network['name']}.json", quick_json.dumps(network).encode() + b"\n", 0o644
            )
        except OSError as error:
            raise Error(f"writing network {network['name']}: {(error.strerror or '').lower()}") from None


#: Keys in the order in which podman writes them.
_ORDER = (
    "name", "id", "driver", "network_interface", "created", "subnets", "routes", "ipv6_enabled", "internal",
    "dns_enabled", "network_dns_servers", "labels", "options", "ipam_options",
)  # fmt: skip


def _default_id(name: str) -> str:
    """podman's id of a default network: the SHA-256 of its name."""
    if name == "podman":
        return _PODMAN_ID
    import hashlib

    return hashlib.sha256(name.encode()).hexdigest()


def is_name(text: str) -> bool:
    """Whether a text may name a network (and so a file)."""
    return bool(text) and text[0].isascii() and text[0].isalnum() and not set(text) - _NAME


def interfaces() -> set[str]:
    """Names of the host's network interfaces."""
    try:
        return set(os.listdir("/sys/class/net"))
    except OSError:
        return set()


def free_device(taken: set[str]) -> str:
    """podman1, podman2 … – the first that is not taken."""
    number = 1
    while f"podman{number}" in taken:
        number += 1
    return f"podman{number}"


def _now() -> str:
    import time

    nanoseconds = time.time_ns()
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(nanoseconds // 1_000_000_000))
    return f"{stamp}.{nanoseconds % 1_000_000_000:09d}Z"
