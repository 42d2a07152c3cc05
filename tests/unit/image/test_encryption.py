"""Encrypted layers: keys, JWE, PKCS #7, the layer's cipher, and what a copy does with them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from ocicore.errors import Corrupted, Error, InvalidInput, Unsupported
from ocicore.image import encryption_keys, jwe, pkcs7, transport
from ocicore.image.copy import CopyOptions, copy
from ocicore.image.image_copy import Encryption
from ocicore.image.layer_encryption import DecryptingReader, EncryptingReader
from ocicore.image.types import SystemContext
from support.contexts import system_context
from support.images import listing, make_image, publish
from support.keys import RSA, EncryptionKeys, certificate, private_pem
from support.registry_server import RegistryServer, registry_server

SECRET = b"the layer's key"


@pytest.fixture
def server() -> Iterator[RegistryServer]:
    with registry_server() as running:
        yield running


@pytest.fixture
def keys(tmp_path: Path) -> EncryptionKeys:
    return EncryptionKeys(tmp_path)


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()])
@pytest.mark.parametrize("algorithm", ["", "ECDH-ES+A128KW", "ECDH-ES+A192KW", "ECDH-ES+A256KW"])
def test_jwe_for_elliptic_keys(curve: ec.EllipticCurve, algorithm: str) -> None:
    key, other = ec.generate_private_key(curve), ec.generate_private_key(curve)
    sealed = jwe.encrypt(SECRET, [jwe.RecipientKey(key.public_key(), algorithm)])
    assert jwe.decrypt(sealed, [other, key]) == SECRET
    with pytest.raises(Error, match="No suitable private key"):
        jwe.decrypt(sealed, [other, RSA])


@pytest.mark.parametrize("algorithm", ["", "RSA-OAEP", "RSA-OAEP-256"])
def test_jwe_for_rsa_keys(algorithm: str) -> None:
    sealed = jwe.encrypt(SECRET, [jwe.RecipientKey(RSA.public_key(), algorithm)])
    assert jwe.decrypt(sealed, [RSA]) == SECRET
    value = json.loads(sealed)
    value["tag"] = base64.urlsafe_b64encode(bytes(16)).rstrip(b"=").decode()
    with pytest.raises(Error, match="No suitable private key"):
        jwe.decrypt(json.dumps(value).encode(), [RSA])


def test_jwe_refuses_an_algorithm_that_does_not_fit() -> None:
    with pytest.raises(Unsupported, match="cannot be used with an RSA key"):
        jwe.encrypt(SECRET, [jwe.RecipientKey(RSA.public_key(), "ECDH-ES+A256KW")])


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def test_jwe_in_the_compact_form_with_cbc() -> None:
    """What other writers may use: A256CBC-HS512 in one line (RFC 7516 §3.1)."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding as rsa_padding

    protected = _base64(b'{"alg":"RSA-OAEP-256","enc":"A256CBC-HS512"}')
    key, nonce = os.urandom(64), os.urandom(16)
    oaep = rsa_padding.OAEP(rsa_padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
    padder = padding.PKCS7(128).padder()
    encryptor = Cipher(algorithms.AES(key[32:]), modes.CBC(nonce)).encryptor()
    text = encryptor.update(padder.update(SECRET) + padder.finalize()) + encryptor.finalize()
    signed = protected.encode() + nonce + text + (len(protected) * 8).to_bytes(8, "big")
    tag = hmac.new(key[:32], signed, hashlib.sha512).digest()[:32]
    wrapped = RSA.public_key().encrypt(key, oaep)
    compact = ".".join((protected, _base64(wrapped), _base64(nonce), _base64(text), _base64(tag)))
    assert jwe.decrypt(compact.encode(), [RSA]) == SECRET


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"a.b.c", b'{"protected": 1}', b'{"recipients": [3]}'])
def test_malformed_jwe(data: bytes) -> None:
    with pytest.raises(Error):
        jwe.decrypt(data, [RSA])


def test_pkcs7_needs_the_certificate_of_the_recipient() -> None:
    first, second = certificate(RSA), certificate(RSA, "another")
    sealed = pkcs7.encrypt(SECRET, [first])
    assert pkcs7.decrypt(sealed, [second, first], [RSA]) == SECRET
    for certificates in ([], [second]):
        with pytest.raises(Error):
            pkcs7.decrypt(sealed, certificates, [RSA])
    with pytest.raises(Unsupported, match="not RSA"):
        pkcs7.encrypt(SECRET, [certificate(ec.generate_private_key(ec.SECP256R1()))])


