"""/etc/hosts of commands that share the host's network, and what containers.conf says about it."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.programs import Tool, theirs

pytestmark = pytest.mark.root


@pytest.fixture
def container(own: Tool, context: Path) -> str:
    made = own.out("from", "scratch")
    own("add", made, str(context / "base.tar"), "/")
    return made


def hosts(own: Tool, container: str, *options: str, conf: Path | None = None) -> dict[str, str]:
    """Addresses by name, of the last line that has the name."""
    env = {"CONTAINERS_CONF": str(conf)} if conf is not None else None
    text = own("run", *options, container, "cat", "/etc/hosts", env=env).stdout
    lines = [line.split() for line in text.splitlines()]
    return {name: address for address, *names in lines for name in names}


def addresses() -> list[str]:
    """The host's own."""
    return theirs("hostname", "-I")().stdout.split()


@pytest.mark.parametrize("way", ["--network=host", "--isolation=chroot"])
def test_the_host_name_is_an_address_of_the_host(own: Tool, container: str, way: str) -> None:
    found = hosts(own, container, way, "--hostname", "named-here")
    assert found["named-here"] in addresses()
    assert found["host.containers.internal"] == found["named-here"]
    assert container not in found


def test_the_host_s_own_host_name_gets_no_line(own: Tool, container: str, tmp_path: Path) -> None:
    conf = tmp_path / "containers.conf"
    conf.write_text('[containers]\nbase_hosts_file = "none"\n')
    shared = own.out("from", "--uts=host", "--network=host", "scratch")
    own("copy", "--from", container, shared, "/", "/")
    assert set(hosts(own, shared, conf=conf)) == {
        "localhost",
        "host.containers.internal",
        "host.docker.internal",
    }


def test_the_address_of_the_host_can_be_configured(own: Tool, context: Path, tmp_path: Path) -> None:
    container = own.out("from", "--add-host=gate:host-gateway", "scratch")
    own("add", container, str(context / "base.tar"), "/")
    conf = tmp_path / "containers.conf"
    conf.write_text('[containers]\nhost_containers_internal_ip = "192.0.2.77"\n')
    found = hosts(own, container, "--network=host", conf=conf)
    assert (found["host.containers.internal"], found["gate"]) == ("192.0.2.77", "192.0.2.77")
    assert hosts(own, container, "--network=host")["gate"] in addresses()
    conf.write_text('[containers]\nhost_containers_internal_ip = "none"\n')
    refused = own("run", "--network=host", container, "true", env={"CONTAINERS_CONF": str(conf)}, status=125)
    assert "host containers internal IP address is empty" in refused.stderr
