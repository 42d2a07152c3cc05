"""Blob uploads (distribution-spec 1.1, "Push"): mount, monolithic in one PATCH and PUT, resumed after a cut.

A stream goes up in one PATCH, because its length need not be known; where that is cut, the registry is
asked how much it has and the rest follows, if the stream can go back there.
"""

from __future__ import annotations

from ocicore.oci import digest as digests
from ocicore.registry import urls
from ocicore.registry.problems import CutConnection, RegistryError, Unreachable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ocicore.registry.http import Body, RawBody, Response
    from ocicore.registry.session import Session

_CHUNK = 1 << 18
_MAX_RESUMES = 5


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
        reopen: Callable[[int], RawBody] | None = None,
        on_progress: Callable[[int], None] | None = None,
    ) -> tuple[str, int]:
        """Upload a stream; returns (digest, size) of what was sent.

        Args:
            size: length in bytes if known, else the body goes in chunks.
            digest: if known; checked against what was read.
            reopen: opens the same bytes from an offset, for going on after a cut.
            on_progress: called with the number of bytes sent.

        Raises:
            RegistryError: the registry refused or could not be reached.
            Corrupted: the stream does not have the digest.
        """
        location = self._start(digest or "")
        counted = _Counted(stream, on_progress)
        sent, resumes = 0, 0
        current: RawBody | _Counted = counted
        reopened: RawBody | None = None
        while True:
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
                    body=_once(current, left),
                    expect=(202, 204),
                    doing=self._doing(digest),
                    retry=False,
                )
                response.drain()
                location = self._location(response)
                break
            except RegistryError as exc:
                resumes += 1
                cut = isinstance(exc, Unreachable | CutConnection) or exc.http_status >= 500
                # A token that ended in the middle of a long upload; the next request brings a new one.
                cut = cut or (exc.http_status == 401 and resumes == 1)
                if not cut or reopen is None or resumes > _MAX_RESUMES:
                    self._cancel(location)
                    raise
                location, sent = self._ask(location)
                if reopened is not None:
                    reopened.close()
                current = reopened = reopen(sent)
        if reopened is not None:
            reopened.close()
        if resumes == 0:
            found, total = counted.digest(), counted.total
        else:
            found, total = digest or "", size or 0
            if not found:
                raise RegistryError(f"{self._doing(digest)}: cut, and the digest is not known beforehand")
        if digest is not None and found != digest:
            self._cancel(location)
            from ocicore.errors import Corrupted

            raise Corrupted(f"reading blob {digest}: content has digest {found}")
        response = self._session.request(
            "PUT",
            _with_query(location, found),
            scope=self._scope,
            headers={"Content-Type": "application/octet-stream", "Content-Length": "0"},
            expect=(201, 204),
            doing=self._doing(found),
        )
        response.drain()
        return found, total

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
    """Counts and hashes what is read."""

    def __init__(self, stream: RawBody, on_progress: Callable[[int], None] | None) -> None:
        self._stream = stream
        self._hash = digests.new_hash("sha256")
        self._on_progress = on_progress
        self.total = 0

    def read(self, amount: int = _CHUNK) -> bytes:
        data = self._stream.read(max(amount, _CHUNK))
        self._hash.update(data)
        self.total += len(data)
        if self._on_progress is not None:
            self._on_progress(self.total)
        return data

    def digest(self) -> str:
        return "sha256:" + self._hash.hexdigest()


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
