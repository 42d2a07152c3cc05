"""Blob uploads (distribution-spec 1.1, "Push"): mount, monolithic in one PATCH and PUT, resumed after a cut.

A stream goes up in one PATCH, because its length need not be known; where that is cut, the registry is
asked how much it has and the rest follows, if the stream can go back there.
"""

from __future__ import annotations

from ocicore.errors import Corrupted
from ocicore.oci import digest as digests
from ocicore.registry import urls
from ocicore.registry.problems import CutConnection, RegistryError, Unreachable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Protocol

    from ocicore.registry.http import Body, RawBody, Response
    from ocicore.registry.session import Session

    class KeptSession(Protocol):
        """Where the address of one blob's upload is kept, so that the next process goes on with it."""

        def location(self) -> str: ...

        def keep(self, location: str, /) -> None: ...

        def forget(self) -> None: ...


_CHUNK = 1 << 18
_MAX_RESUMES = 5
#: Bytes that must have reached the registry since the last cut for the count of attempts to start anew.
_PROGRESS = 1 << 16


class BlobUpload:
    """One upload to one repository.

    Args:
        session: the registry.
        repository: name without host.
        scope: token scope for pushing.
    """

    def __init__(self, session: Session, repository: str, scope: str) -> None:
        self._session = session
        self._repository = repository
        self._scope = scope

    def mount(self, digest: str, from_repository: str, scope: str) -> bool:
        """Ask the registry to take the blob over from another of its repositories; True when it did."""
        path = f"/v2/{self._repository}/blobs/uploads/?mount={digest}&from={from_repository}"
        response = self._session.request(
            "POST",
            path,
            scope=scope,
            headers={"Content-Length": "0"},
            expect=(201, 202),
            doing=f"mounting blob {digest} from {from_repository}",
        )
        response.drain()
        if response.status == 201:
            return True
        # The registry opened an ordinary upload instead; leave nothing behind there.
        self._cancel(self._location(response))
        return False

    def send_bytes(self, data: bytes, digest: str) -> None:
        """Upload a small blob held in memory."""
        location = self._start(digest)
        response = self._session.request(
            "PUT",
            _with_query(location, digest),
            scope=self._scope,
            headers={"Content-Type": "application/octet-stream", "Content-Length": str(len(data))},
            body=data,
            expect=(201, 204),
            doing=self._doing(digest),
        )
        response.drain()

    def send(
        self,
        stream: RawBody,
        *,
        size: int | None,
        digest: str | None,
        go_back: Callable[[int], None] | None = None,
        skip_to: Callable[[int], None] | None = None,
        session: KeptSession | None = None,
        on_progress: Callable[[int], None] | None = None,
    ) -> tuple[str, int]:
        """Upload a stream; returns (digest, size) of what was sent.

        Args:
            size: length in bytes if known, else the body goes in chunks.
            digest: if known; the stream is then the caller's to verify, and the registry compares it too.
            go_back: makes the stream read on from an earlier offset, for going on after a cut.
            skip_to: makes the unread stream begin at an offset, for going on with a session of an earlier process.
            session: where the upload's address is kept until it is done.
            on_progress: called with the number of bytes sent.

        Raises:
            RegistryError: the registry refused or could not be reached.
        """
        location, sent = "", 0
        if session is not None and skip_to is not None and size is not None:
            location, sent = self._earlier(session, size)
            if sent:
                skip_to(sent)
        if not location:
            location = self._start(digest or "")
            if session is not None:
                session.keep(location)
        counted = _Counted(stream, on_progress, sent, hashed=digest is None)
        resumes = 0
        while size is None or sent < size:
            left = None if size is None else size - sent
            headers = {"Content-Type": "application/octet-stream"}
            if left is not None:
                headers["Content-Length"] = str(left)
                if sent:
                    headers["Content-Range"] = f"{sent}-{size - 1}"  # type: ignore[operator]
            try:
                response = self._session.request(
                    "PATCH",
                    location,
                    scope=self._scope,
                    headers=headers,
                    body=_once(counted, left),
                    expect=(202, 204),
                    doing=self._doing(digest),
                    retry=False,
                )
                response.drain()
                location = self._location(response)
                break
            except Corrupted:
                self._give_up(location, session, final=True)
                raise
            except RegistryError as exc:
                cut = isinstance(exc, Unreachable | CutConnection) or exc.http_status >= 500
                # A token that ended in the middle of a long upload; the next request brings a new one.
                cut = cut or (exc.http_status == 401 and resumes == 0)
                before = sent
                if not cut or go_back is None:
                    self._give_up(location, session, final=not cut)
                    raise
                location, sent = self._ask(location)
                resumes = resumes + 1 if sent - before < _PROGRESS else 1
                if resumes > _MAX_RESUMES:
                    self._give_up(location, session, final=False)
                    raise
                go_back(sent)
                counted.total = sent
                if session is not None:
                    session.keep(location)
        found, total = (counted.digest() if digest is None else digest), counted.total
        if not found:
            raise RegistryError(f"{self._doing(digest)}: cut, and the digest is not known beforehand")
        try:
            response = self._session.request(
                "PUT",
                _with_query(location, found),
                scope=self._scope,
                headers={"Content-Type": "application/octet-stream", "Content-Length": "0"},
                expect=(201, 204),
                doing=self._doing(found),
            )
        except RegistryError:
            self._give_up(location, session, final=True)
            raise
        response.drain()
        if session is not None:
            session.forget()
        return found, total

    def _earlier(self, session: KeptSession, size: int) -> tuple[str, int]:
        """(address, bytes the registry has) of an earlier process's upload; ("", 0) when it is gone."""
        location = session.location()
        if not location:
            return "", 0
        try:
            address, received = self._ask(urls.join(self._session.ping() + "/", location))
        except RegistryError:
            session.forget()
            return "", 0
        if received > size:
            self._cancel(address)
            session.forget()
            return "", 0
        return address, received

    def _give_up(self, location: str, session: KeptSession | None, *, final: bool) -> None:
        """After a failure: the upload stays where it can be gone on with."""
        if session is not None and not final:
            return
        if session is not None:
            session.forget()
        self._cancel(location)

    def _start(self, digest: str) -> str:
        response = self._session.request(
            "POST",
            f"/v2/{self._repository}/blobs/uploads/",
            scope=self._scope,
            headers={"Content-Length": "0"},
            expect=(202,),
            doing=f"initiating layer upload to {self._session.host}/{self._repository}",
        )
        response.drain()
        return self._location(response)

    def _ask(self, location: str) -> tuple[str, int]:
        """Where the upload goes on, and how many bytes the registry has."""
        response = self._session.request(
            "GET", location, scope=self._scope, expect=(202, 204), doing="asking for the state of an upload"
        )
        response.drain()
        _, _, last = response.headers.get("range", "").rpartition("-")
        received = int(last) + 1 if last.isascii() and last.isdigit() and last != "0" else 0
        if "location" in response.headers:
            location = self._location(response)
        return location, received

    def _cancel(self, location: str) -> None:
        try:
            self._session.request(
                "DELETE",
                location,
                scope=self._scope,
                expect=(202, 204, 200, 404, 405),
                doing="cancelling an upload",
                retry=False,
            ).drain()
        except RegistryError:
            # Only a courtesy: registries drop stale uploads by themselves.
            return

    def _location(self, response: Response) -> str:
        location = response.headers.get("location", "")
        if not location:
            raise RegistryError(f"uploading to {self._session.host}: the registry sent no upload location")
        return urls.join(response.url, location)

    def _doing(self, digest: str | None) -> str:
        return f"writing blob {digest or ''}".rstrip() + f" to {self._session.host}/{self._repository}"


