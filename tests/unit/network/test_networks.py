"""Network definitions: podman's files and default, creating, refusing, removing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ocicore.errors import Conflict, Error, InvalidInput, NotFound
from ocicore.network import addresses, creation
from ocicore.network.networks import Networks

POOLS = [{"base": "10.213.0.0/16", "size": 24}]


@pytest.fixture
def networks(tmp_path: Path) -> Networks:
    return Networks(str(tmp_path / "networks"), pools=POOLS)


def test_the_default_network_needs_no_file(networks: Networks) -> None:
    default = networks.get("podman")
    assert default["id"] == "2f259bab93aaaaa2542ba43ef33eb990d0999ee1b9924b557b7be53c0b7a1bb9"
    assert default["subnets"] == [{"subnet": "10.88.0.0/16", "gateway": "10.88.0.1"}]
    assert networks.get("2f259bab93aa")["name"] == "podman"
    other = Networks(networks.config_dir, default_name="mine")
    assert len(other.get("mine")["id"]) == 64
    with pytest.raises(InvalidInput, match="cannot be removed"):
        networks.remove("podman")


def test_create_read_list_remove(networks: Networks) -> None:
    made = networks.create({"name": "one", "labels": {"k": "v"}})
    assert made["network_interface"].startswith("podman")
    assert made["dns_enabled"] is True
    assert made["ipam_options"] == {"driver": "host-local"}
    assert addresses.parse_subnet(made["subnets"][0]["subnet"]).prefix == 24
    assert networks.get("one") == made == networks.get(made["id"]) == networks.get(made["id"][:10])
    second = networks.create({})
    assert second["name"].startswith("podman")
    assert second["network_interface"] != made["network_interface"]
    assert second["subnets"] != made["subnets"]
    assert [network["name"] for network in networks.list()] == sorted(["one", "podman", second["name"]])
    networks.remove("one")
    assert not networks.exists("one")
    with pytest.raises(NotFound, match="unable to find network with name or ID one: network not found"):
        networks.get("one")


def test_files_that_are_no_networks_are_ignored(networks: Networks) -> None:
    folder = Path(networks.config_dir)
    folder.mkdir()
    (folder / "broken.json").write_text("{")
    (folder / "other-name.json").write_text(json.dumps({"name": "x", "id": "1"}))
    (folder / ".hidden.json").write_text("{}")
    assert [network["name"] for network in networks.list()] == ["podman"]
    with pytest.raises(NotFound):
        networks.get("../../etc/passwd")


def test_dual_stack_and_given_subnets(networks: Networks) -> None:
    both = networks.create({"name": "six", "ipv6_enabled": True})
    assert [":" in subnet["subnet"] for subnet in both["subnets"]] == [False, True]
    given = networks.create(
        {"name": "given", "subnets": [{"subnet": "10.214.5.7/24", "gateway": "10.214.5.9"}]}
    )
    assert given["subnets"] == [{"subnet": "10.214.5.0/24", "gateway": "10.214.5.9"}]
    inside = networks.create({"name": "inside", "internal": True, "dns_enabled": False})
    assert "gateway" not in inside["subnets"][0]


@pytest.mark.parametrize(
    ("wanted", "error"),
    [
        ({"name": "bad name"}, InvalidInput),
        ({"name": "-x"}, InvalidInput),
        ({"name": "podman"}, Conflict),
        ({"name": "x", "subnets": [{"subnet": "10.88.5.0/24"}]}, InvalidInput),
        ({"name": "x", "subnets": [{"subnet": "300.1.1.0/24"}]}, InvalidInput),
        ({"name": "x", "subnets": [{"subnet": "10.214.0.0/24", "gateway": "10.215.0.1"}]}, InvalidInput),
        (
            {"name": "x", "subnets": [{"subnet": "10.214.0.0/24", "lease_range": {"end_ip": "10.215.0.1"}}]},
            InvalidInput,
        ),
        ({"name": "x", "options": {"mtu": "big"}}, InvalidInput),
        ({"name": "x", "options": {"vlan": "5000"}}, InvalidInput),
        ({"name": "x", "options": {"mode": "strange"}}, InvalidInput),
        ({"name": "x", "options": {"colour": "blue"}}, InvalidInput),
        ({"name": "x", "driver": "nothing"}, InvalidInput),
        ({"name": "x", "driver": "ipvlan"}, InvalidInput),
        ({"name": "x", "driver": "macvlan", "network_interface": "nothing0"}, InvalidInput),
        ({"name": "x", "ipam_options": {"driver": "strange"}}, InvalidInput),
        ({"name": "x", "network_interface": "longer-than-the-kernel-allows"}, InvalidInput),
        ({"name": "x", "dns_enabled": False, "network_dns_servers": ["1.1.1.1"]}, InvalidInput),
        ({"name": "x", "routes": [{"destination": "x", "gateway": "10.0.0.1"}]}, InvalidInput),
    ],
)
def test_refused(networks: Networks, wanted: dict[str, Any], error: type[Error]) -> None:
    with pytest.raises(error):
        networks.create(wanted)
    assert [network["name"] for network in networks.list()] == ["podman"]


def test_macvlan(networks: Networks) -> None:
    made = networks.create(
        {"name": "m", "driver": "macvlan", "network_interface": "lo", "options": {"mode": "bridge"}}
    )
    assert made["ipam_options"] == {"driver": "dhcp"}
    assert made["dns_enabled"] is False


def test_docker_option_names(networks: Networks) -> None:
    made = networks.create({"name": "d", "options": {"com.docker.network.driver.mtu": "1400"}})
    assert made["options"] == {"mtu": "1400"}


def test_pools_run_out() -> None:
    used = [addresses.parse_subnet("10.0.0.0/8")]
    with pytest.raises(Error, match="could not find free subnet"):
        creation.free_subnet(used, POOLS)


def test_dns_servers_of_a_network(networks: Networks) -> None:
    networks.create({"name": "a"})
    assert networks.update("a", add_dns=["1.1.1.1", "2.2.2.2"])["network_dns_servers"] == [
        "1.1.1.1",
        "2.2.2.2",
    ]
    assert networks.update("a", remove_dns=["1.1.1.1"])["network_dns_servers"] == ["2.2.2.2"]
    with pytest.raises(InvalidInput):
        networks.update("a", add_dns=["one"])
