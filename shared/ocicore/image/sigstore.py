"""Sigstore signatures, made with a key or a certificate: verified against a policy (containers-policy.json(5), "sigstoreSigned").

They are kept as an image beside the image (tag sha256-HEX.sig, cosign's signature specification), or with the other
signatures behind the prefix "\\0sigstore-json\\n".
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ocicore.config import registries_d
from ocicore.errors import Error, InvalidInput
from ocicore.image import certificates, fulcio, go_json, pki, rekor
from ocicore.image.config_blob import read_config
from ocicore.image.docker import DockerSource
from ocicore.image.trust import Rejected, identity_matches, read_keys
from ocicore.image.types import ImageSource, SystemContext
from ocicore.oci import digest as digests
from ocicore.oci.manifest import Manifest, manifest_digest, parse_manifest

PREFIX = b"\x00sigstore-json\n"
MEDIA_TYPE = "application/vnd.dev.cosign.simplesigning.v1+json"
SIGNATURE_KEY = "dev.cosignproject.cosign/signature"
_TYPE = "cosign container image signature"
_MAX_PAYLOAD = 1 << 20
_MAX_SIGNATURES = 128


@dataclass(frozen=True)
class SigstoreSignature:
    """One signature: what was signed, and cosign's annotations (the signature itself among them)."""

    payload: bytes
    annotations: Mapping[str, str]


class TrustRoot:
    """What a requirement of type sigstoreSigned trusts: keys, Fulcio's authorities or one's own; and Rekor's keys."""

    def __init__(self, fields: dict[str, Any]) -> None:
        self.log_keys = [_public_key(data) for data in _sources(fields, "rekorPublicKey")]
        self.keys = [_public_key(data) for data in _sources(fields, "key")]
        self._fulcio: dict[str, Any] | None = fields.get("fulcio")
        self._pki: dict[str, Any] | None = fields.get("pki")
        self._authorities: list[Any] = []
        self._intermediates: list[Any] = []
        if self._fulcio is not None:
            for data in _sources(self._fulcio, "ca"):
                self._authorities += certificates.read_authorities(data, "Fulcio CA")
        if self._pki is not None:
            for data in _sources(self._pki, "caRoots"):
                self._authorities += certificates.read_authorities(data, "PKI CA root")
            for data in _sources(self._pki, "caIntermediates"):
                self._intermediates += certificates.read_authorities(data, "PKI CA intermediate")

    def accepted(self, signature: SigstoreSignature) -> list[Any]:
        """The public keys that may have made a signature.

        Raises:
            Error: the log or the certificate says otherwise.
        """
        if self._fulcio is not None:
            certificate = _annotation(signature, certificates.CERTIFICATE).encode()
            moment = self._logged(signature, certificate)
            chain = signature.annotations.get(certificates.CHAIN, "").encode()
            issuer, email = self._fulcio["oidcIssuer"], self._fulcio["subjectEmail"]
            return [fulcio.check(certificate, chain, self._authorities, moment, issuer, email)]
        if self._pki is not None:
            return [
                pki.check(
                    _annotation(signature, certificates.CERTIFICATE).encode(),
                    signature.annotations.get(certificates.CHAIN, "").encode(),
                    self._authorities,
                    self._intermediates,
                    email=str(self._pki.get("subjectEmail") or ""),
                    host=str(self._pki.get("subjectHostname") or ""),
                )
            ]
        if not self.log_keys:
            return self.keys
        reasons = []
        for key in self.keys:
            try:
                self._logged(signature, _pem(key))
            except rekor.InvalidEntry as exc:
                reasons.append(exc.message)
                continue
            return [key]
        raise Rejected(f"No public key verified against the RekorSET: {', '.join(reasons)}")

    def _logged(self, signature: SigstoreSignature, key_or_certificate: bytes) -> int:
        return rekor.check(
            _annotation(signature, rekor.ANNOTATION).encode(),
            self.log_keys,
            key_or_certificate,
            signature.annotations.get(SIGNATURE_KEY, ""),
            signature.payload,
        )


def check(
    source: ImageSource,
    fields: dict[str, Any],
    manifest: bytes,
    signatures: Sequence[bytes],
) -> None:
    """Check a requirement of type sigstoreSigned.

    Raises:
        Rejected: no signature satisfies it.
    """
    root = TrustRoot(fields)
    digest = manifest_digest(manifest)
    found = [parse_signature(item) for item in signatures if item.startswith(PREFIX)]
    if not found:
        raise Rejected("Source image rejected: A signature was required, but no signature exists")
    reasons = []
    for signature in found:
        try:
            reference, signed = verify(signature, root.accepted(signature))
        except Error as exc:
            reasons.append(exc.message)
            continue
        if signed != digest:
            reasons.append(f"signature for digest {signed} does not match {digest}")
        elif not identity_matches(fields.get("signedIdentity"), source.reference.docker_reference, reference):
            reasons.append(f'Signature for identity "{reference}" is not accepted')
        else:
            return
    raise Rejected(f"Source image rejected: {'; '.join(dict.fromkeys(reasons))}")


