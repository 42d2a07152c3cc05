"""The operations of the distribution specification 1.1 on one registry.

Names of repositories are without the host. Sizes are bytes. Failures are `problems.RegistryError`.
"""

from __future__ import annotations

from _thread import allocate_lock

from ocicore.errors import Corrupted
from ocicore.files import quick_json
from ocicore.oci import digest as digests
from ocicore.oci import media_types
from ocicore.oci.manifest import MAX_MANIFEST_SIZE, manifest_digest
from ocicore.registry import urls
from ocicore.registry.blob import BlobStream
from ocicore.registry.problems import CutConnection, RegistryError, RemoteNotFound, Unauthorized
from ocicore.registry.retry import RetryPolicy
from ocicore.registry.session import Session

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _thread import LockType
    from collections.abc import Callable, Iterator
    from threading import BoundedSemaphore
    from typing import Any

    from ocicore.registry.authorization import Credentials
    from ocicore.registry.http import RawBody, Response, Transport
    from ocicore.registry.upload import BlobUpload, KeptSession

_MAX_LIST_BODY = 64 * 1024 * 1024
#: What manifests are asked for.
ACCEPT = ", ".join(media_types.ACCEPTED)


class Registry:
    """One registry.

    Args: as `Session`.
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
        self._retry = retry or RetryPolicy()
        self._reading: BoundedSemaphore | None = None
        self._writing: BoundedSemaphore | None = None
        #: Repositories in which this process has seen a blob, by digest; others can take it over from there.
        self.blob_locations: dict[str, str] = {}
        self._uploads: dict[tuple[str, str], LockType] = {}
        self._uploaded: set[tuple[str, str]] = set()
        self._lock = allocate_lock()
        self.session = Session(
            host,
            transport=transport,
            insecure=insecure,
            credentials=credentials,
            retry=self._retry,
            user_agent=user_agent,
            registry_token=registry_token,
        )

    def limit_transfers(self, limit: int) -> None:
        """At most so many blobs are read, and as many written, at a time; 0 is no limit.

        Two budgets, because a copy inside one registry holds one of each.
        """
        if limit > 0:
            import threading

            self._reading = threading.BoundedSemaphore(limit)
            self._writing = threading.BoundedSemaphore(limit)

    def ping(self) -> str:
        """Check that there is a registry; returns its base URL."""
        return self.session.ping()

    def check_login(self) -> None:
        """Check that the credentials are accepted.

        Raises:
            Unauthorized: they are not.
        """
        self.session.request("GET", "/v2/", scope="", doing=f"logging into {self.host}").drain()

    def part_of(self, doing: str) -> None:
        """Requests from now on are part of something that warnings of retries name; "" for nothing."""
        self._retry.doing = doing

    # -- manifests -------------------------------------------------------------

    def manifest(self, repository: str, reference: str) -> tuple[bytes, str, str]:
        """(bytes, media type, digest) of a manifest by tag or digest; by digest it is verified.

        Raises:
            RemoteNotFound: there is none.
            Corrupted: too large, or not what the digest promised.
        """
        doing = f"reading manifest {reference} in {self.host}/{repository}"
        for attempt in range(1, self._retry.attempts + 1):
            response = self._pull(repository, f"/manifests/{reference}", doing, {"Accept": ACCEPT})
            promised = response.length
            if promised is not None and promised > MAX_MANIFEST_SIZE:
                response.close()
                raise Corrupted(f"{doing}: {promised} bytes are more than the {MAX_MANIFEST_SIZE} allowed")
            try:
                data = response.read_all(MAX_MANIFEST_SIZE)
                break
            except CutConnection as exc:
                if not self._retry.wait_after_error(attempt, exc):
                    raise
        if len(data) > MAX_MANIFEST_SIZE:
            raise Corrupted(f"{doing}: it is larger than the {MAX_MANIFEST_SIZE} bytes allowed")
        media_type = response.headers.get("content-type", "").partition(";")[0].strip()
        if digests.is_valid(reference):
            found = manifest_digest(data, media_type)
            if digests.algorithm(reference) != "sha256":
                found = digests.from_bytes(data, digests.algorithm(reference))
            if found != reference:
                raise Corrupted(f"{doing}: content has digest {found}")
        else:
            found = manifest_digest(data, media_type)
        return data, media_type, found

    def head_manifest(self, repository: str, reference: str) -> tuple[str, str, int] | None:
        """(digest, media type, size) without the body; None when there is none.

        A registry that sends no digest header is asked for the manifest itself.
        """
        doing = f"checking manifest {reference} in {self.host}/{repository}"
        response = self.session.request(
            "HEAD",
            f"/v2/{repository}/manifests/{reference}",
            scope=pull_scope(repository),
            headers={"Accept": ACCEPT},
            expect=(200, 404),
            doing=doing,
        )
        response.drain()
        if response.status == 404:
            return None
        digest = response.headers.get("docker-content-digest", "")
        media_type = response.headers.get("content-type", "").partition(";")[0].strip()
        if not digests.is_valid(digest):
            data, media_type, digest = self.manifest(repository, reference)
            return digest, media_type, len(data)
        return digest, media_type, response.length or 0

    def put_manifest(self, repository: str, reference: str, data: bytes, media_type: str) -> str:
        """Upload a manifest under a tag or its digest; returns the digest.

        Raises:
            RegistryError: refused, or the registry stored something else.
        """
        return self._put_manifest(repository, reference, data, media_type)[0]

    def put_manifest_with_subject(
        self, repository: str, reference: str, data: bytes, media_type: str
    ) -> bool:
        """The same; whether the registry keeps the list of referrers by itself (OCI-Subject)."""
        return "oci-subject" in self._put_manifest(repository, reference, data, media_type)[1]

    def _put_manifest(
        self, repository: str, reference: str, data: bytes, media_type: str
    ) -> tuple[str, dict[str, str]]:
        doing = f"writing manifest {reference} to {self.host}/{repository}"
        response = self.session.request(
            "PUT",
            f"/v2/{repository}/manifests/{reference}",
            scope=_scope(repository, "pull,push"),
            headers={"Content-Type": media_type, "Content-Length": str(len(data))},
            body=data,
            expect=(200, 201, 202, 204),
            doing=doing,
        )
        response.drain()
        expected = manifest_digest(data, media_type)
        told = response.headers.get("docker-content-digest", "")
        if digests.is_valid(told) and digests.algorithm(told) == "sha256" and told != expected:
            raise RegistryError(f"{doing}: the registry stored {told} instead of {expected}")
        return expected, response.headers

    def delete_manifest(self, repository: str, digest: str) -> None:
        """Delete a manifest by digest, with all its tags; by tag, only that, where the registry can."""
        self.session.request(
            "DELETE",
            f"/v2/{repository}/manifests/{digest}",
            scope=_scope(repository, "*"),
            expect=(200, 202, 204),
            doing=f"deleting {self.host}/{repository}@{digest}",
        ).drain()

    # -- blobs -------------------------------------------------------------------

    def blob(self, repository: str, digest: str, *, offset: int = 0, size: int | None = None) -> BlobStream:
        """The bytes of a blob from an offset; the reader verifies them.

        Args:
            size: of the whole blob as its descriptor promises; a registry that promises another is refused.
        """
        doing = f"reading blob {digest} in {self.host}/{repository}"

        def open_at(position: int) -> tuple[Response, int]:
            headers = {"Range": f"bytes={position}-"} if position else {}
            if position and size is not None and position >= size:
                headers = {"Range": f"bytes={size - 1}-"} if size else {}
            response = self._pull(repository, f"/blobs/{digest}", doing, headers, (200, 206, 416))
            if response.status == 416:
                response.drain()
                response = self._pull(repository, f"/blobs/{digest}", doing, {})
            begins = 0
            if response.status == 206:
                begins = _range_start(response.headers.get("content-range", ""), position)
                if begins > position:
                    response.close()
                    raise RegistryError(f"{doing}: the registry sent a range that was not asked for")
            promised = response.length
            if size is not None and promised is not None and begins + promised != size:
                response.close()
                raise Corrupted(
                    f"{doing}: the registry announces {begins + promised} bytes, the manifest {size}"
                )
            return response, begins

        if self._reading is None:
            return BlobStream(open_at, retry=self._retry, offset=offset, size=size)
        self._reading.acquire()
        try:
            return BlobStream(
                open_at, retry=self._retry, offset=offset, size=size, on_close=self._reading.release
            )
        except BaseException:
            self._reading.release()
            raise

    def external_blob(self, urls: list[str], *, size: int | None = None) -> BlobStream:
        """A blob that its descriptor says to fetch elsewhere; no credentials are sent there.

        Raises:
            RegistryError: none of the addresses has it.
        """
        failure: RegistryError | None = None
        for url in urls:
            if not url.startswith(("https://", "http://")):
                continue

            def open_at(position: int, url: str = url) -> tuple[Response, int]:
                headers = {"Range": f"bytes={position}-"} if position else {}
                response = self.session.request(
                    "GET", url, scope="", headers=headers, expect=(200, 206), doing=f"reading {url}"
                )
                begins = _range_start(response.headers.get("content-range", ""), position)
                return response, begins if response.status == 206 else 0

            try:
                return BlobStream(open_at, retry=self._retry, size=size)
            except RegistryError as exc:
                failure = exc
        raise failure or RegistryError("reading an external blob: its descriptor has no usable address")

    def has_blob(self, repository: str, digest: str, *, push: bool = False) -> int | None:
        """Size of a blob the registry has (0 when it does not say), None when it does not have it."""
        try:
            response = self.session.request(
                "HEAD",
                f"/v2/{repository}/blobs/{digest}",
                scope=_scope(repository, "pull,push" if push else "pull"),
                expect=(200, 404),
                doing=f"checking whether a blob {digest} exists in {self.host}/{repository}",
            )
        except Unauthorized as error:
            # The answer to HEAD has no body, so no code: containers/image prints none here.
            error.message = error.message.replace(": unauthorized: ", ": ", 1)
            raise
        response.drain()
        if response.status == 404:
            return None
        length = response.headers.get("content-length", "0")
        return int(length) if length.isascii() and length.isdigit() else 0

    def upload(
        self,
        repository: str,
        stream: RawBody,
        *,
        size: int | None,
        digest: str | None,
        go_back: Callable[[int], None] | None = None,
        skip_to: Callable[[int], None] | None = None,
        session: KeptSession | None = None,
        on_progress: Callable[[int], None] | None = None,
    ) -> tuple[str, int]:
        """Upload a stream; see `BlobUpload.send`."""
        upload = self._upload(repository)

        def send() -> tuple[str, int]:
            return upload.send(
                stream,
                size=size,
                digest=digest,
                go_back=go_back,
                skip_to=skip_to,
                session=session,
                on_progress=on_progress,
            )

        if self._writing is None:
            return send()
        with self._writing:
            return send()

    def upload_bytes(self, repository: str, data: bytes, digest: str) -> None:
        """Upload a small blob held in memory."""
        self._upload(repository).send_bytes(data, digest)

    def once(self, repository: str, digest: str, upload: Callable[[], None]) -> bool:
        """Upload a blob unless this process did already; whoever comes meanwhile waits, for images share layers.

        Returns:
            Whether `upload` was called.
        """
        key = repository, digest
        with self._lock:
            turn = self._uploads.setdefault(key, allocate_lock())
        with turn:
            if key in self._uploaded:
                return False
            upload()
            self._uploaded.add(key)
            return True

    def mount(self, repository: str, digest: str, from_repository: str) -> bool:
        """Take a blob over from another repository of this registry; True when it is there now."""
        scope = f"{_scope(repository, 'pull,push')} {_scope(from_repository, 'pull')}"
        upload = self._upload(repository)
        return upload.mount(digest, from_repository, scope)

    def delete_blob(self, repository: str, digest: str) -> None:
        """Delete a blob."""
        self.session.request(
            "DELETE",
            f"/v2/{repository}/blobs/{digest}",
            scope=_scope(repository, "*"),
            expect=(200, 202, 204),
            doing=f"deleting blob {digest} in {self.host}/{repository}",
        ).drain()

    # -- lists -------------------------------------------------------------------

    def tags(self, repository: str) -> list[str]:
        """All tags of a repository, in the registry's order."""
        doing = f"fetching tags list of {self.host}/{repository}"
        found: list[str] = []
        for page in self._pages(f"/v2/{repository}/tags/list", pull_scope(repository), doing):
            found += [str(tag) for tag in page.get("tags") or ()]
        return list(dict.fromkeys(found))

    def catalog(self, limit: int | None = None) -> list[str]:
        """Names of repositories, at most `limit`."""
        found: list[str] = []
        doing = f"listing repositories of {self.host}"
        for page in self._pages("/v2/_catalog?n=1000", "registry:catalog:*", doing):
            found += [str(name) for name in page.get("repositories") or ()]
            if limit is not None and len(found) >= limit:
                return found[:limit]
        return found

    def referrers(self, repository: str, digest: str, artifact_type: str = "") -> list[dict[str, Any]]:
        """Descriptors of manifests whose subject is `digest`; falls back to the tag `sha256-<hex>`."""
        path = f"/v2/{repository}/referrers/{digest}"
        if artifact_type:
            path += "?artifactType=" + urls.quote(artifact_type)
        doing = f"reading referrers of {self.host}/{repository}@{digest}"
        try:
            pages = list(self._pages(path, pull_scope(repository), doing))
            entries = [entry for page in pages for entry in page.get("manifests") or ()]
        except RemoteNotFound:
            try:
                data, _, _ = self.manifest(repository, digest.replace(":", "-", 1))
            except RemoteNotFound:
                return []
            entries = quick_json.loads(data).get("manifests") or []
        return [entry for entry in entries if not artifact_type or entry.get("artifactType") == artifact_type]

    def close(self) -> None:
        """Close idle connections."""
        self.session.close()

    def _upload(self, repository: str) -> BlobUpload:
        from ocicore.registry.upload import BlobUpload

        return BlobUpload(self.session, repository, _scope(repository, "pull,push"))

    def _pull(
        self,
        repository: str,
        path: str,
        doing: str,
        headers: dict[str, str],
        expect: tuple[int, ...] = (200,),
    ) -> Response:
        return self.session.request(
            "GET",
            f"/v2/{repository}{path}",
            scope=pull_scope(repository),
            headers=headers,
            expect=expect,
            doing=doing,
        )

    def _pages(self, path: str, scope: str, doing: str) -> Iterator[dict[str, Any]]:
        seen: set[str] = set()
        while path not in seen:
            seen.add(path)
            response = self.session.request("GET", path, scope=scope, doing=doing)
            data = response.read_all(_MAX_LIST_BODY)
            try:
                value = quick_json.loads(data)
            except (ValueError, RecursionError) as exc:
                raise RegistryError(f"{doing}: the answer is not JSON") from exc
            if not isinstance(value, dict):
                raise RegistryError(f"{doing}: the answer is not an object")
            yield value
            following = _next_link(response.headers.get("link", ""))
            if not following:
                return
            path = urls.join(response.url, following)


def pull_scope(repository: str) -> str:
    """Token scope for reading a repository."""
    return _scope(repository, "pull")


def _scope(repository: str, actions: str) -> str:
    return f"repository:{repository}:{actions}"


def _range_start(header: str, asked: int) -> int:
    """First offset of a Content-Range; the one asked for when the header is missing."""
    _, _, spec = header.partition(" ")
    start = spec.partition("-")[0]
    return int(start) if start.isascii() and start.isdigit() else asked


def _next_link(header: str) -> str:
    """Target of `Link: <…>; rel="next"`."""
    for part in header.split(","):
        target, _, parameters = part.partition(";")
        if 'rel="next"' in parameters.replace("rel=next", 'rel="next"'):
            return target.strip().removeprefix("<").removesuffix(">")
    return ""
