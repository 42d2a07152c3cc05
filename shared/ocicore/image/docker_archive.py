"""docker-archive: – `docker save` archives, both ways, several images in one file.

Follows Docker image-spec 1.2 (manifest.json) with the legacy entries containers/image writes; the same
images give the same bytes.
"""

from __future__ import annotations

import json
import os
import shutil
import tarfile
import tempfile
import threading
from collections.abc import Sequence
from typing import IO, Any, cast

from ocicore.errors import Corrupted, Error, InvalidInput, NotFound
from ocicore.files import codec
from ocicore.image import directory
from ocicore.image.docker_archive_writer import DockerArchiveWriter
from ocicore.image.types import ImageDestination, ImageReference, ImageSource, SystemContext
from ocicore.oci import digest as digests
from ocicore.oci import media_types
from ocicore.oci.config import parse as parse_config
from ocicore.oci.descriptor import Descriptor
from ocicore.oci.manifest import Manifest, parse_manifest
from ocicore.oci.reference import Reference, parse_normalized

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.image.types import BlobReader, CompressionWish

_CHUNK = 1 << 18
_MAX_JSON = 4 * 1024 * 1024


class DockerArchiveReference(ImageReference):
    """FILE[:NAME[:TAG]] or FILE:@INDEX."""

    transport = "docker-archive"

    def __init__(self, path: str, named: Reference | None = None, index: int | None = None) -> None:
        self.path = path
        self.named = named
        self.index = index
        #: Several images go into one archive through one writer.
        self.writer: DockerArchiveWriter | None = None

    @classmethod
    def parse(cls, text: str) -> DockerArchiveReference:
        """Parse what follows "docker-archive:"; raises InvalidInput."""
        path, colon, rest = text.partition(":")
        if not path:
            raise InvalidInput(f"docker-archive: {text}: the path is empty")
        if not colon:
            return cls(path)
        if rest.startswith("@"):
            number = rest[1:]
            if not (number.isascii() and number.isdigit()):
                raise InvalidInput(f"docker-archive: {text}: {number!r} is no index")
            return cls(path, None, int(number))
        named = parse_normalized(rest).with_default_tag()
        if named.digest is not None:
            raise InvalidInput(f"docker-archive: {text}: a digest cannot be stored in an archive")
        return cls(path, named)

    def within_transport(self) -> str:
        """FILE:NAME:TAG."""
        if self.named is not None:
            return f"{self.path}:{self.named}"
        return self.path if self.index is None else f"{self.path}:@{self.index}"

    @property
    def docker_reference(self) -> str | None:
        """Name and tag, where given."""
        return str(self.named) if self.named is not None else None

    def source(self, context: SystemContext) -> DockerArchiveSource:
        """Open for reading; a compressed archive is unpacked into a temporary file first."""
        return DockerArchiveSource(self, context)

    def destination(self, context: SystemContext) -> DockerArchiveDestination:
        """Open for writing; the archive appears at the end."""
        if self.index is not None:
            raise InvalidInput("docker-archive: an image to write has no index yet")
        return DockerArchiveDestination(self, context)


