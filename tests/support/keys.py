"""Keys and certificates for tests, made with `cryptography`; written as the files programs read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

RSA = rsa.generate_private_key(65537, 2048)


def private_pem(key: Any, passphrase: bytes = b"", *, traditional: bool = False) -> bytes:
    """A private key as PEM."""
    encryption: Any = (
        serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    )
    form = (
        serialization.PrivateFormat.TraditionalOpenSSL if traditional else serialization.PrivateFormat.PKCS8
    )
    data: bytes = key.private_bytes(serialization.Encoding.PEM, form, encryption)
    return data


def public_pem(key: Any) -> bytes:
    """The public half of a private key as PEM."""
    data: bytes = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return data


def certificate_pem(certificate: x509.Certificate) -> bytes:
    """A certificate as PEM."""
    return certificate.public_bytes(serialization.Encoding.PEM)


def certificate(
    key: Any,
    name: str = "tester",
    *,
    issuer: tuple[Any, x509.Certificate] | None = None,
    authority: bool = False,
    begins: datetime | None = None,
    lasts: timedelta = timedelta(days=30),
    extensions: tuple[tuple[x509.ExtensionType, bool], ...] = (),
) -> x509.Certificate:
    """A certificate for a key, self-signed unless (key, certificate) of an issuer is given."""
    begins = begins or datetime.now(UTC) - timedelta(hours=1)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[1].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + lasts)
        .add_extension(x509.BasicConstraints(authority, None), critical=True)
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(issuer[0] if issuer else key, hashes.SHA256())


def fulcio_leaf(
    key: Any, issuer: tuple[Any, x509.Certificate], *, email: str, oidc: str, begins: datetime, **more: Any
) -> x509.Certificate:
    """A certificate as Fulcio issues them: ten minutes, an e-mail address, the identity's issuer."""
    usage = more.pop("usage", ExtendedKeyUsageOID.CODE_SIGNING)
    number = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.8")
    text = oidc.encode()
    return certificate(
        key,
        "sigstore",
        issuer=issuer,
        begins=begins,
        lasts=timedelta(minutes=10),
        extensions=(
            (x509.SubjectAlternativeName([x509.RFC822Name(email)]), True),
            (x509.ExtendedKeyUsage([usage]), False),
            (x509.UnrecognizedExtension(number, b"\x0c" + bytes([len(text)]) + text), False),
        ),
    )


class EncryptionKeys:
    """Files for `--encryption-key` and `--decryption-key` in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        elliptic = ec.generate_private_key(ec.SECP256R1())
        for name, data in {
            "rsa.pem": private_pem(RSA),
            "rsa.pub": public_pem(RSA),
            "ec.pem": private_pem(elliptic),
            "ec.pub": public_pem(elliptic),
            "cert.pem": certificate_pem(certificate(RSA)),
            "other.pem": private_pem(ec.generate_private_key(ec.SECP256R1())),
        }.items():
            (folder / name).write_bytes(data)

    def named(self, text: str) -> str:
        """ "jwe:rsa.pub,pkcs7:cert.pem" or "rsa.pem,cert.pem" with the folder in front of each file."""
        items = []
        for item in text.split(","):
            protocol, colon, name = item.rpartition(":")
            items.append(f"{protocol}{colon}{self.folder / name}")
        return ",".join(items)
