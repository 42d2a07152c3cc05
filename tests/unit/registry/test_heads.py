"""Many HEAD requests at a time: each question gets one answer, or is handed back where a plain answer does not settle it."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ocicore.config.auth import Credentials
from ocicore.errors import Error
from ocicore.registry.client import Registry
from ocicore.registry.direct import DirectTransport
from ocicore.registry.heads import Heads
from ocicore.registry.proxied import ProxiedTransport
from ocicore.registry.retry import RetryPolicy
from ocicore.registry.tls import TlsContexts
from support.images import make_image, publish
from support.registry_server import RegistryServer, registry_server
from support.tls_server import tls_registry

if TYPE_CHECKING:
    from ocicore.registry.heads import Found

DIGEST = "sha256:" + "a" * 64
HANDED_BACK = "handed back"


@pytest.fixture
def server() -> Iterator[RegistryServer]:
    with registry_server() as running:
        yield running


def client(address: str, *, login: str = "", timeout: float = 10.0) -> Registry:
    username, _, password = login.partition(":")
    return Registry(
        address,
        transport=DirectTransport(TlsContexts(verify=False, directories=lambda host: []), timeout=timeout),
        insecure=True,
        credentials=Credentials(username, password) if login else None,
        retry=RetryPolicy(attempts=2, sleep=lambda seconds: None),
    )


def ask(registry: Registry, names: list[tuple[str, str]], at_once: int = 4) -> list[list[Found | str]]:
    """The answers to each question; there must be exactly one."""
    heads = Heads(at_once)
    answers: list[list[Found | str]] = [[] for _ in names]
    for number, (repository, reference) in enumerate(names):

        def then(found: Found, settled: bool, number: int = number) -> None:
            assert settled or found is None
            answers[number].append(found if settled else HANDED_BACK)

        heads.ask(registry, repository, reference, then)
    heads.run()
    registry.close()
    assert all(len(found) == 1 for found in answers)
    return answers


def test_every_question_is_answered(server: RegistryServer) -> None:
    digests = []
    for number in range(40):
        image = make_image(seed=number)
        publish(server, "a", f"v{number}", image)
        digests.append(image.digest)
    names = [("a", f"v{number}") for number in range(40)] + [("a", "none"), ("b", "v1")]
    answers = ask(client(server.address), names)
    assert [found[0][0] for found in answers[:40] if found[0] is not None] == digests
    assert [found[0] for found in answers[40:]] == [None, None]
    assert server.requests == {("GET", "ping"): 1, ("HEAD", "manifest"): 42}


@pytest.mark.parametrize("conditional", [True, False])
def test_what_is_expected(server: RegistryServer, conditional: bool) -> None:
    server.conditional = conditional
    image, other = make_image(seed=1), make_image(seed=2)
    publish(server, "a", "v1", image)
    publish(server, "a", "v2", other)
    registry = client(server.address)
    registry.head_manifest("a", "v1")
    heads = Heads(1)
    found: list[Found] = []
    for reference in ("v1", "v1", "v2", "none"):
        heads.ask(registry, "a", reference, lambda at, _: found.append(at), expected=image.digest)
    heads.run()
    registry.close()
    full = (image.digest, image.media_type, len(image.manifest))
    assert found[0] == full  # the first goes the full way
    assert found[1] == ((image.digest, "", 0) if conditional else full)
    assert found[2] == (other.digest, other.media_type, len(other.manifest))
    assert found[3] is None


def test_not_modified_where_nothing_was_expected() -> None:
    with answering(
        lambda path, count: said(status="304 Not Modified") if path.endswith("bad") else GOOD
    ) as address:
        registry = client(address)
        registry.session._base = f"http://{address}"
        assert ask(registry, [("a", "v1"), ("a", "bad")], at_once=1)[1] == [HANDED_BACK]


def test_an_answer_may_put_a_question_to_another_registry(server: RegistryServer) -> None:
    image = make_image()
    publish(server, "a", "v1", image)
    found: list[Found] = []
    with registry_server() as other:
        publish(other, "b", "v1", image)
        first, second = client(server.address), client(other.address)
        heads = Heads(2)
        for _ in range(5):
            heads.ask(
                first, "a", "v1", lambda _a, _b: heads.ask(second, "b", "v1", lambda at, _: found.append(at))
            )
        heads.run()
        first.close()
        second.close()
    assert [item[0] for item in found if item is not None] == [image.digest] * 5


def test_a_token_for_each_repository(server: RegistryServer) -> None:
    for name in ("a", "b", "c"):
        publish(server, name, "v1", make_image())
    server.token_for = "joe:secret"
    answers = ask(client(server.address, login="joe:secret"), [(name, "v1") for name in "abcabc"])
    assert HANDED_BACK not in [found[0] for found in answers]
    assert server.requests["GET", "token"] == 3
    server.tokens.clear()
    answers = ask(client(server.address, login="joe:wrong"), [(name, "v1") for name in "abcabc"])
    assert [found[0] for found in answers] == [HANDED_BACK] * 6


@pytest.mark.parametrize("status", [401, 429, 503])
def test_a_quota_stops_the_questions(server: RegistryServer, status: int) -> None:
    publish(server, "a", "v1", make_image())
    registry = client(server.address)
    assert registry.head_manifest("a", "v1") is not None
    heads = Heads(1)
    answers: list[Found | str] = []

    def then(found: Found, settled: bool) -> None:
        answers.append(found if settled else HANDED_BACK)
        if len(answers) == 3:
            server.fail("status", "manifest", method="HEAD", times=1000, status=status)

    for _ in range(20):
        heads.ask(registry, "a", "v1", then)
    before = server.requests["HEAD", "manifest"]
    heads.run()
    registry.close()
    assert answers[3:] == [HANDED_BACK] * 17
    # The registry was not asked again and again when it had said that it has enough.
    assert server.requests["HEAD", "manifest"] - before == 4


def test_a_redirect_is_handed_back(server: RegistryServer) -> None:
    publish(server, "a", "v1", make_image())
    registry = client(server.address)
    registry.head_manifest("a", "v1")
    heads = Heads(2)
    answers: list[bool] = []
    heads.ask(registry, "a", "v1", lambda _, settled: answers.append(settled))
    heads.run()
    server.fail("redirect", "manifest", method="HEAD", times=1, location="/v2/a/manifests/other")
    heads = Heads(2)
    for _ in range(2):
        heads.ask(registry, "a", "v1", lambda _, settled: answers.append(settled))
    heads.run()
    registry.close()
    assert answers == [
        True,
        True,
        True,
    ]  # the first question goes the full way, and redirects are followed there


def test_quotas_are_noted(server: RegistryServer) -> None:
    publish(server, "a", "v1", make_image())
    registry = client(server.address)
    registry.head_manifest("a", "v1")
    server.quota = {"ratelimit-remaining": "7"}
    ask(registry, [("a", "v1")] * 3)
    assert registry.session.quota == {"ratelimit-remaining": "7"}


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = f"127.0.0.1:{listening.getsockname()[1]}"
    assert [found[0] for found in ask(client(address), [("a", "v1")] * 3)] == [HANDED_BACK] * 3


def test_through_a_proxy_all_but_the_first_go_the_full_way(server: RegistryServer) -> None:
    publish(server, "a", "v1", make_image())
    contexts = TlsContexts(verify=False, directories=lambda host: [])
    registry = Registry(
        server.address, transport=ProxiedTransport(contexts, f"http://{server.address}"), insecure=True
    )
    registry.session._base = f"http://{server.address}"
    answers = [found[0] for found in ask(registry, [("a", "v1")] * 3)]
    assert answers[1:] == [HANDED_BACK] * 2


def test_tls(tmp_path: Path) -> None:
    with tls_registry(tmp_path) as server:
        image = make_image()
        publish(server, "a", "v1", image)
        contexts = TlsContexts(verify=True, directories=lambda host: [str(tmp_path / "certs")])
        registry = Registry(server.address, transport=DirectTransport(contexts, timeout=10))
        answers = ask(registry, [("a", "v1")] * 20 + [("a", "none")])
    assert [found[0][0] for found in answers[:20] if found[0] is not None] == [image.digest] * 20
    assert answers[20] == [None]


# -- servers that misbehave ------------------------------------------------------------------


class _Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        count = 0
        while True:
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                line = self.rfile.readline()
                if not line:
                    return
                head += line
            count += 1
            answer = self.server.answer(head.split()[1].decode(), count)  # type: ignore[attr-defined]
            if answer is None:
                return
            if answer == b"":
                self.server.over.wait(20)  # type: ignore[attr-defined]
                return
            self.wfile.write(answer)
            if b"Connection: close" in answer:
                return


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that closes early is part of the tests."""


