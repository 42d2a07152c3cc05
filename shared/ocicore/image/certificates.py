"""Certificates of sigstore signatures: the chain to an authority a policy trusts (RFC 5280 §6), and whom they name.

What Go's crypto/x509 accepts is the measure, for containers/image verifies with it: an authority needs basic constraints,
but neither key usage nor key identifiers; a usage that is there must fit, in every certificate of the chain.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from ocicore.errors import Error, InvalidInput

CERTIFICATE = "dev.sigstore.cosign/certificate"
CHAIN = "dev.sigstore.cosign/chain"
_MAX_CHAIN = 8
#: Critical extensions that are looked at (key usage, names, basic constraints, name constraints, policies, extended
#: key usage); any other makes a certificate unacceptable (RFC 5280 §4.2).
_UNDERSTOOD = frozenset(("2.5.29.15", "2.5.29.17", "2.5.29.19", "2.5.29.30", "2.5.29.32", "2.5.29.37"))


class InvalidCertificate(Error):
    """The certificate is not what the policy asks for."""


def read_authorities(pem: bytes, whose: str) -> list[Any]:
    """Certificates of a policy.

    Args:
        whose: for the message, e.g. "Fulcio CA".

    Raises:
        InvalidInput: there is none.
    """
    from cryptography import x509

    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError as exc:
        raise InvalidInput(f"loading {whose} certificates: {exc}") from exc


def parse(certificate: bytes, chain: bytes) -> tuple[Any, list[Any]]:
    """(leaf, intermediate authorities) of a signature's annotations, both PEM; the chain's last is the root, and not believed.

    Raises:
        InvalidCertificate: malformed.
    """
    from cryptography import x509

    try:
        leaves = x509.load_pem_x509_certificates(certificate)
        intermediates = x509.load_pem_x509_certificates(chain)[:-1] if chain.strip() else []
    except ValueError as exc:
        raise InvalidCertificate(f"parsing the signature's certificate: {exc}") from exc
    if len(leaves) != 1:
        raise InvalidCertificate("unexpected multiple certificates present in signature certificate data")
    return leaves[0], intermediates


def check(leaf: Any, between: Sequence[Any], roots: Sequence[Any], moment: datetime) -> None:
    """Whether a chain of certificates for code signing, all valid at the moment, leads to a root.

    Raises:
        InvalidCertificate: none does. ValueError, x509.DuplicateExtension: a certificate is malformed.
    """
    if not _for_code(leaf):
        raise InvalidCertificate("verifying leaf certificate failed: incompatible key usage")
    if not _issued([leaf], between, roots, moment):
        raise InvalidCertificate("verifying leaf certificate failed: not issued by a trusted authority")


def emails(certificate: Any) -> list[str]:
    """E-mail addresses of its alternative names."""
    from cryptography import x509

    names = _extension(certificate, x509.SubjectAlternativeName)
    return list(names.get_values_for_type(x509.RFC822Name)) if names is not None else []


def is_for_host(certificate: Any, host: str) -> bool:
    """Whether its alternative names cover a host name or address; a wildcard stands for one label (RFC 6125 §6.4.3)."""
    import ipaddress

    from cryptography import x509

    names = _extension(certificate, x509.SubjectAlternativeName)
    if names is None:
        return False
    try:
        address = ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        wanted = host.lower().removesuffix(".")
        return any(_covers(name, wanted) for name in names.get_values_for_type(x509.DNSName))
    return address in names.get_values_for_type(x509.IPAddress)


def _covers(name: str, host: str) -> bool:
    name = name.lower().removesuffix(".")
    if not name or not host or "" in host.split("."):
        return False
    if name.startswith("*.") and "*" not in name[1:]:
        return host.partition(".")[2] == name[2:]
    return "*" not in name and name == host


def _issued(chain: list[Any], between: Sequence[Any], roots: Sequence[Any], moment: datetime) -> bool:
    """Whether the last of the chain leads to a root."""
    last = chain[-1]
    if len(chain) > _MAX_CHAIN or not _acceptable(last, moment):
        return False
    for root in roots:
        if last == root or (_acceptable(root, moment) and _may_have_issued(root, chain)):
            return True
    for issuer in between:
        if issuer not in chain and _may_have_issued(issuer, chain):
            rest = [item for item in between if item != issuer]
            if _issued([*chain, issuer], rest, roots, moment):
                return True
    return False


def _may_have_issued(issuer: Any, chain: Sequence[Any]) -> bool:
    return (
        _is_authority(issuer, len(chain) - 1)
        and _for_code(issuer)
        and all(_names_allowed(issuer, below) for below in chain)
        and _signed_by(chain[-1], issuer)
    )


def _acceptable(certificate: Any, moment: datetime) -> bool:
    if not certificate.not_valid_before_utc <= moment <= certificate.not_valid_after_utc:
        return False
    return all(
        not extension.critical or extension.oid.dotted_string in _UNDERSTOOD
        for extension in certificate.extensions
    )


def _for_code(certificate: Any) -> bool:
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID

    usages = _extension(certificate, x509.ExtendedKeyUsage)
    if usages is None:
        return True
    allowed = (ExtendedKeyUsageOID.CODE_SIGNING, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE)
    return any(usage in allowed for usage in usages)


def _is_authority(certificate: Any, below: int) -> bool:
    """Whether it may sign certificates, with so many intermediate ones below it."""
    from cryptography import x509

    basic = _extension(certificate, x509.BasicConstraints)
    if basic is None or not basic.ca or (basic.path_length is not None and basic.path_length < below):
        return False
    usage = _extension(certificate, x509.KeyUsage)
    return usage is None or bool(usage.key_cert_sign)


def _signed_by(certificate: Any, issuer: Any) -> bool:
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError, UnsupportedAlgorithm):
        return False
    return True


def _names_allowed(authority: Any, certificate: Any) -> bool:
    """Whether an authority's name constraints (RFC 5280 §4.2.1.10) admit a certificate's alternative names."""
    from cryptography import x509

    constraints = _extension(authority, x509.NameConstraints)
    names = _extension(certificate, x509.SubjectAlternativeName)
    if constraints is None or names is None:
        return True
    for name in names:
        permitted = [tree for tree in constraints.permitted_subtrees or () if type(tree) is type(name)]
        excluded = [tree for tree in constraints.excluded_subtrees or () if type(tree) is type(name)]
        if any(_within(name, tree) for tree in excluded):
            return False
        if permitted and not any(_within(name, tree) for tree in permitted):
            return False
        if (permitted or excluded) and not isinstance(name, x509.DNSName | x509.RFC822Name | x509.IPAddress):
            return False  # a kind that is not compared here
    return True


def _within(name: Any, tree: Any) -> bool:
    from cryptography import x509

    if isinstance(name, x509.IPAddress):
        return bool(tree.value.version == name.value.version and name.value in tree.value)
    value, wanted = str(name.value), str(tree.value)
    if isinstance(name, x509.RFC822Name):
        local, _, value = value.rpartition("@")
        if "@" in wanted:
            here, _, wanted = wanted.rpartition("@")
            return local == here and value.lower() == wanted.lower()
    if not isinstance(name, x509.DNSName | x509.RFC822Name):
        return False
    value, wanted = value.lower().removesuffix("."), wanted.lower()
    if wanted.startswith("."):
        return value.endswith(wanted)
    return not wanted or value == wanted or value.endswith("." + wanted)


def _extension(certificate: Any, kind: Any) -> Any:
    """An extension's value, None where there is none."""
    from cryptography import x509

    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None
