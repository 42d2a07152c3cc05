"""What --network asks for: one of podman's modes, or networks by name with options for each.

Syntax: bridge[:OPT=VAL,…], NAME[:OPT=VAL,…], none, host, pasta[:ARG,…], slirp4netns[:OPT=VAL,…], container:ID, ns:PATH, private, default.
"""

from __future__ import annotations

from ocicore.errors import InvalidInput
from ocicore.network import addresses

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, TypedDict

    class PerNetwork(TypedDict, total=False):
        """Options of one network for one container, with netavark's keys."""

        static_ips: list[str]
        static_mac: str
        aliases: list[str]
        interface_name: str
        options: dict[str, str]

    class ModeRecord(TypedDict):
        """A NetworkMode as JSON, for a database."""

        kind: str
        target: str
        options: list[str]
        networks: dict[str, PerNetwork]


class NetworkMode:
    """A parsed mode.

    Slots:
        kind: "bridge" | "none" | "host" | "pasta" | "slirp4netns" | "container" | "ns" | "pod".
        target: container (container), path (ns).
        options: words for pasta, KEY=VALUE for slirp4netns.
        networks: for kind bridge, name -> options, in the order in which interfaces eth0, eth1 … are made.
    """

    __slots__ = ("kind", "networks", "options", "target")

    def __init__(
        self,
        kind: str,
        *,
        target: str = "",
        options: Sequence[str] = (),
        networks: dict[str, PerNetwork] | None = None,
    ) -> None:
        self.kind = kind
        self.target = target
        self.options = list(options)
        self.networks: dict[str, PerNetwork] = networks or {}

    def record(self) -> ModeRecord:
        """For a database."""
        return {"kind": self.kind, "target": self.target, "options": self.options, "networks": self.networks}

    @classmethod
    def from_record(cls, record: ModeRecord) -> NetworkMode:
        """Back from a database."""
        return cls(
            record["kind"], target=record["target"], options=record["options"], networks=record["networks"]
        )


def parse(
    values: Sequence[str], *, rootless: bool, default_network: str, rootless_command: str
) -> NetworkMode:
    """The mode of all --network values together.

    Args:
        default_network: name behind "bridge" and "default" ("podman").
        rootless_command: "pasta" or "slirp4netns", an ordinary user's default.
    Raises InvalidInput.
    """
    words = [value for value in values if value]
    if not words:
        words = ["default"]
    if len(words) == 1 and ":" not in words[0] and "," in words[0]:
        words = words[0].split(",")
    if len(words) > 1:
        return _several(words, default_network)
    kind, colon, rest = words[0].partition(":")
    options = [word for word in rest.split(",") if word] if colon else []
    if not kind:
        raise InvalidInput("network name cannot be empty")
    if kind in {"default", "private"}:
        if rootless:
            return NetworkMode(rootless_command, options=options)
        return NetworkMode("bridge", networks={default_network: _options(options)})
    if kind in {"none", "null", "host", "pod"}:
        if options:
            raise InvalidInput(f'network mode "{kind}" takes no options: {rest}')
        return NetworkMode("none" if kind == "null" else kind)
    if kind in {"pasta", "slirp4netns"}:
        return NetworkMode(kind, options=options)
    if kind in {"container", "ns"}:
        if not rest:
            what = "container name or ID" if kind == "container" else "path"
            raise InvalidInput(f"must provide a {what} when using {kind}:")
        return NetworkMode(kind, target=rest)
    name = default_network if kind == "bridge" else kind
    return NetworkMode("bridge", networks={name: _options(options)})


def _several(words: Sequence[str], default_network: str) -> NetworkMode:
    networks: dict[str, PerNetwork] = {}
    for word in words:
        name, colon, rest = word.partition(":")
        if name in {"none", "null", "host", "pasta", "slirp4netns", "container", "ns", "private", "pod"}:
            raise InvalidInput(f"can only set extra network names, selected mode {name} is not bridge")
        if name in {"bridge", "default"}:
            name = default_network
        if name in networks:
            raise InvalidInput(f"network {name} given twice")
        networks[name] = _options(rest.split(",") if colon else [])
    return NetworkMode("bridge", networks=networks)


def _options(words: Sequence[str]) -> PerNetwork:
    result: PerNetwork = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals and key:
            raise InvalidInput(f'invalid network option "{word}": want KEY=VALUE')
        if key in {"ip", "ip6"}:
            version, _ = addresses.parse(value)
            if (version == 6) != (key == "ip6") and key == "ip6":
                raise InvalidInput(f"{key}={value}: not an IPv6 address")
            result.setdefault("static_ips", []).append(value)
        elif key == "mac":
            result["static_mac"] = check_mac(value)
        elif key == "alias":
            if not value:
                raise InvalidInput("network alias cannot be empty")
            result.setdefault("aliases", []).append(value)
        elif key == "interface_name":
            result["interface_name"] = value
        elif key:
            result.setdefault("options", {})[key] = value
    return result


def check_mac(text: str) -> str:
    """A MAC address in lower case. Raises InvalidInput."""
    parts = text.replace("-", ":").lower().split(":")
    if len(parts) != 6 or any(len(part) != 2 or set(part) - set("0123456789abcdef") for part in parts):
        raise InvalidInput(f"invalid mac address: {text}")
    return ":".join(parts)


def interface_names(networks: dict[str, PerNetwork]) -> dict[str, Any]:
    """The networks' options, each with an interface_name (eth0, eth1 … where none was given)."""
    taken = {options["interface_name"] for options in networks.values() if options.get("interface_name")}
    result: dict[str, Any] = {}
    number = 0
    for name, options in networks.items():
        chosen = options.get("interface_name", "")
        while not chosen:
            candidate = f"eth{number}"
            number += 1
            if candidate not in taken:
                chosen = candidate
        result[name] = {**options, "interface_name": chosen}
    return result
