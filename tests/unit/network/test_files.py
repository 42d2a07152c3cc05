"""The text of /etc/hosts and /etc/resolv.conf, command lines of pasta and slirp4netns, addresses from /proc."""

from __future__ import annotations

from pathlib import Path

import pytest

from ocicore.errors import InvalidInput
from ocicore.network import hosts, netns, pasta, ports, resolv, slirp


def test_hosts_order_and_no_overwriting() -> None:
    text = hosts.text(
        base="127.0.0.1 localhost # loop\n\n1.2.3.4\n5.6.7.8 base\n",
        kind="bridge",
        names=["me", "container"],
        addresses=["10.88.0.5", "fd::5"],
        extra=["db;data:9.9.9.9", "gw:host-gateway"],
        host_address="10.88.0.1",
    )
    assert text.splitlines() == [
        "9.9.9.9\tdb data",
        "10.88.0.1\tgw",
        "127.0.0.1\tlocalhost",
        "5.6.7.8\tbase",
        "10.88.0.1\thost.containers.internal host.docker.internal",
        "10.88.0.5\tme container",
        "fd::5\tme container",
    ]


def test_hosts_of_other_kinds() -> None:
    assert hosts.text(kind="none", names=["me"], host_address="").splitlines()[-1] == "127.0.0.1\tme"
    # The host name was given, and is the container's name too.
    slirp_text = hosts.text(kind="slirp4netns", names=["me", "me"], addresses=["10.0.2.100"], host_address="")
    assert slirp_text.splitlines()[-1] == "10.0.2.100\tme me"
    pasta_text = hosts.text(
        kind="pasta", names=["me"], addresses=["1.1.1.1", "2::2"], gateways=["169.254.1.2"]
    )
    assert pasta_text.splitlines()[2:] == [
        "169.254.1.2\thost.containers.internal host.docker.internal",
        "1.1.1.1\tme",
    ]
    assert "::1\tlocalhost" in hosts.text(host_address="")


@pytest.mark.parametrize("value", ["name", ":1.2.3.4", "name:", "gw:host-gateway"])
def test_malformed_extra_hosts(value: str) -> None:
    with pytest.raises(InvalidInput):
        hosts.parse_extra([value])


def test_lines_are_taken_out() -> None:
    content = "1.1.1.1\ta b\n2.2.2.2\tc\n1.1.1.1\td\n"
    assert hosts.without(content, [("1.1.1.1", ["b"])]) == "2.2.2.2\tc\n1.1.1.1\td\n"


@pytest.fixture
def host_file(tmp_path: Path) -> str:
    path = tmp_path / "resolv.conf"
    path.write_text(
        "# c\nnameserver 127.0.0.1\nnameserver 9.9.9.9\nnameserver fe80::1%eth0\nsearch a b\noptions ndots:2\n"
    )
    return str(path)


def test_resolv_conf(host_file: str) -> None:
    assert resolv.text(kind="host", host_file=host_file).startswith("search a b\nnameserver 127.0.0.1\n")
    assert (
        resolv.text(kind="none", host_file=host_file) == "search a b\nnameserver 9.9.9.9\noptions ndots:2\n"
    )
    bridge = resolv.text(
        kind="bridge",
        network_servers=["10.89.0.1"],
        network_search=["dns.podman"],
        servers=["1.1.1.1"],
        host_file=host_file,
    )
    assert bridge == "search dns.podman a b\nnameserver 10.89.0.1\noptions ndots:2\n"
    forwarded = resolv.text(kind="pasta", network_servers=["169.254.1.1"], host_file=host_file)
    assert "nameserver 169.254.1.1\nnameserver 9.9.9.9\n" in forwarded
    own = resolv.text(
        kind="pasta",
        network_servers=["169.254.1.1"],
        servers=["1.1.1.1"],
        search=["."],
        options=["x"],
        host_file=host_file,
    )
    assert own == "nameserver 1.1.1.1\noptions x\n"


def test_only_a_local_resolver_means_public_ones(tmp_path: Path) -> None:
    path = tmp_path / "r"
    path.write_text("nameserver 127.0.0.2\n")
    assert resolv.text(kind="none", host_file=str(path)) == "nameserver 8.8.8.8\nnameserver 8.8.4.4\n"
    assert "2001:4860:4860::8888" in resolv.text(kind="none", ipv6=True, host_file=str(tmp_path / "none"))


def test_pasta_arguments() -> None:
    argv = pasta.arguments(
        "/ns",
        pid_file="/p",
        ports=[*ports.parse("127.0.0.1:8080:80"), *ports.parse("53-54:53-54/udp")],
        options=["--map-gw", "-T", "80"],
    )
    assert " ".join(argv) == (
        "--config-net --pid /p -T 80 -t 127.0.0.1/8080-8080:80-80 -u 53-54:53-54 --dns-forward 169.254.1.1 "
        "-U none --quiet --netns /ns --map-guest-addr 169.254.1.2"
    )
    plain = pasta.arguments("/ns", pid_file="/p", ports=[], options=[], user_ns="/u")
    assert plain[plain.index("--userns") + 1] == "/u"
    assert "--no-map-gw" in plain
    with pytest.raises(InvalidInput, match="can't forward protocol: sctp"):
        pasta.arguments("/ns", pid_file="/p", ports=ports.parse("80:80/sctp"), options=[])


def test_slirp_options() -> None:
    asked = slirp.parse_options(
        ["cidr=10.9.0.0/24", "allow_host_loopback=true", "mtu=1500", "enable_ipv6=false"]
    )
    assert asked.argv == ["--mtu=1500", "--enable-sandbox", "--enable-seccomp", "--cidr=10.9.0.0/24"]
    assert not asked.forwards
    assert slirp.parse_options(["port_handler=slirp4netns"]).forwards
    assert not slirp.parse_options(["port_handler=rootlesskit"]).forwards
    started = slirp.Started(1, asked.subnet, forwards=False)
    assert (started.address, started.gateway, started.dns) == ("10.9.0.100", "10.9.0.2", "10.9.0.3")
    for word in ("x", "mtu=1", "cidr=fd::/64", "enable_ipv6=maybe", "port_handler=none", "colour=blue"):
        with pytest.raises(InvalidInput):
            slirp.parse_options([word])


def test_addresses_from_the_routing_trie() -> None:
    trie = """Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 10.0.2.0/24 2 0 2
        |-- 10.0.2.0
           /24 link UNICAST
        |-- 10.0.2.100
           /32 host LOCAL
        |-- 10.0.2.255
           /32 link BROADCAST
     +-- 127.0.0.0/8 2 0 2
        |-- 127.0.0.1
           /32 host LOCAL
"""
    assert netns._ipv4(trie) == [("10.0.2.100", 24)]
