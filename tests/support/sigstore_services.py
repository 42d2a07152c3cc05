"""Fulcio and Rekor as far as signing needs them, in this process: they issue certificates and keep a log."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from support.keys import certificate, certificate_pem, fulcio_leaf


class SigstoreServices:
    """What both services know.

    Attributes:
        authority: (key, certificate) of Fulcio; log_key: Rekor's; entries: what was logged.
        failing: HTTP status to answer with instead.
    """

    def __init__(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        self.authority = key, certificate(key, "authority", authority=True)
        self.log_key = ec.generate_private_key(ec.SECP256R1())
        self.entries: list[dict[str, Any]] = []
        self.failing = 0
        self.address = ""

    def sign_entry(self, body: bytes, moment: int, index: int = 1) -> dict[str, Any]:
        """An entry's fields with the log's promise over them."""
        value = {
            "body": base64.b64encode(body).decode(),
            "integratedTime": moment,
            "logIndex": index,
            "logID": "c0ffee",
        }
        canonical = json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
        promise = self.log_key.sign(canonical, ec.ECDSA(hashes.SHA256()))
        value["verification"] = {"signedEntryTimestamp": base64.b64encode(promise).decode()}
        return value

    def certify(self, question: dict[str, Any]) -> dict[str, Any]:
        """Fulcio's answer; the identity is the token's, unchecked but for the proof of possession."""
        token = question["credentials"]["oidcIdentityToken"].split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(token + "=="))
        request = question["publicKeyRequest"]
        key: Any = load_pem_public_key(request["publicKey"]["content"].encode())
        proof = base64.b64decode(request["proofOfPossession"])
        key.verify(proof, claims["email"].encode(), ec.ECDSA(hashes.SHA256()))
        leaf = fulcio_leaf(
            _PublicOnly(key),
            self.authority,
            email=claims["email"],
            oidc=claims["iss"],
            begins=datetime.now(UTC) - timedelta(minutes=1),
        )
        chain = [certificate_pem(leaf).decode(), certificate_pem(self.authority[1]).decode()]
        return {"signedCertificateEmbeddedSct": {"chain": {"certificates": chain}}}


class _PublicOnly:
    def __init__(self, key: Any) -> None:
        self._key = key

    def public_key(self) -> Any:
        return self._key


def identity_token(email: str, issuer: str) -> str:
    """A token as an OIDC issuer gives; nobody here checks its signature."""
    claims = base64.urlsafe_b64encode(json.dumps({"email": email, "iss": issuer}).encode()).rstrip(b"=")
    return f"e30.{claims.decode()}.e30"


def log_key_pem(services: SigstoreServices) -> bytes:
    """Rekor's public key."""
    return services.log_key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


@contextmanager
def sigstore_services() -> Iterator[SigstoreServices]:
    """Both services on one port."""
    services = SigstoreServices()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            return

        def do_POST(self) -> None:
            question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if services.failing:
                self.send_error(services.failing)
                return
            if self.path == "/api/v2/signingCert":
                answer = services.certify(question)
            else:
                body = json.dumps(question).encode()
                entry = services.sign_entry(body, int(datetime.now(UTC).timestamp()))
                services.entries.append(question)
                answer = {"0123": entry}
            data = json.dumps(answer).encode()
            self.send_response(201)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    services.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield services
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
