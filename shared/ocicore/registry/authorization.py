"""Authorisation at a registry: challenges, basic credentials, tokens by scope.

Follows RFC 7235 challenges and Docker's token authentication specification (with OAuth 2 for identity tokens).
"""

from __future__ import annotations

import time
from _thread import allocate_lock
from binascii import b2a_base64

from ocicore.files import quick_json
from ocicore.registry import urls
from ocicore.registry.problems import RegistryError, Unauthorized, from_response

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Protocol

    from ocicore.registry.http import Body, Response

    class Credentials(Protocol):
        """What `ocicore.config.auth` finds for a registry."""

        @property
        def username(self) -> str: ...

        @property
        def password(self) -> str: ...

        @property
        def identity_token(self) -> str: ...


_MAX_TOKEN_BODY = 1 << 20
_DEFAULT_TOKEN_SECONDS = 60
_SPARE_SECONDS = 5


class Challenge:
    """One challenge of a WWW-Authenticate header."""

    __slots__ = ("parameters", "scheme")

    def __init__(self, scheme: str, parameters: dict[str, str]) -> None:
        self.scheme = scheme
        self.parameters = parameters


def parse_challenges(header: str) -> list[Challenge]:
    """Challenges of the header, in order; what is malformed is left out."""
    challenges: list[Challenge] = []
    position, length = 0, len(header)

    def token() -> str:
        nonlocal position
        start = position
        while position < length and header[position] not in ' ,="\t':
            position += 1
        return header[start:position]

    while position < length:
        while position < length and header[position] in " ,\t":
            position += 1
        word = token()
        if not word:
            position += 1
            continue
        if position < length and header[position] == "=" and challenges:
            position += 1
            if position < length and header[position] == '"':
                position += 1
                value = []
                while position < length and header[position] != '"':
                    if header[position] == "\\" and position + 1 < length:
                        position += 1
                    value.append(header[position])
                    position += 1
                position += 1
                challenges[-1].parameters[word.lower()] = "".join(value)
            else:
                challenges[-1].parameters[word.lower()] = token()
        else:
            challenges.append(Challenge(word.lower(), {}))
    return challenges


class Authorizer:
    """Authorisation headers for one registry, from one set of credentials.

    Args:
        credentials: None for anonymous access.
        send: sends a request to the token service, without authorisation of its own.
        registry_token: a ready bearer token (`--registry-token`).
    """

    def __init__(
        self,
        credentials: Credentials | None,
        send: Callable[[str, str, Mapping[str, str], Body], Response],
        *,
        registry_token: str = "",
        client_id: str = "pyskopeo",
    ) -> None:
        self._credentials = credentials
        self._send = send
        self._registry_token = registry_token
        self._client_id = client_id
        self._challenge: Challenge | None = None
        self._tokens: dict[str, tuple[str, float]] = {}
        self._lock = allocate_lock()

    def header(self, scope: str) -> str | None:
        """What to send for this scope, as far as known without a new challenge."""
        if self._registry_token:
            return f"Bearer {self._registry_token}"
        challenge = self._challenge
        if challenge is None:
            return None
        if challenge.scheme == "basic":
            return self._basic()
        with self._lock:
            known = self._tokens.get(scope)
            if known is not None and known[1] > time.monotonic():
                return f"Bearer {known[0]}"
            return f"Bearer {self._fetch(challenge, scope)}"

    def challenged(self, header: str, scope: str, used: str | None) -> bool:
        """Learn from a 401; True when the request is worth sending again.

        Args:
            header: WWW-Authenticate.
            scope: what the request needs.
            used: the Authorization that was refused, None when none was sent.
        """
        if self._registry_token:
            return False
        challenges = parse_challenges(header)
        chosen = next((item for item in challenges if item.scheme == "bearer"), None)
        if chosen is None or not chosen.parameters.get("realm"):
            chosen = next((item for item in challenges if item.scheme == "basic"), None)
        if chosen is None:
            return False
        if chosen.scheme == "basic" and (self._credentials is None or used is not None):
            return False
        with self._lock:
            known = self._tokens.get(scope)
            # Another thread may have fetched a newer token meanwhile; that one is not to blame.
            if known is not None and used == f"Bearer {known[0]}":
                del self._tokens[scope]
            self._challenge = chosen
        return True

    def _basic(self) -> str | None:
        if self._credentials is None:
            return None
        pair = f"{self._credentials.username}:{self._credentials.password}"
        return "Basic " + b2a_base64(pair.encode(), newline=False).decode()

    def _fetch(self, challenge: Challenge, scope: str) -> str:
        realm = challenge.parameters.get("realm", "")
        if urls.split(realm)[0] not in ("http", "https"):
            raise RegistryError(f"requesting a token: the registry names no usable realm ({realm!r})")
        service = challenge.parameters.get("service", "")
        scopes = scope.split() or ([challenge.parameters["scope"]] if "scope" in challenge.parameters else [])
        identity = self._credentials.identity_token if self._credentials is not None else ""
        host = urls.origin(realm)[1]
        headers = {"Accept": "application/json"}
        if identity:
            form = {"grant_type": "refresh_token", "refresh_token": identity, "client_id": self._client_id}
            form |= {"service": service, "scope": " ".join(scopes)}
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            response = self._send("POST", realm, headers, urls.query(list(form.items())).encode())
        else:
            query: list[tuple[str, str]] = []
            basic = self._basic()
            if basic is not None and self._credentials is not None:
                headers["Authorization"] = basic
                query.append(("account", self._credentials.username))
            query += [("scope", item) for item in scopes]
            if service:
                query.append(("service", service))
            joint = "&" if "?" in realm else "?"
            response = self._send("GET", realm + (joint + urls.query(query) if query else ""), headers, None)
        body = response.read_all(_MAX_TOKEN_BODY)
        if response.status != 200:
            if response.status in (401, 403):
                raise Unauthorized(
                    f"requesting a token from {host}: unable to retrieve auth token: invalid username/password",
                    http_status=response.status,
                    hint="log in again",
                )
            raise from_response(f"requesting a token from {host}", response.status, body, host)
        try:
            value = quick_json.loads(body)
            token = str(value.get("token") or value.get("access_token") or "")
            seconds = int(value.get("expires_in") or 0)
        except (ValueError, AttributeError, TypeError) as exc:
            raise RegistryError(f"requesting a token from {host}: malformed answer") from exc
        if not token:
            raise RegistryError(f"requesting a token from {host}: the answer has no token")
        lifetime = max(seconds, _DEFAULT_TOKEN_SECONDS) - _SPARE_SECONDS
        self._tokens[scope] = (token, time.monotonic() + lifetime)
        return token
