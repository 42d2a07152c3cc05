"""The registry client against a registry in memory: what it asks, how often, and what it does about failures."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest

from ocicore.config.auth import Credentials
from ocicore.errors import Corrupted, Error
from ocicore.registry.client import Registry
from ocicore.registry.direct import DirectTransport
from ocicore.registry.problems import RegistryError, RemoteNotFound, Unauthorized, Unreachable
from ocicore.registry.retry import RetryPolicy
from ocicore.registry.tls import TlsContexts
from support.images import digest_of, make_image, publish
from support.registry_server import RegistryServer, registry_server

_made: list[Registry] = []


@pytest.fixture
def server() -> Iterator[RegistryServer]:
    with registry_server() as running:
        yield running
        while _made:
            _made.pop().close()


class Waits(list[float]):
    """Collects waits and does not wait."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


def client(
    server: RegistryServer, waits: Waits | None = None, *, login: str = "", attempts: int = 4, token: str = ""
) -> Registry:
    contexts = TlsContexts(verify=False, directories=lambda host: [])
    username, _, password = login.partition(":")
    made = Registry(
        server.address,
        transport=DirectTransport(contexts, timeout=10),
        insecure=True,
        credentials=Credentials(username, password) if login else None,
        retry=RetryPolicy(attempts=attempts, sleep=waits if waits is not None else Waits()),
        registry_token=token,
    )
    _made.append(made)
    return made


def read(stream: object) -> bytes:
    parts = []
    while data := stream.read(4096):  # type: ignore[attr-defined]
        parts.append(data)
    stream.close()  # type: ignore[attr-defined]
    return b"".join(parts)


def test_manifest_by_tag_and_digest(server: RegistryServer) -> None:
    image = make_image()
    publish(server, "a/b", "v1", image)
    registry = client(server)
    assert registry.manifest("a/b", "v1") == (image.manifest, image.media_type, image.digest)
    assert registry.manifest("a/b", image.digest)[0] == image.manifest
    assert registry.head_manifest("a/b", "v1") == (image.digest, image.media_type, len(image.manifest))
    assert registry.head_manifest("a/b", "v2") is None


def test_one_ping_however_many_requests(server: RegistryServer) -> None:
    publish(server, "a", "v1", make_image())
    registry = client(server)
    for _ in range(5):
        registry.manifest("a", "v1")
    assert server.count("GET", "ping") == 1


def test_unknown_manifest_says_so(server: RegistryServer) -> None:
    with pytest.raises(
        RemoteNotFound, match=r"reading manifest nope in 127\.0\.0\.1:\d+/a: manifest unknown"
    ):
        client(server).manifest("a", "nope")


def test_manifest_with_wrong_digest_is_refused(server: RegistryServer) -> None:
    image = make_image()
    publish(server, "a", "v1", image)
    server.fail("corrupt", "manifest")
    with pytest.raises(Corrupted, match="content has digest"):
        client(server).manifest("a", image.digest)


def test_huge_manifest_is_not_read(server: RegistryServer) -> None:
    server.put_manifest("a", "v1", b"{" + b" " * (5 << 20) + b"}", "application/json")
    with pytest.raises(Corrupted, match="more than the 4194304 allowed"):
        client(server).manifest("a", "v1")


def test_blob_resumes_after_a_cut(server: RegistryServer) -> None:
    data = bytes(range(256)) * 4000
    digest = server.put_blob("a", data)
    server.fail("cut", "blob", after=300_000, times=2)
    waits = Waits()
    assert read(client(server, waits).blob("a", digest, size=len(data))) == data
    ranges = [headers.get("Range") for method, path, headers in server.log if "/blobs/" in path]
    assert ranges == [None, "bytes=300000-", "bytes=600000-"]
    assert len(waits) == 2


def test_blob_from_an_offset(server: RegistryServer) -> None:
    data = b"0123456789" * 100
    digest = server.put_blob("a", data)
    assert read(client(server).blob("a", digest, offset=7, size=len(data))) == data[7:]


def test_blob_gives_up_after_the_attempts(server: RegistryServer) -> None:
    data = b"x" * 1000
    digest = server.put_blob("a", data)
    server.fail("cut", "blob", after=0, times=99)
    with pytest.raises(RegistryError):
        read(client(server, attempts=3).blob("a", digest, size=len(data)))
    assert server.count("GET", "blob") == 3


@pytest.mark.parametrize("kind", ["long", "short"])
def test_blob_of_another_length_is_refused(server: RegistryServer, kind: str) -> None:
    data = b"x" * 1000
    digest = server.put_blob("a", data)
    server.fail(kind, "blob")
    with pytest.raises(Corrupted, match="the registry announces"):
        client(server).blob("a", digest, size=len(data))


def test_too_many_requests_waits_as_told(server: RegistryServer) -> None:
    publish(server, "a", "v1", make_image())
    server.fail("status", "manifest", status=429, headers={"Retry-After": "7"})
    waits = Waits()
    client(server, waits).manifest("a", "v1")
    assert waits == [7.0]


