"""Sigstore signatures made with a key: key pairs, signing, and storing signatures beside the image.

Keys are cosign's: PKCS #8 in a secretbox under a passphrase (scrypt), PEM type "ENCRYPTED SIGSTORE PRIVATE KEY".
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ocicore.config import registries_d
from ocicore.errors import Corrupted, Error, InvalidInput, Unsupported
from ocicore.image import go_json, secretbox
from ocicore.image.sigstore import MEDIA_TYPE, PREFIX, SIGNATURE_KEY, parse_signature, tag_for
from ocicore.oci import digest as digests
from ocicore.oci import media_types
from ocicore.oci.manifest import Manifest, manifest_digest, parse_manifest

if TYPE_CHECKING:
    from ocicore.image.docker import DockerDestination
    from ocicore.image.types import SystemContext

_PEM_TYPES = ("ENCRYPTED SIGSTORE PRIVATE KEY", "ENCRYPTED COSIGN PRIVATE KEY")
_SCRYPT = {"N": 32768, "r": 8, "p": 1}
_MAX_SCRYPT_MEMORY = 256 << 20


class SigstoreSigner:
    """Signs manifests with a private key, or with a new one that Fulcio certifies.

    Args:
        key: the PEM file's bytes; b"" for a new key.
        passphrase: of the key.
        docker_reference: name the signature is for.
        creator: program and version, for the record.
        fulcio: (address, identity token) of the service that certifies the new key.
        rekor: address of the log that signatures are entered into, "" for none.

    Raises:
        InvalidInput, Corrupted: no key, wrong passphrase.
    """

    description = "a sigstore signature"

    def __init__(
        self,
        key: bytes,
        passphrase: bytes,
        docker_reference: str,
        creator: str,
        *,
        fulcio: tuple[str, str] | None = None,
        rekor: str = "",
    ) -> None:
        from cryptography.hazmat.primitives.asymmetric import ec

        self._key = _load(key, passphrase) if key else ec.generate_private_key(ec.SECP256R1())
        self._reference = docker_reference
        self._creator = creator
        self._fulcio = fulcio
        self._rekor = rekor

    def __call__(self, manifest: bytes) -> bytes:
        """The signature in the form it is carried in."""
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec

        payload = go_json.dumps(
            {
                "critical": {
                    "identity": {"docker-reference": self._reference},
                    "image": {"docker-manifest-digest": manifest_digest(manifest)},
                    "type": "cosign container image signature",
                },
                "optional": {"creator": self._creator, "timestamp": int(time.time())},
            }
        )
        raw = self._key.sign(payload, ec.ECDSA(hashes.SHA256()))
        annotations = {SIGNATURE_KEY: base64.b64encode(raw).decode(), **self._witnesses(raw, payload)}
        return PREFIX + go_json.dumps(
            {
                "mimeType": MEDIA_TYPE,
                "payload": base64.b64encode(payload).decode(),
                "annotations": dict(sorted(annotations.items())),
            }
        )

    def _witnesses(self, raw: bytes, payload: bytes) -> dict[str, str]:
        """Annotations of Fulcio and Rekor."""
        if self._fulcio is None and not self._rekor:
            return {}
        from cryptography.hazmat.primitives import serialization

        from ocicore.image import certificates, rekor, sigstore_services

        found: dict[str, str] = {}
        shown = self._key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        if self._fulcio is not None:
            shown, chain = sigstore_services.certificate_for(*self._fulcio, self._key)
            found[certificates.CERTIFICATE] = shown.decode()
            if chain:
                found[certificates.CHAIN] = chain.decode()
        if self._rekor:
            found[rekor.ANNOTATION] = sigstore_services.log(self._rekor, raw, payload, shown).decode()
        return found


def generate(passphrase: bytes) -> tuple[bytes, bytes]:
    """A new (private, public) key pair as PEM; the private one encrypted."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    plain = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    salt, nonce = os.urandom(32), os.urandom(secretbox.NONCE_SIZE)
    box = secretbox.seal(plain, nonce, _derive(passphrase, salt, _SCRYPT))
    text = go_json.dumps(
        {
            "kdf": {"name": "scrypt", "params": _SCRYPT, "salt": base64.b64encode(salt).decode()},
            "cipher": {"name": "nacl/secretbox", "nonce": base64.b64encode(nonce).decode()},
            "ciphertext": base64.b64encode(box).decode(),
        }
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return _pem(_PEM_TYPES[0], text), public


def attach(
    context: SystemContext, destination: DockerDestination, digest: str, signatures: Sequence[bytes]
) -> None:
    """Add signatures to the image beside the image (tag sha256-HEX.sig).

    Raises:
        Unsupported: registries.d does not allow attachments there.
    """
    named = destination.reference.named
    directory = context.registries_d or registries_d.default_directory(context.paths)
    entry = registries_d.find(registries_d.load(directory), str(named))
    if entry is None or not entry.use_sigstore_attachments:
        raise Unsupported(
            "writing sigstore attachments is disabled by configuration",
            hint="set use-sigstore-attachments: true in registries.d",
        )
    client, repository = destination.client, destination.repository
    tag = tag_for(digest)
    layers: list[dict[str, Any]] = []
    config: dict[str, Any] = {
        "architecture": "",
        "os": "",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": []},
    }
    if client.head_manifest(repository, tag) is not None:
        data, media_type, _ = client.manifest(repository, tag)
        parsed = parse_manifest(data, media_type)
        if isinstance(parsed, Manifest):
            layers = [layer.to_json() for layer in parsed.layers]
            config["rootfs"]["diff_ids"] = [layer.digest for layer in parsed.layers]
    for item in signatures:
        signature = parse_signature(item)
        payload_digest = digests.from_bytes(signature.payload)
        layer = {
            "mediaType": MEDIA_TYPE,
            "digest": payload_digest,
            "size": len(signature.payload),
            "annotations": dict(sorted(signature.annotations.items())),
        }
        if layer in layers:
            continue
        client.upload_bytes(repository, signature.payload, payload_digest)
        layers.append(layer)
        config["rootfs"]["diff_ids"].append(payload_digest)
    data = go_json.dumps(config)
    client.upload_bytes(repository, data, digests.from_bytes(data))
    manifest = go_json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": media_types.OCI_MANIFEST,
            "config": {
                "mediaType": media_types.OCI_CONFIG,
                "digest": digests.from_bytes(data),
                "size": len(data),
            },
            "layers": layers,
        }
    )
    client.put_manifest(repository, tag, manifest, media_types.OCI_MANIFEST)


