"""The text of a container's /etc/hosts, in podman's order: --add-host, the base file, localhost, host and own names."""

from __future__ import annotations

from ocicore.errors import InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    Entry = tuple[str, Sequence[str]]

HOST_NAMES = ("host.containers.internal", "host.docker.internal")
_GATEWAY = "host-gateway"


def text(
    *,
    base: str = "",
    kind: str = "host",
    names: Sequence[str] = (),
    addresses: Sequence[str] = (),
    gateways: Sequence[str] = (),
    extra: Sequence[str] = (),
    host_address: str | None = None,
) -> str:
    """A hosts file.

    Args:
        base: content of the file to start from; its comments are dropped.
        kind: of the network mode; names: the container's own; addresses: its own; gateways: of its networks.
        extra: --add-host values, "NAME[;NAME…]:ADDRESS", the address may be host-gateway.
        host_address: of host.containers.internal when configured ("" for no such entry), None to choose.
    Raises InvalidInput for a malformed --add-host.
    """
    if host_address is None:
        host_address = _host_address(kind, addresses, gateways)
    first = [*parse_extra(extra, host_address), *parse(base)]
    last: list[Entry] = [("127.0.0.1", ("localhost",)), ("::1", ("localhost",))]
    if host_address:
        last.append((host_address, HOST_NAMES))
    # A host name that is the container's name as well stands twice, as with podman.
    if kind == "none":
        last.append(("127.0.0.1", names))
    elif kind == "bridge":
        last += [(address, names) for address in addresses]
    elif addresses:
        last.append((addresses[0], names))
    known = {name for _, names_of_one in first for name in names_of_one}
    lines = [_line(address, names_of_one) for address, names_of_one in first]
    for address, names_of_one in last:
        free = [name for name in names_of_one if name not in known]
        if free:
            lines.append(_line(address, free))
    return "".join(lines)


def _host_address(kind: str, addresses: Sequence[str], gateways: Sequence[str]) -> str:
    """Where the container reaches the host: its bridge's address, what pasta maps to the host, or an address of ours."""
    from ocicore.linux import namespaces
    from ocicore.network import netns

    # An ordinary user's bridges are in a namespace of their own: their gateway is not the host.
    if gateways and not (kind == "bridge" and namespaces.in_user_namespace()):
        ipv4 = [gateway for gateway in gateways if ":" not in gateway]
        return (ipv4 or list(gateways))[0]
    return netns.host_address(list(addresses))


def parse_extra(values: Iterable[str], host_address: str = "") -> list[Entry]:
    """Entries of --add-host values. Raises InvalidInput."""
    result: list[Entry] = []
    for value in values:
        names, colon, address = value.partition(":")
        if not colon:
            raise InvalidInput(f'unable to parse host entry "{value}": incorrect format')
        if not names:
            raise InvalidInput(f'hostname in host entry "{value}" is empty')
        if not address:
            raise InvalidInput(f'IP address in host entry "{value}" is empty')
        if address == _GATEWAY:
            if not host_address:
                raise InvalidInput(
                    f'unable to replace "{_GATEWAY}" of host entry "{value}": '
                    "host containers internal IP address is empty"
                )
            address = host_address
        result.append((address, names.split(";")))
    return result


def parse(content: str) -> list[Entry]:
    """(address, names) of each line."""
    result: list[Entry] = []
    for line in content.split("\n"):
        fields = line.partition("#")[0].split()
        if len(fields) > 1:
            result.append((fields[0], fields[1:]))
    return result


def without(content: str, entries: Sequence[Entry]) -> str:
    """A hosts file without the lines that have an entry's address and one of its names."""
    kept = []
    for address, names in parse(content):
        if not any(address == other and set(names) & set(others) for other, others in entries):
            kept.append(_line(address, names))
    return "".join(kept)


def _line(address: str, names: Sequence[str]) -> str:
    return f"{address}\t{' '.join(names)}\n"
