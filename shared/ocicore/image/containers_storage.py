"""containers-storage: – images of a local store, both ways.

Layers are staged side by side while they are downloaded; only recording them happens in order, in `commit`.
Identifiers, big-data keys and metadata are those of containers/storage's own transport.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import IO, TYPE_CHECKING, Any, cast

from ocicore.errors import Corrupted, Error, InvalidInput, NotFound
from ocicore.image import assemble
from ocicore.image import names as image_names
from ocicore.image.docker import docker_scopes, read_whole
from ocicore.image.local import LocalImage, LocalImages
from ocicore.image.types import (
    ImageDestination,
    ImageNotFound,
    ImageReference,
    ImageSource,
    StoreLocation,
    SystemContext,
)
from ocicore.image.watched_blob import MemoryBlob
from ocicore.oci import digest as digests
from ocicore.oci import media_types
from ocicore.oci.config import parse as parse_config
from ocicore.oci.descriptor import Descriptor
from ocicore.oci.manifest import Index, parse_manifest
from ocicore.oci.reference import Reference, parse_normalized

if TYPE_CHECKING:
    from ocicore.image.blob_info import BlobInfo
    from ocicore.image.resume import KeptBytes
    from ocicore.image.types import BlobReader
    from ocicore.storage.additional_layers import AdditionalLayer
    from ocicore.storage.staging import StagedLayer
    from ocicore.storage.store import Store


class StorageReference(ImageReference):
    """[driver@graph-root+run-root:options]name, @id or name@id."""

    transport = "containers-storage"

    def __init__(self, named: Reference | None, image_id: str, location: StoreLocation) -> None:
        self.named = named
        self.image_id = image_id
        self.location = location

    @classmethod
    def parse(cls, text: str) -> StorageReference:
        """Parse what follows "containers-storage:"; raises InvalidInput."""
        location = StoreLocation()
        rest = text
        if text.startswith("["):
            inside, closing, rest = text[1:].partition("]")
            if not closing:
                raise InvalidInput(
                    f"containers-storage: {text}: the store specification has no closing bracket"
                )
            location = _parse_location(inside)
        if not rest:
            raise InvalidInput(f'containers-storage: "{text}" names no image')
        name, at, tail = rest.rpartition("@")
        image_id = ""
        if at and image_names.is_id_prefix(tail):
            image_id, rest = tail, name
        elif image_names.is_full_id(rest):
            image_id, rest = rest, ""
        named = parse_normalized(rest).with_default_tag() if rest else None
        return cls(named, image_id, location)

    def within_transport(self) -> str:
        """The written form."""
        spec = self.location
        text = ""
        if spec != StoreLocation():
            text = spec.driver + ("@" if spec.driver else "") + spec.graph_root
            text += f"+{spec.run_root}" if spec.run_root else ""
            text += ":" + ",".join(spec.options) if spec.options else ""
            text = f"[{text}]"
        if self.named is not None:
            text += str(self.named)
        if self.image_id:
            text += "@" + self.image_id
        return text

    @property
    def docker_reference(self) -> str | None:
        """Full name, None for an image given by id."""
        return str(self.named) if self.named is not None else None

    def policy_scopes(self) -> list[str]:
        """The name's scopes."""
        return docker_scopes(self.named) if self.named is not None else []

    def resolve(self, context: SystemContext) -> LocalImage:
        """The image the reference stands for; raises NotFound."""
        store = context.store(self.location)
        images = LocalImages(store)
        if self.image_id:
            try:
                record = store.image(self.image_id)
            except NotFound:
                raise ImageNotFound(f"reference {str(self)!r} does not resolve to an image ID") from None
            return LocalImage(store, record, self.image_id)
        assert self.named is not None
        try:
            return images.find(str(self.named), allow_list=True)
        except NotFound:
            raise ImageNotFound(
                f"reference {str(self)!r} does not resolve to an image ID: image not known"
            ) from None

    def source(self, context: SystemContext) -> StorageSource:
        """Open for reading."""
        return StorageSource(self, self.resolve(context), context)

    def destination(self, context: SystemContext) -> StorageDestination:
        """Open for writing."""
        return StorageDestination(self, context.store(self.location), context.blob_info)

    def delete(self, context: SystemContext) -> None:
        """Delete the image and the layers nothing else needs."""
        image = self.resolve(context)
        image.store.delete_image(image.id)