@pytest.mark.parametrize("length", [0, 1, 2, 40, 300])
def test_shortened_pkcs7(length: int) -> None:
    own = certificate(RSA)
    with pytest.raises(InvalidInput, match="malformed"):
        pkcs7.decrypt(pkcs7.encrypt(SECRET, [own])[:length], [own], [RSA])


def _seal(plain: bytes) -> tuple[bytes, dict[str, str]]:
    reader = EncryptingReader(
        io.BytesIO(plain), encryption_keys.Recipients([jwe.RecipientKey(RSA.public_key())], []), "sha256:0"
    )
    sealed = b"".join(iter(lambda: reader.read(1000), b""))
    return sealed, reader.annotations()


def test_the_cipher_round_trip_and_its_seal() -> None:
    plain = os.urandom(5000)
    sealed, annotations = _seal(plain)
    assert len(sealed) == len(plain)
    keys = encryption_keys.DecryptionKeys([RSA], [])
    reader = DecryptingReader(io.BytesIO(sealed), keys, annotations)
    assert b"".join(iter(lambda: reader.read(777), b"")) == plain
    changed = DecryptingReader(io.BytesIO(b"x" + sealed[1:]), keys, annotations)
    with pytest.raises(Corrupted, match="HMAC"):
        while changed.read(1000):
            pass


@pytest.mark.parametrize("public", ["", "e30=", "!!!", base64.b64encode(b'{"cipher":"ROT13"}').decode()])
def test_malformed_public_options(public: str) -> None:
    _, annotations = _seal(b"x")
    annotations["org.opencontainers.image.enc.pubopts"] = public
    with pytest.raises(Error):
        DecryptingReader(io.BytesIO(b""), encryption_keys.DecryptionKeys([RSA], []), annotations)


# -- keys as the command line names them ---------------------------------------------------


@pytest.mark.parametrize(
    ("items", "message"),
    [
        (["key.pem"], "invalid recipient format"),
        (["rot13:key"], "not recognized"),
        (["pgp:me@example.com"], "PGP recipients cannot be used"),
        (["jwe:/none"], "open /none: no such file"),
        (["jwe:{}/text"], "is not a public key"),
        (["pkcs7:{}/rsa.pub"], "is not an x509 certificate"),
    ],
)
def test_unusable_recipients(tmp_path: Path, keys: EncryptionKeys, items: list[str], message: str) -> None:
    (tmp_path / "text").write_text("no key")
    with pytest.raises(Error, match=message):
        encryption_keys.recipients([item.format(tmp_path) for item in items])


@pytest.mark.parametrize("given", ["file.pem:secret", "file.pem:pass=secret", "file.pem:file={}/phrase"])
@pytest.mark.parametrize("traditional", [True, False])
def test_passphrases(tmp_path: Path, given: str, traditional: bool) -> None:
    (tmp_path / "file.pem").write_bytes(private_pem(RSA, b"secret", traditional=traditional))
    (tmp_path / "phrase").write_text("secret")
    item = f"{tmp_path}/{given.format(tmp_path)}"
    found = encryption_keys.decryption_keys([item])
    assert found.private_keys[0].private_numbers() == RSA.private_numbers()
    with pytest.raises(InvalidInput, match="missing password"):
        encryption_keys.decryption_keys([f"{tmp_path}/file.pem"])
    with pytest.raises(InvalidInput, match="wrong password"):
        encryption_keys.decryption_keys([f"{tmp_path}/file.pem:pass=no"])


def test_json_web_keys(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP384R1())
    numbers = key.private_numbers()
    parts = {"x": numbers.public_numbers.x, "y": numbers.public_numbers.y, "d": numbers.private_value}
    value: dict[str, Any] = {"kty": "EC", "crv": "P-384", "alg": "ECDH-ES+A128KW"}
    value |= {name: _base64(number.to_bytes(48, "big")) for name, number in parts.items()}
    (tmp_path / "private").write_text(json.dumps(value))
    del value["d"]
    (tmp_path / "public").write_text(json.dumps(value))
    sealed = jwe.encrypt(SECRET, encryption_keys.recipients([f"jwe:{tmp_path}/public"]).public_keys)
    assert b"A128KW" in sealed
    assert (
        jwe.decrypt(sealed, encryption_keys.decryption_keys([f"{tmp_path}/private"]).private_keys) == SECRET
    )
    with pytest.raises(InvalidInput, match="not a public key"):
        encryption_keys.recipients([f"jwe:{tmp_path}/private"])


# -- copies ------------------------------------------------------------------------------


def _copy(context: SystemContext, source: str, target: str, **options: Any) -> None:
    copy(
        transport.parse(source),
        transport.parse(target),
        source_context=context,
        destination_context=context,
        options=CopyOptions(**options),
    )


