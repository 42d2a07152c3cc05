"""docker:// – images in registries (distribution-spec 1.1, Docker registry API v2)."""

from __future__ import annotations

import io

from ocicore.errors import Error, InvalidInput, NotFound
from ocicore.image.types import (
    ImageDestination,
    ImageReference,
    ImageSource,
    ManifestRejected,
)
from ocicore.oci import digest as digests
from ocicore.oci import media_types
from ocicore.oci.descriptor import Descriptor
from ocicore.oci.reference import Reference, parse_normalized

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ocicore.config.registries_conf import Endpoint
    from ocicore.image.blob_info import Variant
    from ocicore.image.types import BlobReader, CompressionWish, SystemContext
    from ocicore.registry.client import Registry

_SMALL_BLOB = 1 << 20
_SIGSTORE_PREFIX = b"\x00sigstore-json\n"
_REJECTED = frozenset(("MANIFEST_INVALID", "TAG_INVALID", "UNSUPPORTED"))


class DockerReference(ImageReference):
    """//host/path:tag or //host/path@digest."""

    transport = "docker"

    def __init__(self, reference: Reference) -> None:
        self.named = reference

    @classmethod
    def parse(cls, text: str) -> DockerReference:
        """Parse what follows "docker:"; raises InvalidInput."""
        if not text.startswith("//"):
            raise InvalidInput(f"docker: image reference {text} does not start with //")
        named = parse_normalized(text[2:]).with_default_tag()
        if named.tag is not None and named.digest is not None:
            raise InvalidInput(
                "Docker references with both a tag and digest are currently not supported",
                hint="leave one of them out",
            )
        return cls(named)

    def within_transport(self) -> str:
        """//name, as Docker shortens it."""
        return "//" + self.named.familiar()

    @property
    def docker_reference(self) -> str:
        """Full name with tag or digest."""
        return str(self.named)

    def policy_scopes(self) -> list[str]:
        """Reference, repository, each namespace, host, wildcards."""
        return docker_scopes(self.named)

    def source(self, context: SystemContext) -> DockerSource:
        """Open the first endpoint that has the image: mirrors, then the registry."""
        return DockerSource(self, context)

    def destination(self, context: SystemContext) -> DockerDestination:
        """Open for pushing; mirrors are never pushed to."""
        return DockerDestination(self, context)

    def delete(self, context: SystemContext) -> None:
        """Delete the manifest the name points to, with everything that points to it."""
        client, repository = self.connect(context)
        reference = self.named.digest or self.named.tag or "latest"
        digest = self.named.digest
        if digest is None:
            found = client.head_manifest(repository, reference)
            if found is None:
                raise NotFound(
                    f"Unable to delete {self.named}. Image may not exist or is not stored with a v2 Schema in a v2 registry"
                )
            digest = found[0]
        client.delete_manifest(repository, digest)

    def connect(self, context: SystemContext) -> tuple[Registry, str]:
        """(client, repository) of the registry itself, not of a mirror."""
        endpoint = context.registries.push_endpoint(str(self.named))
        return open_endpoint(context, endpoint)


def docker_scopes(named: Reference) -> list[str]:
    """Policy scopes of a name, narrowest first."""
    scopes = [str(named)]
    name = named.name
    while True:
        scopes.append(name)
        if "/" not in name:
            break
        name = name.rpartition("/")[0]
    host = name.partition(":")[0]
    while "." in host:
        host = host.partition(".")[2]
        scopes.append("*." + host)
    return scopes


def open_endpoint(context: SystemContext, endpoint: Endpoint) -> tuple[Registry, str]:
    """(client, repository) of an endpoint."""
    named = parse_normalized(endpoint.reference)
    client = context.connections.registry(context, named.domain, named.path, insecure=endpoint.insecure)
    return client, named.path


