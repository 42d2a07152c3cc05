"""Addresses given out once, in order, beside podman's; the reader of podman's database on a file made by hand."""

from __future__ import annotations

import socket
import struct
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ocicore.errors import Error, InUse, InvalidInput
from ocicore.network import addresses, ipam, podman_leases
from ocicore.network.ipam import Ipam
from support.bolt_file import checksum


def network(name: str = "n", *subnets: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "subnets": list(subnets) or [{"subnet": "10.1.0.0/29", "gateway": "10.1.0.1"}]}


def open_at(path: Path) -> Ipam:
    return Ipam(str(path / "run"), "podman")


def test_in_order_round_and_full(tmp_path: Path) -> None:
    with open_at(tmp_path) as leases:
        given = [leases.allocate(f"c{number}", network())[0] for number in range(5)]
        assert given == [f"10.1.0.{number}" for number in range(2, 7)]
        with pytest.raises(Error, match="failed to find free IP"):
            leases.allocate("c9", network())
        leases.release("c1")
        assert leases.assigned("c1", "n") == []
        assert leases.allocate("c9", network()) == ["10.1.0.3"]
        assert leases.assigned("c9", "n") == ["10.1.0.3"]


def test_an_address_just_given_up_is_not_the_next(tmp_path: Path) -> None:
    with open_at(tmp_path) as leases:
        assert leases.allocate("a", network()) == ["10.1.0.2"]
        leases.release("a")
        assert leases.allocate("b", network()) == ["10.1.0.3"]


def test_static_addresses(tmp_path: Path) -> None:
    with open_at(tmp_path) as leases:
        assert leases.allocate("a", network(), ["10.1.0.5"]) == ["10.1.0.5"]
        assert leases.allocate("a", network(), ["10.1.0.5"]) == ["10.1.0.5"]
        with pytest.raises(InUse, match=r"10\.1\.0\.5 is already allocated to container ID a"):
            leases.allocate("b", network(), ["10.1.0.5"])
        with pytest.raises(InUse, match="gateway"):
            leases.allocate("b", network(), ["10.1.0.1"])
        with pytest.raises(InvalidInput, match="not in any subnet"):
            leases.allocate("b", network(), ["10.2.0.1"])
        assert leases.assigned("b", "n") == []


def test_two_subnets_and_ranges(tmp_path: Path) -> None:
    both = network(
        "n",
        {
            "subnet": "10.1.0.0/24",
            "gateway": "10.1.0.1",
            "lease_range": {"start_ip": "10.1.0.100", "end_ip": "10.1.0.101"},
        },
        {"subnet": "fd00:1::/64", "gateway": "fd00:1::1"},
    )
    with open_at(tmp_path) as leases:
        assert leases.allocate("a", both) == ["10.1.0.100", "fd00:1::2"]
        assert leases.allocate("b", both) == ["10.1.0.101", "fd00:1::3"]
        with pytest.raises(Error):
            leases.allocate("c", both)
        leases.forget_network("n")
        assert leases.allocate("c", both) == ["10.1.0.100", "fd00:1::2"]


def test_the_network_shared_with_podman_starts_in_the_middle(tmp_path: Path) -> None:
    shared = network("podman", {"subnet": "10.88.0.0/16", "gateway": "10.88.0.1"})
    with open_at(tmp_path) as leases:
        assert leases.allocate("a", shared) == ["10.88.128.1"]


def test_many_at_once_get_different_addresses(tmp_path: Path) -> None:
    large = network("n", {"subnet": "10.1.0.0/24", "gateway": "10.1.0.1"})

    def one(number: int) -> str:
        with open_at(tmp_path) as leases:
            return leases.allocate(f"c{number}", large)[0]

    with ThreadPoolExecutor(8) as pool:
        given = list(pool.map(one, range(60)))
    assert len(set(given)) == 60


def test_next_free() -> None:
    assert ipam.next_free(1, 3, 0, 4, set()) == 1
    assert ipam.next_free(1, 3, 3, 4, {"0.0.0.1"}) == 2
    assert ipam.next_free(1, 3, 2, 4, {"0.0.0.3"}) == 1
    assert ipam.next_free(1, 2, 0, 4, {"0.0.0.1", "0.0.0.2"}) == -1
    assert ipam.next_free(2, 1, 0, 4, set()) == -1