@contextmanager
def answering(answer: Callable[[str, int], bytes | None]) -> Iterator[str]:
    """A server that says what `answer` gives for a path and the number of the request on its connection.

    None closes the connection, b"" leaves it open without an answer.
    """
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.answer = answer  # type: ignore[attr-defined]
        server.over = threading.Event()  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}"
        finally:
            server.over.set()  # type: ignore[attr-defined]
            server.shutdown()
            thread.join()


def said(*lines: str, status: str = "200 OK") -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", "Content-Length: 0", *lines, "", ""]).encode()


GOOD = said(f"Docker-Content-Digest: {DIGEST}", "Content-Type: text/x; charset=utf-8")


@pytest.mark.parametrize("last", [said("Connection: close", f"Docker-Content-Digest: {DIGEST}"), None])
def test_connections_that_end_after_some_answers(last: bytes | None) -> None:
    def answer(path: str, count: int) -> bytes | None:
        return GOOD if path == "/v2/" or count < 4 else last

    with answering(answer) as address:
        answers = ask(client(address), [("a", f"v{number}") for number in range(30)], at_once=2)
    assert [found[0][0] if found[0] is not None else "" for found in answers] == [DIGEST] * 30


def test_media_type_and_size() -> None:
    with answering(lambda path, count: GOOD.replace(b"Length: 0", b"Length: 12")) as address:
        registry = client(address)
        registry.session._base = f"http://{address}"
        assert ask(registry, [("a", "v1")] * 3)[1:] == [[(DIGEST, "text/x", 12)]] * 2