def _sources(fields: dict[str, Any], name: str) -> list[bytes]:
    """The contents of NAMEPath, NAMEPaths, NAMEData and NAMEDatas."""
    return read_keys(fields, (f"{name}Path", f"{name}Paths"), (f"{name}Data", f"{name}Datas"))


def _annotation(signature: SigstoreSignature, name: str) -> str:
    value = signature.annotations.get(name)
    if value is None:
        raise Rejected(f"missing {name} annotation")
    return value


def verify(signature: SigstoreSignature, keys: Sequence[Any]) -> tuple[str, str]:
    """(docker reference, manifest digest) that one of the keys signed.

    Raises:
        Rejected: none did.
    """
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

    try:
        raw = base64.b64decode(signature.annotations.get(SIGNATURE_KEY, ""), validate=True)
    except binascii.Error as exc:
        raise Rejected("malformed sigstore signature") from exc
    for key in keys:
        try:
            if isinstance(key, ec.EllipticCurvePublicKey):
                key.verify(raw, signature.payload, ec.ECDSA(hashes.SHA256()))
            elif isinstance(key, rsa.RSAPublicKey):
                key.verify(raw, signature.payload, padding.PKCS1v15(), hashes.SHA256())
            elif isinstance(key, ed25519.Ed25519PublicKey):
                key.verify(raw, signature.payload)
            else:
                continue
        except InvalidSignature:
            continue
        return _claims(signature.payload)
    raise Rejected("cryptographic signature verification failed: invalid signature")


def tag_for(digest: str) -> str:
    """Tag of the image that holds an image's signatures."""
    return f"{digests.algorithm(digest)}-{digests.encoded(digest)}.sig"


def attached(context: SystemContext, source: DockerSource, digest: str) -> list[bytes]:
    """Signatures stored as an image in the registry, where registries.d says to look for them."""
    directory = context.registries_d or registries_d.default_directory(context.paths)
    entry = registries_d.find(registries_d.load(directory), str(source.reference.named))
    if entry is None or not entry.use_sigstore_attachments:
        return []
    tag = tag_for(digest)
    if source.client.head_manifest(source.repository, tag) is None:
        return []
    data, media_type, _ = source.client.manifest(source.repository, tag)
    parsed = parse_manifest(data, media_type)
    if not isinstance(parsed, Manifest) or len(parsed.layers) > _MAX_SIGNATURES:
        raise InvalidInput(f"reading sigstore signatures {tag}: not an image of signatures")
    return [
        PREFIX
        + go_json.dumps(
            {
                "mimeType": MEDIA_TYPE,
                "payload": base64.b64encode(read_config(source, layer, _MAX_PAYLOAD)).decode(),
                "annotations": dict(sorted(layer.annotations.items())),
            }
        )
        for layer in parsed.layers
        if layer.media_type == MEDIA_TYPE
    ]


def parse_signature(data: bytes) -> SigstoreSignature:
    """A signature in the form it is carried in; raises InvalidInput."""
    try:
        value = json.loads(data[len(PREFIX) :])
        return SigstoreSignature(base64.b64decode(value["payload"]), dict(value.get("annotations") or {}))
    except (ValueError, KeyError, TypeError, binascii.Error) as exc:
        raise InvalidInput("reading a sigstore signature: malformed") from exc


def _public_key(data: bytes) -> Any:
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        return load_pem_public_key(data)
    except ValueError as exc:
        raise InvalidInput(f"reading a public key of the policy: {exc}") from exc


def _pem(key: Any) -> bytes:
    from cryptography.hazmat.primitives import serialization

    pem: bytes = key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return pem


def _claims(payload: bytes) -> tuple[str, str]:
    try:
        critical = json.loads(payload)["critical"]
        if critical["type"] != _TYPE:
            raise Rejected(f"unrecognized signature type {critical['type']}")
        return str(critical["identity"]["docker-reference"]), str(critical["image"]["docker-manifest-digest"])
    except (ValueError, KeyError, TypeError) as exc:
        raise Rejected("malformed payload of a sigstore signature") from exc
