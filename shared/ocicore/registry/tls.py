"""TLS contexts for registries: system authorities, certs.d directories, client certificates.

Follows containers-certs.d(5): `*.crt` are authorities, `*.cert` with `*.key` a client's certificate.
"""

from __future__ import annotations

import os
import ssl
import threading

from ocicore.errors import InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    #: For "host:port", the directories whose certificates apply.
    CertificateDirs = Callable[[str], Sequence[str]]


class TlsContexts:
    """Makes one context a host, when it is first needed.

    Args:
        verify: False accepts any certificate (`--tls-verify=false`).
        directories: where certificates of a host are; see `ocicore.config.certs_d`.
    """

    def __init__(self, *, verify: bool, directories: CertificateDirs) -> None:
        self._verify = verify
        self._directories = directories
        self._made: dict[str, ssl.SSLContext] = {}
        self._lock = threading.Lock()

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
        if self._verify:
            context = ssl.create_default_context()
            # Python 3.13 refuses authorities without a key usage, which Go's tools and OpenSSL itself accept.
            context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        else:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
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
