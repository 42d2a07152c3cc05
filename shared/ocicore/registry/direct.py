"""Keep-alive connections straight to hosts, for any number of threads."""

from __future__ import annotations

import _socket
import sys
from _thread import allocate_lock

from ocicore.registry import urls, wire
from ocicore.registry.http import Response
from ocicore.registry.problems import CutConnection, TlsFailure, Unreachable

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping

    from ocicore.registry.http import Body

    TlsContexts = Callable[[str], ssl.SSLContext]

_MAX_IDLE = 16
#: How long a server may take to answer a TLS greeting.
_PROBE_SECONDS = 5.0


class DirectTransport:
    """A pool of connections by origin.

    Args:
        tls_context: for a "host:port", the context to connect with.
        timeout: (and attribute) seconds without any byte before a connection is given up.
    """

    def __init__(self, tls_context: TlsContexts, *, timeout: float = 60.0) -> None:
        self._tls_context = tls_context
        self.timeout = timeout
        self._idle: dict[tuple[str, str, int], list[wire.Connection]] = {}
        self._lock = allocate_lock()
        self._closed = False

    def send(self, method: str, url: str, headers: Mapping[str, str], body: Body, /) -> Response:
        """Send over an idle connection, or a new one; see `Transport.send`."""
        key = urls.origin(url)
        _, authority, target = urls.split(url)
        connection, fresh = self._take(key)
        replayable = body is None or isinstance(body, bytes)
        while True:
            try:
                connection.request(method, target, authority, headers, body)
                answer = connection.answer(method)
                break
            except (wire.Malformed, OSError) as exc:
                early = self._early_answer(connection, method) if not fresh or not replayable else None
                if early is not None:
                    answer = early
                    break
                connection.close()
                # A server may close an idle connection just as we use it: not its failure, try a new one.
                if not fresh and replayable and isinstance(exc, ConnectionError | wire.Malformed):
                    connection, fresh = self.connect(key), True
                    continue
                raise _translate(exc, url) from exc
            except BaseException:
                # The body failed, or the user interrupted: what was sent so far makes no sense.
                connection.close()
                raise
        raw = _Body(self, key, connection, answer, url)
        has_body = method != "HEAD" and answer.status not in (204, 304)
        return Response(answer.status, answer.headers, url, raw, has_body=has_body)

    def speaks_tls(self, host: str) -> bool:
        """Whether "host[:port]" speaks TLS. Raises Unreachable."""
        key = urls.origin(f"https://{host}")
        try:
            return wire.speaks_tls(key[1], key[2], min(self.timeout, _PROBE_SECONDS))
        except OSError as exc:
            raise _translate(exc, f"https://{host}") from exc

    def close(self) -> None:
        """Close idle connections."""
        with self._lock:
            self._closed = True
            idle = [connection for group in self._idle.values() for connection in group]
            self._idle.clear()
        for connection in idle:
            connection.close()

    def _take(self, key: tuple[str, str, int]) -> tuple[wire.Connection, bool]:
        with self._lock:
            group = self._idle.get(key)
            if group:
                return group.pop(), False
        return self.connect(key), True

    def take_idle(self, key: tuple[str, str, int], most: int) -> list[wire.Connection]:
        """Up to so many idle connections, for a caller who gives them back or closes them."""
        with self._lock:
            group = self._idle.get(key) or []
            found = group[:most]
            del group[:most]
        return found

    def connect(self, key: tuple[str, str, int]) -> wire.Connection:
        """A new connection to an origin. Raises Unreachable."""
        scheme, host, port = key
        try:
            if scheme != "https":
                return wire.connect_plain(host, port, self.timeout)
            name = f"[{host}]" if ":" in host else host
            return wire.connect_tls(host, port, self.timeout, self._tls_context(f"{name}:{port}"))
        except (OSError, UnicodeError) as exc:
            raise _translate(exc, f"{scheme}://{host}:{port}/") from exc

    def give_back(self, key: tuple[str, str, int], connection: wire.Connection) -> None:
        """Keep a connection whose response was read to the end."""
        with self._lock:
            group = self._idle.setdefault(key, [])
            if not self._closed and connection.is_open() and len(group) < _MAX_IDLE:
                group.append(connection)
                return
        connection.close()

    def _early_answer(self, connection: wire.Connection, method: str) -> wire.Answer | None:
        """The answer of a server that refused before it had read the whole body (401, 413, 429)."""
        if not connection.is_open():
            return None
        try:
            connection.set_timeout(2.0)
            answer = connection.answer(method)
            connection.set_timeout(self.timeout)
        except (wire.Malformed, OSError):
            return None
        answer.keeps = False
        return answer


