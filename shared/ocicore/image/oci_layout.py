"""oci: – an image in an OCI image layout (image-spec 1.1, image-layout.md): oci-layout, index.json, blobs/."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Sequence
from typing import Any

from ocicore.errors import Corrupted, Error, InvalidInput, NotFound
from ocicore.image import directory, go_json
from ocicore.image.types import ImageDestination, ImageNotFound, ImageReference, ImageSource, SystemContext
from ocicore.oci import digest as digests
from ocicore.oci import media_types
from ocicore.oci.descriptor import Descriptor
from ocicore.oci.manifest import MAX_MANIFEST_SIZE, guess_media_type

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.image.resume import KeptBytes
    from ocicore.image.types import BlobReader, CompressionWish
    from ocicore.storage.partial import PartialBlob

REF_NAME = "org.opencontainers.image.ref.name"
_PARTIAL = ".partial"
_LAYOUT = b'{"imageLayoutVersion":"1.0.0"}'


class OciReference(ImageReference):
    """PATH[:NAME], PATH[:@INDEX]."""

    transport = "oci"

    def __init__(self, path: str, image: str = "", index: int | None = None) -> None:
        self.path = path
        self.image = image
        self.index = index

    @classmethod
    def parse(cls, text: str) -> OciReference:
        """Parse what follows "oci:"; raises InvalidInput."""
        path, image, index = split_path(text, cls.transport)
        return cls(path, image, index)

    def within_transport(self) -> str:
        """PATH:NAME."""
        suffix = f"@{self.index}" if self.index is not None else self.image
        return f"{self.path}:{suffix}"

    def policy_scopes(self) -> list[str]:
        """Path with name, path, parents."""
        scopes = directory.path_scopes(self.path)
        return [f"{os.path.realpath(self.path)}:{self.image}", *scopes]

    def source(self, context: SystemContext) -> OciSource:
        """Open for reading."""
        return OciSource(self, self.path, context.shared_blob_dir)

    def destination(self, context: SystemContext) -> OciDestination:
        """Open for writing; other images in the layout stay."""
        if self.index is not None:
            raise InvalidInput(
                f"oci: {self.within_transport()}: an image to write cannot be named by its index"
            )
        return OciDestination(
            self, self.path, context.shared_blob_dir, accept_uncompressed=context.accept_uncompressed_layers
        )

    def delete(self, context: SystemContext) -> None:
        """Take the image out of the index, and its blobs unless others need them."""
        from ocicore.image import oci_delete

        oci_delete.delete(self, context.shared_blob_dir)


def split_path(text: str, transport: str) -> tuple[str, str, int | None]:
    """PATH[:NAME | :@INDEX] of oci: and oci-archive:."""
    path, colon, image = text.partition(":")
    if not path:
        raise InvalidInput(f"{transport}: {text}: the path is empty")
    directory.check_parent(path)
    if colon and image.startswith("@"):
        number = image[1:]
        if not (number.isascii() and number.isdigit()):
            raise InvalidInput(f"{transport}: {text}: {number!r} is no index")
        return path, "", int(number)
    return path, image, None


class OciSource(ImageSource):
    """An image of a layout."""

    def __init__(self, reference: ImageReference, path: str, shared_blobs: str = "") -> None:
        self.reference = reference
        self._path = path
        self._blobs = shared_blobs or os.path.join(path, "blobs")
        self._entry = choose_entry(read_index(path), reference)

    def manifest(self, instance: str | None = None) -> tuple[bytes, str]:
        """The blob of the entry, verified."""
        digest = instance or self._entry.digest
        data = directory.read_small(self._blob_path(digest), MAX_MANIFEST_SIZE)
        found = digests.from_bytes(data, digests.algorithm(digest))
        if found != digest:
            raise Corrupted(f"reading manifest {digest} of {self.reference}: content has digest {found}")
        declared = self._entry.media_type if instance is None else ""
        return data, declared or guess_media_type(data)

    def open_blob(self, descriptor: Descriptor, offset: int = 0) -> BlobReader:
        """The blob's file."""
        return directory.open_file(self._blob_path(descriptor.digest), offset)

    def _blob_path(self, digest: str) -> str:
        digests.validate(digest)
        return os.path.join(self._blobs, digests.algorithm(digest), digests.encoded(digest))


