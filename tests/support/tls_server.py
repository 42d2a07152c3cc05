"""A registry behind TLS whose authority has no more extensions than it must: what private authorities look like."""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from support.keys import certificate, certificate_pem, private_pem
from support.registry_server import RegistryServer, registry_server


@contextmanager
def tls_registry(
    folder: Path, *, maximum: ssl.TLSVersion | None = None, client_certificates: bool = False
) -> Iterator[RegistryServer]:
    """A registry on 127.0.0.1 with TLS; `folder`/certs holds what --cert-dir needs (ca.crt, client.cert, client.key)."""
    authority_key, server_key, client_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
    authority = certificate(authority_key, "authority", authority=True)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    server = certificate(
        server_key, "server", issuer=(authority_key, authority), extensions=((names, False),)
    )
    client = certificate(client_key, "client", issuer=(authority_key, authority))
    certs = folder / "certs"
    certs.mkdir()
    (certs / "ca.crt").write_bytes(certificate_pem(authority))
    (certs / "client.cert").write_bytes(certificate_pem(client))
    (certs / "client.key").write_bytes(private_pem(client_key))
    (folder / "server.pem").write_bytes(private_pem(server_key) + certificate_pem(server))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    if maximum is not None:
        context.maximum_version = maximum
    if client_certificates:
        context.load_verify_locations(certs / "ca.crt")
        context.verify_mode = ssl.CERT_REQUIRED
    with registry_server(context) as running:
        yield running
