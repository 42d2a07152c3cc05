"""A blob's bytes from a registry, going on with a range request where the connection was cut."""

from __future__ import annotations

from ocicore.registry.problems import CutConnection, RegistryError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ocicore.registry.http import Response
    from ocicore.registry.retry import RetryPolicy

#: Bytes that must have arrived since the last cut for the count of attempts to start anew.
_PROGRESS = 1 << 16


class BlobStream:
    """A readable stream over one blob; not verified, that is the reader's duty above.

    Args:
        open_at: requests the blob from an offset; returns the response and the offset it really begins at.
        offset: where to begin.
        size: of the whole blob, None when unknown.
        on_close: called once, when the stream is closed.
    """

    def __init__(
        self,
        open_at: Callable[[int], tuple[Response, int]],
        *,
        retry: RetryPolicy,
        offset: int = 0,
        size: int | None = None,
        on_close: Callable[[], object] | None = None,
    ) -> None:
        self._open_at = open_at
        self._on_close: Callable[[], object] | None = None
        self._retry = retry
        self._position = offset
        self._attempt = 1
        self._safe = offset
        self._response: Response | None = None
        self._response = self._open()
        self.size = size if size is not None else self._promised()
        # Only now: a stream that could not be opened is its maker's to clean up after.
        self._on_close = on_close

    def read(self, amount: int = 1 << 20) -> bytes:
        """Up to `amount` bytes, b"" at the end."""
        while True:
            try:
                if self._response is None:
                    self._response = self._open()
                data = self._response.read(amount if amount > 0 else 1 << 20)
                if not data and self.size is not None and self._position < self.size:
                    raise CutConnection(f"blob ended {self.size - self._position} bytes early")
            except RegistryError as exc:
                self._drop()
                if self._position - self._safe >= _PROGRESS:
                    self._attempt = 1
                self._safe = self._position
                if not isinstance(exc, CutConnection) or not self._retry.wait_after_error(self._attempt, exc):
                    raise
                self._attempt += 1
                continue
            self._position += len(data)
            return data

    def readable(self) -> bool:
        """True: it is a stream to read."""
        return True

    def close(self) -> None:
        """Give the connection up, or back when everything was read."""
        self._drop()
        done, self._on_close = self._on_close, None
        if done is not None:
            done()

    def __enter__(self) -> BlobStream:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _open(self) -> Response:
        response, begins = self._open_at(self._position)
        # A server that ignores Range sends the blob from its beginning.
        skip = self._position - begins
        while skip > 0:
            data = response.read(min(skip, 1 << 20))
            if not data:
                raise CutConnection("blob ended before the point reached already")
            skip -= len(data)
        return response

    def _promised(self) -> int | None:
        if self._response is None or self._response.length is None:
            return None
        return self._position + self._response.length

    def _drop(self) -> None:
        if self._response is not None:
            self._response.close()
            self._response = None