def test_server_errors_back_off_doubling(server: RegistryServer) -> None:
    publish(server, "a", "v1", make_image())
    server.fail("status", "manifest", status=503, times=3)
    waits = Waits()
    client(server, waits).manifest("a", "v1")
    assert len(waits) == 3
    assert waits[0] < 0.7 < waits[1] < 1.3 < waits[2]


def test_server_errors_end(server: RegistryServer) -> None:
    publish(server, "a", "v1", make_image())
    server.fail(
        "status",
        "manifest",
        status=500,
        body=b'{"errors":[{"code":"UNKNOWN","message":"disk on fire"}]}',
        times=9,
    )
    with pytest.raises(RegistryError, match="disk on fire"):
        client(server, attempts=2).manifest("a", "v1")


def test_a_wait_of_an_hour_is_not_obeyed(server: RegistryServer) -> None:
    publish(server, "a", "v1", make_image())
    server.fail("status", "manifest", status=429, headers={"Retry-After": "3600"})
    waits = Waits()
    with pytest.raises(RegistryError, match="toomanyrequests"):
        client(server, waits).manifest("a", "v1")
    assert waits == []


def test_nobody_listens() -> None:
    with registry_server() as server:
        address = server.address
    gone = RegistryServer()
    gone.address = address
    with pytest.raises(Unreachable, match="connection refused"):
        client(gone).ping()


def test_basic_authorisation(server: RegistryServer) -> None:
    publish(server, "a", "v1", make_image())
    server.basic = "joe:secret"
    client(server, login="joe:secret").manifest("a", "v1")
    with pytest.raises(Unauthorized, match="authentication required"):
        client(server, login="joe:wrong").manifest("a", "v1")
    with pytest.raises(Unauthorized):
        client(server).manifest("a", "v1")


def test_token_is_fetched_once_a_scope(server: RegistryServer) -> None:
    image = make_image(layers=3)
    publish(server, "a", "v1", image)
    server.token_for = "joe:secret"
    registry = client(server, login="joe:secret")
    registry.manifest("a", "v1")
    for digest in image.layers:
        read(registry.blob("a", digest))
    assert server.count("GET", "token") == 1


def test_expired_token_is_renewed(server: RegistryServer) -> None:
    publish(server, "a", "v1", make_image())
    server.token_for = "joe:secret"
    registry = client(server, login="joe:secret")
    registry.manifest("a", "v1")
    server.tokens.clear()
    registry.manifest("a", "v1")
    assert server.count("GET", "token") == 2


def test_anonymous_token(server: RegistryServer) -> None:
    publish(server, "a", "v1", make_image())
    server.anonymous_pull = True
    registry = client(server)
    registry.manifest("a", "v1")
    with pytest.raises(Unauthorized):
        registry.upload_bytes("a", b"data", digest_of(b"data"))


def test_wrong_password_at_the_token_service(server: RegistryServer) -> None:
    publish(server, "a", "v1", make_image())
    server.token_for = "joe:secret"
    with pytest.raises(Unauthorized, match="invalid username/password"):
        client(server, login="joe:nope").manifest("a", "v1")


def test_redirect_to_another_host_drops_credentials(server: RegistryServer) -> None:
    with registry_server() as other:
        digest = server.put_blob("a", b"data" * 100)
        other.put_blob("a", b"data" * 100)
        server.basic = "joe:secret"
        server.fail("redirect", "blob", location=f"http://{other.address}/elsewhere/{digest}?signature=x")
        assert read(client(server, login="joe:secret").blob("a", digest)) == b"data" * 100
        _, _, headers = other.log[-1]
        assert "Authorization" not in headers


def test_endless_redirects(server: RegistryServer) -> None:
    digest = server.put_blob("a", b"data")
    server.fail("redirect", "blob", location=f"/v2/a/blobs/{digest}", times=99)
    with pytest.raises(RegistryError, match="more than 10 redirects"):
        client(server).blob("a", digest)


def test_upload_monolithic_and_streamed(server: RegistryServer) -> None:
    registry = client(server)
    registry.upload_bytes("a", b"small", digest_of(b"small"))
    data = b"large" * 100_000
    assert registry.upload("a", io.BytesIO(data), size=len(data), digest=digest_of(data)) == (
        digest_of(data),
        len(data),
    )
    assert registry.upload("a", io.BytesIO(data[1:]), size=None, digest=None)[0] == digest_of(data[1:])
    assert registry.has_blob("a", digest_of(data)) == len(data)
    assert registry.has_blob("a", digest_of(b"other")) is None
    assert server.uploads == {}


def test_upload_goes_on_after_a_cut(server: RegistryServer) -> None:
    data = bytes(range(256)) * 10_000
    server.fail("cut-request", "upload", method="PATCH", after=100_000)

    stream, places = io.BytesIO(data), []

    def go_back(offset: int) -> None:
        places.append(offset)
        stream.seek(offset)

    registry = client(server)
    found = registry.upload("a", stream, size=len(data), digest=digest_of(data), go_back=go_back)
    assert found == (digest_of(data), len(data))
    assert server.blobs[digest_of(data)] == data
    assert len(places) == 1


