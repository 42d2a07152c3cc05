"""Values of `create` that are refused before there is a container, in podman's words."""

from __future__ import annotations

from typing import Any

import pytest

from ocicore.engine import create_checks
from ocicore.engine.create_options import CreateOptions
from ocicore.errors import InvalidInput


def check(**values: Any) -> None:
    create_checks.check({}, CreateOptions(values), None)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("add_host", ["nope"], 'bad format for add-host: "nope"'),
        ("add_host", [":1.2.3.4"], "bad format for add-host"),
        ("add_host", ["a:nope"], 'invalid IP address in add-host: "nope"'),
        ("retry_delay", "soon", "invalid duration"),
        ("dns", ["1.2.3"], "1.2.3 is not an ip address"),
        ("dns_search", ["-x"], "-x is not a valid domain"),
        ("dns_search", ["1.5"], "1.5 is not a valid domain"),
        ("health_log_destination", "relative", "must be an absolute path"),
        ("health_log_destination", "/no/such/place", "no such file or directory"),
        ("health_log_destination", "", "destination error: stat : no such file"),
        ("arch", "a/b", '"a/b" is an invalid component of a platform'),
        ("os", "a b", '"a b" is an invalid component of a platform'),
        ("variant", "1.5", '"1.5" is an invalid component of a platform'),
        ("decryption_key", ["/no/such/key:word"], "invalid decryption keys: open /no/such/key: no such file"),
        ("health_startup_cmd", "true", "no regular healthcheck"),
        ("ip", "nope", '"nope" is not an ip address'),
        ("ip6", "1::2::3", "is not an ip address"),
        ("mac_address", "aa:bb", "address aa:bb: invalid MAC address"),
        ("pull", "nope", 'unsupported pull policy "nope"'),
        ("pull", "true", 'unsupported pull policy "true"'),
        ("seccomp_policy", "image", "cannot read seccomp profile without a valid image"),
        ("sysctl", ["vm.swappiness=1"], "sysctl 'vm.swappiness' is not allowed"),
        ("tz", "No/Where", "finding timezone: unknown time zone No/Where"),
        ("tz", "../passwd", "unknown time zone"),
        ("umask", "00022", "invalid umask string 00022"),
        ("umask", "8", "invalid umask string 8"),
    ],
)
def test_refused(name: str, value: object, words: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check(**{name: value})
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("add_host", ["a;b:1.2.3.4", "c:host-gateway", "d:fe80::1", "e:[::1]"]),
        ("dns", ["none", "1.2.3.4", "::1"]),
        ("dns_search", ["", ".", "example.com", "a", "x.y-z.", "10m"]),
        ("health_log_destination", "events_logger"),
        ("ip", "10.88.0.9"),
        ("mac_address", "aa:BB:cc:dd:ee:ff"),
        ("mac_address", "aa-bb-cc-dd-ee-ff"),
        ("pull", ""),
        ("sysctl", ["net.ipv4.ip_forward=1", "kernel.shmmax=1", "fs.mqueue.msg_max=5"]),
        ("umask", "22"),
    ],
)
def test_accepted(name: str, value: object) -> None:
    check(**{name: value})
