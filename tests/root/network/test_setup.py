"""Root's networks on the real netavark: bridge, names, published ports, leases, podman beside us, slirp4netns."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ocicore.errors import Error, InUse, NotFound, Unsupported
from ocicore.network import modes, netns, ports, setup
from ocicore.network.networks import Networks
from support.monitored import Container, conmons

pytestmark = pytest.mark.root

HELPERS = ("/usr/libexec/podman", "/usr/lib/podman")
POOLS = [{"base": "10.217.0.0/16", "size": 24}]


class Lab:
    """Networks and a run directory of the test's own; everything made is taken away again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.env = setup.NetworkEnvironment(
            config_dir=str(folder / "networks"),
            run_dir=str(folder / "run"),
            rootless=False,
            helper_dirs=HELPERS,
            environ=dict(os.environ),
            default_network="labdefault",
            default_subnet="10.218.0.0/16",
        )
        self.networks = Networks(str(folder / "networks"), pools=POOLS)
        # A definition of its own: the implicit one would share the bridge podman0 with the machine's containers.
        self.networks.create(
            {"name": "labdefault", "dns_enabled": False, "subnets": [{"subnet": "10.218.0.0/16"}]}
        )
        self.warnings: list[str] = []
        self.open: list[tuple[setup.NetworkRequest, Container]] = []

    def connect(
        self, mode: str, *script: str, name: str = "c", publish: tuple[str, ...] = ()
    ) -> tuple[dict[str, Any], Container, setup.NetworkRequest]:
        path = netns.create(netns.directory("/run", rootless=False))
        container = Container(
            self.folder,
            conmons()[0],
            *(script or ("sleep", "100")),
            namespaces={"net": {"mode": "path", "path": path}},
        )
        request = setup.NetworkRequest(
            container_id=container.id,
            container_name=name,
            hostname=name,
            netns_path=path,
            mode=modes.parse(
                mode.split(" "), rootless=False, default_network="labdefault", rootless_command="pasta"
            ),
            run_dir=str(container.run_dir),
            ports=ports.assign([mapping for text in publish for mapping in ports.parse(text)]),
        )
        self.open.append((request, container))
        status = setup.setup(request, env=self.env, warn=self.warnings.append)
        container.create()
        container.start()
        return status, container, request

    def disconnect(self, request: setup.NetworkRequest, container: Container) -> None:
        setup.teardown(request, env=self.env, warn=self.warnings.append)
        netns.remove(request.netns_path)
        with container:
            pass

    def close(self) -> None:
        for request, container in reversed(self.open):
            if container.folder.exists():
                self.disconnect(request, container)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    made = Lab(tmp_path)
    yield made
    made.close()


def address(status: dict[str, Any], network: str, interface: str = "eth0") -> str:
    return str(status[network]["interfaces"][interface]["subnets"][0]["ipnet"]).partition("/")[0]


def ask(port: int, host: str = "127.0.0.1") -> str:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            with socket.create_connection((host, port), 2) as connection:
                if text := connection.recv(100).decode():
                    return text
        except OSError:
            pass
        time.sleep(0.05)
    return ""


def test_default_bridge_and_a_published_port(lab: Lab) -> None:
    status, container, request = lab.connect(
        "bridge", "sh", "-c", "ip -o -4 addr show eth0; echo reply | nc -l -p 80", publish=("127.0.0.1::80",)
    )
    own = address(status, "labdefault")
    assert own.startswith("10.218.")
    assert ask(request.ports[0]["host_port"]) == "reply\n"
    assert container.wait() == 0
    assert f"{own}/16" in container.output()
    lab.disconnect(request, container)
    rules = subprocess.run(["iptables-save"], capture_output=True, text=True, check=True).stdout
    assert own not in rules
    assert lab.warnings == []


def test_two_containers_find_each_other_by_name(lab: Lab) -> None:
    lab.networks.create({"name": "lab1"})
    first, _, _ = lab.connect("lab1:alias=database", name="server")
    assert first["lab1"]["dns_server_ips"] == ["10.217.0.1"]
    assert first["lab1"]["dns_search_domains"] == ["dns.podman"]
    second, _, request = lab.connect("lab1", name="client")
    assert address(first, "lab1") == "10.217.0.2"
    assert address(second, "lab1") == "10.217.0.3"
    for name in ("server", "database"):
        assert resolve(request.netns_path, "10.217.0.1", name) == "10.217.0.2"


def resolve(netns_path: str, server: str, name: str) -> str:
    """Ask a name server from inside a namespace (busybox' nslookup needs a terminal's worth of parsing; this does not)."""
    program = (
        "import socket,struct,sys\n"
        "q=struct.pack('>HHHHHH',7,0x100,1,0,0,0)+b''.join(bytes([len(p)])+p.encode() for p in sys.argv[2].split('.'))+b'\\0'\n"
        "s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM); s.settimeout(5)\n"
        "s.sendto(q+struct.pack('>HH',1,1),(sys.argv[1],53)); print(socket.inet_ntoa(s.recv(512)[-4:]))\n"
    )
    argv = ["nsenter", f"--net={netns_path}", "python3", "-c", program, server, name]
    return subprocess.run(argv, capture_output=True, text=True, check=True, timeout=20).stdout.strip()


