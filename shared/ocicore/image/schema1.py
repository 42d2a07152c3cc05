"""Images with a Docker schema 1 manifest, seen as schema 2: sizes, diff ids and configuration are worked out.

Schema 1 names neither sizes nor uncompressed digests, so each layer is read once beforehand, into a temporary file.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass

from ocicore.files import codec
from ocicore.files.verified import VerifiedReader
from ocicore.image import convert
from ocicore.image.types import ImageSource
from ocicore.oci import digest as digests
from ocicore.oci import media_types
from ocicore.oci.descriptor import Descriptor
from ocicore.oci.manifest import Manifest, parse_manifest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.image.types import BlobReader

_CHUNK = 1 << 18


@dataclass(frozen=True)
class ModernImage:
    """A schema 1 image as schema 2 would have it."""

    source: ImageSource
    manifest: Manifest
    config: bytes


class _SpooledSource(ImageSource):
    """The layers of a source, read already."""

    def __init__(self, inner: ImageSource) -> None:
        self.reference = inner.reference
        self._inner = inner
        self._folder = tempfile.TemporaryDirectory(prefix="schema1-")

    def spool(self, layer: Descriptor) -> tuple[Descriptor, str]:
        """Fetch a layer; returns it with its size, and its diff id."""
        path = os.path.join(self._folder.name, digests.encoded(layer.digest))
        raw = self._inner.open_blob(layer)
        try:
            with open(path, "wb") as file:
                reader = VerifiedReader(raw, layer.digest, None)
                while data := reader.read(_CHUNK):
                    file.write(data)
        finally:
            raw.close()
        hasher = digests.new_hash("sha256")
        with open(path, "rb") as file:
            plain = codec.open_reader(file)
            while data := plain.read(_CHUNK):
                hasher.update(data)
            kind = media_types.DOCKER_LAYER_GZIP if plain.format == "gzip" else media_types.DOCKER_LAYER
        return Descriptor(kind, layer.digest, os.stat(path).st_size), "sha256:" + hasher.hexdigest()

    def open_blob(self, descriptor: Descriptor, offset: int = 0) -> BlobReader:
        """A spooled layer."""
        file = open(os.path.join(self._folder.name, digests.encoded(descriptor.digest)), "rb")
        file.seek(offset)
        return file

    def manifest(self, instance: str | None = None) -> tuple[bytes, str]:
        """The original manifest."""
        return self._inner.manifest(instance)

    def close(self) -> None:
        """Remove the spooled layers."""
        self._folder.cleanup()


def modernise(source: ImageSource, manifest: Manifest) -> ModernImage:
    """Read the layers and make a schema 2 manifest and configuration; throw-away layers are left out."""
    spooled = _SpooledSource(source)
    layers: list[Descriptor] = []
    diff_ids: list[str] = []
    seen: dict[str, tuple[Descriptor, str]] = {}
    for layer, throwaway in convert.schema_1_layers(manifest):
        if throwaway:
            continue
        if layer.digest not in seen:
            seen[layer.digest] = spooled.spool(layer)
        descriptor, diff_id = seen[layer.digest]
        layers.append(descriptor)
        diff_ids.append(diff_id)
    config = convert.config_of_schema_1(manifest, diff_ids)
    empty = Manifest(media_types.DOCKER_MANIFEST, None, [])
    data = convert.manifest_for(
        media_types.DOCKER_MANIFEST, convert.descriptor_of(config, media_types.DOCKER_CONFIG), layers, empty
    )
    parsed = parse_manifest(data, media_types.DOCKER_MANIFEST)
    assert isinstance(parsed, Manifest)
    return ModernImage(spooled, parsed, config)
