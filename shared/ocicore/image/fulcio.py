"""Certificates issued by Fulcio for one signature: chain, issuer of the identity, e-mail address (containers-policy.json(5)).

A certificate lives ten minutes; it is checked for the moment at which Rekor logged the signature.
"""

from __future__ import annotations

import binascii
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from ocicore.errors import Error, InvalidInput

CERTIFICATE = "dev.sigstore.cosign/certificate"
CHAIN = "dev.sigstore.cosign/chain"
_ISSUER_1 = "1.3.6.1.4.1.57264.1.1"
_ISSUER_2 = "1.3.6.1.4.1.57264.1.8"
_MAX_CHAIN = 8
#: Critical extensions that are looked at; any other makes a certificate unacceptable (RFC 5280 §4.2).
_UNDERSTOOD = frozenset(("2.5.29.15", "2.5.29.17", "2.5.29.19", "2.5.29.37"))


class InvalidCertificate(Error):
    """The certificate is not what the policy asks for."""


def read_authorities(pem: bytes) -> list[Any]:
    """Certificates of the policy's caPath or caData; raises InvalidInput."""
    from cryptography import x509

    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError as exc:
        raise InvalidInput(f"loading Fulcio CA certificates: {exc}") from exc


def check(
    certificate: bytes, chain: bytes, roots: Sequence[Any], moment: int, oidc_issuer: str, email: str
) -> Any:
    """The public key a Fulcio certificate speaks for.

    Args:
        certificate, chain: PEM, of the signature's annotations.
        roots: the authorities trusted.
        moment: for which it has to be valid (seconds since the epoch).

    Raises:
        InvalidCertificate: not issued by one of the roots, for somebody else, or not valid then.
    """
    from cryptography import x509

    try:
        leaves = x509.load_pem_x509_certificates(certificate)
        intermediates = x509.load_pem_x509_certificates(chain)[:-1] if chain.strip() else []
    except ValueError as exc:
        raise InvalidCertificate(f"parsing the signature's certificate: {exc}") from exc
    if len(leaves) != 1:
        raise InvalidCertificate("unexpected multiple certificates present in signature certificate data")
    leaf = leaves[0]
    try:
        _check_usage(leaf)
        if not _issued(leaf, intermediates, roots, datetime.fromtimestamp(moment, UTC), 0):
            raise InvalidCertificate("verifying leaf certificate failed: not issued by a trusted authority")
        found = _oidc_issuer(leaf)
        if found != oidc_issuer:
            raise InvalidCertificate(f'unexpected Fulcio OIDC issuer "{found}"')
        emails = _emails(leaf)
    except (ValueError, x509.DuplicateExtension, binascii.Error, OverflowError, OSError) as exc:
        raise InvalidCertificate(f"malformed certificate: {exc}") from exc
    if email not in emails:
        raise InvalidCertificate(f'required email "{email}" not found (got {emails})')
    return leaf.public_key()


def _check_usage(leaf: Any) -> None:
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID

    try:
        usages = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return
    allowed = (ExtendedKeyUsageOID.CODE_SIGNING, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE)
    if not any(usage in allowed for usage in usages):
        raise InvalidCertificate("verifying leaf certificate failed: incompatible key usage")


def _issued(
    certificate: Any, between: Sequence[Any], roots: Sequence[Any], moment: datetime, depth: int
) -> bool:
    """Whether a chain of certificates, all valid at the moment, leads to a root."""
    if depth > _MAX_CHAIN or not _acceptable(certificate, moment):
        return False
    for root in roots:
        if certificate == root or (
            _acceptable(root, moment) and _is_authority(root, depth) and _signed_by(certificate, root)
        ):
            return True
    for issuer in between:
        if issuer == certificate or not _is_authority(issuer, depth) or not _signed_by(certificate, issuer):
            continue
        rest = [item for item in between if item != issuer]
        if _issued(issuer, rest, roots, moment, depth + 1):
            return True
    return False


def _acceptable(certificate: Any, moment: datetime) -> bool:
    if not certificate.not_valid_before_utc <= moment <= certificate.not_valid_after_utc:
        return False
    return all(
        not extension.critical or extension.oid.dotted_string in _UNDERSTOOD
        for extension in certificate.extensions
    )


def _is_authority(certificate: Any, below: int) -> bool:
    """Whether it may sign certificates, with so many intermediate ones below it."""
    from cryptography import x509

    try:
        basic = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        return False
    if not basic.ca or (basic.path_length is not None and basic.path_length < below):
        return False
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return True
    return bool(usage.key_cert_sign)


def _signed_by(certificate: Any, issuer: Any) -> bool:
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError, UnsupportedAlgorithm):
        return False
    return True


def _oidc_issuer(certificate: Any) -> str:
    found: dict[str, str] = {}
    for extension in certificate.extensions:
        number = extension.oid.dotted_string
        if number == _ISSUER_1:
            found[number] = extension.value.value.decode()
        elif number == _ISSUER_2:
            raw = extension.value.value
            # DER's UTF8String, short form: issuers are URLs of fewer than 128 bytes, else two length bytes.
            if raw[:1] != b"\x0c":
                raise InvalidCertificate("invalid ASN.1 in OIDC issuer v2 extension")
            begin = 2 if raw[1] < 0x80 else 2 + (raw[1] & 0x7F)
            size = raw[1] if raw[1] < 0x80 else int.from_bytes(raw[2:begin], "big")
            if len(raw) != begin + size:
                raise InvalidCertificate("invalid ASN.1 in OIDC issuer v2 extension")
            found[number] = raw[begin:].decode()
    if not found:
        raise InvalidCertificate("Fulcio certificate is missing the issuer extension")
    if len(set(found.values())) > 1:
        raise InvalidCertificate("inconsistent OIDC issuer extension values")
    return next(iter(found.values()))


def _emails(certificate: Any) -> list[str]:
    from cryptography import x509

    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return list(names.get_values_for_type(x509.RFC822Name))