def _layers(folder: Path) -> list[dict[str, Any]]:
    index = json.loads((folder / "index.json").read_text())
    digest = index["manifests"][0]["digest"].removeprefix("sha256:")
    layers: list[dict[str, Any]] = json.loads((folder / "blobs/sha256" / digest).read_text())["layers"]
    return layers


@pytest.mark.parametrize(
    ("to", "of"),
    [
        ("jwe:rsa.pub", "rsa.pem"),
        ("jwe:ec.pub,jwe:rsa.pub", "ec.pem"),
        ("pkcs7:cert.pem", "rsa.pem,cert.pem"),
    ],
)
@pytest.mark.parametrize("docker", [False, True])
def test_there_and_back(
    server: RegistryServer, tmp_path: Path, keys: EncryptionKeys, to: str, of: str, docker: bool
) -> None:
    publish(server, "a", "v1", make_image(layers=3, docker=docker))
    context = system_context(tmp_path)
    source = f"docker://{server.address}/a:v1"
    recipients = encryption_keys.recipients(keys.named(to).split(","))
    _copy(context, source, f"oci:{tmp_path}/plain:1")
    _copy(context, source, f"docker://{server.address}/sealed:1", encryption=Encryption(recipients))
    _copy(context, f"docker://{server.address}/sealed:1", f"oci:{tmp_path}/sealed:1")
    assert {layer["mediaType"].rpartition("+")[2] for layer in _layers(tmp_path / "sealed")} == {"encrypted"}
    opened = Encryption(keys=encryption_keys.decryption_keys(keys.named(of).split(",")))
    _copy(context, f"oci:{tmp_path}/sealed:1", f"oci:{tmp_path}/opened:1", encryption=opened)
    assert _layers(tmp_path / "opened") == _layers(tmp_path / "plain")
    wrong = Encryption(keys=encryption_keys.decryption_keys([keys.named("other.pem")]))
    with pytest.raises(Error, match="none of the private keys could be used"):
        _copy(context, f"oci:{tmp_path}/sealed:1", f"oci:{tmp_path}/wrong:1", encryption=wrong)
    assert not (tmp_path / "wrong").exists()
    context.close()


@pytest.mark.parametrize(
    ("chosen", "expected"), [((0,), [0]), ((-1,), [2]), ((0, 1, -1), [0, 1, 2]), ((), [0, 1, 2])]
)
def test_chosen_layers(
    server: RegistryServer, tmp_path: Path, keys: EncryptionKeys, chosen: tuple[int, ...], expected: list[int]
) -> None:
    publish(server, "a", "v1", make_image(layers=3))
    context = system_context(tmp_path)
    recipients = encryption_keys.recipients([keys.named("jwe:rsa.pub")])
    encryption = Encryption(recipients, chosen)
    _copy(context, f"docker://{server.address}/a:v1", f"oci:{tmp_path}/out:1", encryption=encryption)
    found = [
        number
        for number, layer in enumerate(_layers(tmp_path / "out"))
        if layer["mediaType"].endswith("+encrypted")
    ]
    assert found == expected
    context.close()


def test_what_encryption_cannot_do(server: RegistryServer, tmp_path: Path, keys: EncryptionKeys) -> None:
    publish(server, "a", "v1", make_image(layers=2))
    context = system_context(tmp_path)
    recipients = encryption_keys.recipients([keys.named("jwe:rsa.pub")])
    source, out = f"docker://{server.address}/a:v1", f"dir:{tmp_path}/out"
    docker = "application/vnd.docker.distribution.manifest.v2+json"
    for message, options in (
        ("out of range", {"encryption": Encryption(recipients, (2,))}),
        ("does not support encryption", {"encryption": Encryption(recipients), "manifest_type": docker}),
        ("should be encrypted", {"encryption": Encryption(recipients), "preserve_digests": True}),
    ):
        with pytest.raises(Error, match=message):
            _copy(context, source, out, **options)
        assert not (tmp_path / "out").exists()
    context.close()


def test_an_encrypted_image_is_copied_as_it_is_without_keys(
    server: RegistryServer, tmp_path: Path, keys: EncryptionKeys
) -> None:
    publish(server, "a", "v1", make_image())
    context = system_context(tmp_path)
    recipients = encryption_keys.recipients([keys.named("jwe:rsa.pub")])
    sealed = f"oci:{tmp_path}/sealed:1"
    _copy(context, f"docker://{server.address}/a:v1", sealed, encryption=Encryption(recipients))
    _copy(context, sealed, f"oci:{tmp_path}/again:1")
    assert listing(tmp_path / "again") == listing(tmp_path / "sealed")
    with pytest.raises(Unsupported, match="does not support encryption"):
        _copy(context, sealed, f"docker-archive:{tmp_path}/x.tar")
    context.close()