def _load(pem: bytes, passphrase: bytes) -> Any:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import load_der_private_key

    try:
        value = json.loads(_unpem(pem))
        if value["kdf"]["name"] != "scrypt" or value["cipher"]["name"] != "nacl/secretbox":
            raise InvalidInput("reading a sigstore private key: unknown encryption")
        key = _derive(passphrase, base64.b64decode(value["kdf"]["salt"]), value["kdf"]["params"])
        plain = secretbox.open_box(
            base64.b64decode(value["ciphertext"]), base64.b64decode(value["cipher"]["nonce"]), key
        )
        loaded = load_der_private_key(plain, None)
    except (ValueError, KeyError, TypeError, binascii.Error) as exc:
        raise InvalidInput("reading a sigstore private key: malformed") from exc
    except Corrupted as exc:
        raise Error(f"reading a sigstore private key: {exc.message}") from exc
    if not isinstance(loaded, ec.EllipticCurvePrivateKey):
        raise InvalidInput("reading a sigstore private key: not an elliptic curve key")
    return loaded


def _derive(passphrase: bytes, salt: bytes, parameters: dict[str, int]) -> bytes:
    return hashlib.scrypt(
        passphrase,
        salt=salt,
        n=int(parameters["N"]),
        r=int(parameters["r"]),
        p=int(parameters["p"]),
        maxmem=_MAX_SCRYPT_MEMORY,
        dklen=secretbox.KEY_SIZE,
    )


def _pem(kind: str, data: bytes) -> bytes:
    text = base64.b64encode(data).decode()
    lines = [text[start : start + 64] for start in range(0, len(text), 64)]
    return "\n".join([f"-----BEGIN {kind}-----", *lines, f"-----END {kind}-----", ""]).encode()


def _unpem(data: bytes) -> bytes:
    lines = data.decode("ascii", "replace").split("\n")
    for kind in _PEM_TYPES:
        begin, end = f"-----BEGIN {kind}-----", f"-----END {kind}-----"
        stripped = [line.strip() for line in lines]
        if begin in stripped and end in stripped:
            return base64.b64decode("".join(stripped[stripped.index(begin) + 1 : stripped.index(end)]))
    raise InvalidInput("reading a sigstore private key: not a sigstore private key")
