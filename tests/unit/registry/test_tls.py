"""TLS: authorities and client certificates from a directory, and what is said when they do not fit."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ocicore.errors import InvalidInput
from ocicore.registry.client import Registry
from ocicore.registry.direct import DirectTransport
from ocicore.registry.problems import RegistryError, TlsFailure
from ocicore.registry.retry import RetryPolicy
from ocicore.registry.tls import TlsContexts, base_context
from ocicore.registry.web import open_session, reason
from support.images import make_image, publish
from support.keys import certificate, certificate_pem, private_pem
from support.registry_server import registry_server
from support.tls_server import tls_registry


class Authority:
    """Issues certificates."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test authority")])
        self.certificate = self._make(self.name, self.key, [], authority=True)

    def _make(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        names: list[x509.GeneralName],
        *,
        authority: bool = False,
    ) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            # Python 3.13 verifies strictly (RFC 5280, 4.2.1.1 and 4.2.1.3).
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False
            )
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        )
        if authority:
            usage = dict.fromkeys(
                (
                    "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
                    "encipher_only", "decipher_only",
                ),
                False,
            )  # fmt: skip
            builder = builder.add_extension(
                x509.KeyUsage(digital_signature=True, key_cert_sign=True, crl_sign=True, **usage),
                critical=True,
            )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(self.key, hashes.SHA256())

    def issue(self, folder: Path, stem: str, names: list[x509.GeneralName]) -> tuple[Path, Path]:
        """(certificate, key) files."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, stem)])
        certificate = self._make(subject, key, names)
        paths = folder / f"{stem}.cert", folder / f"{stem}.key"
        paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        paths[1].write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return paths

    def save(self, path: Path) -> Path:
        """The authority's own certificate."""
        path.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))
        return path


LOOPBACK: list[x509.GeneralName] = [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def clients() -> Iterator[list[Registry]]:
    made: list[Registry] = []
    yield made
    for client in made:
        client.close()


def connect(clients: list[Registry], address: str, folder: Path | None, *, verify: bool = True) -> Registry:
    contexts = TlsContexts(
        verify=verify, directories=lambda host: [str(folder)] if folder is not None else []
    )
    made = Registry(
        address,
        transport=DirectTransport(contexts, timeout=10),
        insecure=not verify,
        retry=RetryPolicy(attempts=1),
    )
    clients.append(made)
    return made


def server_context(authority: Authority, folder: Path, names: list[x509.GeneralName]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue(folder, "server", names))
    return context


def test_authority_from_a_directory(authority: Authority, tmp_path: Path, clients: list[Registry]) -> None:
    certs = tmp_path / "certs.d"
    certs.mkdir()
    with registry_server(server_context(authority, tmp_path, LOOPBACK)) as server:
        image = make_image()
        publish(server, "a", "v1", image)
        with pytest.raises(TlsFailure, match="unable to get local issuer certificate") as caught:
            connect(clients, server.address, certs).manifest("a", "v1")
        assert caught.value.hint is not None
        assert "certs.d" in caught.value.hint
        assert connect(clients, server.address, None, verify=False).manifest("a", "v1")[0] == image.manifest
        authority.save(certs / "ca.crt")
        assert connect(clients, server.address, certs).manifest("a", "v1")[0] == image.manifest


def test_name_mismatch(authority: Authority, tmp_path: Path, clients: list[Registry]) -> None:
    certs = tmp_path / "certs.d"
    certs.mkdir()
    authority.save(certs / "ca.crt")
    with (
        registry_server(server_context(authority, tmp_path, [x509.DNSName("other.example")])) as server,
        pytest.raises(TlsFailure, match=r"x509: .*certificate is not valid for '127\.0\.0\.1'") as caught,
    ):
        connect(clients, server.address, certs).ping()
    assert "subject alternative name" in str(caught.value.hint)


def test_client_certificate(authority: Authority, tmp_path: Path, clients: list[Registry]) -> None:
    certs = tmp_path / "certs.d"
    certs.mkdir()
    authority.save(certs / "ca.crt")
    context = server_context(authority, tmp_path, LOOPBACK)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cafile=str(certs / "ca.crt"))
    with registry_server(context) as server:
        with pytest.raises(RegistryError):
            connect(clients, server.address, certs).ping()
        certificate, key = authority.issue(certs, "client", [])
        connect(clients, server.address, certs).ping()
        key.rename(certs / "other.key")
        with pytest.raises(InvalidInput, match=f"missing key .* for client certificate {certificate}"):
            connect(clients, server.address, certs).ping()


# -- what Go's programs accept, whatever this Python would like to see (3.13 is strict by itself) ----------


def test_an_authority_without_key_usage_and_identifiers(tmp_path: Path, clients: list[Registry]) -> None:
    assert not base_context(verify=True).verify_flags & ssl.VERIFY_X509_STRICT
    with tls_registry(tmp_path) as server:
        connect(clients, server.address, tmp_path / "certs").ping()
        with open_session(cert_dir=str(tmp_path / "certs")) as session:
            assert session.get(f"https://{server.address}/v2/", timeout=10).status_code == 200
        with open_session() as session, pytest.raises(requests.RequestException) as caught:
            session.get(f"https://{server.address}/v2/", timeout=10)
        assert "x509: certificate signed by unknown authority" in reason(caught.value)
        with open_session(verify=False) as session:
            assert session.get(f"https://{server.address}/v2/", timeout=10).status_code == 200


def _certified(folder: Path, name: str, names: list[x509.GeneralName]) -> tuple[ssl.SSLContext, Path]:
    """A server's context, and a folder that trusts its very certificate, which an unknown authority issued."""
    key, other = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    extensions = ((x509.SubjectAlternativeName(names), False),) if names else ()
    authority = certificate(other, "unknown", authority=True)
    made = certificate(key, name, issuer=(other, authority), extensions=extensions)
    (folder / "server.pem").write_bytes(private_pem(key) + certificate_pem(made))
    (folder / "certs").mkdir()
    (folder / "certs/ca.crt").write_bytes(certificate_pem(made))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    return context, folder / "certs"


def test_a_certificate_trusted_by_itself(tmp_path: Path, clients: list[Registry]) -> None:
    context, certs = _certified(tmp_path, "server", LOOPBACK)
    with registry_server(context) as server:
        connect(clients, server.address, certs).ping()
        with pytest.raises(TlsFailure, match="unknown authority"):
            connect(clients, server.address, None).ping()


def test_a_common_name_names_no_host(tmp_path: Path, clients: list[Registry]) -> None:
    context, certs = _certified(tmp_path, "localhost", [])
    with registry_server(context) as server:
        address = server.address.replace("127.0.0.1", "localhost")
        with pytest.raises(TlsFailure, match="not valid for 'localhost'"):
            connect(clients, address, certs).ping()


def test_unreadable_certificates(tmp_path: Path, clients: list[Registry]) -> None:
    (tmp_path / "bad.crt").write_text("no certificate")
    with registry_server() as server, pytest.raises(InvalidInput, match="reading certificate"):
        connect(clients, server.address, tmp_path).ping()


def test_plain_http_where_tls_is_wanted(clients: list[Registry]) -> None:
    with registry_server() as server:
        with pytest.raises(TlsFailure, match="server gave HTTP response to HTTPS client"):
            connect(clients, server.address, None).ping()
        assert connect(clients, server.address, None, verify=False).ping() == f"http://{server.address}"
