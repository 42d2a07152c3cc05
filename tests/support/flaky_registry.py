"""A registry of large blobs that cuts connections at random places, as often as it is told, and counts what it sends.

Blobs are made from their number, so that a gigabyte costs no memory; what is uploaded is only hashed.
"""

from __future__ import annotations

import hashlib
import json
import random
import re
import socketserver
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_PIECE = 1 << 16


class LargeBlob:
    """Bytes that repeat a random megabyte, each time with its number in front: no two ranges are alike."""

    def __init__(self, number: int, size: int) -> None:
        self.size = size
        self._base = random.Random(number).randbytes(1 << 20)
        self._step = 8 + len(self._base)
        hasher = hashlib.sha256()
        for place in range(0, size, _PIECE):
            hasher.update(self.read(place, min(_PIECE, size - place)))
        self.digest = "sha256:" + hasher.hexdigest()

    def read(self, offset: int, amount: int) -> bytes:
        """Up to `amount` bytes from an offset."""
        amount = min(amount, self.size - offset)
        found = b""
        while len(found) < amount:
            lap, inside = divmod(offset + len(found), self._step)
            piece = (lap.to_bytes(8, "big") + self._base)[inside : inside + amount - len(found)]
            found += piece
        return found


class _Upload:
    def __init__(self) -> None:
        self.size = 0
        self.hasher = hashlib.sha256()