def leaf(*items: tuple[bytes, bytes, bool]) -> bytes:
    """A bbolt leaf page without its size."""
    header = struct.pack("<QHHI", 0, 2, len(items), 0)
    elements, content = b"", b""
    offset = 16 * len(items)
    for number, (key, value, bucket) in enumerate(items):
        position = offset - 16 * number + len(content)
        elements += struct.pack("<IIII", int(bucket), position, len(key), len(value))
        content += key + value
    return header + elements + content


def inline_bucket(*items: tuple[bytes, bytes, bool]) -> bytes:
    return struct.pack("<QQ", 0, 0) + leaf(*items)


def meta(root: int, transaction: int) -> bytes:
    facts = struct.pack("<IIIIQQQQQ", 0xED0CDAED, 2, 4096, 0, root, 0, 0, 0, transaction)
    return struct.pack("<QHHI", 0, 4, 0, 0) + facts + struct.pack("<Q", checksum(facts))


def database(path: Path) -> None:
    address = socket.inet_aton("10.5.0.9")
    subnet = inline_bucket((address, b"c0ffee", False), (b"lastIP", address, False))
    ids = inline_bucket((b"c0ffee", b'["10.5.0.9"]', False))
    tree = struct.pack("<QQ", 5, 0)
    pages = [
        meta(3, 8),
        meta(4, 9),
        b"",
        leaf((b"old", b"", True)),
        leaf((b"n", tree, True), (b"other", inline_bucket(), True)),
        leaf((b"10.5.0.0/24", subnet, True), (b"ids", ids, True)),
    ]
    path.write_bytes(b"".join(page.ljust(4096, b"\0") for page in pages))


def test_podmans_leases_are_read(tmp_path: Path) -> None:
    path = tmp_path / "ipam.db"
    database(path)
    assert podman_leases.leases(str(path), "n") == {"10.5.0.9": "c0ffee"}
    assert podman_leases.leases(str(path), "other") == {}
    assert podman_leases.leases(str(tmp_path / "none"), "n") == {}


def test_a_meta_page_that_is_being_written_does_not_count(tmp_path: Path) -> None:
    path = tmp_path / "ipam.db"
    database(path)
    data = bytearray(path.read_bytes())
    data[16 + 16] = 99  # the root page of the older one
    path.write_bytes(data)
    assert podman_leases.leases(str(path), "n") == {"10.5.0.9": "c0ffee"}
    data[16 + 16] = 3
    data[4096 + 16 + 16] = 99
    path.write_bytes(data)
    assert podman_leases.leases(str(path), "n") == {}, "what the older one leads to, which has nothing"


def test_and_not_given_out_again(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    database(tmp_path / "run" / "ipam.db")
    tight = network("n", {"subnet": "10.5.0.8/30", "gateway": "10.5.0.10"})
    with open_at(tmp_path) as leases, pytest.raises(Error, match="failed to find free IP"):
        leases.allocate("a", tight)


@pytest.mark.parametrize("size", [0, 10, 4096, 4200, 20000, 24000])
def test_damaged_databases_read_as_empty(tmp_path: Path, size: int) -> None:
    path = tmp_path / "ipam.db"
    database(path)
    data = path.read_bytes()
    path.write_bytes(data[:size])
    assert podman_leases.leases(str(path), "n") in ({}, {"10.5.0.9": "c0ffee"})
    path.write_bytes(b"\xff" * size)
    assert podman_leases.leases(str(path), "n") == {}


def test_subnets() -> None:
    made = addresses.parse_subnet("10.1.2.3/24")
    assert (str(made), made.size) == ("10.1.2.0/24", 256)
    assert made.overlaps(addresses.parse_subnet("10.1.0.0/16"))
    assert not made.overlaps(addresses.parse_subnet("10.2.0.0/16"))
    assert not made.overlaps(addresses.parse_subnet("::/0"))
    for text in ("10.1.2.3", "10.1.2.3/33", "10.1.2.3/x", "x/8", "::1/129"):
        with pytest.raises(InvalidInput):
            addresses.parse_subnet(text)