class DockerArchiveFile:
    """The members of an archive, for reading by any number of threads."""

    def __init__(self, path: str, tmp: str) -> None:
        self.path = path
        self._lock = threading.Lock()
        try:
            self._file = self._open(path, tmp)
        except FileNotFoundError:
            raise NotFound(f"open {path}: no such file or directory") from None
        except OSError as exc:
            raise Error(f"reading {path}: {(exc.strerror or str(exc)).lower()}") from exc
        try:
            self._archive = tarfile.open(fileobj=self._file, mode="r:")
            self._members = {os.path.normpath(member.name): member for member in self._archive}
        except (tarfile.TarError, OSError) as exc:
            self._file.close()
            raise Corrupted(f"reading {path}: not a docker archive: {exc}") from exc

    @staticmethod
    def _open(path: str, tmp: str) -> IO[bytes]:
        file = open(path, "rb")
        prefix = file.read(codec.PREFIX_SIZE) if file.seekable() else b""
        if file.seekable():
            file.seek(0)
            if codec.detect(prefix) == "none":
                return file
        spool = tempfile.TemporaryFile(dir=tmp)
        try:
            with file:
                shutil.copyfileobj(cast("IO[bytes]", codec.open_reader(file)), spool, _CHUNK)
        except BaseException:
            spool.close()
            raise
        spool.seek(0)
        return cast("IO[bytes]", spool)

    def member(self, name: str) -> tarfile.TarInfo:
        """A regular member, symbolic links inside the archive followed; raises Corrupted."""
        name = os.path.normpath(name)
        for _ in range(8):
            member = self._members.get(name)
            if member is None:
                raise Corrupted(f"reading {self.path}: {name} is not in the archive")
            if member.isreg():
                return member
            if member.issym():
                name = os.path.normpath(os.path.join(os.path.dirname(name), member.linkname))
            elif member.islnk():
                name = os.path.normpath(member.linkname)
            else:
                break
        raise Corrupted(f"reading {self.path}: {name} is no regular file")

    def has(self, name: str) -> bool:
        """Whether there is a member of this name."""
        return os.path.normpath(name) in self._members

    def small(self, name: str) -> bytes:
        """A small member's bytes."""
        member = self.member(name)
        if member.size > _MAX_JSON:
            raise Corrupted(f"reading {self.path}: {name} is larger than {_MAX_JSON} bytes")
        return self.open(member).read(member.size)

    def open(self, member: tarfile.TarInfo) -> _Member:
        """A reader of its own over a member."""
        return _Member(self._file, member.offset_data, member.size)

    def images(self) -> list[dict[str, Any]]:
        """The items of manifest.json."""
        try:
            value = json.loads(self.small("manifest.json"))
        except ValueError as exc:
            raise Corrupted(f"reading {self.path}: manifest.json: {exc}") from exc
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise Corrupted(f"reading {self.path}: manifest.json is not a list of images")
        return value

    def close(self) -> None:
        """Close the archive."""
        self._archive.close()
        self._file.close()


class _Member:
    """Reads a part of a file by position, so that threads do not disturb each other."""

    def __init__(self, file: IO[bytes], start: int, size: int) -> None:
        self._descriptor = file.fileno()
        self._position = start
        self._end = start + size

    def read(self, amount: int = -1, /) -> bytes:
        left = self._end - self._position
        data = os.pread(self._descriptor, left if amount < 0 else min(amount, left), self._position)
        self._position += len(data)
        return data

    def skip(self, amount: int) -> None:
        self._position += amount

    def close(self) -> None:
        self._position = self._end


class DockerArchiveSource(ImageSource):
    """One image of an archive, shown as Docker v2 schema 2 with uncompressed layers."""

    #: The generated manifest says gzip, as containers/image's does; the layers are not compressed.
    layers_are_uncompressed = True

    def __init__(
        self,
        reference: DockerArchiveReference,
        context: SystemContext,
        archive: DockerArchiveFile | None = None,
    ) -> None:
        self.reference: DockerArchiveReference = reference
        self._own = archive is None
        self._archive = archive or DockerArchiveFile(reference.path, context.tmp)
        try:
            self._item = self._choose()
            self._config = self._archive.small(str(self._item.get("Config")))
            self._layers: dict[str, tuple[tarfile.TarInfo, bool]] = {}
            self._manifest = self._make_manifest()
        except BaseException:
            self.close()
            raise

    def _choose(self) -> dict[str, Any]:
        items = self._archive.images()
        reference = self.reference
        if reference.index is not None:
            if reference.index >= len(items):
                raise NotFound(
                    f"Invalid source index @{reference.index}, only {len(items)} manifest items available"
                )
            return items[reference.index]
        if reference.named is not None:
            wanted = str(reference.named)
            for item in items:
                for tag in item.get("RepoTags") or []:
                    if str(parse_normalized(str(tag)).with_default_tag()) == wanted:
                        return item
            raise NotFound(f"Tag {wanted!r} not found in {reference.path}")
        if len(items) != 1:
            raise InvalidInput(
                f"Unexpected tar manifest.json: expected 1 item, got {len(items)}",
                hint="add :NAME:TAG or :@INDEX",
            )
        return items[0]

    def _make_manifest(self) -> bytes:
        from ocicore.image import assemble, go_json

        diff_ids = parse_config(self._config).diff_ids
        paths = [str(path) for path in self._item.get("Layers") or []]
        if len(diff_ids) != len(paths):
            raise Corrupted(
                f"reading {self.reference.path}: {len(paths)} layers, the configuration names {len(diff_ids)}"
            )
        layers = []
        for diff_id, path in zip(diff_ids, paths, strict=True):
            digests.validate(diff_id)
            member = self._archive.member(path)
            compressed = codec.detect(self._archive.open(member).read(codec.PREFIX_SIZE)) != "none"
            size = _plain_size(self._archive.open(member)) if compressed else member.size
            self._layers[diff_id] = (member, compressed)
            layers.append(assemble.blob_json("docker", media_types.DOCKER_LAYER_GZIP, diff_id, size))
        self.config_digest = digests.from_bytes(self._config)
        return go_json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": media_types.DOCKER_MANIFEST,
                "config": assemble.blob_json(
                    "docker", media_types.DOCKER_CONFIG, self.config_digest, len(self._config)
                ),
                "layers": layers,
            }
        )

    @property
    def repo_tags(self) -> list[str]:
        """Names the archive gives the image."""
        return [str(tag) for tag in self._item.get("RepoTags") or []]

    def manifest(self, instance: str | None = None) -> tuple[bytes, str]:
        """The generated manifest."""
        if instance is not None:
            raise NotFound("docker-archive: images have no manifest lists")
        return self._manifest, media_types.DOCKER_MANIFEST

    def open_blob(self, descriptor: Descriptor, offset: int = 0) -> BlobReader:
        """A layer, uncompressed, or the configuration."""
        if descriptor.digest == self.config_digest:
            from ocicore.image.watched_blob import MemoryBlob

            return MemoryBlob(self._config[offset:])
        found = self._layers.get(descriptor.digest)
        if found is None:
            raise NotFound(f"reading {self.reference.path}: blob {descriptor.digest} is not in the archive")
        member, compressed = found
        raw = self._archive.open(member)
        if not compressed:
            raw.skip(offset)
            return raw
        plain = codec.open_reader(raw)
        while offset > 0:
            offset -= len(plain.read(min(offset, _CHUNK))) or offset
        return plain

    def close(self) -> None:
        """Close the archive if it is ours."""
        if self._own:
            self._archive.close()