class _Body:
    """A response body that returns its connection to the pool once it was read to the end."""

    def __init__(
        self,
        pool: DirectTransport,
        key: tuple[str, str, int],
        connection: wire.Connection,
        answer: wire.Answer,
        url: str,
    ) -> None:
        self._pool = pool
        self._key = key
        self._connection = connection
        self._answer = answer
        self._url = url

    def read(self, amount: int = -1, /) -> bytes:
        try:
            return self._answer.read(amount)
        except CutConnection as exc:
            raise CutConnection(f"reading {urls.shown(self._url)}: {exc.message}") from exc
        except (wire.Malformed, OSError) as exc:
            raise CutConnection(f"reading {urls.shown(self._url)}: {_reason(exc)}") from exc

    def close(self) -> None:
        if self._answer.ended and self._answer.keeps:
            self._pool.give_back(self._key, self._connection)
        else:
            self._connection.close()


#: OpenSSL's codes for chains that end in nobody we trust; scripts look for the words of Go's library.
_UNKNOWN_AUTHORITY = (18, 19, 20, 21)
#: And for certificates of another host name or address.
_OTHER_NAME = (62, 64)


def _translate(exc: BaseException, url: str) -> Unreachable:
    _, host, port = urls.origin(url)
    name = f"{host}:{port}"
    ssl = sys.modules.get("ssl")
    if ssl is not None and isinstance(exc, ssl.SSLCertVerificationError):
        reason = exc.verify_message or exc.reason
        remedy = "have it renewed"
        if exc.verify_code in _UNKNOWN_AUTHORITY:
            reason = f"certificate signed by unknown authority: {reason}"
            remedy = f"add the authority's certificate to /etc/containers/certs.d/{name}/ca.crt"
        elif exc.verify_code in _OTHER_NAME:
            remedy = "it has to list the registry's name as a subject alternative name"
        return TlsFailure(
            f"pinging container registry {name}: tls: failed to verify certificate: x509: {reason.rstrip('.')}",
            hint=f"{remedy}, or use --tls-verify=false",
        )
    if ssl is not None and isinstance(exc, ssl.SSLError):
        text = exc.reason or str(exc)
        hint = None
        if "WRONG_VERSION_NUMBER" in text or "HTTP_REQUEST" in text or "PACKET_LENGTH" in text:
            text = "server gave HTTP response to HTTPS client"
            hint = "use --tls-verify=false, or mark the registry insecure in registries.conf"
        return TlsFailure(f"pinging container registry {name}: tls: {text}", hint=hint)
    hint = None
    if isinstance(exc, ConnectionRefusedError):
        hint = "is the registry running?"
    elif isinstance(exc, _socket.gaierror):
        return Unreachable(
            f"pinging container registry {name}: no such host: {_reason(exc)}",
            hint="check the registry's name and DNS",
        )
    return Unreachable(f"pinging container registry {name}: {_reason(exc)}", hint=hint)


def _reason(exc: BaseException) -> str:
    if isinstance(exc, TimeoutError):
        return "no answer in time"
    if isinstance(exc, OSError) and exc.strerror:
        return exc.strerror.lower()
    return str(exc) or type(exc).__name__
