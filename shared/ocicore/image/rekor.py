"""Rekor's signed entry timestamps, checked offline: the log's promise that it holds a signature (cosign's bundle annotation)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Sequence
from typing import Any

from ocicore.errors import Error

ANNOTATION = "dev.sigstore.cosign/bundle"


class InvalidEntry(Error):
    """The log did not promise to hold this signature."""


def check(
    entry: bytes, log_keys: Sequence[Any], key_or_certificate: bytes, signature: str, payload: bytes
) -> int:
    """Check an entry; returns when it was logged (seconds since the epoch).

    Args:
        entry: the annotation's JSON.
        log_keys: the log's ECDSA public keys.
        key_or_certificate: PEM of what the signature is checked with.
        signature: of the payload, base64.

    Raises:
        InvalidEntry: not signed by the log, or about something else.
    """
    try:
        value = _object(json.loads(entry), {"SignedEntryTimestamp", "Payload"})
        logged = _object(value["Payload"], {"body", "integratedTime", "logIndex", "logID"})
        if not _signed(logged, base64.b64decode(value["SignedEntryTimestamp"], validate=True), log_keys):
            raise InvalidEntry("cryptographic signature verification of Rekor SET failed")
        body = json.loads(base64.b64decode(logged["body"], validate=True))
        if body.get("kind") != "hashedrekord" or body.get("apiVersion") != "0.0.1":
            raise InvalidEntry(
                f"unsupported Rekor SET payload {body.get('kind')} version {body.get('apiVersion')}"
            )
        signed, digest = body["spec"]["signature"], body["spec"]["data"]["hash"]
        logged_key = _der(base64.b64decode(signed["publicKey"]["content"]))
        if logged_key is None or logged_key != _der(key_or_certificate):
            raise InvalidEntry("publicKey in Rekor SET does not match")
        if base64.b64decode(signed["content"]) != base64.b64decode(signature, validate=True):
            raise InvalidEntry("signature in Rekor SET does not match")
        if digest["algorithm"] != "sha256":
            raise InvalidEntry(f'unexpected "data.hash.algorithm" value {digest["algorithm"]!r}')
        if digest["value"] != hashlib.sha256(payload).hexdigest():
            raise InvalidEntry("payload in Rekor SET does not match")
        moment = logged["integratedTime"]
        if not isinstance(moment, int) or isinstance(moment, bool):
            raise InvalidEntry("malformed time in Rekor SET")
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error) as exc:
        raise InvalidEntry(f"malformed Rekor SET: {exc}") from exc
    return moment


def _signed(logged: dict[str, Any], signature: bytes, log_keys: Sequence[Any]) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    # RFC 8785; the keys are ASCII and the numbers integers, so that this is all of it.
    canonical = json.dumps(logged, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    for key in log_keys:
        try:
            key.verify(signature, canonical, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            continue
        return True
    return False


def _object(value: Any, names: set[str]) -> dict[str, Any]:
    if not isinstance(value, dict) or set(value) != names:
        raise ValueError("unexpected keys")
    return value


def _der(pem: bytes) -> bytes | None:
    """The bytes inside the only PEM block, whatever its kind."""
    lines = [line.strip() for line in pem.split(b"\n") if line.strip()]
    if len(lines) < 3 or not lines[0].startswith(b"-----BEGIN ") or not lines[-1].startswith(b"-----END "):
        return None
    if any(line.startswith(b"-----") for line in lines[1:-1]):
        return None
    return base64.b64decode(b"".join(lines[1:-1]))
