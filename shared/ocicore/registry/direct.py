"""Keep-alive connections straight to hosts, for any number of threads (http.client, HTTP/1.1)."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from urllib.parse import urlsplit

from ocicore.registry.http import Response, origin, shown
from ocicore.registry.problems import CutConnection, TlsFailure, Unreachable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ocicore.registry.http import Body

    TlsContexts = Callable[[str], ssl.SSLContext]

_MAX_IDLE = 16
_BUFFER = 1 << 20


class DirectTransport:
    """A pool of connections by origin.

    Args:
        tls_context: for a "host:port", the context to connect with.
        timeout: seconds without any byte before a connection is given up.
    """

    def __init__(self, tls_context: TlsContexts, *, timeout: float = 60.0) -> None:
        self._tls_context = tls_context
        self._timeout = timeout
        self._idle: dict[tuple[str, str, int], list[http.client.HTTPConnection]] = {}
        self._lock = threading.Lock()
        self._closed = False

    def send(self, method: str, url: str, headers: Mapping[str, str], body: Body, /) -> Response:
        """Send over an idle connection, or a new one; see `Transport.send`."""
        key = origin(url)
        parts = urlsplit(url)
        target = parts.path or "/"
        if parts.query:
            target += "?" + parts.query
        connection, fresh = self._take(key)
        replayable = body is None or isinstance(body, bytes)
        while True:
            try:
                connection.request(method, target, body=body, headers=dict(headers))
                answer = connection.getresponse()
                break
            except (http.client.HTTPException, OSError) as exc:
                early = _early_answer(connection) if not fresh or not replayable else None
                if early is not None:
                    answer = early
                    break
                connection.close()
                # A server may close an idle connection just as we use it: not its failure, try a new one.
                if not fresh and replayable and isinstance(exc, ConnectionError | http.client.HTTPException):
                    connection, fresh = self._connect(key), True
                    continue
                raise _translate(exc, url) from exc
        raw = _Body(self, key, connection, answer, url)
        has_body = method != "HEAD" and answer.status not in (204, 304) and answer.status >= 200
        merged: dict[str, str] = {}
        for name, value in answer.getheaders():
            name = name.lower()
            merged[name] = f"{merged[name]}, {value}" if name in merged else value
        return Response(answer.status, merged, url, raw, has_body=has_body)

    def close(self) -> None:
        """Close idle connections."""
        with self._lock:
            self._closed = True
            idle = [connection for group in self._idle.values() for connection in group]
            self._idle.clear()
        for connection in idle:
            connection.close()

    def _take(self, key: tuple[str, str, int]) -> tuple[http.client.HTTPConnection, bool]:
        with self._lock:
            group = self._idle.get(key)
            if group:
                return group.pop(), False
        return self._connect(key), True

    def _connect(self, key: tuple[str, str, int]) -> http.client.HTTPConnection:
        scheme, host, port = key
        connection: http.client.HTTPConnection
        if scheme == "https":
            context = self._tls_context(f"{host}:{port}")
            connection = http.client.HTTPSConnection(
                host, port, timeout=self._timeout, context=context, blocksize=_BUFFER
            )
        else:
            connection = http.client.HTTPConnection(host, port, timeout=self._timeout, blocksize=_BUFFER)
        try:
            connection.connect()
        except (OSError, http.client.HTTPException) as exc:
            connection.close()
            raise _translate(exc, f"{scheme}://{host}:{port}/") from exc
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def give_back(self, key: tuple[str, str, int], connection: http.client.HTTPConnection) -> None:
        """Keep a connection whose response was read to the end."""
        with self._lock:
            group = self._idle.setdefault(key, [])
            if not self._closed and connection.sock is not None and len(group) < _MAX_IDLE:
                group.append(connection)
                return
        connection.close()


class _Body:
    """A response body that returns its connection to the pool once it was read to the end."""

    def __init__(
        self,
        pool: DirectTransport,
        key: tuple[str, str, int],
        connection: http.client.HTTPConnection,
        answer: http.client.HTTPResponse,
        url: str,
    ) -> None:
        self._pool = pool
        self._key = key
        self._connection = connection
        self._answer = answer
        self._url = url
        self._keep = not answer.will_close
        self._ended = False

    def read(self, amount: int = -1, /) -> bytes:
        try:
            # read1 returns what one recv brought: the next stage starts while the network goes on.
            data = self._answer.read(amount) if amount < 0 else self._answer.read1(amount)
        except (http.client.HTTPException, OSError) as exc:
            raise CutConnection(f"reading {shown(self._url)}: {_reason(exc)}") from exc
        if not data:
            self._ended = True
        return data

    def close(self) -> None:
        ended = self._ended or self._answer.isclosed()
        complete = self._answer.length in (None, 0)
        self._answer.close()
        if ended and complete and self._keep:
            self._pool.give_back(self._key, self._connection)
        else:
            self._connection.close()


def _early_answer(connection: http.client.HTTPConnection) -> http.client.HTTPResponse | None:
    """The answer of a server that refused before it had read the whole body (401, 413, 429)."""
    if connection.sock is None:
        return None
    try:
        connection.sock.settimeout(2.0)
        return connection.getresponse()
    except (http.client.HTTPException, OSError):
        return None


def _translate(exc: BaseException, url: str) -> Unreachable:
    _, host, port = origin(url)
    name = f"{host}:{port}"
    if isinstance(exc, ssl.SSLCertVerificationError):
        return TlsFailure(
            f"pinging container registry {name}: tls: {exc.verify_message or exc.reason}",
            hint=f"add the authority's certificate to /etc/containers/certs.d/{name}/ca.crt, "
            "or use --tls-verify=false",
        )
    if isinstance(exc, ssl.SSLError):
        text = exc.reason or str(exc)
        hint = None
        if "WRONG_VERSION_NUMBER" in text or "HTTP_REQUEST" in text:
            text = "server gave HTTP response to HTTPS client"
            hint = "use --tls-verify=false, or mark the registry insecure in registries.conf"
        return TlsFailure(f"pinging container registry {name}: tls: {text}", hint=hint)
    hint = None
    if isinstance(exc, ConnectionRefusedError):
        hint = "is the registry running?"
    elif isinstance(exc, socket.gaierror):
        hint = "check the registry's name and DNS"
    return Unreachable(f"pinging container registry {name}: {_reason(exc)}", hint=hint)


def _reason(exc: BaseException) -> str:
    if isinstance(exc, TimeoutError):
        return "no answer in time"
    if isinstance(exc, OSError) and exc.strerror:
        return exc.strerror.lower()
    if isinstance(exc, http.client.IncompleteRead):
        return "connection closed in the middle of the answer"
    return str(exc) or type(exc).__name__
