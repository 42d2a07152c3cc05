"""Connections through an HTTP proxy, by way of requests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import requests
import requests.adapters
import urllib3
import urllib3.exceptions

from ocicore.registry.http import Response, origin, shown
from ocicore.registry.problems import CutConnection, TlsFailure, Unreachable

if TYPE_CHECKING:
    from ocicore.registry.direct import TlsContexts
    from ocicore.registry.http import Body


class _ContextAdapter(requests.adapters.HTTPAdapter):
    """Hands our TLS context, with its certs.d, to urllib3."""

    def __init__(self, tls_context: TlsContexts, host: str) -> None:
        self._context = tls_context(host)
        super().__init__(pool_maxsize=16)

    def init_poolmanager(self, *args: object, **kwargs: object) -> None:
        kwargs["ssl_context"] = self._context
        super().init_poolmanager(*args, **kwargs)  # type: ignore[arg-type]

    def proxy_manager_for(self, proxy: str, **kwargs: object) -> urllib3.ProxyManager:
        kwargs["ssl_context"] = self._context
        manager: urllib3.ProxyManager = super().proxy_manager_for(proxy, **kwargs)
        return manager


class ProxiedTransport:
    """A requests session per origin.

    Args:
        tls_context: for a "host:port", the context to connect with.
        proxy: URL of the proxy.
        timeout: seconds without any byte before a connection is given up.
    """

    def __init__(self, tls_context: TlsContexts, proxy: str, *, timeout: float = 60.0) -> None:
        self._tls_context = tls_context
        self._proxies = {"http": proxy, "https": proxy}
        self._timeout = timeout
        self._sessions: dict[tuple[str, str, int], requests.Session] = {}

    def send(self, method: str, url: str, headers: Mapping[str, str], body: Body, /) -> Response:
        """See `Transport.send`."""
        try:
            answer = self._session(url).request(
                method,
                url,
                headers={"Accept-Encoding": "identity", **headers},
                data=body,
                stream=True,
                timeout=self._timeout,
                allow_redirects=False,
                proxies=self._proxies,
            )
        except requests.exceptions.SSLError as exc:
            raise TlsFailure(f"pinging container registry {origin(url)[1]}: tls: {_cause(exc)}") from exc
        except requests.exceptions.ProxyError as exc:
            raise Unreachable(
                f"pinging container registry {origin(url)[1]}: proxy: {_cause(exc)}",
                hint="check http_proxy, https_proxy and no_proxy",
            ) from exc
        except requests.exceptions.RequestException as exc:
            raise Unreachable(f"pinging container registry {origin(url)[1]}: {_cause(exc)}") from exc
        has_body = method != "HEAD" and answer.status_code not in (204, 304)
        return Response(answer.status_code, dict(answer.headers), url, _Body(answer, url), has_body=has_body)

    def close(self) -> None:
        """Close every session."""
        for session in self._sessions.values():
            session.close()

    def _session(self, url: str) -> requests.Session:
        key = origin(url)
        session = self._sessions.get(key)
        if session is None:
            session = requests.Session()
            session.trust_env = False  # netrc and environment are the caller's business
            session.headers.clear()
            if key[0] == "https":
                adapter = _ContextAdapter(self._tls_context, f"{key[1]}:{key[2]}")
                session.verify = adapter._context.verify_mode != 0
                if not session.verify:
                    urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
                session.mount("https://", adapter)
            self._sessions[key] = session
        return session


class _Body:
    def __init__(self, answer: requests.Response, url: str) -> None:
        self._answer = answer
        self._url = url

    def read(self, amount: int = -1, /) -> bytes:
        try:
            data: bytes = self._answer.raw.read(amount if amount >= 0 else None, decode_content=False)
        except (urllib3.exceptions.HTTPError, OSError) as exc:
            raise CutConnection(f"reading {shown(self._url)}: {exc}") from exc
        return data

    def close(self) -> None:
        self._answer.close()


def _cause(exc: BaseException) -> str:
    inner = exc.args[0] if exc.args else exc
    reason = getattr(inner, "reason", inner)
    return " ".join(str(reason).split())[:300]
