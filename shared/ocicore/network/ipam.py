"""Addresses of containers: who has which one, in `ipam.sqlite` of the network run directory.

podman keeps the same facts in a bolt file beside it (`ipam.db`). We read that file, so that we never give out an
address podman gave out; podman does not read ours, so in the network both use by default ours start in the middle.
"""

from __future__ import annotations

import os

from ocicore.errors import Error, InUse, InvalidInput
from ocicore.network import addresses, podman_leases
from ocicore.network.addresses import Subnet

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence
    from typing import Any

    Json = dict[str, Any]

FILE_NAME = "ipam.sqlite"
_PODMAN_FILE = "ipam.db"
_BUSY_SECONDS = 30.0
_SCHEMA = """
CREATE TABLE IF NOT EXISTS lease (
    network TEXT NOT NULL, address TEXT NOT NULL, subnet TEXT NOT NULL, container TEXT NOT NULL,
    PRIMARY KEY (network, address));
CREATE INDEX IF NOT EXISTS lease_container ON lease (container);
CREATE TABLE IF NOT EXISTS last (network TEXT NOT NULL, subnet TEXT NOT NULL, address TEXT NOT NULL,
    PRIMARY KEY (network, subnet));
"""


class Ipam:
    """The leases of one run directory; open() connects, a context manager closes.

    All changes of one call are one transaction.
    """

    __slots__ = ("_database", "_run_dir", "_shared_network")

    def __init__(self, run_dir: str, shared_network: str) -> None:
        """Open or make the database.

        Args:
            run_dir: the network run directory; shared_network: the network podman's containers are in by default.
        Raises Error.
        """
        import sqlite3

        os.makedirs(run_dir, 0o755, exist_ok=True)
        self._run_dir = run_dir
        self._shared_network = shared_network
        path = f"{run_dir}/{FILE_NAME}"
        try:
            self._database: sqlite3.Connection = sqlite3.connect(
                path, timeout=_BUSY_SECONDS, isolation_level=None
            )
            self._database.execute("PRAGMA synchronous = OFF")  # the directory does not outlive a boot
            if not self._database.execute("SELECT 1 FROM sqlite_master WHERE name = 'last'").fetchone():
                self._database.executescript(_SCHEMA)
        except sqlite3.Error as error:
            if hasattr(self, "_database"):
                self._database.close()
            raise Error(f"opening address database {path}: {error}") from None

    def __enter__(self) -> Ipam:
        return self

    def __exit__(self, *unused: object) -> None:
        self._database.close()

    def allocate(self, container: str, network: Json, wanted: Sequence[str] = ()) -> list[str]:
        """One address for each subnet of a network.

        Args:
            network: its definition; wanted: static addresses, each for the subnet it lies in.
        Returns the addresses in the order of the subnets. Raises InUse for a static address that is taken,
        InvalidInput for one in no subnet, Error when a subnet is full.
        """
        name = network["name"]
        subnets = [(addresses.parse_subnet(entry["subnet"]), entry) for entry in network.get("subnets") or ()]
        for text in wanted:
            version, number = addresses.parse(text)
            if not any(subnet.version == version and number in subnet for subnet, _ in subnets):
                raise InvalidInput(f"requested static ip {text} not in any subnet on network {name}")
        self._database.execute("BEGIN IMMEDIATE")
        try:
            taken = self._taken(name)
            chosen = [
                self._choose(container, name, subnet, entry, wanted, taken) for subnet, entry in subnets
            ]
            self._database.execute("COMMIT")
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        return chosen

    def _choose(
        self,
        container: str,
        name: str,
        subnet: Subnet,
        entry: Json,
        wanted: Sequence[str],
        taken: dict[str, str],
    ) -> str:
        gateway = entry.get("gateway", "")
        for text in wanted:
            version, number = addresses.parse(text)
            if version != subnet.version or number not in subnet:
                continue
            address = addresses.to_text(version, number)
            if address == gateway:
                raise InUse(f"IPAM error: requested ip address {address} is the gateway of network {name}")
            if taken.get(address, container) != container:
                raise InUse(
                    f"IPAM error: requested ip address {address} is already allocated to container ID {taken[address]}"
                )
            self._lease(name, address, subnet, container)
            return address
        row = self._database.execute(
            "SELECT address FROM last WHERE network = ? AND subnet = ?", (name, str(subnet))
        ).fetchone()
        first, last = lease_range(subnet, entry)
        after = addresses.parse(row[0])[1] if row else self._before_first(name, first, last)
        number = next_free(first, last, after, subnet.version, {*taken, gateway})
        if number < 0:
            raise Error(
                f"IPAM error: failed to find free IP in range: {addresses.to_text(subnet.version, first)} - "
                f"{addresses.to_text(subnet.version, last)}"
            )
        address = addresses.to_text(subnet.version, number)
        self._database.execute(
            "INSERT OR REPLACE INTO last (network, subnet, address) VALUES (?, ?, ?)",
            (name, str(subnet), address),
        )
        self._lease(name, address, subnet, container)
        return address

    def _before_first(self, name: str, first: int, last: int) -> int:
        """The number after which a fresh network's addresses start."""
        if name == self._shared_network and last - first >= 64:
            return first + (last - first) // 2 + 1  # the next one ends in .1 in podman's 10.88.0.0/16
        return first - 1

    def _lease(self, name: str, address: str, subnet: Subnet, container: str) -> None:
        self._database.execute(
            "INSERT OR REPLACE INTO lease (network, address, subnet, container) VALUES (?, ?, ?, ?)",
            (name, address, str(subnet), container),
        )

    def _taken(self, name: str) -> dict[str, str]:
        """address -> container, ours and podman's."""
        taken = podman_leases.leases(f"{self._run_dir}/{_PODMAN_FILE}", name)
        taken.update(
            self._database.execute("SELECT address, container FROM lease WHERE network = ?", (name,))
        )
        return taken

    def assigned(self, container: str, name: str) -> list[str]:
        """The addresses a container has in a network."""
        return [
            row[0]
            for row in self._database.execute(
                "SELECT address FROM lease WHERE network = ? AND container = ? ORDER BY rowid",
                (name, container),
            )
        ]

    def holders(self, name: str) -> set[str]:
        """The containers that have an address in a network, podman's among them."""
        return set(self._taken(name).values())

    def release(self, container: str, names: Sequence[str] = ()) -> None:
        """Give up a container's addresses, in the networks named or in all."""
        if not names:
            self._database.execute("DELETE FROM lease WHERE container = ?", (container,))
        for name in names:
            self._database.execute("DELETE FROM lease WHERE container = ? AND network = ?", (container, name))

    def forget_network(self, name: str) -> None:
        """Remove all that is known about a network that was removed."""
        self._database.execute("DELETE FROM lease WHERE network = ?", (name,))
        self._database.execute("DELETE FROM last WHERE network = ?", (name,))


def lease_range(subnet: Subnet, entry: Json) -> tuple[int, int]:
    """First and last number that may be given out: not the network's own address, not IPv4's broadcast."""
    limits = entry.get("lease_range") or {}
    first = addresses.parse(limits["start_ip"])[1] if limits.get("start_ip") else subnet.base
    last = addresses.parse(limits["end_ip"])[1] if limits.get("end_ip") else subnet.last
    if first == subnet.base:
        first += 1
    if subnet.version == 4 and last == subnet.last:
        last -= 1
    return first, last


def next_free(first: int, last: int, after: int, version: int, taken: set[str]) -> int:
    """The next number after `after`, round the range, whose address is not taken; -1 when all are."""
    if last < first:
        return -1
    start = after + 1 if first <= after < last else first
    # A range can be larger than anything countable (IPv6): at most one more than is taken has to be looked at.
    number = start
    for _ in range(min(last - first + 1, len(taken) + 1)):
        if addresses.to_text(version, number) not in taken:
            return number
        number = number + 1 if number < last else first
    return -1
