"""TLS contexts for registries: system authorities, certs.d directories, client certificates.

Follows containers-certs.d(5): `*.crt` are authorities, `*.cert` with `*.key` a client's certificate.
"""

from __future__ import annotations

import os
from _thread import allocate_lock

from ocicore.errors import InvalidInput, Unsupported

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Sequence

    from ocicore.config.tls_details import TlsDetails

    #: For "host:port", the directories whose certificates apply.
    CertificateDirs = Callable[[str], Sequence[str]]

_GROUPS = {"secp256r1": "prime256v1", "x25519": "X25519"}


class TlsContexts:
    """Makes one context a host, when it is first needed.

    Args:
        verify: False accepts any certificate (`--tls-verify=false`).
        directories: where certificates of a host are; see `ocicore.config.certs_d`.
        details: versions, ciphers and groups to keep to (`--tls-details`).
    """

    def __init__(
        self, *, verify: bool, directories: CertificateDirs, details: TlsDetails | None = None
    ) -> None:
        self._verify = verify
        self._details = details
        self._directories = directories
        self._made: dict[str, ssl.SSLContext] = {}
        self._lock = allocate_lock()

    def __call__(self, host: str) -> ssl.SSLContext:
        """The context for "host:port".

        Raises:
            InvalidInput: a certificate cannot be read.
        """
        with self._lock:
            context = self._made.get(host)
            if context is None:
                context = self._make(host)
                self._made[host] = context
            return context

    def _make(self, host: str) -> ssl.SSLContext:
        context = base_context(verify=self._verify)
        if self._details is not None:
            _restrict(context, self._details)
        for directory in self._directories(host):
            try:
                names = sorted(os.listdir(directory))
            except OSError:
                continue
            for name in names:
                self._add(context, os.path.join(directory, name), names)
        return context

    @staticmethod
    def _add(context: ssl.SSLContext, path: str, names: list[str]) -> None:
        import ssl

        stem, extension = os.path.splitext(path)
        try:
            if extension == ".crt":
                context.load_verify_locations(cafile=path)
            elif extension == ".cert":
                key = stem + ".key"
                if os.path.basename(key) not in names:
                    raise InvalidInput(f"missing key {key} for client certificate {path}")
                context.load_cert_chain(path, key)
        except ssl.SSLError as exc:
            raise InvalidInput(f"reading certificate {path}: {exc.reason or exc}") from exc
        except OSError as exc:
            raise InvalidInput(f"reading certificate {path}: {(exc.strerror or str(exc)).lower()}") from exc


def base_context(*, verify: bool) -> ssl.SSLContext:
    """A context that trusts what the system trusts, and accepts of it what Go's programs accept.

    Args:
        verify: False accepts any certificate.
    """
    import ssl

    if not verify:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    context = ssl.create_default_context()
    # Python 3.13 refuses authorities without key usage or identifiers, which a self-made one often lacks.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    # A certificate that is trusted by itself needs nobody above it (3.13's default, too).
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    # A host's name counts only as an alternative name (RFC 6125 §6.4.4).
    context.hostname_checks_common_name = False
    return context


def _restrict(context: ssl.SSLContext, details: TlsDetails) -> None:
    """Apply `--tls-details`.

    Raises:
        Unsupported: this Python or its OpenSSL cannot keep to it.
    """
    import ssl

    if details.min_version:
        context.minimum_version = {
            "1.0": ssl.TLSVersion.TLSv1,
            "1.1": ssl.TLSVersion.TLSv1_1,
            "1.2": ssl.TLSVersion.TLSv1_2,
            "1.3": ssl.TLSVersion.TLSv1_3,
        }[details.min_version]
    if details.cipher_suites is not None:
        older = [name for name in details.cipher_suites if "_WITH_" in name]
        try:
            # Those of TLS 1.3 have no say, as with Go's: its suites cannot be chosen.
            if older:
                context.set_ciphers(":".join(openssl_name(name) for name in older))
            else:
                context.minimum_version = ssl.TLSVersion.TLSv1_3
        except ssl.SSLError as exc:
            raise Unsupported(
                f"TLS details: none of the cipher suites {', '.join(older)} is available here"
            ) from exc
    if details.named_groups is not None:
        groups = [_GROUPS.get(name, name) for name in details.named_groups]
        if len(groups) != 1:
            raise Unsupported(
                f"TLS details: namedGroups: {len(groups)} groups, this Python can keep to exactly one",
                hint="name one group, or leave namedGroups out",
            )
        try:
            context.set_ecdh_curve(groups[0])
        except (ValueError, ssl.SSLError) as exc:
            raise Unsupported(
                f"TLS details: the group {details.named_groups[0]} is not available here"
            ) from exc


def openssl_name(suite: str) -> str:
    """OpenSSL's name of a suite of TLS 1.0 to 1.2, from IANA's ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256")."""
    exchange, _, rest = suite.removeprefix("TLS_").partition("_WITH_")
    rest = rest.replace("AES_128_CBC", "AES128").replace("AES_256_CBC", "AES256")
    rest = rest.replace("AES_128", "AES128").replace("AES_256", "AES256")
    rest = rest.replace("3DES_EDE_CBC", "DES-CBC3").replace("RC4_128", "RC4")
    if "CHACHA20" in rest:
        rest = "CHACHA20_POLY1305"
    words = rest.replace("_", "-")
    return words if exchange == "RSA" else f"{exchange.replace('_', '-')}-{words}"
