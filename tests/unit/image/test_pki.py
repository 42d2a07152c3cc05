"""sigstoreSigned with `pki`: signatures with certificates of authorities of one's own."""

from __future__ import annotations

import base64
import ipaddress
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from ocicore.config import policy
from ocicore.errors import InvalidInput
from ocicore.image import certificates, pki, sigstore, transport
from ocicore.image.copy import CopyOptions, copy
from ocicore.image.trust import Rejected
from support.contexts import system_context
from support.images import make_image, publish
from support.keys import certificate, certificate_pem
from support.registry_server import RegistryServer, registry_server

EMAIL, HOST = "me@example.com", "build.example.com"
NAMES: list[x509.GeneralName] = [
    x509.RFC822Name(EMAIL),
    x509.DNSName(HOST),
    x509.DNSName("*.ci.example.com"),
    x509.IPAddress(ipaddress.ip_address("192.0.2.7")),
]
Extensions = tuple[tuple[x509.ExtensionType, bool], ...]


def usage(*purposes: x509.ObjectIdentifier) -> tuple[x509.ExtensionType, bool]:
    return x509.ExtendedKeyUsage(purposes), False


class Pki:
    """Root, intermediate authority, and a leaf for code signing."""

    def __init__(
        self,
        *,
        names: list[x509.GeneralName] | None = None,
        of_root: Extensions = (),
        of_between: Extensions = (),
        of_leaf: Extensions | None = None,
        between_is_authority: bool = True,
        begins: datetime | None = None,
    ) -> None:
        root_key, between_key, self.key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
        self.root = certificate(root_key, "root", authority=True, extensions=of_root)
        self.between = certificate(
            between_key,
            "between",
            issuer=(root_key, self.root),
            authority=between_is_authority,
            extensions=of_between,
        )
        extensions = of_leaf if of_leaf is not None else (usage(ExtendedKeyUsageOID.CODE_SIGNING),)
        shown = NAMES if names is None else names
        if shown:
            extensions = (*extensions, (x509.SubjectAlternativeName(shown), False))
        self.leaf = certificate(
            self.key,
            "signer",
            issuer=(between_key, self.between),
            extensions=extensions,
            begins=begins,
            lasts=timedelta(days=2),
        )

    def check(self, **changes: Any) -> Any:
        """Verify, the intermediate authority known to the policy unless the changes say otherwise."""
        settings = {"roots": [self.root], "intermediates": [self.between], "email": EMAIL, "chain": b""}
        settings.update(changes)
        return pki.check(
            settings.pop("leaf", certificate_pem(self.leaf)),
            settings.pop("chain"),
            settings.pop("roots"),
            settings.pop("intermediates"),
            **settings,
        )


@pytest.fixture(scope="module")
def known() -> Pki:
    return Pki()


def test_the_key_of_an_accepted_certificate(known: Pki) -> None:
    numbers = known.key.public_key().public_numbers()
    assert known.check().public_numbers() == numbers
    # The intermediate authority may come with the signature; the last of its chain is the root, and not believed.
    chain = certificate_pem(known.between) + certificate_pem(known.root)
    assert known.check(intermediates=[], chain=chain).public_numbers() == numbers
    assert known.check(roots=[known.leaf], intermediates=[]).public_numbers() == numbers
    for missing in (b"", certificate_pem(known.root), certificate_pem(known.between)):
        with pytest.raises(certificates.InvalidCertificate, match="not issued by a trusted authority"):
            known.check(intermediates=[], chain=missing)


@pytest.mark.parametrize("host", [HOST, "BUILD.example.com.", "a.ci.example.com", "192.0.2.7", "[192.0.2.7]"])
def test_hosts_it_is_for(known: Pki, host: str) -> None:
    assert known.check(email="", host=host) is not None
    assert known.check(host=host) is not None


@pytest.mark.parametrize(
    "host", ["example.com", "a.b.ci.example.com", "ci.example.com", "192.0.2.8", ".ci.example.com", "x"]
)  # fmt: skip
def test_hosts_it_is_not_for(known: Pki, host: str) -> None:
    with pytest.raises(certificates.InvalidCertificate, match="unexpected subject hostname"):
        known.check(host=host)


def test_somebody_else(known: Pki) -> None:
    with pytest.raises(certificates.InvalidCertificate, match=r'required email "you@example.com" not found'):
        known.check(email="you@example.com")
    with pytest.raises(certificates.InvalidCertificate, match="required email"):
        Pki(names=[]).check()
    with pytest.raises(certificates.InvalidCertificate, match="unexpected subject hostname"):
        Pki(names=[]).check(email="", host="signer")  # a common name names no host


