"""One blob from a source to a destination: reused, carried over, compressed or decompressed on the way.

Every blob is read through a verifying reader, size first; what is recompressed is hashed on both sides.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ocicore.errors import Corrupted, Unsupported
from ocicore.files import codec
from ocicore.files.verified import VerifiedReader
from ocicore.image.progress import Progress
from ocicore.image.types import BlobReader, ImageDestination, ImageSource
from ocicore.oci import digest as digests
from ocicore.oci import media_types
from ocicore.oci.descriptor import Descriptor

_CHUNK = 1 << 18


@dataclass(frozen=True)
class CompressionPlan:
    """What layers shall be at the destination.

    Attributes:
        format: "gzip", "zstd", "none", or "" to leave each layer as it is.
        level: of the compressor, None for its default.
        force: also recompress layers compressed in another format.
        only_uncompressed: compress what is not compressed, and leave the rest alone.
    """

    format: str = ""
    level: int | None = None
    force: bool = False

    def change(self, present: str) -> str | None:
        """The format a layer has to get, None when it stays as it is."""
        if not self.format or self.format == present:
            return None
        if self.format == "none":
            return "none"
        if present == "none" or self.force:
            return self.format
        return None


class BlobCopier:
    """Copies the blobs of one image.

    Args:
        source, destination: from where to where.
        plan: compression.
        progress: told what happens; called from several threads.
    """

    def __init__(
        self,
        source: ImageSource,
        destination: ImageDestination,
        plan: CompressionPlan,
        progress: Progress,
    ) -> None:
        self._source = source
        self._destination = destination
        self._plan = plan
        self._progress = progress

    def layer(
        self, index: int, layer: Descriptor, alternative: Descriptor | None
    ) -> tuple[Descriptor, str | None]:
        """Copy one layer.

        Args:
            index: position in the manifest.
            layer: as the source has it.
            alternative: the same layer in the form the manifest names, when the source has it in another
                (a store keeps layers unpacked); reused when the destination happens to have it.

        Returns:
            The layer at the destination, and its compression when that is not as its media type says.
        """
        if (
            layer.urls
            and self._destination.keeps_foreign_layers
            and media_types.is_foreign_layer(layer.media_type)
        ):
            return layer, None
        if alternative is not None and self._fits(alternative):
            found = self._destination.reuse_blob(alternative, layer_index=index)
            if found is not None:
                self._progress.blob_done(layer.digest, skipped=True)
                return found, None
        uncompressed = self._source.layers_are_uncompressed
        present = "none" if uncompressed else media_types.layer_compression(layer.media_type)
        change = self._plan.change(present) if present is not None else None
        if change is None:
            found = self._destination.reuse_blob(layer, layer_index=index)
            if found is not None:
                self._progress.blob_done(layer.digest, skipped=True)
                return found, "none" if uncompressed else None
        stream = self._open(layer)
        try:
            if change is None:
                digest, size = self._destination.put_blob(
                    stream,
                    digest=layer.digest,
                    size=layer.size if layer.size >= 0 else None,
                    layer_index=index,
                    media_type=layer.media_type,
                )
                result = (
                    layer if layer.size >= 0 and digest == layer.digest else _changed(layer, digest, size)
                )
                compression = "none" if uncompressed else None
            else:
                recoded = Recoder(stream, change, self._plan.level)
                digest, size = self._destination.put_blob(
                    recoded, digest=None, size=None, layer_index=index, media_type=layer.media_type
                )
                recoded.finish()
                result, compression = _changed(layer, digest, size), change
        finally:
            stream.close()
        self._progress.blob_done(layer.digest, skipped=False)
        return result, compression

    def config(self, data: bytes, media_type: str) -> Descriptor:
        """Store a configuration."""
        digest = digests.from_bytes(data)
        descriptor = Descriptor(media_type, digest, len(data))
        self._progress.blob_started(digest, len(data), "config")
        if self._destination.reuse_blob(descriptor, layer_index=None) is None:
            self._destination.put_blob(
                MemoryBlob(data), digest=digest, size=len(data), layer_index=None, media_type=media_type
            )
            self._progress.blob_done(digest, skipped=False)
        else:
            self._progress.blob_done(digest, skipped=True)
        return descriptor

    def _fits(self, alternative: Descriptor) -> bool:
        present = media_types.layer_compression(alternative.media_type)
        return present is not None and self._plan.change(present) is None and present != "none"

    def _open(self, layer: Descriptor) -> BlobReader:
        raw = self._source.open_blob(layer)
        verified = VerifiedReader(raw, layer.digest, layer.size if layer.size >= 0 else None)
        return _Watched(verified, lambda done: self._progress.blob_progress(layer.digest, done))


class Recoder:
    """Reads a stream in another compression format."""

    def __init__(self, stream: BlobReader, kind: str, level: int | None) -> None:
        self._raw = stream
        self._plain = codec.open_reader(stream)
        self._compressor: Any = codec.compressor(kind, level) if kind != "none" else None
        self._buffer = b""
        self._ended = False

    def read(self, amount: int = -1, /) -> bytes:
        """Bytes in the new format, b"" at the end."""
        while not self._buffer and not self._ended:
            data = self._plain.read(_CHUNK)
            if not data:
                self._ended = True
                self._buffer = self._compressor.flush() if self._compressor is not None else b""
            else:
                self._buffer = self._compressor.compress(data) if self._compressor is not None else data
        if amount < 0 or amount >= len(self._buffer):
            piece, self._buffer = self._buffer, b""
        else:
            piece, self._buffer = self._buffer[:amount], self._buffer[amount:]
        return piece

    def finish(self) -> None:
        """Read the source to its very end, so that its digest is checked."""
        while self._raw.read(_CHUNK):
            pass

    def close(self) -> None:
        """Close the source."""
        self._raw.close()


class MemoryBlob:
    """A blob at hand."""

    def __init__(self, data: bytes) -> None:
        self._data = memoryview(data)

    def read(self, amount: int = -1, /) -> bytes:
        """Up to `amount` bytes."""
        size = len(self._data) if amount < 0 else amount
        piece, self._data = bytes(self._data[:size]), self._data[size:]
        return piece

    def close(self) -> None:
        """Nothing to do."""


class _Watched:
    """Tells how far a stream has been read."""

    def __init__(self, stream: VerifiedReader, tell: Callable[[int], None]) -> None:
        self._stream = stream
        self._tell = tell

    def read(self, amount: int = -1, /) -> bytes:
        data = self._stream.read(amount if amount != 0 else _CHUNK)
        if data:
            self._tell(self._stream.count)
        return data

    def close(self) -> None:
        self._stream.close()


def _changed(layer: Descriptor, digest: str, size: int) -> Descriptor:
    return Descriptor(
        layer.media_type, digest or layer.digest, size, annotations=layer.annotations, urls=layer.urls
    )


def read_config(source: ImageSource, descriptor: Descriptor, limit: int = 4 << 20) -> bytes:
    """A configuration blob, verified.

    Raises:
        Corrupted: larger than `limit`, or not what its descriptor says.
    """
    if descriptor.size > limit:
        raise Corrupted(
            f"reading config {descriptor.digest}: {descriptor.size} bytes, more than the {limit} allowed"
        )
    raw = source.open_blob(descriptor)
    try:
        reader = VerifiedReader(raw, descriptor.digest, descriptor.size if descriptor.size >= 0 else None)
        parts, total = [], 0
        while data := reader.read(_CHUNK):
            parts.append(data)
            total += len(data)
            if total > limit:
                raise Corrupted(f"reading config {descriptor.digest}: more than the {limit} bytes allowed")
        return b"".join(parts)
    finally:
        raw.close()


def check_format(name: str) -> str:
    """A compression format of the command line.

    Raises:
        Unsupported: it is unknown or cannot be written.
    """
    if name not in ("gzip", "zstd"):
        raise Unsupported(f'unknown compression format "{name}"', hint="gzip or zstd")
    return name
