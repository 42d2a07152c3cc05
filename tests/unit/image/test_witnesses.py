"""Fulcio's certificates and Rekor's log: signed with through --sign-by-sigstore, checked offline by a policy."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from ocicore.config import signing_params
from ocicore.errors import Error, InvalidInput, Unsupported
from ocicore.image import certificates, fulcio, rekor, transport
from ocicore.image.copy import CopyOptions, copy
from ocicore.image.sigstore_sign import SigstoreSigner
from ocicore.image.trust import Rejected
from support.contexts import system_context
from support.images import make_image, publish
from support.keys import certificate, certificate_pem, fulcio_leaf, public_pem
from support.registry_server import RegistryServer, registry_server
from support.sigstore_services import SigstoreServices, identity_token, log_key_pem, sigstore_services

EMAIL, OIDC = "me@example.com", "https://issuer.example"
MOMENT = datetime(2026, 3, 4, 5, 6, tzinfo=UTC)
Key = ec.EllipticCurvePrivateKey


@pytest.fixture
def server() -> Iterator[RegistryServer]:
    with registry_server() as running:
        yield running


@pytest.fixture
def services() -> Iterator[SigstoreServices]:
    with sigstore_services() as running:
        yield running


# -- the log's promise --------------------------------------------------------------------


class Logged:
    """One signature and the log's entry for it; `change` alters the entry's body before the log signs."""

    def __init__(
        self, services: SigstoreServices, change: Callable[[dict[str, Any]], None] | None = None
    ) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.payload = b"payload"
        raw = self.key.sign(self.payload, ec.ECDSA(hashes.SHA256()))
        self.signature = base64.b64encode(raw).decode()
        body: dict[str, Any] = {
            "apiVersion": "0.0.1",
            "kind": "hashedrekord",
            "spec": {
                "data": {"hash": {"algorithm": "sha256", "value": hashlib.sha256(self.payload).hexdigest()}},
                "signature": {
                    "content": self.signature,
                    "publicKey": {"content": base64.b64encode(public_pem(self.key)).decode()},
                },
            },
        }
        if change is not None:
            change(body)
        entry = services.sign_entry(json.dumps(body).encode(), int(MOMENT.timestamp()))
        promise = entry.pop("verification")["signedEntryTimestamp"]
        self.bundle: dict[str, Any] = {"SignedEntryTimestamp": promise, "Payload": entry}
        self.log_keys = [services.log_key.public_key()]

    def check(self) -> int:
        return rekor.check(
            json.dumps(self.bundle).encode(),
            self.log_keys,
            public_pem(self.key),
            self.signature,
            self.payload,
        )


def test_a_logged_signature() -> None:
    assert Logged(SigstoreServices()).check() == int(MOMENT.timestamp())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda body: body.update(kind="rekord"), "unsupported Rekor SET payload"),
        (lambda body: body.update(apiVersion="0.0.2"), "unsupported Rekor SET payload"),
        (
            lambda body: body["spec"]["signature"].update(content="AAAA"),
            "signature in Rekor SET does not match",
        ),
        (lambda body: body["spec"]["data"]["hash"].update(value="00"), "payload in Rekor SET does not match"),
        (lambda body: body["spec"]["data"]["hash"].update(algorithm="md5"), "data.hash.algorithm"),
        (lambda body: body["spec"]["signature"]["publicKey"].update(content=""), "publicKey in Rekor SET"),
        (lambda body: body.pop("spec"), "malformed Rekor SET"),
    ],
)
def test_an_entry_about_something_else(change: Callable[[dict[str, Any]], None], message: str) -> None:
    with pytest.raises(rekor.InvalidEntry, match=message):
        Logged(SigstoreServices(), change).check()


def test_an_entry_the_log_did_not_sign() -> None:
    logged = Logged(SigstoreServices())
    logged.bundle["Payload"]["integratedTime"] += 1
    with pytest.raises(rekor.InvalidEntry, match="cryptographic signature verification"):
        logged.check()
    logged = Logged(SigstoreServices())
    logged.log_keys = [ec.generate_private_key(ec.SECP256R1()).public_key()]
    with pytest.raises(rekor.InvalidEntry, match="cryptographic signature verification"):
        logged.check()


@pytest.mark.parametrize("bundle", [{}, [], {"SignedEntryTimestamp": "", "Payload": {}}, {"Payload": 1}])
def test_a_malformed_entry(bundle: object) -> None:
    with pytest.raises(rekor.InvalidEntry, match="malformed"):
        rekor.check(json.dumps(bundle).encode(), [], b"", "", b"")


# -- certificates --------------------------------------------------------------------------


class Chain:
    """Root, intermediate authority and a leaf, as the policy and the signature carry them."""

    def __init__(self, *, intermediate_authority: bool = True, **leaf: Any) -> None:
        root_key, between_key, self.key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
        year = {"begins": MOMENT - timedelta(days=100), "lasts": timedelta(days=365)}
        self.root = certificate(root_key, "root", authority=True, **year)  # type: ignore[arg-type]
        self.between = certificate(
            between_key,
            "between",
            issuer=(root_key, self.root),
            authority=intermediate_authority,
            **year,  # type: ignore[arg-type]
        )
        settings = {"email": EMAIL, "oidc": OIDC, "begins": MOMENT - timedelta(minutes=5), **leaf}
        self.leaf = fulcio_leaf(self.key, (between_key, self.between), **settings)

    def check(self, *, moment: datetime = MOMENT, chain: bool = True, roots: list[Any] | None = None) -> Any:
        pems = certificate_pem(self.between) + certificate_pem(self.root) if chain else b""
        return fulcio.check(
            certificate_pem(self.leaf),
            pems,
            roots if roots is not None else [self.root],
            int(moment.timestamp()),
            OIDC,
            EMAIL,
        )


def test_a_certificate_of_fulcio() -> None:
    chain = Chain()
    found = chain.check()
    assert found.public_numbers() == chain.key.public_key().public_numbers()


def test_unacceptable_certificates() -> None:
    chain = Chain()
    for arguments in (
        {"moment": MOMENT + timedelta(minutes=6)},
        {"moment": MOMENT - timedelta(minutes=6)},
        {"chain": False},
        {"roots": [Chain().root]},
    ):
        with pytest.raises(certificates.InvalidCertificate, match="not issued by a trusted authority"):
            chain.check(**arguments)  # type: ignore[arg-type]
    for chain, message in (
        (Chain(email="you@example.com"), "required email"),
        (Chain(oidc="https://other.example"), "unexpected Fulcio OIDC issuer"),
        (Chain(usage=ExtendedKeyUsageOID.SERVER_AUTH), "incompatible key usage"),
        (Chain(intermediate_authority=False), "not issued by a trusted authority"),
    ):
        with pytest.raises(certificates.InvalidCertificate, match=message):
            chain.check()
    with pytest.raises(certificates.InvalidCertificate, match="parsing the signature"):
        fulcio.check(b"nothing", b"", [], 0, OIDC, EMAIL)


# -- signing and policies ------------------------------------------------------------------


def _files(folder: Path, services: SigstoreServices, parameters: dict[str, Any]) -> str:
    (folder / "rekor.pub").write_bytes(log_key_pem(services))
    (folder / "ca.pem").write_bytes(certificate_pem(services.authority[1]))
    (folder / "registries.d").mkdir(exist_ok=True)
    (folder / "registries.d/x.yaml").write_text("default-docker:\n  use-sigstore-attachments: true\n")
    path = folder / "params.yaml"
    path.write_text(json.dumps(parameters))
    return str(path)


def _requirement(folder: Path, **changes: Any) -> dict[str, Any]:
    authority = {"caPath": str(folder / "ca.pem"), "oidcIssuer": OIDC, "subjectEmail": EMAIL}
    value = {"type": "sigstoreSigned", "fulcio": authority, "rekorPublicKeyPath": str(folder / "rekor.pub")}
    value["signedIdentity"] = {"type": "matchRepository"}
    authority.update(changes.pop("fulcio", {}))
    return {**value, **changes}


def test_signed_with_fulcio_and_checked_by_a_policy(
    server: RegistryServer, services: SigstoreServices, tmp_path: Path
) -> None:
    path = _files(
        tmp_path,
        services,
        {
            "rekorURL": services.address,
            "fulcio": {
                "fulcioURL": services.address,
                "oidcMode": "staticToken",
                "oidcIDToken": identity_token(EMAIL, OIDC),
            },
        },
    )
    publish(server, "a", "v1", make_image())
    parameters = signing_params.load(path)
    target = f"{server.address}/b:v1"
    signer = SigstoreSigner(b"", b"", target, "test", fulcio=parameters.fulcio, rekor=parameters.rekor)

    def copied(source: str, out: str, policy: dict[str, Any] | None, **options: Any) -> None:
        (tmp_path / "policy.json").write_text(json.dumps({"default": [policy]}))
        context = system_context(
            tmp_path, insecure_policy=policy is None, policy_path=str(tmp_path / "policy.json")
        )
        with context:
            copy(
                transport.parse(source),
                transport.parse(out),
                source_context=context,
                destination_context=context,
                options=CopyOptions(**options),
            )

    copied(f"docker://{server.address}/a:v1", f"docker://{target}", None, signers=[signer])
    assert len(services.entries) == 1
    out = f"dir:{tmp_path}/out"
    copied(f"docker://{target}", out, _requirement(tmp_path), remove_signatures=True)
    for policy, message in (
        (_requirement(tmp_path, fulcio={"subjectEmail": "you@example.com"}), "required email"),
        (_requirement(tmp_path, fulcio={"oidcIssuer": "https://x"}), "OIDC issuer"),
        (_requirement(tmp_path, rekorPublicKeyPath=str(tmp_path / "other.pub")), "Rekor SET failed"),
    ):
        (tmp_path / "other.pub").write_bytes(public_pem(ec.generate_private_key(ec.SECP256R1())))
        with pytest.raises(Rejected, match=message):
            copied(f"docker://{target}", f"dir:{tmp_path}/no", policy, remove_signatures=True)


def test_a_key_whose_signatures_are_logged(
    server: RegistryServer, services: SigstoreServices, tmp_path: Path
) -> None:
    from ocicore.image import sigstore_sign

    private, public = sigstore_sign.generate(b"p")
    (tmp_path / "key.pub").write_bytes(public)
    _files(tmp_path, services, {})
    image = make_image()
    publish(server, "a", "v1", image)
    name = f"{server.address}/a:v1"
    policy = {
        "type": "sigstoreSigned",
        "keyPath": str(tmp_path / "key.pub"),
        "rekorPublicKeyPath": str(tmp_path / "rekor.pub"),
    }
    (tmp_path / "policy.json").write_text(json.dumps({"default": [policy]}))
    for log, expected in (("", "missing dev.sigstore.cosign/bundle"), (services.address, "")):
        signer = SigstoreSigner(private, b"p", name, "test", rekor=log)
        with system_context(tmp_path) as context:
            target = transport.parse(f"docker://{name}").destination(context)
            target.put_manifest(image.manifest, image.media_type)
            target.put_signatures([signer(image.manifest)])
        strict = system_context(tmp_path, insecure_policy=False, policy_path=str(tmp_path / "policy.json"))
        with strict:
            source = transport.parse(f"docker://{name}")
            arguments: dict[str, Any] = {"source_context": strict, "destination_context": strict}
            options = CopyOptions(remove_signatures=True)
            if expected:
                with pytest.raises(Rejected, match=expected):
                    copy(source, transport.parse(f"dir:{tmp_path}/no"), options=options, **arguments)
            else:
                copy(source, transport.parse(f"dir:{tmp_path}/out"), options=options, **arguments)


def test_services_that_refuse(services: SigstoreServices) -> None:
    services.failing = 503
    signer = SigstoreSigner(b"", b"", "a", "t", fulcio=(services.address, identity_token(EMAIL, OIDC)))
    with pytest.raises(Error, match=r"Fulcio: .*HTTP status 503"):
        signer(b"{}")
    with pytest.raises(InvalidInput, match="no JSON web token"):
        SigstoreSigner(b"", b"", "a", "t", fulcio=(services.address, "nonsense"))(b"{}")


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("privateKeyFile: }", InvalidInput, "line 1"),
        ("nothing: 1", InvalidInput, 'unknown key "nothing"'),
        ("rekorURL: x", InvalidInput, "either privateKeyFile or fulcio"),
        ("{privateKeyFile: a, fulcio: {}}", InvalidInput, "missing fulcioURL"),
        ("fulcio: {fulcioURL: u, oidcMode: interactive}", Unsupported, "interactive is not available"),
        ("fulcio: {fulcioURL: u, oidcMode: magic}", InvalidInput, 'unknown oidcMode value "magic"'),
        ("fulcio: {fulcioURL: u, oidcMode: staticToken}", InvalidInput, "missing oidcIDToken"),
        ("fulcio: {fulcioURL: u, oidcMode: staticToken, oidcIDToken: t}", InvalidInput, "needs rekorURL"),
        ("privateKeyFile: 7", InvalidInput, "privateKeyFile is not a text"),
    ],
)
def test_malformed_parameter_files(tmp_path: Path, text: str, kind: type[Error], message: str) -> None:
    (tmp_path / "p.yaml").write_text(text)
    with pytest.raises(kind, match=message):
        signing_params.load(str(tmp_path / "p.yaml"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rekorPublicKeyPath": ""}, "must be specified if fulcio is used"),
        ({"fulcio": {"caPath": ""}}, "exactly one of caPath and caData"),
        ({"fulcio": {"oidcIssuer": ""}}, "oidcIssuer is missing"),
        ({"fulcio": {"what": 1}}, 'unknown key "what"'),
        ({"rekorPublicKeyData": "x"}, "at most one of"),
    ],
)
def test_contradictory_policies(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    from ocicore.config import policy

    (tmp_path / "policy.json").write_text(json.dumps({"default": [_requirement(tmp_path, **change)]}))
    with pytest.raises(InvalidInput, match=message):
        policy.load(str(tmp_path / "policy.json"))