def _plain_size(stream: _Member) -> int:
    total = 0
    plain = codec.open_reader(stream)
    while data := plain.read(_CHUNK):
        total += len(data)
    return total


class DockerArchiveDestination(ImageDestination):
    """One image for an archive; its blobs wait in a temporary directory until `commit` writes them in order."""

    manifest_types = (media_types.DOCKER_MANIFEST,)
    compression: CompressionWish = "decompress"
    supports_lists = False
    signatures_unsupported = "Storing signatures for docker tar files is not supported"

    def __init__(self, reference: DockerArchiveReference, context: SystemContext) -> None:
        self.reference: DockerArchiveReference = reference
        if reference.writer is None:
            check_target(reference.path)
        self._names = [str(reference.named)] if reference.named is not None else []
        try:
            self._folder = tempfile.mkdtemp(prefix="docker-archive-", dir=context.tmp)
        except OSError as exc:
            raise Error(
                f"creating a temporary directory in {context.tmp}: {(exc.strerror or str(exc)).lower()}",
                hint="use --tmpdir",
            ) from exc
        self._manifest: Manifest | None = None

    def add_names(self, names: Sequence[str]) -> None:
        """Further full names for the image."""
        self._names += [name for name in names if name not in self._names]

    def put_blob(
        self,
        stream: BlobReader,
        *,
        digest: str | None,
        size: int | None,
        layer_index: int | None,
        media_type: str,
    ) -> tuple[str, int]:
        """Into the temporary directory."""
        return directory.store_blob(stream, self._folder, lambda found: os.path.join(self._folder, found))

    def put_manifest(self, data: bytes, media_type: str, instance: str | None = None) -> None:
        """Keep the manifest for `commit`."""
        parsed = parse_manifest(data, media_type)
        assert isinstance(parsed, Manifest)
        self._manifest = parsed

    def commit(self) -> None:
        """Write the image; the archive too, unless more images follow."""
        if self._manifest is None or self._manifest.config is None:
            raise Error("writing a docker archive: the image has no manifest")
        writer = self.reference.writer
        own = writer is None
        if writer is None:
            writer = DockerArchiveWriter(self.reference.path)
        try:
            writer.add(self._folder, self._manifest, self._names)
            if own:
                writer.close()
        except BaseException:
            if own:
                writer.discard()
            raise
        finally:
            self.discard()

    def discard(self) -> None:
        """Remove the temporary directory."""
        shutil.rmtree(self._folder, ignore_errors=True)


def check_target(path: str) -> None:
    """Refuse to write into an archive that exists; raises InvalidInput."""
    if os.path.isfile(path) and os.path.getsize(path) > 0:
        raise InvalidInput(
            "docker-archive doesn't support modifying existing images", hint=f"remove {path} first"
        )
