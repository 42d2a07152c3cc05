"""A manifest list of the store as something to copy: the list, and its images wherever `instances.json` says they are.

Entries that are artifacts have their manifests in the list's record and their blobs in files (see `list_artifacts`).
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Sequence
from io import BytesIO
from typing import TYPE_CHECKING

from ocicore.errors import Error, NotFound
from ocicore.image import transport
from ocicore.image.manifest_list import ManifestList
from ocicore.image.types import ImageReference, ImageSource, SystemContext
from ocicore.oci import media_types
from ocicore.oci.descriptor import Descriptor
from ocicore.oci.manifest import Manifest, parse_manifest

if TYPE_CHECKING:
    from ocicore.image.types import BlobReader


class ListReference(ImageReference):
    """A list that was loaded."""

    transport = "containers-storage"

    def __init__(self, found: ManifestList) -> None:
        self.found = found

    def within_transport(self) -> str:
        """@ID."""
        return f"@{self.found.id}"

    def source(self, context: SystemContext) -> ListSource:
        """Open for reading."""
        return ListSource(self, context)


class ListSource(ImageSource):
    """Finds each image when it is asked for; the sources stay open until the end."""

    def __init__(self, reference: ListReference, context: SystemContext) -> None:
        self.reference: ListReference = reference
        self._found = reference.found
        self._context = context
        self._lock = threading.Lock()
        self._sources: dict[str, ImageSource] = {}
        self._owners: dict[str, ImageSource] = {}

    def manifest(self, instance: str | None = None) -> tuple[bytes, str]:
        """See `ImageSource`."""
        if instance is None:
            return self._found.data(), self._found.media_type
        artifact = self._found.artifacts["manifests"].get(instance)
        if artifact is not None:
            return artifact.encode(), media_types.OCI_MANIFEST
        source = self._source(instance)
        data, media_type = source.manifest()
        if media_types.is_index(media_type):
            data, media_type = source.manifest(instance)
        parsed = parse_manifest(data, media_type)
        with self._lock:
            for descriptor in [parsed.config, *parsed.layers] if isinstance(parsed, Manifest) else []:
                if descriptor is not None:
                    self._owners[descriptor.digest] = source
        return data, media_type

    def _source(self, instance: str) -> ImageSource:
        name = self._found.instances.get(instance)
        with self._lock:
            if instance in self._sources:
                return self._sources[instance]
            opened = self._open(name) if name else self._local(instance)
            self._sources[instance] = opened
            return opened

    def _open(self, name: str) -> ImageSource:
        reference = transport.parse(name)
        if reference.transport == "containers-storage":
            # The list's own store is open already; its location is written out in full in every entry.
            from ocicore.image.types import StoreLocation

            reference.location = StoreLocation()  # type: ignore[attr-defined]
            return reference.source(self._context.with_(open_store=lambda location: self._found.store))
        return reference.source(self._context)

    def _local(self, instance: str) -> ImageSource:
        records = self._found.store.images_by_digest(instance)
        if not records:
            raise NotFound(f"{instance}: image not known", hint="the list is here, this image of it is not")
        return self._open(f"containers-storage:@{records[0].id}")

    def open_blob(self, descriptor: Descriptor, offset: int = 0) -> BlobReader:
        """A blob of one of the images, or a file of an artifact."""
        with self._lock:
            owner = self._owners.get(descriptor.digest)
        if owner is not None:
            return owner.open_blob(descriptor, offset)
        path = self._found.artifacts["detached"].get(descriptor.digest)
        if path is not None:
            try:
                file = open(path, "rb")
            except OSError as error:
                raise Error(
                    f"reading {path}: {(error.strerror or '').lower()}",
                    hint="the list refers to files where they were when they were added",
                ) from error
            file.seek(offset)
            return file
        inline = self._found.artifacts["blobs"].get(descriptor.digest)
        if inline is None:
            raise NotFound(f"reading manifest list {self._found.id}: blob {descriptor.digest} is nowhere")
        stream = BytesIO(base64.b64decode(inline or ""))
        stream.seek(offset)
        return stream

    def layers_for_copy(self, instance: str | None = None) -> Sequence[Descriptor] | None:
        """The layers as the image's own source has them."""
        if instance is None or instance in self._found.artifacts["manifests"]:
            return None
        source = self._source(instance)
        _, media_type = source.manifest()
        layers = source.layers_for_copy(instance if media_types.is_index(media_type) else None)
        with self._lock:
            for descriptor in layers or ():
                self._owners[descriptor.digest] = source
        return layers

    def signatures(self, instance: str | None = None) -> list[bytes]:
        """Those of the image's own source."""
        if instance is None or instance in self._found.artifacts["manifests"]:
            return []
        source = self._source(instance)
        _, media_type = source.manifest()
        return source.signatures(instance if media_types.is_index(media_type) else None)

    def close(self) -> None:
        """Close all sources."""
        for source in self._sources.values():
            source.close()
