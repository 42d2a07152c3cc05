"""One request to a registry, seen through: authorisation, redirects, retries.

Credentials go to the registry they were given for and to its token service, to nobody else.
"""

from __future__ import annotations

from _thread import allocate_lock

from ocicore.registry import urls
from ocicore.registry.authorization import Authorizer
from ocicore.registry.problems import (
    MAX_ERROR_BODY,
    RegistryError,
    TlsFailure,
    Unreachable,
    from_response,
)
from ocicore.registry.retry import RetryPolicy
from ocicore.registry.urls import origin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ocicore.registry.authorization import Credentials
    from ocicore.registry.http import Body, Response, Transport

    #: Makes the body anew for each attempt.
    BodyFactory = Callable[[], Body]

_MAX_REDIRECTS = 10
_REDIRECTS = frozenset((301, 302, 303, 307, 308))


class Session:
    """A conversation with one registry.

    Args:
        host: "host[:port]" to connect to.
        insecure: allow plain HTTP when the host does not speak TLS.
        transport: (and attribute) what sends requests.
        credentials: None for anonymous access.
        retry: what is tried again.
        user_agent: value of User-Agent.
        registry_token: a ready bearer token.
    """

    def __init__(
        self,
        host: str,
        *,
        transport: Transport,
        insecure: bool = False,
        credentials: Credentials | None = None,
        retry: RetryPolicy | None = None,
        user_agent: str = "pyskopeo",
        registry_token: str = "",
    ) -> None:
        self.host = host
        self.transport = transport
        self._insecure = insecure
        self._retry = retry or RetryPolicy()
        self._user_agent = user_agent
        self._base: str | None = None
        self._lock = allocate_lock()
        self._authorizer = Authorizer(
            credentials,
            self._send_following,
            registry_token=registry_token,
            client_id=user_agent.split("/", maxsplit=1)[0],
        )
        #: Quota headers of the last answer that had them, e.g. "ratelimit-remaining".
        self.quota: dict[str, str] = {}

    def ping(self) -> str:
        """Find out how to speak with the registry, and what it wants; returns the base URL.

        Raises:
            Unreachable: it cannot be reached, or is no registry.
        """
        if self._base is not None:
            return self._base
        with self._lock:
            # Threads that begin together ask once.
            if self._base is None:
                self._base = self._find_out()
            return self._base

    def _reach(self) -> str:
        """`ping`; tried again where somebody gave a delay, for one that fails costs as long as the system waits."""
        attempt = 1
        while True:
            try:
                return self.ping()
            except RegistryError as exc:
                if self._retry.fixed_delay is None or not self._retry.wait_after_error(attempt, exc):
                    raise
            attempt += 1

    def _find_out(self) -> str:
        schemes = ["https", "http"] if self._insecure else ["https"]
        failure: RegistryError | None = None
        probe = getattr(self.transport, "speaks_tls", None)
        if self._insecure and probe is not None:
            try:
                if not probe(self.host):
                    schemes = ["http"]
            except Unreachable as exc:
                # Port 443 may be closed where port 80 is not; and some servers never answer what they do not know.
                failure = exc
        for scheme in schemes:
            url = f"{scheme}://{self.host}/v2/"
            try:
                response = self._attempt("GET", url, {}, lambda: None)
            except TlsFailure as exc:
                failure = exc
                continue
            except Unreachable as exc:
                failure = failure or exc
                continue
            body = response.read_all(MAX_ERROR_BODY)
            if response.status not in (200, 401):
                failure = failure or from_response(
                    f"pinging container registry {self.host}", response.status, body, self.host
                )
                continue
            if response.status == 401:
                self._authorizer.challenged(response.headers.get("www-authenticate", ""), "", None)
            return f"{scheme}://{self.host}"
        assert failure is not None
        raise failure

    def request(
        self,
        method: str,
        path: str,
        *,
        scope: str,
        headers: Mapping[str, str] | None = None,
        body: BodyFactory | bytes | None = None,
        expect: tuple[int, ...] = (200,),
        doing: str,
        retry: bool = True,
        follow: bool = True,
    ) -> Response:
        """Send a request to the registry (a path or an absolute URL) and return a response with an expected status.

        Args:
            scope: token scope, e.g. "repository:a/b:pull".
            body: bytes, or a function that makes the body for each attempt.
            expect: statuses that are no error; the response is returned unread.
            doing: for messages, e.g. "reading manifest x in y".
            retry: False for bodies that cannot be sent twice.

        Raises:
            RegistryError: any other answer, or none.
        """
        base = self._reach()
        url = path if "://" in path else base + path
        make_body: BodyFactory = body if callable(body) else (lambda: body)
        authorized_again = False
        attempt = 0
        while True:
            attempt += 1
            sent = dict(headers or {})
            authorization = self._authorizer.header(scope) if origin(url) == origin(base) else None
            if authorization is not None:
                sent["Authorization"] = authorization
            try:
                response = self._attempt(method, url, sent, make_body, follow=follow)
            except RegistryError as exc:
                if retry and self._retry.wait_after_error(attempt, exc):
                    continue
                raise type(exc)(f"{doing}: {exc.message}", hint=exc.hint) from exc
            self.note_quota(response.headers)
            if response.status in expect:
                return response
            if response.status == 401 and not authorized_again:
                wanted = response.headers.get("www-authenticate", "")
                if self._authorizer.challenged(wanted, scope, authorization):
                    authorized_again = True
                    response.drain()
                    if retry or not callable(body):
                        attempt -= 1
                        continue
            status, answered = response.status, response.headers
            text = response.read_all(MAX_ERROR_BODY)
            if retry and self._retry.wait_after_status(attempt, status, answered):
                continue
            raise from_response(doing, status, text, self.host)

    def close(self) -> None:
        """Close idle connections."""
        self.transport.close()

    def _attempt(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        make_body: BodyFactory,
        *,
        follow: bool = True,
    ) -> Response:
        """Send once, following redirects; `Authorization` stays with the origin it was made for."""
        current = dict(headers)
        current.setdefault("User-Agent", self._user_agent)
        for _ in range(_MAX_REDIRECTS):
            response = self.transport.send(method, url, current, make_body())
            if not follow or response.status not in _REDIRECTS or "location" not in response.headers:
                return response
            target = urls.join(url, response.headers["location"])
            response.drain()
            scheme = urls.split(target)[0]
            if scheme not in ("http", "https") or (
                scheme == "http" and url.startswith("https://") and not self._insecure
            ):
                raise RegistryError(f"redirect from {self.host} to an unacceptable address ({scheme}:)")
            if origin(target) != origin(url):
                current.pop("Authorization", None)
                current.pop("Cookie", None)
            url = target
            if response.status == 303 and method != "HEAD":
                method, make_body = "GET", lambda: None
        raise RegistryError(f"more than {_MAX_REDIRECTS} redirects from {self.host}")

    def _send_following(self, method: str, url: str, headers: Mapping[str, str], body: Body) -> Response:
        """For the token service: a request with its own headers, retried like others."""
        attempt = 0
        while True:
            attempt += 1
            try:
                response = self._attempt(method, url, headers, lambda: body)
            except Unreachable as exc:
                if self._retry.wait_after_error(attempt, exc):
                    continue
                host = origin(url)[1]
                raise Unreachable(f"requesting a token from {host}: {exc.message}", hint=exc.hint) from exc
            if response.status >= 500 or response.status == 429:
                headers_seen = response.headers
                if attempt < self._retry.attempts:
                    response.drain()
                if self._retry.wait_after_status(attempt, response.status, headers_seen):
                    continue
            return response

    def headers(self, scope: str) -> dict[str, str]:
        """What goes with a request to the registry itself: a token is fetched when it is time. Raises RegistryError."""
        found = {"User-Agent": self._user_agent}
        authorization = self._authorizer.header(scope)
        if authorization is not None:
            found["Authorization"] = authorization
        return found

    def note_quota(self, headers: Mapping[str, str]) -> None:
        """Remember what an answer says of how much may still be fetched."""
        for name in ("ratelimit-remaining", "ratelimit-limit", "docker-ratelimit-source"):
            if name in headers:
                self.quota[name] = headers[name]
