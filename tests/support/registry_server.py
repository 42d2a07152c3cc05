"""A registry in memory that speaks distribution-spec 1.1, fails on demand and counts what it is asked.

Uploads (monolithic, chunked, resumed, mounted), ranges, referrers, tag pagination; basic and token authorisation;
faults: cut connections, statuses, wrong bytes, wrong lengths, redirects. Knows nothing of the code under test.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import socket
import socketserver
import ssl
import threading
import time
import urllib.parse
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

_NAME = r"(?P<name>[a-z0-9/._-]+?)"
_ROUTES = [
    ("ping", re.compile(r"/v2/?")),
    ("catalog", re.compile(r"/v2/_catalog")),
    ("tags", re.compile(rf"/v2/{_NAME}/tags/list")),
    ("manifest", re.compile(rf"/v2/{_NAME}/manifests/(?P<ref>[^/]+)")),
    ("referrers", re.compile(rf"/v2/{_NAME}/referrers/(?P<ref>[^/]+)")),
    ("upload", re.compile(rf"/v2/{_NAME}/blobs/uploads/(?P<ref>[^/]*)")),
    ("blob", re.compile(rf"/v2/{_NAME}/blobs/(?P<ref>[^/]+)")),
    ("token", re.compile(r"/token")),
    ("elsewhere", re.compile(r"/elsewhere/(?P<ref>.+)")),
]


@dataclass
class Fault:
    """Something that goes wrong `times` times on matching requests.

    Attributes:
        kind: "status" (answer with `status`, `headers`, `body`), "cut" (close after `after` bytes of the body),
            "corrupt" (flip a byte), "long"/"short" (a Content-Length that lies), "redirect" (to `location`),
            "cut-request" (close after reading `after` bytes of the request's body).
        route: "blob", "manifest", "upload" …; method: "GET" …, "" for any.
    """

    kind: str
    route: str
    method: str = "GET"
    times: int = 1
    status: int = 503
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    after: int = 0
    location: str = ""


class RegistryServer:
    """The state, shared by the threads of the server.

    Attributes:
        requests: (method, route) counted; `log` has every (method, path, headers).
        basic: "user:password" for basic authorisation; token_for: the same for the token service.
        page_size: tags on a page, 0 for all.
        quota: headers of every answer. referrers_api: whether there is one; deletes_tags: whether a manifest can be deleted by a tag's name.
        conditional: If-None-Match is answered.
        slow: seconds that a blob's bytes are held back; most_at_once: blobs read ("blob") and written ("upload").
    """

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.repositories: dict[str, set[str]] = {}
        self.manifests: dict[str, dict[str, tuple[bytes, str]]] = {}
        self.tags: dict[str, dict[str, str]] = {}
        self.uploads: dict[str, bytearray] = {}
        self.requests: Counter[tuple[str, str]] = Counter()
        self.log: list[tuple[str, str, dict[str, str]]] = []
        self.faults: list[Fault] = []
        self.basic = ""
        self.token_for = ""
        self.anonymous_pull = False
        self.tokens: dict[str, set[str]] = {}
        self.page_size = 0
        self.quota: dict[str, str] = {}
        self.referrers_api = True
        self.deletes_tags = True
        self.conditional = True
        self.slow = 0.0
        self.most_at_once: Counter[str] = Counter()
        self._moving: dict[str, set[socket.socket]] = {"blob": set(), "upload": set()}
        self.refused_types: set[str] = set()
        self.sent = 0
        self.address = ""
        self.lock = threading.RLock()

    def fail(self, kind: str, route: str, **more: Any) -> None:
        """Plan a fault."""
        self.faults.append(Fault(kind, route, **more))

    def count(self, method: str, route: str) -> int:
        """How many requests of this kind were made."""
        return self.requests[method, route]

    def put_blob(self, name: str, data: bytes) -> str:
        """Store a blob; returns its digest."""
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        with self.lock:
            self.blobs[digest] = data
            self.repositories.setdefault(name, set()).add(digest)
        return digest

    def put_manifest(self, name: str, reference: str, data: bytes, media_type: str) -> str:
        """Store a manifest under a tag or its digest; returns its digest."""
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        with self.lock:
            self.repositories.setdefault(name, set())
            self.manifests.setdefault(name, {})[digest] = (data, media_type)
            if not reference.startswith("sha256:"):
                self.tags.setdefault(name, {})[reference] = digest
        return digest

    @contextmanager
    def moving(self, kind: str, connection: socket.socket) -> Iterator[None]:
        """While a blob's bytes are on their way. A transfer that its client has given up counts no longer, although
        the thread that serves it has not noticed yet."""
        moving = self._moving[kind]
        with self.lock:
            moving.add(connection)
            moving -= {other for other in moving if other is not connection and _has_left(other)}
            self.most_at_once[kind] = max(self.most_at_once[kind], len(moving))
        try:
            time.sleep(self.slow)
            yield
        finally:
            self.moved(kind, connection)

    def moved(self, kind: str, connection: socket.socket) -> None:
        """The transfer is over, as far as its client can see."""
        with self.lock:
            self._moving[kind].discard(connection)

    def take_fault(self, method: str, route: str) -> Fault | None:
        """The fault planned for this request, used up."""
        with self.lock:
            for fault in self.faults:
                if fault.route == route and fault.method in ("", method) and fault.times > 0:
                    fault.times -= 1
                    return fault
        return None


def _has_left(connection: socket.socket) -> bool:
    try:
        return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    @property
    def state(self) -> RegistryServer:
        return self.server.state

    def log_message(self, format: str, *args: object) -> None:
        return

    def do_GET(self) -> None:
        self._dispatch()

    do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_GET

    def _dispatch(self) -> None:
        parts = urllib.parse.urlsplit(self.path)
        self.query = dict(urllib.parse.parse_qsl(parts.query, keep_blank_values=True))
        for route, pattern in _ROUTES:
            match = pattern.fullmatch(parts.path)
            if match is None:
                continue
            with self.state.lock:
                self.state.requests[self.command, route] += 1
                self.state.log.append((self.command, self.path, dict(self.headers)))
            self.fault = self.state.take_fault(self.command, route)
            if self.fault is not None and self.fault.kind == "cut-request":
                self.rfile.read(self.fault.after)
                self.close_connection = True
                self.connection.shutdown(2)
                return
            if self.command == "PATCH":
                with self.state.moving("upload", self.connection):
                    self.body = self._read_body()
            else:
                self.body = self._read_body()
            if self.fault is not None and self.fault.kind == "status":
                self._send(self.fault.status, self.fault.body, dict(self.fault.headers))
                return
            if self.fault is not None and self.fault.kind == "redirect":
                self._send(307, b"", {"Location": self.fault.location})
                return
            groups = match.groupdict()
            if route not in ("token", "elsewhere") and not self._authorized(groups.get("name", ""), route):
                return
            getattr(self, "_" + route)(groups.get("name", ""), groups.get("ref", ""))
            return
        self._error(404, "NAME_UNKNOWN", "no such page")

    def _read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            pieces = []
            while True:
                size = int(self.rfile.readline().split(b";")[0], 16)
                pieces.append(self.rfile.read(size))
                self.rfile.readline()
                if size == 0:
                    return b"".join(pieces)
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    # -- authorisation ------------------------------------------------------------

    def _authorized(self, name: str, route: str) -> bool:
        state = self.state
        given = self.headers.get("Authorization", "")
        if state.basic:
            if given == "Basic " + base64.b64encode(state.basic.encode()).decode():
                return True
            self._error(
                401, "UNAUTHORIZED", "authentication required", {"WWW-Authenticate": 'Basic realm="test"'}
            )
            return False
        if not state.token_for and not state.anonymous_pull:
            return True
        if not name and route == "ping" and given.startswith("Bearer ") and given[7:] in state.tokens:
            return True
        action = "pull" if self.command in ("GET", "HEAD") else "push"
        if self.command == "DELETE":
            action = "delete"
        granted = state.tokens.get(given.removeprefix("Bearer "), set())
        if name and (f"{name}:{action}" in granted or f"{name}:*" in granted):
            return True
        scope = f',scope="repository:{name}:{action}"' if name else ""
        realm = f"http://{state.address}/token"
        header = f'Bearer realm="{realm}",service="test"{scope},error="invalid_token"'
        self._error(401, "UNAUTHORIZED", "authentication required", {"WWW-Authenticate": header})
        return False

    def _token(self, name: str, reference: str) -> None:
        state = self.state
        given = self.headers.get("Authorization", "")
        known = "Basic " + base64.b64encode(state.token_for.encode()).decode()
        named = bool(state.token_for) and given == known
        if given and not named:
            self._error(401, "UNAUTHORIZED", "incorrect username or password")
            return
        granted: set[str] = set()
        scopes = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query).get("scope", [])
        for scope in scopes:
            kind, repository, actions = scope.split(":", 2)
            for action in actions.split(","):
                if kind == "repository" and (named or (state.anonymous_pull and action == "pull")):
                    granted.add(f"{repository}:{action}")
        token = uuid.uuid4().hex
        with state.lock:
            state.tokens[token] = granted
        self._send(200, json.dumps({"token": token, "expires_in": 300}).encode())

    # -- pages --------------------------------------------------------------------

    def _ping(self, name: str, reference: str) -> None:
        self._send(200, b"{}")

    def _catalog(self, name: str, reference: str) -> None:
        self._send(200, json.dumps({"repositories": sorted(self.state.repositories)}).encode())

    def _tags(self, name: str, reference: str) -> None:
        state = self.state
        if name not in state.repositories:
            self._error(404, "NAME_UNKNOWN", "repository name not known to registry")
            return
        tags = sorted(state.tags.get(name, {}))
        headers = {}
        if state.page_size:
            last = self.query.get("last", "")
            tags = [tag for tag in tags if tag > last]
            if len(tags) > state.page_size:
                tags = tags[: state.page_size]
                headers["Link"] = f'</v2/{name}/tags/list?last={tags[-1]}>; rel="next"'
        self._send(200, json.dumps({"name": name, "tags": tags}).encode(), headers)

    def _manifest(self, name: str, reference: str) -> None:
        state = self.state
        if self.command == "PUT":
            media_type = self.headers.get("Content-Type", "")
            if media_type in state.refused_types:
                self._error(415, "MANIFEST_INVALID", "unsupported manifest type")
                return
            value = json.loads(self.body)
            parts = [value.get("config"), *(value.get("layers") or []), *(value.get("manifests") or [])]
            for text in [part["digest"] for part in parts if part] + [
                layer["blobSum"] for layer in value.get("fsLayers") or []
            ]:
                if text not in state.repositories.get(name, ()) and text not in state.manifests.get(name, {}):
                    self._error(400, "MANIFEST_BLOB_UNKNOWN", f"blob unknown to registry: {text}")
                    return
            digest = state.put_manifest(name, reference, self.body, media_type)
            headers = {"Docker-Content-Digest": digest, "Location": f"/v2/{name}/manifests/{digest}"}
            subject = json.loads(self.body).get("subject")
            if subject and state.referrers_api:
                headers["OCI-Subject"] = subject["digest"]
            self._send(201, b"", headers)
            return
        digest = reference if reference.startswith("sha256:") else state.tags.get(name, {}).get(reference, "")
        found = state.manifests.get(name, {}).get(digest)
        if found is None:
            self._error(404, "MANIFEST_UNKNOWN", "manifest unknown")
            return
        if self.command == "DELETE" and not reference.startswith("sha256:"):
            if not state.deletes_tags:
                self._error(405, "UNSUPPORTED", "tags are not deleted here")
                return
            del state.tags[name][reference]
            self._send(202, b"")
            return
        if self.command == "DELETE":
            with state.lock:
                del state.manifests[name][digest]
                tags = state.tags.get(name, {})
                for tag in [tag for tag, target in tags.items() if target == digest]:
                    del tags[tag]
            self._send(202, b"")
            return
        if state.conditional and self.headers.get("If-None-Match") == f'"{digest}"':
            self._send(304, b"")
            return
        self._send(200, found[0], {"Content-Type": found[1], "Docker-Content-Digest": digest})

    def _referrers(self, name: str, reference: str) -> None:
        if not self.state.referrers_api:
            self._error(404, "UNSUPPORTED", "not here")
            return
        entries = []
        for digest, (data, media_type) in self.state.manifests.get(name, {}).items():
            subject = json.loads(data).get("subject") or {}
            if subject.get("digest") == reference:
                kind = json.loads(data).get("artifactType", "")
                entries.append(
                    {"mediaType": media_type, "digest": digest, "size": len(data), "artifactType": kind}
                )
        self._send(200, json.dumps({"schemaVersion": 2, "manifests": entries}).encode())

    def _blob(self, name: str, reference: str) -> None:
        data = self.state.blobs.get(reference)
        if data is None or reference not in self.state.repositories.get(name, ()):
            self._error(404, "BLOB_UNKNOWN", "blob unknown to registry")
            return
        if self.command == "DELETE":
            self.state.repositories[name].discard(reference)
            self._send(202, b"")
            return
        if self.command == "HEAD":
            self._send_ranged(data)
            return
        with self.state.moving("blob", self.connection):
            self._send_ranged(data)

    def _elsewhere(self, name: str, reference: str) -> None:
        self._send_ranged(self.state.blobs[reference])

    def _send_ranged(self, data: bytes) -> None:
        start = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if start is not None and int(start.group(1)) < len(data):
            first = int(start.group(1))
            headers = {"Content-Range": f"bytes {first}-{len(data) - 1}/{len(data)}"}
            self._send(206, data[first:], headers)
        else:
            self._send(200, data)

    def _upload(self, name: str, reference: str) -> None:
        state = self.state
        if self.command == "POST":
            mounted = self.query.get("mount", "")
            if mounted and mounted in state.repositories.get(self.query.get("from", ""), ()):
                state.repositories.setdefault(name, set()).add(mounted)
                self._send(201, b"", {"Location": f"/v2/{name}/blobs/{mounted}"})
                return
            session = uuid.uuid4().hex
            state.uploads[session] = bytearray()
            self._send(202, b"", {"Location": f"/v2/{name}/blobs/uploads/{session}", "Range": "0-0"})
            return
        upload = state.uploads.get(reference)
        if upload is None:
            self._error(404, "BLOB_UPLOAD_UNKNOWN", "upload unknown")
            return
        where = {"Location": f"/v2/{name}/blobs/uploads/{reference}"}
        if self.command == "PATCH":
            upload += self.body
            self._send(202, b"", {**where, "Range": f"0-{max(len(upload) - 1, 0)}"})
        elif self.command == "GET":
            self._send(204, b"", {**where, "Range": f"0-{max(len(upload) - 1, 0)}"})
        elif self.command == "DELETE":
            del state.uploads[reference]
            self._send(204, b"")
        else:
            upload += self.body
            digest = "sha256:" + hashlib.sha256(upload).hexdigest()
            if digest != self.query.get("digest"):
                self._error(400, "DIGEST_INVALID", "provided digest did not match uploaded content")
                return
            state.put_blob(name, bytes(upload))
            del state.uploads[reference]
            self._send(201, b"", {"Docker-Content-Digest": digest})

    # -- answers ------------------------------------------------------------------

    def _error(self, status: int, code: str, message: str, headers: dict[str, str] | None = None) -> None:
        body = json.dumps({"errors": [{"code": code, "message": message}]}).encode()
        self._send(status, body, {"Content-Type": "application/json", **(headers or {})})

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        fault = self.fault
        length = len(body)
        if fault is not None and fault.kind == "corrupt" and body:
            body = body[:-1] + bytes([body[-1] ^ 1])
        if fault is not None and fault.kind in ("long", "short"):
            body = body + b"x" if fault.kind == "long" else body[:-1]
            length = len(body)
        self.send_response(status)
        for name, value in {**self.state.quota, **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        if self.command == "HEAD":
            return
        if fault is not None and fault.kind == "cut":
            self.wfile.write(body[: fault.after])
            self.wfile.flush()
            self.close_connection = True
            self.connection.shutdown(2)
            return
        self.wfile.write(body[:-1])
        # With its last byte the client may begin the next, before this thread goes on.
        self.state.moved("blob", self.connection)
        self.wfile.write(body[-1:])
        with self.state.lock:
            self.state.sent += len(body)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, state: RegistryServer) -> None:
        self.state = state
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is part of the tests."""


@contextmanager
def registry_server(tls: ssl.SSLContext | None = None) -> Iterator[RegistryServer]:
    """A running server on loopback; `address` is "127.0.0.1:PORT"."""
    state = RegistryServer()
    with _Server(state) as server:
        if tls is not None:
            # Handshakes happen in the threads of the connections, where a failed one disturbs nobody.
            server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        state.address = f"127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield state
        finally:
            server.shutdown()
            thread.join()