class FlakyRegistry:
    """What the server's threads share.

    Attributes:
        cuts: how many connections are still to be cut; `mean` bytes between cuts.
        sent: bytes of blobs handed to the network, received: of uploads; pace: seconds for 64 KiB.
        gets: [digest, first offset, offset reached] of each GET; what the client's kernel had not handed on counts too.
        stored: digests of what was uploaded and found right.
    """

    def __init__(self, blobs: list[LargeBlob], cuts: int, mean: int, seed: int) -> None:
        self.blobs = {blob.digest: blob for blob in blobs}
        self.config = json.dumps(
            {
                "architecture": "amd64",
                "os": "linux",
                "config": {},
                "rootfs": {"type": "layers", "diff_ids": list(self.blobs)},
            }
        ).encode()
        layers = [
            {
                "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
                "digest": blob.digest,
                "size": blob.size,
            }
            for blob in blobs
        ]
        config_digest = "sha256:" + hashlib.sha256(self.config).hexdigest()
        config = {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "digest": config_digest,
            "size": len(self.config),
        }
        value = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": layers}
        self.manifest = json.dumps(value).encode()
        self.small = {config_digest: self.config}
        self.cuts, self.mean = cuts, mean
        self.done_cuts = 0
        self.sent = self.received = 0
        self.gets: list[list[Any]] = []
        self.pace = 0.0
        self.stored: set[str] = set()
        self.uploads: dict[str, _Upload] = {}
        self.manifests: dict[str, bytes] = {}
        self.lock = threading.Lock()
        self.address = ""
        self._chance = random.Random(seed)

    def next_cut(self) -> int | None:
        """After how many bytes this connection is to be cut, None when it is not."""
        with self.lock:
            if self.cuts <= 0:
                return None
            return self._chance.randint(1, 2 * self.mean)

    def cut(self) -> bool:
        """Use up one cut; False when there is none left."""
        with self.lock:
            if self.cuts <= 0:
                return False
            self.cuts -= 1
            self.done_cuts += 1
            return True


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, format: str, *args: object) -> None:
        return

    def _answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_GET(self) -> None:
        state = self.server.state
        path = self.path.partition("?")[0]
        if path == "/v2/":
            self._answer(200)
        elif "/blobs/uploads/" in path:
            upload = state.uploads.get(path.rpartition("/")[2])
            if upload is None:
                self._answer(404)
            else:
                self._answer(204, Location=path, Range=f"0-{max(upload.size - 1, 0)}")
        elif match := re.fullmatch(r"/v2/(\w+)/manifests/(.+)", path):
            data = state.manifest if match[1] == "source" else state.manifests.get(match[2])
            if data is None:
                self._answer(404)
            else:
                self._answer(200, data, Content_Type=OCI_MANIFEST)
        elif match := re.fullmatch(r"/v2/(\w+)/blobs/(.+)", path):
            self._blob(match[1], match[2])
        else:
            self._answer(404)

    do_HEAD = do_GET

    def _blob(self, name: str, digest: str) -> None:
        state = self.server.state
        if name != "source":
            blob = state.blobs.get(digest)
            there = digest in state.stored
            self.send_response(200 if there else 404)
            self.send_header("Content-Length", str(blob.size) if there and blob else "0")
            self.end_headers()
            return
        if digest in state.small:
            self._answer(200, state.small[digest])
            return
        blob = state.blobs[digest]
        if self.command == "HEAD":
            self._answer(200)
            return
        start = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        offset = int(start[1]) if start else 0
        with state.lock:
            get: list[Any] = [digest, offset, offset]
            state.gets.append(get)
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {offset}-{blob.size - 1}/{blob.size}")
        self.send_header("Content-Length", str(blob.size - offset))
        self.end_headers()
        limit = state.next_cut()
        place = offset
        while place < blob.size:
            piece = blob.read(place, _PIECE)
            if limit is not None and place - offset + len(piece) >= limit:
                if state.cut():
                    last = piece[: limit - (place - offset)]
                    self.wfile.write(last)
                    get[2] = place + len(last)
                    with state.lock:
                        state.sent += len(last)
                    self._hang_up()
                    return
                limit = None
            self.wfile.write(piece)
            place += len(piece)
            get[2] = place
            with state.lock:
                state.sent += len(piece)
            time.sleep(state.pace)

    def _hang_up(self) -> None:
        self.wfile.flush()
        self.close_connection = True
        self.connection.shutdown(2)

    def do_POST(self) -> None:
        state = self.server.state
        name = uuid.uuid4().hex
        state.uploads[name] = _Upload()
        repository = self.path.split("/")[2]
        self._answer(202, Location=f"/v2/{repository}/blobs/uploads/{name}")

    def do_PATCH(self) -> None:
        state = self.server.state
        path = self.path.partition("?")[0]
        upload = state.uploads[path.rpartition("/")[2]]
        left = int(self.headers["Content-Length"])
        limit, taken = state.next_cut(), 0
        while left > 0:
            piece = self.rfile.read1(min(_PIECE, left))
            if not piece:
                self.close_connection = True
                return
            upload.hasher.update(piece)
            upload.size += len(piece)
            left -= len(piece)
            taken += len(piece)
            with state.lock:
                state.received += len(piece)
            if limit is not None and taken >= limit:
                if state.cut():
                    self._hang_up()
                    return
                limit = None
        self._answer(202, Location=path, Range=f"0-{upload.size - 1}")

    def do_PUT(self) -> None:
        state = self.server.state
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path, _, query = self.path.partition("?")
        if "/manifests/" in path:
            state.manifests[path.rpartition("/")[2]] = body
            self._answer(201)
            return
        upload = state.uploads.pop(path.rpartition("/")[2])
        upload.hasher.update(body)
        digest = query.partition("digest=")[2].replace("%3A", ":")
        if "sha256:" + upload.hasher.hexdigest() != digest:
            self._answer(400, b'{"errors":[{"code":"DIGEST_INVALID"}]}')
            return
        state.stored.add(digest)
        self._answer(201)

    def do_DELETE(self) -> None:
        self.server.state.uploads.pop(self.path.rpartition("/")[2], None)
        self._answer(204)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, state: FlakyRegistry) -> None:
        self.state = state
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that was killed is part of the test."""


@contextmanager
def flaky_registry(*, blobs: int, size: int, cuts: int, mean: int, seed: int = 1) -> Iterator[FlakyRegistry]:
    """A running registry with one image, /source:v1, of `blobs` layers of `size` bytes."""
    state = FlakyRegistry([LargeBlob(number, size) for number in range(blobs)], cuts, mean, seed)
    with _Server(state) as server:
        state.address = f"127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield state
        finally:
            server.shutdown()
            thread.join()