def test_upload_with_another_content_is_refused_and_cancelled(server: RegistryServer) -> None:
    with pytest.raises(RegistryError, match="did not match"):
        client(server).upload("a", io.BytesIO(b"y" * 10), size=10, digest=digest_of(b"x" * 10))
    assert server.uploads == {}


def test_mount(server: RegistryServer) -> None:
    digest = server.put_blob("source", b"layer")
    registry = client(server)
    assert registry.mount("target", digest, "source")
    assert registry.has_blob("target", digest) is not None
    assert not registry.mount("target", digest_of(b"no such"), "source")
    assert server.uploads == {}


def test_tags_over_pages(server: RegistryServer) -> None:
    image = make_image()
    for number in range(25):
        publish(server, "a", f"v{number:02}", image)
    server.page_size = 10
    assert client(server).tags("a") == [f"v{number:02}" for number in range(25)]
    assert server.count("GET", "tags") == 3


def test_delete(server: RegistryServer) -> None:
    image = make_image()
    publish(server, "a", "v1", image)
    registry = client(server)
    registry.delete_manifest("a", image.digest)
    assert registry.head_manifest("a", "v1") is None


@pytest.mark.parametrize("api", [True, False])
def test_referrers(server: RegistryServer, api: bool) -> None:
    image = make_image()
    publish(server, "a", "v1", image)
    server.referrers_api = api
    registry = client(server)
    assert registry.referrers("a", image.digest) == []
    subject = (
        b'{"schemaVersion":2,"artifactType":"text/x","subject":{"digest":"' + image.digest.encode() + b'"}}'
    )
    digest = server.put_manifest("a", "sig", subject, "application/vnd.oci.image.manifest.v1+json")
    if api:
        assert [entry["digest"] for entry in registry.referrers("a", image.digest)] == [digest]
        assert registry.referrers("a", image.digest, "other") == []
    else:
        index = (
            b'{"schemaVersion":2,"manifests":[{"digest":"' + digest.encode() + b'","artifactType":"text/x"}]}'
        )
        tag = image.digest.replace(":", "-")
        server.put_manifest("a", tag, index, "application/vnd.oci.image.index.v1+json")
        assert [entry["digest"] for entry in registry.referrers("a", image.digest)] == [digest]


def test_connections_are_kept(server: RegistryServer) -> None:
    publish(server, "a", "v1", make_image())
    registry = client(server)
    for _ in range(20):
        registry.manifest("a", "v1")
    transport = registry.session.transport
    assert isinstance(transport, DirectTransport)
    assert sum(len(group) for group in transport._idle.values()) == 1
    registry.close()


def test_no_token_reaches_a_message(server: RegistryServer) -> None:
    server.token_for = "joe:secret"
    with pytest.raises(Error) as caught:
        client(server, login="joe:secret").manifest("a", "nope")
    assert "secret" not in caught.value.message
    assert not any(token in caught.value.message for token in server.tokens)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"\x15\x03\x01\x00\x02\x02\x28", True),
        (b"\x16\x03\x03\x00\x05", True),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", False),
        (b"", False),
    ],
)
def test_what_a_tls_greeting_is_answered_with(answer: bytes, expected: bool) -> None:
    import socket
    import threading

    from ocicore.registry import wire

    with socket.create_server(("127.0.0.1", 0)) as listening:
        said: list[bytes] = []

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                said.append(connection.recv(4096))
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        assert wire.speaks_tls("127.0.0.1", listening.getsockname()[1], 5) is expected
        thread.join()
    # A greeting OpenSSL would understand, with an empty line in it for servers of HTTP.
    assert said[0].startswith(b"\x16\x03\x01")
    assert b"\r\n\r\n" in said[0]


def test_addresses_of_version_6_and_odd_urls() -> None:
    from ocicore.registry import urls

    assert urls.origin("https://[::1]:5000/v2/") == ("https", "::1", 5000)
    assert urls.origin("http://Example.COM") == ("http", "example.com", 80)
    assert urls.split("https://user:word@h:1?x=1#y") == ("https", "h:1", "/?x=1")
    assert urls.shown("https://u:p@h/a?token=1") == "https://h/a"
    for base, target, expected in (
        ("https://h/v2/a", "/v2/b?x", "https://h/v2/b?x"),
        ("https://h/v2/a", "http://i/c", "http://i/c"),
        ("https://h/v2/a", "//i/c", "https://i/c"),
        ("https://h/v2/a", "b", "https://h/v2/b"),
        ("https://h/v2/a", "?n=1", "https://h/v2/a?n=1"),
        ("https://h/v2/a/b", "../c", "https://h/v2/c"),
    ):
        assert urls.join(base, target) == expected
    assert urls.query([("a b", "ü&"), ("c", "d")]) == "a%20b=%C3%BC%26&c=d"
