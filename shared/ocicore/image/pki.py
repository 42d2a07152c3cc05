"""Certificates of one's own authorities for signatures: sigstoreSigned with `pki` (containers-policy.json(5)).

Nothing witnesses when the signature was made, so the certificate has to be valid at the time of the check.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from ocicore.image import certificates
from ocicore.image.certificates import InvalidCertificate


def check(
    certificate: bytes,
    chain: bytes,
    roots: Sequence[Any],
    intermediates: Sequence[Any],
    *,
    email: str = "",
    host: str = "",
    moment: float | None = None,
) -> Any:
    """The public key a certificate speaks for.

    Args:
        certificate, chain: PEM, of the signature's annotations.
        roots, intermediates: the policy's authorities; only roots are trusted by themselves.
        email, host: whom it must name; "" for anybody.
        moment: for which it has to be valid, in seconds since the epoch; None is now.

    Raises:
        InvalidCertificate: not issued by one of the roots, for somebody else, or not valid then.
    """
    from cryptography import x509

    leaf, more = certificates.parse(certificate, chain)
    when = datetime.fromtimestamp(time.time() if moment is None else moment, UTC)
    try:
        certificates.check(leaf, [*intermediates, *more], roots, when)
        emails = certificates.emails(leaf)
        named = not host or certificates.is_for_host(leaf, host)
    except (ValueError, x509.DuplicateExtension) as exc:
        raise InvalidCertificate(f"malformed certificate: {exc}") from exc
    if email and email not in emails:
        raise InvalidCertificate(f'required email "{email}" not found (got {emails})')
    if not named:
        raise InvalidCertificate(f'unexpected subject hostname: the certificate is not valid for "{host}"')
    return leaf.public_key()