def _parse_location(text: str) -> StoreLocation:
    options: tuple[str, ...] = ()
    driver, at, rest = text.partition("@")
    if not at:
        driver, rest = "", text
    rest, colon, tail = rest.partition(":")
    if colon:
        options = tuple(item for item in tail.split(",") if item)
    graph, _, run = rest.partition("+")
    if not graph.startswith("/"):
        if graph and not at and not run:
            return StoreLocation(driver=graph)
        raise InvalidInput(f"containers-storage: [{text}]: the graph root must be an absolute path")
    return StoreLocation(driver, graph, run, options)


class StorageSource(ImageSource):
    """An image of the store; its layers are what the store holds, uncompressed."""

    def __init__(self, reference: StorageReference, image: LocalImage, context: SystemContext) -> None:
        self.reference: StorageReference = reference
        self.image = image
        self._store = image.store
        self._layers: dict[str, str] = {}
        self._lock = threading.Lock()
        self._instances: dict[str, LocalImage] = {}

    def manifest(self, instance: str | None = None) -> tuple[bytes, str]:
        """See `ImageSource`."""
        if instance is None:
            data = self.image.manifest_bytes()
        else:
            data = self._manifest_of(instance)
        return data, parse_manifest(data).media_type

    def _manifest_of(self, instance: str) -> bytes:
        key = f"manifest-{instance}"
        if key in self.image.record.big_data_names:
            return self.image.big_data(key)
        found = self._instance(instance)
        if key in found.record.big_data_names:
            return found.big_data(key)
        return found.manifest_bytes()

    def _instance(self, instance: str | None) -> LocalImage:
        if instance is None or instance == self.image.digest:
            return self.image
        with self._lock:
            if instance not in self._instances:
                records = self._store.images_by_digest(instance)
                if not records:
                    raise NotFound(
                        f"{instance}: image not known", hint="the list is here, this image of it is not"
                    )
                self._instances[instance] = LocalImage(self._store, records[0])
            return self._instances[instance]

    def layers_for_copy(self, instance: str | None = None) -> Sequence[Descriptor]:
        """Uncompressed layers, from the base."""
        image = self._instance(instance)
        manifest = image.manifest()
        docker = not media_types.is_oci(manifest.media_type)
        media_type = media_types.DOCKER_LAYER if docker else media_types.OCI_LAYER
        found = []
        for layer in image.layers():
            diff_id = layer.expected_diff_id
            if diff_id is None:
                raise Error(f"reading image {image.id}: layer {layer.id}: its digest is not known")
            with self._lock:
                self._layers[diff_id] = layer.id
            found.append(Descriptor(media_type, diff_id, layer.size if layer.size is not None else -1))
        return found

    def open_blob(self, descriptor: Descriptor, offset: int = 0) -> BlobReader:
        """A layer rebuilt bit for bit, or the configuration."""
        with self._lock:
            layer_id = self._layers.get(descriptor.digest)
        if layer_id is not None:
            stream: BlobReader = self._store.diff(layer_id)
        else:
            stream = MemoryBlob(self._config(descriptor.digest))
        while offset > 0:
            skipped = stream.read(min(offset, 1 << 18))
            if not skipped:
                break
            offset -= len(skipped)
        return stream

    def _config(self, digest: str) -> bytes:
        with self._lock:
            images = [self.image, *self._instances.values()]
        for image in images:
            if digest in image.record.big_data_names:
                return image.big_data(digest)
        raise NotFound(f"reading image {self.image.id}: blob {digest} is not stored")

    def signatures(self, instance: str | None = None) -> list[bytes]:
        """Signatures kept beside the record, cut apart by the sizes in its metadata."""
        import json

        image = self._instance(instance)
        digest = instance or image.digest
        try:
            metadata = json.loads(image.record.metadata or "{}")
        except ValueError:
            return []
        sizes = (metadata.get("signatures-sizes") or {}).get(digest) or []
        key = f"signature-{digests.encoded(digest)}"
        if not sizes and metadata.get("signature-sizes"):
            sizes, key = metadata["signature-sizes"], "signatures"
        if not sizes or key not in image.record.big_data_names:
            return []
        data = image.big_data(key)
        found, position = [], 0
        for size in sizes:
            found.append(data[position : position + size])
            position += size
        return found


