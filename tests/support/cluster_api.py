"""The API of a Kubernetes cluster as far as creating objects goes: it says what arrived and who sent it."""

from __future__ import annotations

import contextlib
import ipaddress
import json
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from support.keys import certificate, certificate_pem, private_pem


class Api:
    """A cluster's API that accepts everything, unless `refusal` says otherwise."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, dict[str, Any], dict[str, str], str]] = []
        self.refusal: tuple[int, bytes] | None = None
        self.address = ""


@contextlib.contextmanager
def cluster(folder: Path, *, tls: bool = True, certificates: bool = False) -> Iterator[Api]:
    """The API; `folder` gets ca.crt, client.crt and client.key."""
    api = Api()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            peer = self.connection.getpeercert() if isinstance(self.connection, ssl.SSLSocket) else None
            name = dict(item[0] for item in peer["subject"])["commonName"] if peer else ""  # type: ignore[misc,index]
            api.seen.append((self.path, body, dict(self.headers), str(name)))
            status, text = api.refusal or (201, b"{}")
            self.send_response(status)
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls:
        keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(3)]
        authority = certificate(keys[0], "authority", authority=True)
        names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        own = certificate(keys[1], "server", issuer=(keys[0], authority), extensions=((names, False),))
        client = certificate(keys[2], "me", issuer=(keys[0], authority))
        (folder / "ca.crt").write_bytes(certificate_pem(authority))
        (folder / "client.crt").write_bytes(certificate_pem(client))
        (folder / "client.key").write_bytes(private_pem(keys[2]))
        (folder / "server.pem").write_bytes(private_pem(keys[1]) + certificate_pem(own))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "server.pem")
        if certificates:
            context.load_verify_locations(folder / "ca.crt")
            context.verify_mode = ssl.CERT_REQUIRED
        server.socket = context.wrap_socket(server.socket, server_side=True)
    api.address = f"http{'s' if tls else ''}://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield api
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def kubeconfig(folder: Path, address: str, cluster: dict[str, Any], user: dict[str, Any], **more: Any) -> str:
    path = folder / "kubeconfig"
    content = {
        "clusters": [
            {"name": "other", "cluster": {"server": "https://192.0.2.1"}},
            {"name": "c", "cluster": {"server": address, **cluster}},
        ],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
        **more,
    }
    path.write_text(yaml.safe_dump(content))
    return str(path)