def test_two_networks_static_addresses_and_mac(lab: Lab) -> None:
    lab.networks.create({"name": "lab1", "subnets": [{"subnet": "10.219.0.0/24"}]})
    lab.networks.create({"name": "lab2", "subnets": [{"subnet": "10.220.0.0/24"}]})
    status, container, _ = lab.connect(
        "lab1:ip=10.219.0.77,mac=02:11:22:33:44:55 lab2:interface_name=second",
        "sh",
        "-c",
        "ip -o addr; ip -o link",
    )
    assert address(status, "lab1") == "10.219.0.77"
    assert address(status, "lab2", "second") == "10.220.0.2"
    assert container.wait() == 0
    assert "02:11:22:33:44:55" in container.output()
    path = netns.create(netns.directory("/run", rootless=False))
    request = setup.NetworkRequest(
        container_id="f" * 64,
        container_name="x",
        netns_path=path,
        mode=modes.parse(
            ["lab1:ip=10.219.0.77"], rootless=False, default_network="x", rootless_command="pasta"
        ),
        run_dir=str(lab.folder),
    )
    try:
        with pytest.raises(InUse, match="already allocated"):
            setup.setup(request, env=lab.env, warn=lab.warnings.append)
        setup.teardown(request, env=lab.env, warn=lab.warnings.append)
    finally:
        netns.remove(path)
    assert lab.warnings == []


def test_an_unknown_network_leaves_nothing(lab: Lab) -> None:
    with pytest.raises(NotFound, match="network not found"):
        lab.connect("nowhere")


def test_a_failing_netavark_gives_its_addresses_back(lab: Lab, tmp_path: Path) -> None:
    fake = tmp_path / "netavark"
    fake.write_text('#!/bin/sh\ncat >/dev/null; echo \'{"error": "no luck today"}\'; exit 1\n')
    fake.chmod(0o755)
    good, lab.env.helper_dirs = lab.env.helper_dirs, (str(tmp_path),)
    with pytest.raises(Error, match="netavark: no luck today"):
        lab.connect("bridge")
    lab.env.helper_dirs = good
    lab.close()
    lab.open.clear()
    status, _, _ = lab.connect("bridge")
    # The first address after the one that was given back.
    assert address(status, "labdefault") == "10.218.128.2" or address(status, "labdefault") == "10.218.0.3"


def test_tearing_down_twice_and_after_the_namespace_is_gone(lab: Lab) -> None:
    _, container, request = lab.connect("bridge")
    container.runtime.delete(container.id, force=True)
    netns.remove(request.netns_path)
    lab.disconnect(request, container)
    setup.teardown(request, env=lab.env, warn=lab.warnings.append)
    assert lab.warnings == []
    rules = subprocess.run(["iptables-save"], capture_output=True, text=True, check=True).stdout
    assert "10.218." not in rules
    links = subprocess.run(["ip", "-o", "addr"], capture_output=True, text=True, check=True).stdout
    assert "10.218." not in links


def test_a_lost_namespace_that_the_kernel_takes_down_late(lab: Lab) -> None:
    _, container, request = lab.connect("bridge")
    last = subprocess.Popen(["nsenter", f"--net={request.netns_path}", "sleep", "0.5"])
    deadline = time.monotonic() + 10
    while os.readlink(f"/proc/{last.pid}/ns/net") == os.readlink("/proc/self/ns/net"):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    container.runtime.delete(container.id, force=True)
    netns.remove(request.netns_path)
    lab.disconnect(request, container)
    assert last.wait() == 0
    rules = subprocess.run(["iptables-save"], capture_output=True, text=True, check=True).stdout
    assert "10.218." not in rules
    links = subprocess.run(["ip", "-o", "addr"], capture_output=True, text=True, check=True).stdout
    assert "10.218." not in links


@pytest.mark.parametrize(("handler", "peer"), [("", "10.0.2.100"), (",port_handler=slirp4netns", "10.0.2.2")])
def test_slirp4netns_as_root(lab: Lab, handler: str, peer: str) -> None:
    status, container, request = lab.connect(
        f"slirp4netns:enable_ipv6=false{handler}",
        "sh",
        "-c",
        "ip -o -4 addr; nc -l -p 80 -e sh -c 'netstat -tn >&2; echo reply'",
        publish=("127.0.0.1::80",),
    )
    assert address(status, "slirp4netns", "tap0") == "10.0.2.100"
    assert ask(request.ports[0]["host_port"]) == "reply\n"
    assert container.wait() == 0
    # Whom the container sees on the other side: itself (podman's default), or slirp4netns' gateway.
    lines = [line.split() for line in container.output().splitlines() if line.startswith("tcp")]
    seen = [fields[4] for fields in lines if fields[3].endswith("10.0.2.100:80")]
    assert [one.rpartition(":")[0].rpartition(":")[2] for one in seen] == [peer]
    # Its sandbox must not have detached other namespaces' files.
    assert netns.exists(request.netns_path)
    lab.disconnect(request, container)
    assert lab.warnings == []


def test_pasta_is_for_ordinary_users(lab: Lab) -> None:
    with pytest.raises(Unsupported, match="only supported for rootless mode"):
        lab.connect("pasta")