def read_index(path: str) -> dict[str, Any]:
    """index.json of a layout; raises NotFound, Corrupted."""
    data = directory.read_small(os.path.join(path, "index.json"), MAX_MANIFEST_SIZE)
    try:
        value = json.loads(data)
    except ValueError as exc:
        raise Corrupted(f"reading {path}/index.json: {exc}") from exc
    if not isinstance(value, dict) or not isinstance(value.get("manifests", []), list):
        raise Corrupted(f"reading {path}/index.json: not an image index")
    return value


def choose_entry(index: dict[str, Any], reference: ImageReference) -> Descriptor:
    """The entry a reference stands for: by index, by name, or the only one."""
    entries = [Descriptor.from_json(entry) for entry in index.get("manifests") or ()]
    wanted_index: int | None = getattr(reference, "index", None)
    wanted_name: str = getattr(reference, "image", "")
    if wanted_index is not None:
        if wanted_index >= len(entries):
            raise NotFound(f"index {wanted_index} is too large, only {len(entries)} entries available")
        return entries[wanted_index]
    if not wanted_name:
        if len(entries) != 1:
            raise InvalidInput(
                "more than one image in oci, choose an image" if entries else "no image found in oci",
                hint="add :NAME, or :@INDEX" if entries else None,
            )
        return entries[0]
    known = (
        media_types.OCI_MANIFEST,
        media_types.OCI_INDEX,
        media_types.DOCKER_MANIFEST,
        media_types.DOCKER_LIST,
    )
    for entry in entries:
        if entry.annotations.get(REF_NAME) == wanted_name and entry.media_type in known:
            return entry
    raise ImageNotFound(f"no descriptor found for reference {wanted_name!r}")