class DockerSource(ImageSource):
    """An image in a registry or one of its mirrors."""

    is_remote = True

    def __init__(self, reference: DockerReference, context: SystemContext) -> None:
        self.reference: DockerReference = reference
        self._context = context
        self._top: tuple[bytes, str] | None = None
        self.client, self.repository = self._open(str(reference.named))

    def _open(self, name: str) -> tuple[Registry, str]:
        """Ask the endpoints one after the other for the manifest; what the first one has is kept."""
        endpoints = self._context.registries.find(name)
        failures: list[Error] = []
        for endpoint in endpoints:
            try:
                client, repository = open_endpoint(self._context, endpoint)
                named = parse_normalized(endpoint.reference)
                client.part_of(f"initializing source {self.reference}")
                data, media_type, _ = client.manifest(repository, named.digest or named.tag or "latest")
                client.part_of("")
            except Error as exc:
                failures.append(exc)
                continue
            self._top = (data, media_type)
            self._domain = named.domain
            return client, repository
        last = failures[-1]
        if len(failures) > 1:
            others = "; ".join(f"{e.host}: {f.message}" for e, f in zip(endpoints, failures, strict=True))
            last.message = f"(Mirrors also failed: [{others}]): {last.message}"
        raise last

    def manifest(self, instance: str | None = None) -> tuple[bytes, str]:
        """See `ImageSource`."""
        if instance is None:
            assert self._top is not None
            return self._top
        data, media_type, _ = self.client.manifest(self.repository, instance)
        return data, media_type

    def open_blob(self, descriptor: Descriptor, offset: int = 0) -> BlobReader:
        """From the registry, or for a foreign layer from its own addresses."""
        size = descriptor.size if descriptor.size >= 0 else None
        if descriptor.urls and media_types.is_foreign_layer(descriptor.media_type):
            return self.client.external_blob(list(descriptor.urls), size=size)
        return self.client.blob(self.repository, descriptor.digest, offset=offset, size=size)

    def was_read(self, descriptor: Descriptor) -> None:
        """Note where the blob is: images pushed to this registry can take it over from here."""
        if not (descriptor.urls and media_types.is_foreign_layer(descriptor.media_type)):
            name = f"{self._domain}/{self.repository}"
            self._context.blob_info.note_place(self._domain, descriptor.digest, name)

    def signatures(self, instance: str | None = None) -> list[bytes]:
        """From the lookaside store and the attachments of registries.d, where they are configured."""
        from ocicore.image import lookaside

        digest = instance or digests.from_bytes(self.manifest()[0])
        found = lookaside.read(self._context, self.reference.named, digest)
        if lookaside.uses_attachments(self._context, self.reference.named):
            from ocicore.image import sigstore

            found += sigstore.attached(self._context, self, digest)
        return found


