"""What --network values mean."""

from __future__ import annotations

import json

import pytest

from ocicore.errors import InvalidInput
from ocicore.network import modes


def parse(*values: str, rootless: bool = False) -> modes.NetworkMode:
    return modes.parse(values, rootless=rootless, default_network="podman", rootless_command="pasta")


@pytest.mark.parametrize(
    ("values", "kind", "networks"),
    [
        ((), "bridge", {"podman": {}}),
        (("default",), "bridge", {"podman": {}}),
        (("bridge",), "bridge", {"podman": {}}),
        (("none",), "none", {}),
        (("null",), "none", {}),
        (("host",), "host", {}),
        (("a,b",), "bridge", {"a": {}, "b": {}}),
        (("a", "b:alias=x"), "bridge", {"a": {}, "b": {"aliases": ["x"]}}),
        (
            ("n:ip=10.0.0.5,ip6=fd::5,mac=AA-BB-CC-DD-EE-FF,interface_name=lan,no_default_route=1",),
            "bridge",
            {
                "n": {
                    "static_ips": ["10.0.0.5", "fd::5"],
                    "static_mac": "aa:bb:cc:dd:ee:ff",
                    "interface_name": "lan",
                    "options": {"no_default_route": "1"},
                }
            },
        ),
    ],
)
def test_networks(values: tuple[str, ...], kind: str, networks: dict[str, object]) -> None:
    made = parse(*values)
    assert (made.kind, made.networks) == (kind, networks)


def test_modes_with_targets_and_options() -> None:
    assert parse("container:abc").target == "abc"
    assert parse("ns:/run/netns/x").target == "/run/netns/x"
    assert parse("pasta:-t,8080").options == ["-t", "8080"]
    assert parse("slirp4netns:mtu=1500,cidr=10.1.0.0/24").options == ["mtu=1500", "cidr=10.1.0.0/24"]
    assert parse(rootless=True).kind == "pasta"
    assert parse("bridge", rootless=True).kind == "bridge"


@pytest.mark.parametrize(
    "values",
    [
        ("container:",),
        ("ns:",),
        ("host:x",),
        ("a", "host"),
        ("a", "a"),
        ("n:ip=x",),
        ("n:ip6=1.2.3.4",),
        ("n:mac=1",),
        ("n:alias=",),
        ("n:word",),
        (":",),
    ],
)
def test_malformed(values: tuple[str, ...]) -> None:
    with pytest.raises(InvalidInput):
        parse(*values)


def test_a_mode_survives_a_database() -> None:
    made = parse("n:ip=10.0.0.5")
    again = modes.NetworkMode.from_record(json.loads(json.dumps(made.record())))
    assert (again.kind, again.networks) == (made.kind, made.networks)


def test_interface_names_skip_those_given() -> None:
    named = modes.interface_names({"a": {}, "b": {"interface_name": "eth0"}, "c": {}})
    assert {name: options["interface_name"] for name, options in named.items()} == {
        "a": "eth1",
        "b": "eth0",
        "c": "eth2",
    }
