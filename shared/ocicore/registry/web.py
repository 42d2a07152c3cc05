"""HTTP for what is no registry: a Containerfile's URLs, lookaside stores, sigstore's services, Kubernetes documents.

Certificates are checked as for registries, by what the system trusts; reasons fit into one line.
"""

from __future__ import annotations

import os
import ssl
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter

from ocicore.registry.tls import base_context


class _Trusting(HTTPAdapter):
    """Verifies with one context: what the system trusts, and not the list that comes with requests."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__()

    def init_poolmanager(self, *args: Any, **settings: Any) -> None:
        super().init_poolmanager(*args, **{**settings, "ssl_context": self._context})

    def proxy_manager_for(self, *args: Any, **settings: Any) -> Any:
        return super().proxy_manager_for(*args, **{**settings, "ssl_context": self._context})

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """The context decides; requests would add its own list."""
        del url, verify, cert
        conn.cert_reqs = "CERT_REQUIRED" if self._context.verify_mode == ssl.CERT_REQUIRED else "CERT_NONE"


def open_session(*, verify: bool = True, cert_dir: str = "") -> requests.Session:
    """A session.

    Args:
        verify: whether certificates must be valid.
        cert_dir: folder with further authorities (*.crt).
    """
    context = base_context(verify=verify)
    if not verify:
        # Whoever asked for it need not be told with each request.
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    if cert_dir:
        for name in sorted(os.listdir(cert_dir)):
            if name.endswith((".crt", ".pem")):
                context.load_verify_locations(os.path.join(cert_dir, name))
    session = requests.Session()
    session.mount("https://", _Trusting(context))
    return session


def reason(error: BaseException) -> str:
    """Why a request failed, in a few words; scripts look for those of Go's library."""
    inner: BaseException | None = error
    seen = 0
    while inner is not None and seen < 8:
        seen += 1
        if isinstance(inner, ssl.SSLCertVerificationError):
            return (
                "tls: failed to verify certificate: x509: certificate signed by unknown authority: "
                f"{inner.verify_message}"
            )
        if type(inner).__name__ == "NameResolutionError":
            return f"no such host: {str(inner).rpartition(': ')[2]}"
        if isinstance(inner, OSError) and inner.strerror:
            return inner.strerror.lower()
        following = inner.__cause__ or inner.__context__ or getattr(inner, "reason", None)
        if following is None and inner.args and isinstance(inner.args[0], BaseException):
            following = inner.args[0]
        inner = following if isinstance(following, BaseException) else None
    return " ".join(str(error).split())