class OciDestination(ImageDestination):
    """A layout to write to."""

    manifest_types = (media_types.OCI_MANIFEST, media_types.OCI_INDEX)
    compression: CompressionWish = "compress"
    keeps_foreign_layers = True
    signatures_unsupported = "Pushing signatures for OCI images is not supported"

    def __init__(
        self,
        reference: ImageReference,
        path: str,
        shared_blobs: str = "",
        *,
        image: str | None = None,
        accept_uncompressed: bool = False,
    ) -> None:
        self.reference = reference
        self._path = path
        self._image: str = image if image is not None else getattr(reference, "image", "")
        self._blobs = shared_blobs or os.path.join(path, "blobs")
        self._made = not os.path.exists(path)
        self._new_blobs: list[str] = []
        self._entries: list[dict[str, Any]] = []
        self._kept: dict[str, PartialBlob] = {}
        if accept_uncompressed:
            self.compression = "preserve"
        try:
            os.makedirs(os.path.join(self._blobs, "sha256"), exist_ok=True)
            os.makedirs(path, exist_ok=True)
        except OSError as exc:
            raise Error(f"writing {reference}: {(exc.strerror or str(exc)).lower()}") from exc
        if os.path.exists(os.path.join(path, "index.json")):
            read_index(path)

    def reuse_blob(self, descriptor: Descriptor, *, layer_index: int | None) -> Descriptor | None:
        """A blob of the right size that is there already."""
        try:
            size = os.stat(self._blob_path(digests.encoded(descriptor.digest))).st_size
        except OSError:
            return None
        if descriptor.size not in (-1, size):
            return None
        return Descriptor(
            descriptor.media_type,
            descriptor.digest,
            size,
            annotations=descriptor.annotations,
            urls=descriptor.urls,
        )

    def put_blob(
        self,
        stream: BlobReader,
        *,
        digest: str | None,
        size: int | None,
        layer_index: int | None,
        media_type: str,
    ) -> tuple[str, int]:
        """A temporary file, renamed when it is complete; or the kept bytes themselves."""
        kept = self._kept.get(digest) if digest is not None else None
        if kept is not None and digest is not None:
            found = self._take_kept(stream, kept, digest)
        else:
            found = directory.store_blob(stream, self._blobs, self._blob_path, digest)
        self._new_blobs.append(self._blob_path(digests.encoded(found[0])))
        return found

    def kept_bytes(self, digest: str) -> KeptBytes | None:
        """Partly fetched blobs wait in a hidden directory of the layout; see `ocicore.storage.partial`."""
        from ocicore.storage import partial

        folder = os.path.join(self._path, _PARTIAL)
        try:
            os.makedirs(folder, exist_ok=True)
            kept = partial.open_partial(folder, digest)
        except OSError:
            return None
        if kept is not None:
            self._kept[digest] = kept
        return kept

    def _take_kept(self, stream: BlobReader, kept: PartialBlob, digest: str) -> tuple[str, int]:
        """Read the stream to its end, which verifies it and completes the kept bytes; then those are the blob."""
        size = 0
        while data := stream.read(1 << 18):
            size += len(data)
        if kept.size != size:
            raise Error(f"writing a blob to {self._path}: no room to keep it")
        try:
            os.chmod(kept.path, 0o644)
            os.rename(kept.path, self._blob_path(digests.encoded(digest)))
        except OSError as exc:
            raise Error(f"writing a blob to {self._path}: {(exc.strerror or str(exc)).lower()}") from exc
        return digest, size

    def put_manifest(self, data: bytes, media_type: str, instance: str | None = None) -> None:
        """A blob; and an entry of the index unless it belongs to a list."""
        digest = instance or digests.from_bytes(data)
        directory.write_file(self._blob_path(digests.encoded(digest)), data)
        self._new_blobs.append(self._blob_path(digests.encoded(digest)))
        if instance is not None:
            return
        entry: dict[str, Any] = {"mediaType": media_type, "digest": digest, "size": len(data)}
        if self._image:
            entry["annotations"] = {REF_NAME: self._image}
        self._entries.append(entry)

    def put_signatures(self, signatures: Sequence[bytes], instance: str | None = None) -> None:
        """An OCI layout has no place for them."""
        if signatures:
            super().put_signatures(signatures, instance)

    def commit(self) -> None:
        """Record the image, and tidy up."""
        self._record()
        try:
            os.rmdir(os.path.join(self._path, _PARTIAL))
        except OSError:
            # Never made, or another copy into the same layout is under way.
            return

    def _record(self) -> None:
        """Add the image to the index; a name is taken from the image that had it."""
        directory.write_file(os.path.join(self._path, "oci-layout"), _LAYOUT)
        # Two copies into one layout at the same time must not lose each other's entry.
        descriptor = os.open(self._path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            path = os.path.join(self._path, "index.json")
            index: dict[str, Any] = (
                read_index(self._path) if os.path.exists(path) else {"schemaVersion": 2, "manifests": []}
            )
            for entry in self._entries:
                add_entry(index, entry)
            directory.write_file(path, go_json.dumps(index))
        finally:
            os.close(descriptor)

    def discard(self) -> None:
        """Remove the layout if it is ours, else the new blobs."""
        if self._made:
            shutil.rmtree(self._path, ignore_errors=True)
            return
        for path in self._new_blobs:
            try:
                os.unlink(path)
            except OSError:
                continue

    def _blob_path(self, encoded: str) -> str:
        return os.path.join(self._blobs, "sha256", encoded)


def add_entry(index: dict[str, Any], entry: dict[str, Any]) -> None:
    """Add a manifest to an index, as containers/image orders and merges entries."""
    entries: list[dict[str, Any]] = index.setdefault("manifests", [])
    name = (entry.get("annotations") or {}).get(REF_NAME)
    if name:
        for other in entries:
            annotations = other.get("annotations") or {}
            if annotations.get(REF_NAME) == name:
                del annotations[REF_NAME]
                if not annotations:
                    other.pop("annotations", None)
                break
    for number, other in enumerate(entries):
        if other.get("digest") == entry["digest"] and not (other.get("annotations") or {}).get(REF_NAME):
            entries[number] = entry
            return
    entries.append(entry)


def only_name(path: str) -> str:
    """The name of the single image of a layout, "" when it has none or there are several."""
    return name_of_only(read_index(path))


def name_of_only(index: dict[str, Any]) -> str:
    """The same, from an index."""
    entries = index.get("manifests") or []
    if len(entries) != 1:
        return ""
    return str((entries[0].get("annotations") or {}).get(REF_NAME) or "")
