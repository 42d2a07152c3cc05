"""Policies evaluated: rejection, simple signatures through gpg, sigstore signatures with a key."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ocicore.image import simple_signing, transport
from ocicore.image.copy import CopyOptions, copy
from ocicore.image.trust import Rejected, identity_matches
from ocicore.image.types import SystemContext
from support.contexts import system_context
from support.images import OCI_MANIFEST, digest_of, make_image, publish
from support.registry_server import RegistryServer, registry_server


@pytest.fixture
def server() -> Iterator[RegistryServer]:
    with registry_server() as running:
        yield running


@pytest.fixture(scope="module")
def keyring(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str, bytes]]:
    """(GNUPGHOME, fingerprint, public key)."""
    home = tmp_path_factory.mktemp("g")
    home.chmod(0o700)

    def gpg(*arguments: str) -> bytes:
        return subprocess.run(
            ["gpg", "--homedir", str(home), "--batch", "--quiet", *arguments], check=True, capture_output=True
        ).stdout

    gpg("--passphrase", "", "--quick-generate-key", "tester@example.com", "ed25519", "sign", "never")
    listing = gpg("--list-keys", "--with-colons").decode()
    fingerprint = next(line.split(":")[9] for line in listing.splitlines() if line.startswith("fpr"))
    yield str(home), fingerprint, gpg("--export", fingerprint)
    subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=False)


def policy(folder: Path, requirement: dict[str, object]) -> str:
    path = folder / "policy.json"
    path.write_text(json.dumps({"default": [requirement]}))
    return str(path)


def pull(context: SystemContext, server: RegistryServer, folder: Path, name: str = "a:v1") -> None:
    copy(
        transport.parse(f"docker://{server.address}/{name}"),
        transport.parse(f"dir:{folder / 'out'}"),
        source_context=context,
        destination_context=context,
        options=CopyOptions(remove_signatures=True),
    )


def test_reject(server: RegistryServer, tmp_path: Path) -> None:
    publish(server, "a", "v1", make_image())
    context = system_context(
        tmp_path, insecure_policy=False, policy_path=policy(tmp_path, {"type": "reject"})
    )
    with pytest.raises(
        Rejected, match=r"Source image rejected: Running image docker://.* is rejected by policy"
    ):
        pull(context, server, tmp_path)
    assert not (tmp_path / "out").exists()
    context.close()


def test_signed_by(server: RegistryServer, tmp_path: Path, keyring: tuple[str, str, bytes]) -> None:
    home, fingerprint, public = keyring
    image = make_image()
    publish(server, "a", "v1", image)
    (tmp_path / "key.gpg").write_bytes(public)
    (tmp_path / "registries.d").mkdir()
    (tmp_path / "registries.d/x.yaml").write_text(f"default-docker:\n  lookaside: file://{tmp_path}/sigs\n")
    context = system_context(
        tmp_path,
        insecure_policy=False,
        policy_path=policy(
            tmp_path, {"type": "signedBy", "keyType": "GPGKeys", "keyPath": str(tmp_path / "key.gpg")}
        ),
    )
    with pytest.raises(Rejected, match="A signature was required, but no signature exists"):
        pull(context, server, tmp_path)

    def sign(reference: str, digest: str) -> None:
        folder = tmp_path / f"sigs/a@sha256={image.digest[7:]}"
        folder.mkdir(parents=True, exist_ok=True)
        data = simple_signing.statement(reference, digest, "test")
        (folder / "signature-1").write_bytes(simple_signing.sign(data, fingerprint, home=home))

    sign(f"{server.address}/a:v2", image.digest)
    with pytest.raises(Rejected, match="Signature for identity"):
        pull(context, server, tmp_path)
    sign(f"{server.address}/a:v1", "sha256:" + "0" * 64)
    with pytest.raises(Rejected, match="does not match"):
        pull(context, server, tmp_path)
    sign(f"{server.address}/a:v1", image.digest)
    pull(context, server, tmp_path)
    signature = tmp_path / f"sigs/a@sha256={image.digest[7:]}/signature-1"
    signature.write_bytes(signature.read_bytes()[:-20])
    with pytest.raises(Rejected, match="Invalid GPG signature"):
        pull(context, server, tmp_path)
    context.close()


def test_signing_while_copying(
    server: RegistryServer, tmp_path: Path, keyring: tuple[str, str, bytes]
) -> None:
    home, fingerprint, public = keyring
    image = make_image()
    publish(server, "a", "v1", image)
    context = system_context(tmp_path)

    def signer(manifest: bytes) -> bytes:
        data = simple_signing.statement("example.com/a:v1", digest_of(manifest), "test")
        return simple_signing.sign(data, fingerprint, home=home)

    copy(
        transport.parse(f"docker://{server.address}/a:v1"),
        transport.parse(f"dir:{tmp_path / 'd'}"),
        source_context=context,
        destination_context=context,
        options=CopyOptions(signers=[signer]),
    )
    signed = simple_signing.verify((tmp_path / "d/signature-1").read_bytes(), [public])
    assert (signed.docker_reference, signed.manifest_digest) == ("example.com/a:v1", image.digest)
    assert signed.fingerprint == fingerprint
    context.close()


def test_sigstore_key(server: RegistryServer, tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    image = make_image()
    publish(server, "a", "v1", image)
    private = ec.generate_private_key(ec.SECP256R1())
    (tmp_path / "key.pub").write_bytes(
        private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    (tmp_path / "registries.d").mkdir()
    (tmp_path / "registries.d/x.yaml").write_text("default-docker:\n  use-sigstore-attachments: true\n")
    context = system_context(
        tmp_path,
        insecure_policy=False,
        policy_path=policy(tmp_path, {"type": "sigstoreSigned", "keyPath": str(tmp_path / "key.pub")}),
    )
    with pytest.raises(Rejected, match="no signature exists"):
        pull(context, server, tmp_path)

    def attach(signing: ec.EllipticCurvePrivateKey) -> None:
        payload = json.dumps(
            {
                "critical": {
                    "identity": {"docker-reference": f"{server.address}/a:v1"},
                    "image": {"docker-manifest-digest": image.digest},
                    "type": "cosign container image signature",
                },
                "optional": {},
            }
        ).encode()
        signature = base64.b64encode(signing.sign(payload, ec.ECDSA(hashes.SHA256()))).decode()
        config = b"{}"
        server.put_blob("a", payload)
        server.put_blob("a", config)
        manifest = {
            "schemaVersion": 2,
            "config": {
                "mediaType": "application/vnd.oci.image.config.v1+json",
                "digest": digest_of(config),
                "size": 2,
            },
            "layers": [
                {
                    "mediaType": "application/vnd.dev.cosign.simplesigning.v1+json",
                    "digest": digest_of(payload),
                    "size": len(payload),
                    "annotations": {"dev.cosignproject.cosign/signature": signature},
                }
            ],
        }
        tag = image.digest.replace(":", "-") + ".sig"
        server.put_manifest("a", tag, json.dumps(manifest).encode(), OCI_MANIFEST)

    attach(ec.generate_private_key(ec.SECP256R1()))
    with pytest.raises(Rejected, match="invalid signature"):
        pull(context, server, tmp_path)
    attach(private)
    pull(context, server, tmp_path)
    context.close()


DIGEST = "@sha256:" + "1" * 64


@pytest.mark.parametrize(
    ("rule", "image", "signed", "expected"),
    [
        (None, "a.example/x:1", "a.example/x:1", True),
        (None, "a.example/x:1", "a.example/x:2", False),
        (None, "a.example/x" + DIGEST, "a.example/x:2", True),
        ({"type": "matchExact"}, "a.example/x" + DIGEST, "a.example/x:2", False),
        ({"type": "matchRepository"}, "a.example/x:1", "a.example/x:2", True),
        (
            {"type": "exactReference", "dockerReference": "b.example/y:1"},
            "a.example/x:1",
            "b.example/y:1",
            True,
        ),
        (
            {"type": "exactRepository", "dockerRepository": "b.example/y"},
            "a.example/x:1",
            "b.example/y:3",
            True,
        ),
        (
            {"type": "remapIdentity", "prefix": "mirror.example/m", "signedPrefix": "a.example"},
            "mirror.example/m/x:1",
            "a.example/x:1",
            True,
        ),
        (
            {"type": "remapIdentity", "prefix": "mirror.example/m", "signedPrefix": "a.example"},
            "mirror.example/more/x:1",
            "a.example/x:1",
            False,
        ),
        (None, None, "a.example/x:1", False),
        (None, "a.example/x:1", "UPPER", False),
        (None, "busybox:1", "docker.io/library/busybox:1", True),
    ],
)
def test_identities(rule: dict[str, str] | None, image: str | None, signed: str, expected: bool) -> None:
    assert identity_matches(rule, image, signed) is expected