def test_the_time_is_now(known: Pki) -> None:
    known.check()
    now = datetime.now(UTC).timestamp()
    for moment in (now - 86400 * 3, now + 86400 * 3):
        with pytest.raises(certificates.InvalidCertificate, match="not issued by a trusted authority"):
            known.check(moment=moment)
    with pytest.raises(certificates.InvalidCertificate, match="not issued by a trusted authority"):
        Pki(begins=datetime.now(UTC) - timedelta(days=5)).check()


def test_authorities_that_may_not() -> None:
    critical = (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00"), True)
    no_signing = (
        x509.KeyUsage(
            True, False, False, False, False, False, False, False, False
        ),  # digital signatures only
        True,
    )
    for made in (
        Pki(between_is_authority=False),
        Pki(of_between=(critical,)),
        Pki(of_root=(critical,)),
        Pki(of_between=(no_signing,)),
        Pki(of_between=(usage(ExtendedKeyUsageOID.SERVER_AUTH),)),
    ):
        with pytest.raises(certificates.InvalidCertificate, match="not issued by a trusted authority"):
            made.check()
    with pytest.raises(certificates.InvalidCertificate, match="not issued by a trusted authority"):
        Pki().check(roots=[Pki().root])
    Pki(of_between=(usage(ExtendedKeyUsageOID.CODE_SIGNING),)).check()


def test_what_the_certificate_is_for() -> None:
    Pki(of_leaf=()).check()
    Pki(of_leaf=(usage(ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE),)).check()
    with pytest.raises(certificates.InvalidCertificate, match="incompatible key usage"):
        Pki(of_leaf=(usage(ExtendedKeyUsageOID.SERVER_AUTH),)).check()


@pytest.mark.parametrize(
    ("permitted", "excluded", "allowed"),
    [
        ([x509.DNSName("example.com"), x509.RFC822Name("example.com")], None, True),
        ([x509.RFC822Name(EMAIL)], None, True),
        ([x509.RFC822Name("ME@example.com")], None, False),
        ([x509.RFC822Name("other.com")], None, False),
        ([x509.DNSName("other.com")], None, False),
        ([x509.DNSName(".example.com")], None, True),
        ([x509.DNSName("xample.com")], None, False),
        (None, [x509.DNSName("ci.example.com")], False),
        (None, [x509.DNSName("other.com"), x509.UniformResourceIdentifier("other.com")], True),
        ([x509.IPAddress(ipaddress.ip_network("192.0.2.0/24"))], None, True),
        ([x509.IPAddress(ipaddress.ip_network("198.51.100.0/24"))], None, False),
    ],
)
def test_name_constraints(permitted: Any, excluded: Any, allowed: bool) -> None:
    made = Pki(of_root=((x509.NameConstraints(permitted, excluded), True),))
    if allowed:
        made.check()
    else:
        with pytest.raises(certificates.InvalidCertificate, match="not issued by a trusted authority"):
            made.check()


def test_malformed(known: Pki) -> None:
    with pytest.raises(certificates.InvalidCertificate, match="parsing the signature's certificate"):
        known.check(leaf=b"nothing")
    with pytest.raises(certificates.InvalidCertificate, match="parsing the signature's certificate"):
        known.check(chain=b"nothing")
    with pytest.raises(certificates.InvalidCertificate, match="unexpected multiple certificates"):
        known.check(leaf=certificate_pem(known.leaf) * 2)
    with pytest.raises(InvalidInput, match="loading PKI CA root certificates"):
        certificates.read_authorities(b"nothing", "PKI CA root")


# -- as a policy ------------------------------------------------------------------------------


@pytest.fixture
def server() -> Iterator[RegistryServer]:
    with registry_server() as running:
        yield running


def _requirement(folder: Path, **changes: Any) -> dict[str, Any]:
    settings = {
        "caRootsPath": str(folder / "root.pem"),
        "caIntermediatesPath": str(folder / "between.pem"),
        "subjectEmail": EMAIL,
    }
    settings.update(changes.pop("pki", {}))
    value = {"type": "sigstoreSigned", "pki": settings, "signedIdentity": {"type": "matchRepository"}}
    return {**value, **changes}


def test_an_image_is_checked_by_a_policy(known: Pki, server: RegistryServer, tmp_path: Path) -> None:
    (tmp_path / "root.pem").write_bytes(certificate_pem(known.root))
    (tmp_path / "between.pem").write_bytes(certificate_pem(known.between))
    (tmp_path / "registries.d").mkdir()
    (tmp_path / "registries.d/x.yaml").write_text("default-docker:\n  use-sigstore-attachments: true\n")
    image = make_image()
    publish(server, "a", "v1", image)
    name = f"{server.address}/a:v1"

    def signed(digest: str, annotations: dict[str, str]) -> bytes:
        payload = json.dumps(
            {
                "critical": {
                    "identity": {"docker-reference": name},
                    "image": {"docker-manifest-digest": digest},
                    "type": "cosign container image signature",
                },
                "optional": None,
            }
        ).encode()
        raw = known.key.sign(payload, ec.ECDSA(hashes.SHA256()))
        value = {
            "mimeType": sigstore.MEDIA_TYPE,
            "payload": base64.b64encode(payload).decode(),
            "annotations": {sigstore.SIGNATURE_KEY: base64.b64encode(raw).decode(), **annotations},
        }
        return sigstore.PREFIX + json.dumps(value).encode()

    def publish_signature(signature: bytes) -> None:
        server.tags["a"].pop(sigstore.tag_for(image.digest), None)
        with system_context(tmp_path) as context:
            target = transport.parse(f"docker://{name}").destination(context)
            target.put_manifest(image.manifest, image.media_type)
            target.put_signatures([signature])

    def copied(requirement: dict[str, Any]) -> None:
        (tmp_path / "policy.json").write_text(json.dumps({"default": [requirement]}))
        context = system_context(tmp_path, insecure_policy=False, policy_path=str(tmp_path / "policy.json"))
        with context:
            copy(
                transport.parse(f"docker://{name}"),
                transport.parse(f"dir:{tmp_path}/out"),
                source_context=context,
                destination_context=context,
                options=CopyOptions(remove_signatures=True),
            )

    certified = {certificates.CERTIFICATE: certificate_pem(known.leaf).decode()}
    publish_signature(signed(image.digest, {}))
    with pytest.raises(Rejected, match=r"missing dev.sigstore.cosign/certificate annotation"):
        copied(_requirement(tmp_path))
    publish_signature(signed("sha256:" + "0" * 64, certified))
    with pytest.raises(Rejected, match="does not match"):
        copied(_requirement(tmp_path))
    publish_signature(signed(image.digest, {certificates.CERTIFICATE: certificate_pem(Pki().leaf).decode()}))
    with pytest.raises(Rejected, match="not issued by a trusted authority"):
        copied(_requirement(tmp_path))
    publish_signature(signed(image.digest, certified))
    copied(_requirement(tmp_path))
    copied(_requirement(tmp_path, pki={"subjectHostname": HOST}))
    roots = base64.b64encode(certificate_pem(known.root)).decode()
    between = base64.b64encode(certificate_pem(known.between)).decode()
    data = {
        "caRootsPath": "",
        "caRootsData": roots,
        "caIntermediatesPath": "",
        "caIntermediatesData": between,
    }
    copied(_requirement(tmp_path, pki=data))
    with pytest.raises(Rejected, match="required email"):
        copied(_requirement(tmp_path, pki={"subjectEmail": "you@example.com"}))
    with pytest.raises(Rejected, match="unexpected subject hostname"):
        copied(_requirement(tmp_path, pki={"subjectHostname": "example.com"}))
    with pytest.raises(InvalidInput, match=r"reading key .*nowhere\.pem: no such file or directory"):
        copied(_requirement(tmp_path, pki={"caRootsPath": str(tmp_path / "nowhere.pem")}))
    # Another's key with our certificate.
    own, known_key = known.key, ec.generate_private_key(ec.SECP256R1())
    known.key = known_key
    publish_signature(signed(image.digest, certified))
    known.key = own
    with pytest.raises(Rejected, match="invalid signature"):
        copied(_requirement(tmp_path))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pki": {"caRootsPath": ""}}, "exactly one of caRootsPath and caRootsData"),
        ({"pki": {"caRootsData": "eA=="}}, "exactly one of caRootsPath and caRootsData"),
        ({"pki": {"caIntermediatesData": "eA=="}}, "only one of caIntermediatesPath and caIntermediatesData"),
        ({"pki": {"subjectEmail": ""}}, "at least one of subjectEmail and subjectHostname"),
        ({"pki": {"subjectEmail": 7}}, "subjectEmail is not a string"),
        ({"pki": {"what": "x"}}, 'unknown key "what"'),
        ({"rekorPublicKeyPath": "x"}, "are not supported with pki"),
        ({"keyPath": "x"}, "exactly one of keyPath"),
    ],
)
def test_contradictory_policies(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    (tmp_path / "policy.json").write_text(json.dumps({"default": [_requirement(tmp_path, **change)]}))
    with pytest.raises(InvalidInput, match=message):
        policy.load(str(tmp_path / "policy.json"))
