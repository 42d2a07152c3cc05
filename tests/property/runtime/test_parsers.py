"""Whatever the bytes: parsers answer or refuse, and never fail in another way."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from ocicore.errors import Error, InvalidInput, NotFound
from ocicore.network import addresses, hosts, modes, podman_leases, ports, resolv
from ocicore.runtime import attach, devices, logs, oci, users


@given(st.text(max_size=40))
def test_ports(text: str) -> None:
    try:
        for mapping in ports.parse(text):
            assert 1 <= mapping["container_port"] <= 65535
            assert mapping["container_port"] + mapping["range"] - 1 <= 65535
            assert ports.to_text(mapping)
    except InvalidInput:
        pass


@given(
    st.integers(1, 65535),
    st.integers(0, 65535),
    st.sampled_from(["", "127.0.0.1", "::1"]),
    st.sampled_from(["tcp", "udp", "sctp"]),
)
def test_ports_round_trip(container: int, host: int, ip: str, protocol: str) -> None:
    written = f"[{ip}]" if ":" in ip else ip
    text = f"{written}:{host}:{container}/{protocol}" if ip else f"{host}:{container}/{protocol}"
    assert ports.parse(text) == [
        {"host_ip": ip, "host_port": host, "container_port": container, "protocol": protocol, "range": 1}
    ]


@given(st.lists(st.text(max_size=30), max_size=3), st.booleans())
def test_network_modes(values: list[str], rootless: bool) -> None:
    try:
        mode = modes.parse(values, rootless=rootless, default_network="podman", rootless_command="pasta")
        assert modes.NetworkMode.from_record(mode.record()).kind == mode.kind
    except InvalidInput:
        pass


@given(st.text(max_size=30))
def test_devices_and_detach_keys(text: str) -> None:
    for parse in (devices.parse, devices.parse_cgroup_rule, attach.parse_detach_keys, addresses.parse_subnet):
        try:
            parse(text)  # type: ignore[operator]
        except InvalidInput:
            pass


@given(
    st.text(alphabet=st.characters(exclude_characters="\x00"), max_size=20),
    st.binary(max_size=300),
    st.binary(max_size=300),
)
@settings(max_examples=60, deadline=None)
def test_users_of_any_image(name: str, passwd: bytes, group: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "etc").mkdir()
        (Path(folder) / "etc" / "passwd").write_bytes(passwd)
        (Path(folder) / "etc" / "group").write_bytes(group)
        try:
            found = users.resolve(name, folder)
            assert 0 <= found.uid <= 2147483647
            assert 0 <= found.gid <= 2147483647
        except (InvalidInput, NotFound, UnicodeEncodeError):
            pass


@given(st.binary(max_size=600), st.integers(-1, 5))
@settings(max_examples=60, deadline=None)
def test_logs_of_any_bytes(data: bytes, tail: int) -> None:
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        for driver in ("k8s-file", "json-file"):
            for line in logs.read(driver, file.name, tail=tail):
                assert line.stream


@given(
    st.lists(
        st.text(alphabet=st.characters(exclude_characters="\n\r", codec="utf-8"), max_size=20), max_size=30
    ),
    st.integers(0, 40),
)
@settings(max_examples=60, deadline=None)
def test_tail_is_the_end_of_all(texts: list[str], count: int) -> None:
    with tempfile.NamedTemporaryFile() as file:
        for text in texts:
            file.write(f"2024-01-01T00:00:00Z stdout F {text}\n".encode())
        file.flush()
        everything = [line.data for line in logs.read("k8s-file", file.name)]
        assert len(everything) == len(texts)
        ending = [line.data for line in logs.read("k8s-file", file.name, tail=count)]
        assert ending == (everything[-count:] if count else [])


@given(st.binary(max_size=4000))
def test_any_bolt_file(data: bytes) -> None:
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        assert isinstance(podman_leases.leases(file.name, "podman"), dict)


@given(st.text(max_size=200))
def test_texts_of_the_host(text: str) -> None:
    resolv.parse(text)
    hosts.text(base=text, kind="none", names=["me"], host_address="")
    error = oci.runtime_error("runc", text)
    assert isinstance(error, Error)
    assert "\n" not in str(error)
