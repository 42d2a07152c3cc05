"""IP addresses and subnets as numbers, without the cost of importing `ipaddress` on the hot path."""

from __future__ import annotations

import _socket

from ocicore.errors import InvalidInput

_FAMILIES = {4: _socket.AF_INET, 6: _socket.AF_INET6}
BITS = {4: 32, 6: 128}


class Subnet:
    """A network: version (4 or 6), base (number of its first address), prefix (bits)."""

    __slots__ = ("base", "prefix", "version")

    def __init__(self, version: int, base: int, prefix: int) -> None:
        self.version = version
        self.base = base
        self.prefix = prefix

    @property
    def size(self) -> int:
        """How many addresses, network and broadcast included."""
        return 1 << (BITS[self.version] - self.prefix)

    @property
    def last(self) -> int:
        """The number of the last address (IPv4: broadcast)."""
        return self.base + self.size - 1

    def __contains__(self, address: int) -> bool:
        return self.base <= address <= self.last

    def __str__(self) -> str:
        return f"{to_text(self.version, self.base)}/{self.prefix}"

    def overlaps(self, other: Subnet) -> bool:
        """Whether any address is in both."""
        return self.version == other.version and self.base <= other.last and other.base <= self.last


def parse(text: str) -> tuple[int, int]:
    """(version, number) of an address. Raises InvalidInput."""
    version = 6 if ":" in text else 4
    try:
        return version, int.from_bytes(_socket.inet_pton(_FAMILIES[version], text), "big")
    except (OSError, ValueError, UnicodeError):
        raise InvalidInput(f"invalid IP address: {text!r}") from None


def is_address(text: str) -> bool:
    """Whether the text is an IPv4 or IPv6 address."""
    try:
        parse(text)
    except InvalidInput:
        return False
    return True


def to_text(version: int, number: int) -> str:
    """The usual spelling of an address."""
    return _socket.inet_ntop(_FAMILIES[version], number.to_bytes(BITS[version] // 8, "big"))


def parse_subnet(text: str) -> Subnet:
    """A subnet in CIDR notation; bits of the host part are dropped. Raises InvalidInput."""
    address, slash, length = text.partition("/")
    version, number = parse(address)
    if not slash or not length.isdigit() or int(length) > BITS[version]:
        raise InvalidInput(f"invalid CIDR address: {text}")
    prefix = int(length)
    host = BITS[version] - prefix
    return Subnet(version, number >> host << host, prefix)


def host_subnets() -> list[Subnet]:
    """Subnets this host has routes to (IPv4 and IPv6), from /proc/net; the default routes are left out."""
    found = []
    try:
        with open("/proc/net/route") as stream:
            next(stream, "")
            for line in stream:
                fields = line.split()
                mask = int.from_bytes(bytes.fromhex(fields[7]), "little")
                if mask:
                    base = int.from_bytes(bytes.fromhex(fields[1]), "little")
                    found.append(Subnet(4, base & mask, mask.bit_count()))
        with open("/proc/net/ipv6_route") as stream:
            for line in stream:
                fields = line.split()
                prefix = int(fields[1], 16)
                if 0 < prefix < 128 and fields[-1] != "lo" and not fields[0].startswith(("fe80", "ff")):
                    found.append(Subnet(6, int(fields[0], 16), prefix))
    except OSError:
        # No IPv6, or no network at all: then nothing is in use.
        pass
    return found
