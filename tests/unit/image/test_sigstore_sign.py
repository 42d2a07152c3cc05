"""Sigstore keys and signatures: the box cosign uses, key files, signing while copying, verification by policy."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ocicore.errors import Corrupted, Error, InvalidInput, Unsupported
from ocicore.image import secretbox, sigstore_sign, transport
from ocicore.image.copy import CopyOptions, copy
from ocicore.image.trust import Rejected
from ocicore.image.types import SystemContext
from support.contexts import system_context
from support.images import make_image, publish
from support.registry_server import RegistryServer, registry_server

# The example of NaCl's own test suite (tests/secretbox.c).
KEY = bytes.fromhex("1b27556473e985d462cd51197a9a46c76009549eac6474f206c4ee0844f68389")
NONCE = bytes.fromhex("69696ee955b62b73cd62bda875fc73d68219e0036b7a0b37")
MESSAGE = bytes.fromhex(
    "be075fc53c81f2d5cf141316ebeb0c7b5228c52a4c62cbd44b66849b64244ffce5ecbaaf33bd751a1ac728d45e6c61296cdc3c01233561f4"
    "1db66cce314adb310e3be8250c46f06dceea3a7fa1348057e2f6556ad6b1318a024a838f21af1fde048977eb48f59ffd4924ca1c60902e52"
    "f0a089bc76897040e082f937763848645e0705"
)


@pytest.fixture
def server() -> Iterator[RegistryServer]:
    with registry_server() as running:
        yield running


@pytest.fixture
def context(tmp_path: Path) -> Iterator[SystemContext]:
    (tmp_path / "registries.d").mkdir()
    (tmp_path / "registries.d/x.yaml").write_text("default-docker:\n  use-sigstore-attachments: true\n")
    made = system_context(tmp_path)
    yield made
    made.close()


def test_box() -> None:
    box = secretbox.seal(MESSAGE, NONCE, KEY)
    assert box.startswith(bytes.fromhex("f3ffc7703f9400e52a7dfb4b3d3305d98e993b9f48681273c29650ba32fc76ce"))
    assert secretbox.open_box(box, NONCE, KEY) == MESSAGE
    with pytest.raises(Corrupted):
        secretbox.open_box(box[:-1] + b"x", NONCE, KEY)
    with pytest.raises(Corrupted):
        secretbox.open_box(box, NONCE, KEY[::-1])
    with pytest.raises(Corrupted):
        secretbox.open_box(b"short", NONCE, KEY)


def test_key_files() -> None:
    private, public = sigstore_sign.generate(b"secret")
    assert private.startswith(b"-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n")
    assert public.startswith(b"-----BEGIN PUBLIC KEY-----\n")
    cosign = private.replace(b"SIGSTORE", b"COSIGN")
    for key in (private, cosign):
        sigstore_sign.SigstoreSigner(key, b"secret", "a.example/x:1", "test")
    with pytest.raises(Error, match="wrong passphrase"):
        sigstore_sign.SigstoreSigner(private, b"wrong", "a.example/x:1", "test")
    with pytest.raises(InvalidInput, match="not a sigstore private key"):
        sigstore_sign.SigstoreSigner(public, b"secret", "a.example/x:1", "test")


def test_signed_while_copied_and_checked(
    server: RegistryServer, context: SystemContext, tmp_path: Path
) -> None:
    publish(server, "a", "v1", make_image())
    private, public = sigstore_sign.generate(b"")
    (tmp_path / "key.pub").write_bytes(public)
    (tmp_path / "policy.json").write_text(
        json.dumps({"default": [{"type": "sigstoreSigned", "keyPath": str(tmp_path / "key.pub")}]})
    )
    strict = context.with_(insecure_policy=False, policy_path=str(tmp_path / "policy.json"))

    def run(source: str, target: str, side: SystemContext, *signers: sigstore_sign.SigstoreSigner) -> None:
        copy(
            transport.parse(source),
            transport.parse(target),
            source_context=side,
            destination_context=side,
            options=CopyOptions(signers=signers),
        )

    name = f"{server.address}/b:v1"
    signer = sigstore_sign.SigstoreSigner(private, b"", name, "test")
    run(f"docker://{server.address}/a:v1", f"docker://{name}", context, signer)
    assert any(tag.endswith(".sig") for tag in server.tags["b"])
    run(f"docker://{name}", f"dir:{tmp_path / 'd'}", strict)
    assert (tmp_path / "d/signature-1").read_bytes().startswith(b"\x00sigstore-json\n")
    with pytest.raises(Rejected):
        run(f"docker://{server.address}/a:v1", f"dir:{tmp_path / 'e'}", strict)
    # A second signature joins the first, and the same one does not come twice.
    other, _ = sigstore_sign.generate(b"")
    run(
        f"docker://{name}",
        f"docker://{name}",
        context,
        sigstore_sign.SigstoreSigner(other, b"", name, "test"),
    )
    tag = next(tag for tag in server.tags["b"] if tag.endswith(".sig"))
    manifest = json.loads(server.manifests["b"][server.tags["b"][tag]][0])
    assert len(manifest["layers"]) == 2
    run(f"docker://{name}", f"dir:{tmp_path / 'f'}", strict)


def test_attachments_must_be_allowed(server: RegistryServer, context: SystemContext, tmp_path: Path) -> None:
    (tmp_path / "registries.d/x.yaml").write_text("")
    publish(server, "a", "v1", make_image())
    private, _ = sigstore_sign.generate(b"")
    name = f"{server.address}/b:v1"
    with pytest.raises(Unsupported, match="disabled by configuration"):
        copy(
            transport.parse(f"docker://{server.address}/a:v1"),
            transport.parse(f"docker://{name}"),
            source_context=context,
            destination_context=context,
            options=CopyOptions(signers=[sigstore_sign.SigstoreSigner(private, b"", name, "test")]),
        )
