"""Sigstore's services while signing: a short-lived certificate from Fulcio, an entry in Rekor's log.

Fulcio's API v2 with an identity token that is at hand, Rekor's API v1 with entries of kind hashedrekord.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from typing import Any
from urllib.parse import urljoin

from ocicore.errors import Error, InvalidInput
from ocicore.image import go_json

_TIMEOUT = 60
_MAX_ANSWER = 1 << 20


def certificate_for(fulcio: str, token: str, key: Any) -> tuple[bytes, bytes]:
    """(certificate, chain) as PEM for an ECDSA private key, from an OIDC identity token.

    Raises:
        InvalidInput: the token is no JWT with an e-mail address or a subject.
        Error: Fulcio refused or gave no certificate.
    """
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    proof = key.sign(_subject(token).encode(), ec.ECDSA(hashes.SHA256()))
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    question = {
        "credentials": {"oidcIdentityToken": token},
        "publicKeyRequest": {
            "publicKey": {"algorithm": "ECDSA", "content": public.decode()},
            "proofOfPossession": base64.b64encode(proof).decode(),
        },
    }
    answer = _post(
        f"{fulcio.rstrip('/')}/api/v2/signingCert", question, "requesting a certificate from Fulcio"
    )
    for name in ("signedCertificateEmbeddedSct", "signedCertificateDetachedSct"):
        chain = ((answer.get(name) or {}).get("chain") or {}).get("certificates") or []
        if chain:
            return str(chain[0]).encode(), "".join(str(item) for item in chain[1:]).encode()
    raise Error("requesting a certificate from Fulcio: the answer has none")


def log(rekor: str, signature: bytes, payload: bytes, key_or_certificate: bytes) -> bytes:
    """Enter a signature into the log; returns the bundle for the signature's annotation."""
    entry = {
        "apiVersion": "0.0.1",
        "kind": "hashedrekord",
        "spec": {
            "data": {"hash": {"algorithm": "sha256", "value": hashlib.sha256(payload).hexdigest()}},
            "signature": {
                "content": base64.b64encode(signature).decode(),
                "publicKey": {"content": base64.b64encode(key_or_certificate).decode()},
            },
        },
    }
    doing = "uploading to Rekor"
    answer = _post(f"{rekor.rstrip('/')}/api/v1/log/entries", entry, doing)
    try:
        (found,) = answer.values()
        return go_json.dumps(
            {
                "SignedEntryTimestamp": found["verification"]["signedEntryTimestamp"],
                "Payload": {
                    "body": found["body"],
                    "integratedTime": found["integratedTime"],
                    "logIndex": found["logIndex"],
                    "logID": found["logID"],
                },
            }
        )
    except (ValueError, KeyError, TypeError) as exc:
        raise Error(f"{doing}: the answer is not one log entry") from exc


def _subject(token: str) -> str:
    """What Fulcio wants signed: the token's e-mail address, else its subject."""
    try:
        part = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        return str(claims.get("email") or claims["sub"])
    except (IndexError, ValueError, KeyError, TypeError, AttributeError, binascii.Error) as exc:
        raise InvalidInput("reading the OIDC identity token: it is no JSON web token with a subject") from exc


def _post(url: str, question: dict[str, Any], doing: str) -> dict[str, Any]:
    import requests

    from ocicore.registry.web import open_session, reason

    try:
        with open_session() as session:
            answer = session.post(
                url,
                data=go_json.dumps(question),
                headers={"Content-Type": "application/json", "Accept": "application/json"},
                timeout=_TIMEOUT,
                stream=True,
            )
            if answer.status_code == 409 and "location" in answer.headers:
                # The very same signature is in the log already.
                answer = session.get(urljoin(url, answer.headers["location"]), timeout=_TIMEOUT, stream=True)
            data = answer.raw.read(_MAX_ANSWER, decode_content=True)
    except requests.RequestException as exc:
        raise Error(f"{doing}: {url}: {reason(exc)}") from exc
    if answer.status_code not in (200, 201):
        raise Error(f"{doing}: {url}: HTTP status {answer.status_code}")
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as exc:
        raise Error(f"{doing}: {url}: the answer is not JSON") from exc
    if not isinstance(value, dict):
        raise Error(f"{doing}: {url}: the answer is not an object")
    return value
