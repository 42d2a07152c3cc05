"""Registries behind a proxy: the same client over requests; which hosts a proxy is used for."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest

from ocicore.image.connections import proxy_for
from ocicore.registry.client import Registry
from ocicore.registry.problems import RegistryError, Unreachable
from ocicore.registry.proxied import ProxiedTransport
from ocicore.registry.retry import RetryPolicy
from ocicore.registry.tls import TlsContexts
from support.images import digest_of, make_image, publish
from support.registry_server import RegistryServer, registry_server


@pytest.fixture
def server() -> Iterator[RegistryServer]:
    with registry_server() as running:
        yield running


@pytest.fixture
def registry(server: RegistryServer) -> Iterator[Registry]:
    """A registry with a name that only the proxy (the test server itself) knows."""
    contexts = TlsContexts(verify=False, directories=lambda host: [])
    client = Registry(
        "registry.invalid",
        transport=ProxiedTransport(contexts, f"http://{server.address}", timeout=10),
        insecure=True,
        retry=RetryPolicy(attempts=3, sleep=lambda seconds: None),
    )
    yield client
    client.close()


def test_everything_works_through_a_proxy(server: RegistryServer, registry: Registry) -> None:
    image = make_image()
    publish(server, "a", "v1", image)
    assert registry.manifest("a", "v1")[0] == image.manifest
    assert registry.head_manifest("a", "v1") == (image.digest, image.media_type, len(image.manifest))
    data = bytes(range(256)) * 2000
    digest = server.put_blob("a", data)
    server.fail("cut", "blob", after=100_000)
    stream = registry.blob("a", digest, size=len(data))
    assert b"".join(iter(lambda: stream.read(50_000), b"")) == data
    stream.close()
    assert registry.upload("b", io.BytesIO(data), size=len(data), digest=digest) == (digest, len(data))
    assert registry.upload("b", io.BytesIO(b"x" * 5000), size=None, digest=None)[0] == digest_of(b"x" * 5000)
    registry.upload_bytes("b", b"small", digest_of(b"small"))
    assert server.repositories["b"] == {digest, digest_of(b"x" * 5000), digest_of(b"small")}


def test_proxy_that_is_not_there() -> None:
    with registry_server() as gone:
        address = gone.address
    contexts = TlsContexts(verify=False, directories=lambda host: [])
    transport = ProxiedTransport(contexts, f"http://{address}", timeout=5)
    client = Registry("registry.invalid", transport=transport, retry=RetryPolicy(attempts=1))
    with pytest.raises(Unreachable, match="proxy") as caught:
        client.ping()
    assert isinstance(caught.value, RegistryError)
    assert "\n" not in caught.value.message
    client.close()


PROXIES = {
    "HTTPS_PROXY": "http://proxy.example:3128",
    "NO_PROXY": "plain.example,.dotted.example,10.0.0.0/8,exact.example:5000",
}


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("registry.example", True),
        ("registry.example:5000", True),
        ("localhost:5000", False),
        ("127.0.0.1", False),
        ("[::1]:5000", False),
        ("plain.example", False),
        ("sub.plain.example", False),
        ("notplain.example", True),
        ("sub.dotted.example", False),
        ("10.1.2.3:5000", False),
        ("11.1.2.3", True),
        ("exact.example:5000", False),
        ("exact.example", True),
    ],
)
def test_which_hosts(host: str, expected: bool) -> None:
    assert bool(proxy_for("https", host, PROXIES)) is expected
    assert proxy_for("https", host, {}) == ""


def test_forms_of_a_proxy() -> None:
    assert proxy_for("https", "a.example", {"https_proxy": "proxy:80"}) == "http://proxy:80"
    assert proxy_for("https", "a.example", {"https_proxy": "proxy:80", "no_proxy": "*"}) == ""