class StorageDestination(ImageDestination):
    """A store to write one image (or the instances of a list) to."""

    manifest_types = (
        media_types.OCI_MANIFEST,
        media_types.DOCKER_MANIFEST,
        media_types.DOCKER_V1_SIGNED,
        media_types.DOCKER_V1,
        media_types.OCI_INDEX,
        media_types.DOCKER_LIST,
    )
    supports_lists = False
    wants_config_first = True
    verifies_blobs = True

    def __init__(self, reference: StorageReference, store: Store, blob_info: BlobInfo) -> None:
        self.reference: StorageReference = reference
        self.store = store
        self._blob_info = blob_info
        self._names = [str(reference.named)] if reference.named is not None else []
        self._lock = threading.Lock()
        self._descriptors: list[Descriptor] = []
        self._diff_ids: list[str] = []
        self._staged: dict[int, StagedLayer] = {}
        self._present: dict[int, str] = {}
        self._elsewhere: dict[int, AdditionalLayer] = {}
        self._kept: list[KeptBytes] = []
        self._config: bytes | None = None
        self._manifest: bytes | None = None
        self._signatures: list[bytes] = []
        self._toplevel: bytes | None = None
        #: The image written, once committed.
        self.image: LocalImage | None = None

    def add_names(self, names: Sequence[str]) -> None:
        """Further full names for the image."""
        self._names += [name for name in names if name not in self._names]

    def set_toplevel(self, data: bytes) -> None:
        """The list the image was chosen from; the image can then be found by its digest too."""
        self._toplevel = data

    def prepare(
        self, manifest_layers: Sequence[Descriptor], config: bytes | None, instance: str | None
    ) -> None:
        """Work out which layers there will be."""
        self._descriptors = list(manifest_layers)
        self._config = config
        self._diff_ids = parse_config(config).diff_ids if config is not None else []
        if config is not None and len(self._diff_ids) != len(manifest_layers):
            raise Corrupted(
                f"the configuration names {len(self._diff_ids)} layers, the manifest {len(manifest_layers)}"
            )
        self._look_elsewhere()

    def _look_elsewhere(self) -> None:
        """Find the layers that additional layer stores provide.

        They are known by their table of contents from then on, which is part of the identifiers of all layers above.
        """
        self._release()
        if not self._diff_ids or self.origin is None or not self.store.driver.layer_stores:
            return
        for index, descriptor in enumerate(self._descriptors):
            if descriptor.media_type.endswith("+encrypted"):
                continue
            toc = descriptor.toc_digest
            found = self.store.additional_layer(toc, self.origin) if toc is not None else None
            if found is not None:
                self._elsewhere[index] = found
                if found.toc_digest != toc:
                    raise Corrupted(
                        f'additional layer for TOCDigest "{toc}" reports unexpected TOCDigest "{found.toc_digest}"',
                        hint=f"the additional layer store with {found.path} is at fault",
                    )

    def _release(self) -> None:
        while self._elsewhere:
            self._elsewhere.popitem()[1].release()

    def reuse_blob(self, descriptor: Descriptor, *, layer_index: int | None) -> Descriptor | None:
        """A layer the store has already: as it is, or on another parent."""
        if layer_index is None or not self._diff_ids:
            return None
        layer_id = self._chain_id(layer_index)
        if self._has_layer(layer_id):
            with self._lock:
                self._present[layer_index] = layer_id
            return descriptor
        if layer_index in self._elsewhere:
            return descriptor
        diff_id = self._diff_ids[layer_index]
        for other in self.store.layers_by_diff_id(diff_id):
            try:
                stream = self.store.diff(other.id)
                with stream:
                    staged = self.store.stage_layer(stream, expected_diff_id=diff_id)
            except Error:
                # Damaged, or deleted meanwhile: the source has a good copy.
                continue
            with self._lock:
                self._staged[layer_index] = staged
            return descriptor
        return None

    def kept_bytes(self, digest: str) -> KeptBytes | None:
        """The store keeps partly fetched blobs under their digests."""
        try:
            return self.store.partial_blob(digest)
        except OSError:
            return None

    def used(self, kept: KeptBytes) -> None:
        """Keep the bytes until the image is committed: a staged layer does not survive its process."""
        with self._lock:
            self._kept.append(kept)

    def put_blob(
        self,
        stream: BlobReader,
        *,
        digest: str | None,
        size: int | None,
        layer_index: int | None,
        media_type: str,
    ) -> tuple[str, int]:
        """Unpack a layer, or keep the configuration."""
        if layer_index is None:
            data = read_whole(stream)
            self._config = data
            return digest or digests.from_bytes(data), len(data)
        expected = self._diff_ids[layer_index] if self._diff_ids else None
        try:
            staged = self.store.stage_layer(cast("IO[bytes]", stream), expected_diff_id=expected)
        except Error as error:
            if digest is not None and digest not in error.message:
                error.message = f"unpacking layer {digest}: {error.message}"
            raise
        try:
            # Staging hashes the blob as it reads it, to its end; hashing here again would cost as much once more.
            while stream.read(1 << 18):
                raise Corrupted(f"unpacking layer {digest}: bytes after the end of the compressed archive")
            if digest is not None and staged.compressed_digest != digest:
                raise Corrupted(f"verifying blob {digest}: its digest is {staged.compressed_digest}")
        except BaseException:
            staged.discard()
            raise
        if digest is not None:
            self._blob_info.note_layer(digest, staged.diff_id)
        with self._lock:
            replaced = self._staged.get(layer_index)
            self._staged[layer_index] = staged
        if replaced is not None:
            replaced.discard()
        if digest is not None:
            return digest, size if size is not None else -1
        # Decrypted or recompressed on the way: nobody knew before what it would be.
        return staged.compressed_digest or staged.diff_id, staged.compressed_size or staged.size

    def put_manifest(self, data: bytes, media_type: str, instance: str | None = None) -> None:
        """Keep the manifest for `commit`."""
        self._manifest = data

    def put_signatures(self, signatures: Sequence[bytes], instance: str | None = None) -> None:
        """Keep the signatures for `commit`."""
        self._signatures = list(signatures)

    def commit(self) -> None:
        """Record the layers in order, then the image."""
        if self._manifest is None or self._config is None:
            raise Error("writing an image to the store: it has no manifest or no configuration")
        manifest = parse_manifest(self._manifest)
        if isinstance(manifest, Index):
            raise Error("writing an image to the store: a manifest list has no layers")
        parent: str | None = None
        for index, descriptor in enumerate(manifest.layers):
            parent = self._commit_layer(index, parent, descriptor)
        created = _created(self._config)
        wanted = self.reference.image_id
        identifier = assemble.image_id_for(
            self._config,
            [
                self._elsewhere[index].toc_digest if index in self._elsewhere else None
                for index in range(len(manifest.layers))
            ],
        )
        if wanted and not identifier.startswith(wanted):
            raise InvalidInput(f"writing image {wanted}: its configuration makes it {identifier}")
        self.image = assemble.record(
            self.store,
            parent,
            self._config,
            self._manifest,
            self._names,
            created=created,
            signatures=self._signatures,
            toplevel=self._toplevel,
            id=identifier,
        )
        self._release()
        for kept in self._kept:
            kept.done()
        self._kept.clear()

    def discard(self) -> None:
        """Remove what was unpacked; kept bytes stay for the next attempt."""
        with self._lock:
            staged, self._staged = list(self._staged.values()), {}
            for kept in self._kept:
                kept.close()
            self._kept.clear()
            self._release()
        for layer in staged:
            layer.discard()

    def _commit_layer(self, index: int, parent: str | None, descriptor: Descriptor) -> str:
        if index in self._present:
            return self._present[index]
        found = self._elsewhere.get(index)
        if found is not None:
            layer_id = assemble.toc_layer_id_for(parent, found.toc_digest)
            return self.store.adopt_layer(found, parent, id=layer_id).id
        staged = self._staged.get(index)
        if staged is None:
            raise Error(f"writing an image to the store: layer {index} is missing")
        diff_id = self._diff_ids[index] if self._diff_ids else staged.diff_id
        layer = self.store.commit_layer(
            staged,
            parent,
            id=assemble.layer_id_for(parent, diff_id),
            compressed_digest=descriptor.digest,
            compressed_size=descriptor.size if descriptor.size >= 0 else None,
        )
        with self._lock:
            self._staged.pop(index, None)
        return layer.id

    def _chain_id(self, index: int) -> str:
        parent: str | None = None
        for number, diff_id in enumerate(self._diff_ids[: index + 1]):
            found = self._elsewhere.get(number)
            if found is not None:
                parent = assemble.toc_layer_id_for(parent, found.toc_digest)
            else:
                parent = assemble.layer_id_for(parent, diff_id)
        assert parent is not None
        return parent

    def _has_layer(self, layer_id: str) -> bool:
        try:
            return not self.store.layer(layer_id).incomplete
        except NotFound:
            return False


def _created(config: bytes) -> int | None:
    from ocicore.storage import timestamps

    raw: dict[str, Any] = parse_config(config).raw
    return timestamps.from_text(str(raw.get("created") or "")) or None
