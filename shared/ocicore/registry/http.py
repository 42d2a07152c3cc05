"""Requests, responses, and what a transport offers: the seam below which sockets are."""

from __future__ import annotations

from ocicore.registry.problems import CutConnection
from ocicore.registry.urls import origin, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import IO, Protocol

    #: A request body: bytes, a readable stream, or chunks.
    Body = bytes | IO[bytes] | Iterable[bytes] | None

    class RawBody(Protocol):
        """The bytes of a response as the transport reads them."""

        def read(self, amount: int = -1, /) -> bytes: ...

        def close(self) -> None: ...

    class Transport(Protocol):
        """Sends one request and returns the response; follows no redirect, adds no credentials.

        Raises `problems.Unreachable`.
        """

        def send(self, method: str, url: str, headers: Mapping[str, str], body: Body, /) -> Response: ...

        def close(self) -> None: ...


class Response:
    """Status, headers and an unread body.

    Attributes:
        status: HTTP status code.
        headers: names in lower case.
        url: where it came from.
    """

    __slots__ = ("_left", "_on_done", "_raw", "headers", "status", "url")

    def __init__(
        self, status: int, headers: Mapping[str, str], url: str, raw: RawBody, *, has_body: bool
    ) -> None:
        self.status = status
        self.headers = {name.lower(): value for name, value in headers.items()}
        self.url = url
        self._raw: RawBody | None = raw
        self._left = self.length if has_body else 0
        if self._left == 0:
            self.drain()

    @property
    def length(self) -> int | None:
        """Content-Length, None where there is none or it is no number."""
        text = self.headers.get("content-length", "")
        if text.isascii() and text.isdigit() and "transfer-encoding" not in self.headers:
            return int(text)
        return None

    def read(self, amount: int = 1 << 20) -> bytes:
        """Up to `amount` bytes, b"" at the end.

        Raises:
            CutConnection: the body ended before Content-Length said so, or the transport failed.
        """
        if self._raw is None:
            return b""
        try:
            data = self._raw.read(amount)
        except CutConnection:
            self.close()
            raise
        if self._left is not None:
            self._left -= len(data)
        if not data:
            cut = self._left is not None and self._left > 0
            left = self._left
            self.close() if cut else self._finish()
            if cut:
                raise CutConnection(f"reading {shown(self.url)}: connection closed with {left} bytes missing")
        return data

    def read_all(self, limit: int) -> bytes:
        """The whole body, at most `limit` bytes; one byte more is returned when it is longer."""
        parts = []
        total = 0
        while total <= limit:
            data = self.read(min(1 << 16, limit + 1 - total))
            if not data:
                break
            parts.append(data)
            total += len(data)
        else:
            self.close()
        return b"".join(parts)

    def drain(self, limit: int = 1 << 16) -> None:
        """Read what is left of a short body, so that the connection can be used again."""
        total = 0
        while self._raw is not None and total < limit:
            data = self.read(1 << 14)
            total += len(data)
            if not data:
                return
        self.close()

    def close(self) -> None:
        """Give the connection up."""
        if self._raw is not None:
            self._raw.close()
            self._raw = None

    def _finish(self) -> None:
        # The transport keeps the connection, now that the body was read to its end.
        self.close()


__all__ = ["Response", "origin", "shown"]
