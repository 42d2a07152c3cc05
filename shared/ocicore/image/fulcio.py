"""Certificates issued by Fulcio for one signature: chain, issuer of the identity, e-mail address (containers-policy.json(5)).

A certificate lives ten minutes; it is checked for the moment at which Rekor logged the signature.
"""

from __future__ import annotations

import binascii
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from ocicore.image import certificates
from ocicore.image.certificates import InvalidCertificate

_ISSUER_1 = "1.3.6.1.4.1.57264.1.1"
_ISSUER_2 = "1.3.6.1.4.1.57264.1.8"


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

    leaf, intermediates = certificates.parse(certificate, chain)
    try:
        certificates.check(leaf, intermediates, roots, datetime.fromtimestamp(moment, UTC))
        found = _oidc_issuer(leaf)
        if found != oidc_issuer:
            raise InvalidCertificate(f'unexpected Fulcio OIDC issuer "{found}"')
        emails = certificates.emails(leaf)
    except (ValueError, x509.DuplicateExtension, binascii.Error, OverflowError, OSError) as exc:
        raise InvalidCertificate(f"malformed certificate: {exc}") from exc
    if email not in emails:
        raise InvalidCertificate(f'required email "{email}" not found (got {emails})')
    return leaf.public_key()


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