class DockerDestination(ImageDestination):
    """A repository to push to."""

    manifest_types = (
        media_types.OCI_MANIFEST,
        media_types.DOCKER_MANIFEST,
        media_types.OCI_INDEX,
        media_types.DOCKER_LIST,
    )
    compression: CompressionWish = "compress"
    keeps_foreign_layers = True

    def __init__(self, reference: DockerReference, context: SystemContext) -> None:
        self.reference: DockerReference = reference
        self._context = context
        self.client, self.repository = reference.connect(context)
        self._last_digest = ""
        #: Repositories of the same registry in which the source's blobs may be found.
        self.mount_from: list[str] = []
        self.client.ping()

    def reuse_blob(self, descriptor: Descriptor, *, layer_index: int | None) -> Descriptor | None:
        """Found by HEAD, or mounted from the source's repository on the same registry."""
        size = self.client.has_blob(self.repository, descriptor.digest, push=True)
        if size is not None:
            self._remember(descriptor.digest)
            return _with_size(descriptor, size)
        seen = self.client.blob_locations.get(descriptor.digest)
        candidates = dict.fromkeys([*self.mount_from, *([seen] if seen is not None else [])])
        for repository in candidates:
            if repository != self.repository and self.client.mount(
                self.repository, descriptor.digest, repository
            ):
                self._remember(descriptor.digest)
                return descriptor
        for name in self._context.blob_info.places(self.reference.named.domain, descriptor.digest):
            size = self._taken_over(descriptor.digest, name, tried=[self.repository, *candidates])
            if size is not None:
                return _with_size(descriptor, size)
        return None

    def reuse_variant(
        self, digest: str, fits: Callable[[str], bool], preferred: str
    ) -> tuple[Variant, int] | None:
        """See `ImageDestination`: what earlier copies made of the layer, in this repository or another of the registry."""
        named = self.reference.named
        for variant in self._context.blob_info.variants(named.domain, digest, fits, preferred):
            # Where no place is known, this repository may have it all the same: somebody else's push.
            size = self._taken_over(variant.digest, variant.repository or named.name)
            if size is not None:
                return variant, size
        return None

    def _taken_over(self, digest: str, name: str, tried: Sequence[str] = ()) -> int | None:
        """Size of a blob that is in this repository now because `name`, a repository's full name, has it; else None.

        That a place was known long ago, or to others, is no reason to fail whatever the registry says of it.
        """
        own = self.reference.named
        try:
            other = parse_normalized(name)
            if other.domain != own.domain or other.path in tried:
                return None
            here = other.path == own.path
            repository = self.repository if here else other.path
            # Asked first: a mount that fails leaves an upload begun at the registry.
            size = self.client.has_blob(repository, digest, push=here)
            if size is None:
                self._context.blob_info.forget_place(own.domain, digest, name)
                return None
            if not here and not self.client.mount(self.repository, digest, repository):
                return None
        except Error:
            return None
        self._remember(digest)
        return size

    def _remember(self, digest: str) -> None:
        self.client.blob_locations.setdefault(digest, self.repository)
        named = self.reference.named
        self._context.blob_info.note_place(named.domain, digest, named.name)

    def put_blob(
        self,
        stream: BlobReader,
        *,
        digest: str | None,
        size: int | None,
        layer_index: int | None,
        media_type: str,
    ) -> tuple[str, int]:
        """Upload; a small one in a single request. What another image of this process brought is not sent again."""
        if digest is None or size is None:
            found = self.client.upload(self.repository, stream, size=size, digest=digest)
            self._remember(found[0])
            return found

        def send() -> None:
            self._send(stream, digest, size)

        self.client.once(self.repository, digest, send)
        self._remember(digest)
        return digest, size

    def _send(self, stream: BlobReader, digest: str, size: int) -> None:
        if size <= _SMALL_BLOB:
            self.client.upload_bytes(self.repository, read_whole(stream), digest)
            return
        session = None
        from ocicore.image.resume import MIN_KEPT

        if size >= MIN_KEPT:
            from ocicore.image.upload_sessions import UploadSession

            session = UploadSession(self._context, self.client.host, self.repository, digest)
            if hasattr(stream, "keeps_recent"):
                stream.keeps_recent = True
        self.client.upload(
            self.repository,
            stream,
            size=size,
            digest=digest,
            go_back=getattr(stream, "go_back", None),
            skip_to=getattr(stream, "skip_to", None),
            session=session,
        )

    def put_manifest(self, data: bytes, media_type: str, instance: str | None = None) -> None:
        """Under the tag or the digest of the reference; an instance under its own digest."""
        from ocicore.registry.problems import RegistryError

        named = self.reference.named
        target = instance or named.digest or named.tag or "latest"
        if instance is None and named.digest is not None and digests.from_bytes(data) != named.digest:
            raise InvalidInput(
                f"writing manifest: the destination asks for {named.digest}, the image has {digests.from_bytes(data)}",
                hint="use --preserve-digests or a tag",
            )
        try:
            self._last_digest = self.client.put_manifest(self.repository, target, data, media_type)
        except RegistryError as exc:
            refused = exc.http_status == 415 or (exc.http_status == 400 and _REJECTED & set(exc.codes))
            if refused or exc.http_status == 405:
                raise ManifestRejected(exc.message, hint=exc.hint) from exc
            raise

    def put_signatures(self, signatures: Sequence[bytes], instance: str | None = None) -> None:
        """Into the lookaside store of registries.d; sigstore's as an image beside the image."""
        digest = instance or self._last_digest
        simple = [item for item in signatures if not item.startswith(_SIGSTORE_PREFIX)]
        sigstore = [item for item in signatures if item.startswith(_SIGSTORE_PREFIX)]
        if simple:
            from ocicore.image import lookaside

            lookaside.write(self._context, self.reference.named, digest, simple)
        if sigstore:
            from ocicore.image import sigstore_sign

            sigstore_sign.attach(self._context, self, digest, sigstore)


def _with_size(descriptor: Descriptor, size: int) -> Descriptor:
    if descriptor.size >= 0 or size <= 0:
        return descriptor
    return Descriptor(
        descriptor.media_type,
        descriptor.digest,
        size,
        annotations=descriptor.annotations,
        urls=descriptor.urls,
    )


def read_whole(stream: BlobReader) -> bytes:
    """All bytes of a stream."""
    buffer = io.BytesIO()
    while data := stream.read(1 << 18):
        buffer.write(data)
    return buffer.getvalue()