class _Counted:
    """Counts what is read, and hashes it where nobody else does."""

    def __init__(
        self, stream: RawBody, on_progress: Callable[[int], None] | None, total: int, *, hashed: bool
    ) -> None:
        self._stream = stream
        self._hash = digests.new_hash("sha256") if hashed else None
        self._on_progress = on_progress
        self.total = total

    def read(self, amount: int = _CHUNK) -> bytes:
        data = self._stream.read(max(amount, _CHUNK))
        if self._hash is not None:
            self._hash.update(data)
        self.total += len(data)
        if self._on_progress is not None:
            self._on_progress(self.total)
        return data

    def digest(self) -> str:
        return "sha256:" + self._hash.hexdigest() if self._hash is not None else ""


class _Chunks:
    """A body that is sent as it is read; `len` tells requests the length."""

    def __init__(self, stream: RawBody | _Counted, length: int | None) -> None:
        self._stream = stream
        if length is not None:
            self.len = length

    def __iter__(self) -> Iterator[bytes]:
        while True:
            data = self._stream.read(_CHUNK)
            if not data:
                return
            yield data


def _once(stream: RawBody | _Counted, length: int | None) -> Callable[[], Body]:
    return lambda: _Chunks(stream, length)


def _with_query(location: str, digest: str) -> str:
    return location + ("&" if "?" in location else "?") + "digest=" + digest
