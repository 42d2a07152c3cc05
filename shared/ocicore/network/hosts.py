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
    *, base: str = "", extra: Sequence[str] = (), own: Sequence[Entry] = (), host_address: str = ""
) -> str:
    """A hosts file.

    Args:
        base: content of the file to start from; its comments are dropped.
        extra: --add-host values, "NAME[;NAME…]:ADDRESS", the address may be host-gateway.
        own: (address, names) of the container itself.
        host_address: of host.containers.internal, "" for no such entry.
    Raises InvalidInput for a malformed --add-host.
    """
    first = [*parse_extra(extra, host_address), *parse(base)]
    last: list[Entry] = [("127.0.0.1", ("localhost",)), ("::1", ("localhost",))]
    if host_address:
        last.append((host_address, HOST_NAMES))
    last += own
    known = {name for _, names in first for name in names}
    lines = [_line(address, names) for address, names in first]
    for address, names in last:
        free = [name for name in names if name not in known]
        if free:
            lines.append(_line(address, free))
    return "".join(lines)


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
