"""docker-daemon: – images in a Docker daemon (or podman's service) through its API: /images/NAME/get, /images/load."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import socket
import tempfile
from urllib.parse import quote, urlsplit

from ocicore.errors import Error, InvalidInput, NotFound, Unsupported
from ocicore.image.docker_archive import (
    DockerArchiveDestination,
    DockerArchiveReference,
    DockerArchiveSource,
)
from ocicore.image.types import ImageReference, SystemContext
from ocicore.oci import digest as digests
from ocicore.oci.reference import Reference, parse_normalized

DEFAULT_HOST = "unix:///var/run/docker.sock"
_API = "/v1.22"
_TIMEOUT = 600


class DockerDaemonReference(ImageReference):
    """NAME:TAG, NAME@DIGEST or an image's sha256:ID."""

    transport = "docker-daemon"

    def __init__(self, named: Reference | None, image_id: str) -> None:
        self.named = named
        self.image_id = image_id

    @classmethod
    def parse(cls, text: str) -> DockerDaemonReference:
        """Parse what follows "docker-daemon:"; raises InvalidInput."""
        if digests.is_valid(text):
            return cls(None, text)
        named = parse_normalized(text)
        if named.tag is None and named.digest is None:
            raise InvalidInput(
                f"docker-daemon: reference {named.familiar()} has neither a tag nor a digest", hint="add :TAG"
            )
        return cls(named, "")

    def within_transport(self) -> str:
        """The name as Docker shortens it, or the id."""
        return self.named.familiar() if self.named is not None else self.image_id

    @property
    def docker_reference(self) -> str | None:
        """Full name, None for an id."""
        return str(self.named) if self.named is not None else None

    def source(self, context: SystemContext) -> DockerDaemonSource:
        """Fetch the image as an archive and read that."""
        return DockerDaemonSource(self, context)

    def destination(self, context: SystemContext) -> DockerDaemonDestination:
        """Collect an archive and load it into the daemon."""
        if self.named is None or self.named.tag is None:
            raise InvalidInput(
                f"docker-daemon: {self.within_transport()}: an image to write needs a name and a tag"
            )
        return DockerDaemonDestination(self, context)


class DockerDaemonSource(DockerArchiveSource):
    """An image of a daemon."""

    def __init__(self, reference: DockerDaemonReference, context: SystemContext) -> None:
        self._folder = _folder(context.tmp)
        try:
            path = os.path.join(self._folder, "image.tar")
            name = reference.within_transport()
            connection = connect(context)
            with _Closing(connection), open(path, "wb") as file:
                answer = _request(connection, "GET", f"{_API}/images/{quote(name, safe='/:@')}/get")
                shutil.copyfileobj(answer, file, 1 << 18)
            super().__init__(DockerArchiveReference(path, None, 0), context)
        except OSError as exc:
            self._remove()
            raise Error(f"reading {reference}: {(exc.strerror or str(exc)).lower()}") from exc
        except BaseException:
            self._remove()
            raise
        self.reference = reference  # type: ignore[assignment]

    def close(self) -> None:
        """Remove the archive."""
        super().close()
        self._remove()

    def _remove(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)


class DockerDaemonDestination(DockerArchiveDestination):
    """A daemon to load an image into."""

    def __init__(self, reference: DockerDaemonReference, context: SystemContext) -> None:
        self._context = context
        self._archive_folder = _folder(context.tmp)
        try:
            connection = connect(context)
            with _Closing(connection):
                _request(connection, "GET", "/_ping").read()
        except BaseException:
            shutil.rmtree(self._archive_folder, ignore_errors=True)
            raise
        self._path = os.path.join(self._archive_folder, "image.tar")
        super().__init__(DockerArchiveReference(self._path, reference.named), context)
        self._archived = False

    def commit(self) -> None:
        """Write the archive, then send it."""
        self._archived = True
        super().commit()
        connection = connect(self._context)
        try:
            with _Closing(connection), open(self._path, "rb") as file:
                answer = _request(
                    connection,
                    "POST",
                    f"{_API}/images/load?quiet=1",
                    body=file,
                    headers={
                        "Content-Type": "application/x-tar",
                        "Content-Length": str(os.fstat(file.fileno()).st_size),
                    },
                )
                _check_load(answer.read(1 << 20))
        except OSError as exc:
            raise Error(f"loading an image into the daemon: {(exc.strerror or str(exc)).lower()}") from exc
        finally:
            shutil.rmtree(self._archive_folder, ignore_errors=True)

    def discard(self) -> None:
        """Remove what was collected."""
        super().discard()
        # The archive itself calls this when it is written; the file is still to be sent then.
        if not self._archived:
            shutil.rmtree(self._archive_folder, ignore_errors=True)


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=_TIMEOUT)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class _Closing:
    def __init__(self, connection: http.client.HTTPConnection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        return None

    def __exit__(self, *exception: object) -> None:
        self._connection.close()


def connect(context: SystemContext) -> http.client.HTTPConnection:
    """A connection to the daemon of --daemon-host, $DOCKER_HOST or the usual socket.

    Raises:
        Unsupported: an address that is neither a Unix socket nor plain HTTP.
    """
    host = context.daemon_host or context.environ.get("DOCKER_HOST") or DEFAULT_HOST
    parts = urlsplit(host)
    if parts.scheme == "unix":
        return _UnixConnection(parts.path)
    if parts.scheme in ("tcp", "http") and parts.hostname:
        return http.client.HTTPConnection(parts.hostname, parts.port or 2375, timeout=_TIMEOUT)
    raise Unsupported(f"docker-daemon: address {host}: only unix: and tcp: (without TLS) can be used")


def _request(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    body: object = None,
    headers: dict[str, str] | None = None,
) -> http.client.HTTPResponse:
    try:
        connection.request(method, path, body=body, headers=headers or {})  # type: ignore[arg-type]
        answer = connection.getresponse()
    except (OSError, http.client.HTTPException) as exc:
        reason = exc.strerror.lower() if isinstance(exc, OSError) and exc.strerror else str(exc)
        raise Error(
            f"contacting the docker daemon: {reason}", hint="is it running? see --daemon-host"
        ) from exc
    if answer.status >= 400:
        data = answer.read(1 << 16)
        try:
            message = str(json.loads(data).get("message") or data.decode(errors="replace"))
        except (ValueError, AttributeError):
            message = data.decode(errors="replace")
        kind = NotFound if answer.status == 404 else Error
        raise kind(f"docker daemon: {' '.join(message.split())[:300] or f'HTTP status {answer.status}'}")
    return answer


def _check_load(data: bytes) -> None:
    """The answer is a stream of JSON objects; one with "error" means that nothing was loaded."""
    for line in data.splitlines():
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict) and value.get("error"):
            raise Error(f"docker daemon: {value['error']}")


def _folder(tmp: str) -> str:
    try:
        return tempfile.mkdtemp(prefix="docker-daemon-", dir=tmp)
    except OSError as exc:
        reason = (exc.strerror or str(exc)).lower()
        raise Error(f"creating a temporary directory in {tmp}: {reason}", hint="use --tmpdir") from exc
