"""-p and --expose syntax, free host ports."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from ocicore.errors import InvalidInput
from ocicore.network import ports


def entry(ip: str, host: int, container: int, protocol: str = "tcp", count: int = 1) -> dict[str, Any]:
    return {
        "host_ip": ip,
        "host_port": host,
        "container_port": container,
        "protocol": protocol,
        "range": count,
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("80", [entry("", 0, 80)]),
        ("8080:80", [entry("", 8080, 80)]),
        ("127.0.0.1:8080:80/udp", [entry("127.0.0.1", 8080, 80, "udp")]),
        ("127.0.0.1::80", [entry("127.0.0.1", 0, 80)]),
        ("[::1]:8080:80", [entry("::1", 8080, 80)]),
        ("8000-8002:80-82/TCP", [entry("", 8000, 80, "tcp", 3)]),
        ("53:53/tcp,udp", [entry("", 53, 53), entry("", 53, 53, "udp")]),
        ("*:1:2", [entry("", 1, 2)]),
        ("0:80", [entry("", 0, 80)]),
    ],
)
def test_syntax(text: str, expected: list[dict[str, Any]]) -> None:
    assert ports.parse(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "70000",
        "0",
        "1:2:3:4",
        ":80:80",
        "[::1:80",
        "8000-8001:80",
        "90-80",
        "80/icmp",
        "host:80:80",
        "-1:80",
    ],
)
def test_malformed(text: str) -> None:
    with pytest.raises(InvalidInput):
        ports.parse(text)


def test_exposed() -> None:
    assert ports.parse_exposed("80-81/udp") == [(80, 2, "udp")]
    with pytest.raises(InvalidInput):
        ports.parse_exposed("80:80")


def test_random_ports_are_free_and_different() -> None:
    made = ports.assign([*ports.parse("127.0.0.1::80"), *ports.parse("127.0.0.1::81"), *ports.parse("1-3")])
    numbers = [mapping["host_port"] for mapping in made]
    assert all(number > 0 for number in numbers)
    assert len(set(numbers)) == 3
    assert ports.is_free("127.0.0.1", numbers[0], "tcp")


def test_a_port_in_use_is_not_free() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert not ports.is_free("127.0.0.1", taken.getsockname()[1], "tcp")


def test_conflicts_and_duplicates() -> None:
    same = ports.parse("8080:80")
    assert len(ports.assign([*same, *same])) == 1
    with pytest.raises(InvalidInput, match="conflicting port mappings for host port 8080"):
        ports.assign([*same, *ports.parse("8080:81")])
    with pytest.raises(InvalidInput, match="above 65535"):
        ports.assign([{**same[0], "host_port": 65535, "range": 2}])


def test_publish_all_leaves_out_what_is_published() -> None:
    made = ports.assign(ports.parse("8080:80"), [(80, 2, "tcp"), (80, 1, "udp")], publish_all=True)
    assert [(mapping["container_port"], mapping["protocol"]) for mapping in made] == [
        (80, "tcp"),
        (81, "tcp"),
        (80, "udp"),
    ]


def test_as_shown() -> None:
    assert ports.to_text(ports.parse("8000-8001:80-81/udp")[0]) == "0.0.0.0:8000-8001->80-81/udp"
    assert ports.to_text(ports.parse("[::1]:8080:80")[0]) == "[::1]:8080->80/tcp"
