"""experimental-image-proxy: its protocol over a socket pair, as ostree speaks it."""

from __future__ import annotations

import array
import hashlib
import json
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ocicore.errors import Error
from pyskopeo.proxy import Proxy
from support.contexts import system_context
from support.images import MadeImage, make_image, publish, publish_index
from support.registry_server import RegistryServer, registry_server


class Client:
    """The parent's side."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._context = system_context(folder, **settings)
        self._theirs = theirs
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        with self._theirs, self._context:
            Proxy(self._context, self._theirs).serve()

    def ask(self, method: str, *arguments: object) -> tuple[Any, int, int]:
        """(value, pipe's reading end or -1, its number); raises Error with what the proxy said."""
        return self.raw(json.dumps({"method": method, "args": arguments}).encode())

    def raw(self, data: bytes) -> tuple[Any, int, int]:
        self.socket.send(data)
        message, passed, *_ = self.socket.recvmsg(32768, socket.CMSG_SPACE(4))
        reply = json.loads(message)
        descriptor = -1
        for _, kind, content in passed:
            assert kind == socket.SCM_RIGHTS
            descriptor = array.array("i", content)[0]
        if not reply["success"]:
            raise Error(reply["error"])
        return reply["value"], descriptor, reply["pipeid"]

    def fetch(self, method: str, *arguments: object) -> tuple[Any, bytes]:
        """(value, all bytes of the pipe) of a method that hands one over, finished."""
        value, descriptor, number = self.ask(method, *arguments)
        # The writing end stays open until FinishPipe, so read in a thread as clients do.
        pieces: list[bytes] = []

        def drain() -> None:
            with os.fdopen(descriptor, "rb") as file:
                pieces.append(file.read())

        reading = threading.Thread(target=drain)
        reading.start()
        try:
            self.ask("FinishPipe", number)
        finally:
            reading.join()
        return value, pieces[0]

    def close(self) -> None:
        self.socket.close()
        self._thread.join(10)
        assert not self._thread.is_alive()


@pytest.fixture
def server() -> Iterator[RegistryServer]:
    with registry_server() as running:
        yield running


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    made = Client(tmp_path)
    yield made
    made.close()


def _config(client: Client, image: int) -> tuple[dict[str, Any], dict[str, Any]]:
    whole = json.loads(client.fetch("GetFullConfig", image)[1])
    part = json.loads(client.fetch("GetConfig", image)[1])
    return whole, part


@pytest.mark.parametrize("docker", [False, True])
def test_a_whole_conversation(server: RegistryServer, client: Client, docker: bool) -> None:
    image = make_image(docker=docker, size=300_000)
    publish(server, "a", "v1", image)
    assert client.ask("Initialize")[0] == "0.2.6"
    number, _, _ = client.ask("OpenImage", f"docker://{server.address}/a:v1")
    assert number == 1
    digest, manifest = client.fetch("GetManifest", number)
    assert digest == image.digest
    parsed = json.loads(manifest)
    assert parsed["config"]["mediaType"] == "application/vnd.oci.image.config.v1+json"
    whole, part = _config(client, number)
    assert (whole["architecture"], part) == ("amd64", whole["config"])
    layers, _, _ = client.ask("GetLayerInfo", number)
    assert [layer["digest"] for layer in layers] == image.layers
    for layer in layers:
        size, data = client.fetch("GetBlob", number, layer["digest"], layer["size"])
        assert size == layer["size"] == len(data)
        assert "sha256:" + hashlib.sha256(data).hexdigest() == layer["digest"]
    client.ask("CloseImage", number)
    with pytest.raises(Error, match="no image 1"):
        client.ask("GetManifest", number)


def test_a_list_is_resolved(server: RegistryServer, client: Client) -> None:
    images: dict[str, MadeImage] = {
        name: make_image(seed=seed, architecture=name) for seed, name in enumerate(("amd64", "arm64"))
    }
    publish_index(server, "a", "v1", images)
    client.ask("Initialize")
    number, _, _ = client.ask("OpenImage", f"docker://{server.address}/a:v1")
    digest, _ = client.fetch("GetManifest", number)
    assert digest in {image.digest for image in images.values()}


def test_a_wrong_blob_is_told_at_the_end(server: RegistryServer, client: Client) -> None:
    image = make_image(size=100_000)
    publish(server, "a", "v1", image)
    client.ask("Initialize")
    number, _, _ = client.ask("OpenImage", f"docker://{server.address}/a:v1")
    server.fail("corrupt", "blob")
    size = len(image.blobs[image.layers[0]])
    with pytest.raises(Error, match="digest"):
        client.fetch("GetBlob", number, image.layers[0], size)
    assert client.fetch("GetBlob", number, image.layers[0], size)[1] == image.blobs[image.layers[0]]


def test_images_that_are_not_there(server: RegistryServer, client: Client) -> None:
    client.ask("Initialize")
    assert client.ask("OpenImageOptional", f"docker://{server.address}/none:v1")[0] == 0
    with pytest.raises(Error, match="manifest unknown"):
        client.ask("OpenImage", f"docker://{server.address}/none:v1")


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (b"nonsense", "invalid request"),
        (b"[]", "invalid request"),
        (b'{"method": "Dance", "args": []}', "unknown method: Dance"),
        (b'{"method": "OpenImage", "args": [7]}', "expecting string imageref"),
        (b'{"method": "GetManifest", "args": ["x"]}', "expecting numeric"),
        (b'{"method": "GetManifest", "args": [0]}', "Invalid imageid value of zero"),
        (b'{"method": "GetManifest", "args": [1e300]}', "out of range"),
        (b'{"method": "GetBlob", "args": [1]}', "expecting 3"),
        (b'{"method": "FinishPipe", "args": [99]}', "no active pipe 99"),
        (b'{"method": "Initialize", "args": []}', "already initialized"),
    ],
)
def test_requests_that_make_no_sense(client: Client, request_: bytes, message: str) -> None:
    if b'"Initialize"' not in request_:
        with pytest.raises(Error, match="must invoke Initialize"):
            client.ask("OpenImage", "dir:/none")
    client.ask("Initialize")
    with pytest.raises(Error, match=message):
        client.raw(request_)


def test_shutdown_and_policy(server: RegistryServer, tmp_path: Path) -> None:
    publish(server, "a", "v1", make_image())
    (tmp_path / "policy.json").write_text('{"default": [{"type": "reject"}]}')
    client = Client(tmp_path, insecure_policy=False, policy_path=str(tmp_path / "policy.json"))
    client.ask("Initialize")
    with pytest.raises(Error, match="rejected by policy"):
        client.ask("OpenImage", f"docker://{server.address}/a:v1")
    client.socket.send(b'{"method": "Shutdown"}')
    assert client.socket.recv(10) == b""
    client.close()