@pytest.mark.parametrize(
    "bad",
    [
        said(),
        said("Docker-Content-Digest: sha256:short"),
        b"garbage\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
    ],
)
def test_answers_that_settle_nothing(bad: bytes) -> None:
    with answering(lambda path, count: bad if path.endswith("bad") else GOOD) as address:
        registry = client(address)
        registry.session._base = f"http://{address}"
        answers = ask(registry, [("a", "v1"), ("a", "v1"), ("a", "bad"), ("a", "v1"), ("a", "v1")], at_once=1)
    assert answers[0] == answers[1] == [(DIGEST, "text/x", 0)]
    assert answers[2:] == [[HANDED_BACK]] * 3


def test_a_server_that_falls_silent() -> None:
    with answering(lambda path, count: b"" if path.endswith("v9") else GOOD) as address:
        registry = client(address, timeout=0.3)
        registry.session._base = f"http://{address}"
        answers = ask(registry, [("a", f"v{number}") for number in range(10)], at_once=1)
    assert answers[:9] == [[(DIGEST, "text/x", 0)]] * 9
    assert answers[9] == [HANDED_BACK]


def test_the_end_of_time_is_no_failure_of_the_registry(server: RegistryServer) -> None:
    registry = client(server.address)

    def over(repository: str, reference: str) -> Found:
        raise Error("context deadline exceeded")

    registry.head_manifest = over  # type: ignore[method-assign]
    heads = Heads(2)
    heads.ask(registry, "a", "v1", lambda found, settled: None)
    with pytest.raises(Error, match="context deadline exceeded"):
        heads.run()
