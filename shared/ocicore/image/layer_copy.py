"""One blob from a source to a destination: reused, carried over, compressed or decompressed on the way.

Every blob is read through a verifying reader, size first; what is recompressed is hashed on both sides.
"""

from __future__ import annotations

from contextlib import nullcontext

from ocicore.errors import Corrupted, Error, Unsupported
from ocicore.files import codec
from ocicore.image.resume import MIN_KEPT, ResumedBlob
from ocicore.image.watched_blob import MemoryBlob, Remade, WatchedBlob
from ocicore.oci import digest as digests
from ocicore.oci import media_types
from ocicore.oci.descriptor import Descriptor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from typing import Any, TypeVar

    from ocicore.image.blob_cache import BlobCache
    from ocicore.image.blob_info import BlobInfo
    from ocicore.image.encryption_keys import DecryptionKeys, Recipients
    from ocicore.image.progress import Progress
    from ocicore.image.resume import KeptBytes
    from ocicore.image.types import BlobReader, ImageDestination, ImageSource

    T = TypeVar("T")

_CHUNK = 1 << 18
CHUNKED = "zstd:chunked"
_CHUNKED_KEYS = "io.github.containers.zstd-chunked."


class CompressionPlan:
    """What layers shall be at the destination.

    Attributes:
        format: "gzip", "zstd", "zstd:chunked", "none", or "" to leave each layer as it is.
        level: of the compressor, None for its default.
        force: also recompress layers compressed in another format.
        exact: nothing but `format` will do, also where a destination has the layer in another one.
    """

    __slots__ = ("exact", "force", "format", "level")

    def __init__(
        self, format: str = "", level: int | None = None, force: bool = False, exact: bool = False
    ) -> None:
        self.format = format
        self.level = level
        self.force = force
        self.exact = exact

    def fits(self, compression: str, *, oci: bool) -> bool:
        """Whether a layer that is to be made in `format` may as well be one in `compression`.

        Args:
            oci: the manifest may be OCI's, which alone has a name for zstd.
        """
        if compression.startswith("zstd") and not oci:
            return False
        if self.exact or self.format == "none" or compression == "none":
            return self.format in (compression, compression.partition(":")[0])
        return compression in ("gzip", "zstd", CHUNKED)

    def change(self, present: str) -> str | None:
        """The format a layer has to get, None when it stays as it is."""
        # zstd:chunked is zstd, laid out for those who know it.
        if not self.format or self.format.partition(":")[0] == present:
            return None
        if self.format == "none":
            return "none"
        if present == "none" or self.force:
            return self.format
        return None


class LayerCryptography:
    """Which layers of one image are encrypted or decrypted.

    Attributes:
        recipients: whom to encrypt for, None to encrypt nothing.
        layers: positions to encrypt.
        keys: private keys to decrypt with, None to leave encrypted layers as they are.
    """

    __slots__ = ("keys", "layers", "recipients")

    def __init__(
        self,
        recipients: Recipients | None = None,
        layers: frozenset[int] = frozenset(),
        keys: DecryptionKeys | None = None,
    ) -> None:
        self.recipients = recipients
        self.layers = layers
        self.keys = keys

    def concerns(self, index: int, media_type: str) -> bool:
        """Whether the layer is to be changed."""
        if media_type.endswith("+encrypted"):
            return self.keys is not None
        return self.recipients is not None and index in self.layers


class BlobCopier:
    """Copies the blobs of one image.

    Args:
        source, destination: from where to where.
        plan: compression.
        progress: told what happens; called from several threads.
        precompute_in: directory for compressed layers, when their digests shall be known before they are sent.
        cryptography: which layers are encrypted and decrypted on the way.
        cache: blobs that need not be asked of the source, and where those copied are kept.
        blob_info: what earlier copies learned about blobs, and where this one notes what it learns.
        oci: the manifest may become OCI's.
    """

    def __init__(
        self,
        source: ImageSource,
        destination: ImageDestination,
        plan: CompressionPlan,
        progress: Progress,
        precompute_in: str = "",
        cryptography: LayerCryptography | None = None,
        cache: BlobCache | None = None,
        *,
        blob_info: BlobInfo,
        oci: bool,
    ) -> None:
        self._blob_info = blob_info
        self._oci = oci
        self._source = source
        self._destination = destination
        self._plan = plan
        self._progress = progress
        self._precompute = precompute_in
        self._cryptography = cryptography
        self._cache = cache
        self._stopped = False

    def stop(self) -> None:
        """Make copies that have begun in other threads give up at their next piece."""
        self._stopped = True

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
        cryptography = self._cryptography
        if cryptography is not None and cryptography.concerns(index, layer.media_type):
            return self._crypt(cryptography, index, layer), None
        if alternative is not None and self._fits(alternative):
            found = self._destination.reuse_blob(alternative, layer_index=index)
            if found is not None:
                self._skipped(layer, found.digest)
                return found, None
        uncompressed = self._source.layers_are_uncompressed
        present = "none" if uncompressed else media_types.layer_compression(layer.media_type)
        change = self._plan.change(present) if present is not None else None
        if change is None:
            found = self._destination.reuse_blob(layer, layer_index=index)
            if found is not None:
                self._skipped(layer, found.digest)
                return found, "none" if uncompressed else None
        elif (
            self._plan.level is None
        ):  # of a level that was asked for nobody knows whether it was made with it
            known = self._known(layer)
            if known is not None:
                return known
        kept = self._kept(layer)
        stream = self._open(layer, kept)
        try:
            if change is None:
                with self._keeping(stream, layer.digest) as passing:
                    digest, size = self._destination.put_blob(
                        passing,
                        digest=layer.digest,
                        size=layer.size if layer.size >= 0 else None,
                        layer_index=index,
                        media_type=layer.media_type,
                    )
                result = (
                    layer if layer.size >= 0 and digest == layer.digest else _changed(layer, digest, size)
                )
                compression = "none" if uncompressed else None
            elif change == CHUNKED:
                result, compression = self._chunked(stream, index, layer), "zstd"
            else:
                recoded = Recoder(stream, change, self._plan.level)
                if self._precompute:
                    digest, size = self._put_precomputed(recoded, index, layer)
                else:
                    with self._keeping(recoded, None) as passing:
                        digest, size = self._destination.put_blob(
                            passing, digest=None, size=None, layer_index=index, media_type=layer.media_type
                        )
                        recoded.finish()
                result, compression = _changed(layer, digest, size), change
        except Corrupted as error:
            if kept is not None:
                kept.restart()
                kept.close()
            if self._cache is not None and self._cache.has(layer):
                error.hint = f"remove {layer.digest} from the blob cache {self._cache.directory}"
            raise
        except BaseException:
            if kept is not None:
                kept.close()
            raise
        finally:
            stream.close()
        if kept is not None:
            self._destination.used(kept)
        self._source.was_read(layer)
        self._note(stream.beginning, layer.digest, result, change)
        self._progress.blob_done(layer.digest, skipped=False)
        return result, compression

    def _known(self, layer: Descriptor) -> tuple[Descriptor, str] | None:
        """The layer as an earlier copy made it, where the destination has that: nothing is compressed and sent again."""
        oci = self._oci
        found = self._destination.reuse_variant(
            layer.digest, lambda compression: self._plan.fits(compression, oci=oci), self._plan.format
        )
        if found is None:
            return None
        variant, size = found
        self._skipped(layer, variant.digest)
        result = _changed(layer, variant.digest, size)
        result.annotations = dict(sorted({**result.annotations, **variant.annotations}.items()))
        return result, variant.compression.partition(":")[0]

    def _skipped(self, layer: Descriptor, digest: str) -> None:
        self._progress.debug(f"Skipping blob {digest} (already present):")
        self._progress.blob_done(layer.digest, skipped=True)

    def _note(self, beginning: bytes, digest: str, made: Descriptor, change: str | None) -> None:
        """Note what is certain of a layer that was read, verified, and written; its media type is only a claim."""
        if len(beginning) < codec.PREFIX_SIZE:
            return
        known = self._blob_info
        present = codec.detect(beginning)
        known.note_form(digest, present)
        if change is None:
            if present == "none":
                known.note_layer(digest, digest)
            return
        annotations = made.annotations if change == CHUNKED else {}
        chunked = {key: value for key, value in annotations.items() if key.startswith(_CHUNKED_KEYS)}
        known.note_form(made.digest, change, chunked)
        if change == "none":
            known.note_layer(digest, made.digest)
        elif present == "none":
            known.note_layer(made.digest, digest)
            toc = made.toc_digest
            if chunked and toc is not None:
                known.note_table(toc, digest)

    def _chunked(self, stream: BlobReader, index: int, layer: Descriptor) -> Descriptor:
        """Store a layer as zstd:chunked."""
        import tempfile

        from ocicore.image.zstd_chunked import ChunkedReader

        reader = ChunkedReader(stream, self._plan.level, self._precompute or tempfile.gettempdir())
        digest, size = self._put_new(reader, index, layer.media_type)
        changed = _changed(layer, digest, size)
        changed.annotations = dict(sorted({**changed.annotations, **reader.annotations}.items()))
        return changed

    def _crypt(self, cryptography: LayerCryptography, index: int, layer: Descriptor) -> Descriptor:
        """Copy a layer decrypted, or encrypted; nothing is reused, as every encryption has a key of its own."""
        from ocicore.image import layer_encryption

        stream = self._open(layer, None)
        try:
            annotations = layer_encryption.without_encryption(layer.annotations)
            if layer_encryption.is_encrypted(layer.media_type):
                assert cryptography.keys is not None
                media_type = layer.media_type.removesuffix(layer_encryption.SUFFIX)
                plain = layer_encryption.DecryptingReader(stream, cryptography.keys, layer.annotations)
                digest, size = self._put_new(plain, index, media_type)
            else:
                assert cryptography.recipients is not None
                media_type, readable = self._for_encryption(layer, stream)
                sealed = layer_encryption.EncryptingReader(readable, cryptography.recipients, layer.digest)
                digest, size = self._put_new(sealed, index, media_type)
                annotations |= sealed.annotations()
            while stream.read(_CHUNK):
                pass
        finally:
            stream.close()
        self._progress.blob_done(layer.digest, skipped=False)
        return Descriptor(
            media_type, digest, size, annotations=dict(sorted(annotations.items())), urls=layer.urls
        )

    def _put_new(self, stream: BlobReader, index: int, media_type: str) -> tuple[str, int]:
        return self._destination.put_blob(
            stream, digest=None, size=None, layer_index=index, media_type=media_type
        )

    def _for_encryption(self, layer: Descriptor, stream: BlobReader) -> tuple[str, BlobReader]:
        """(media type once encrypted, the bytes to encrypt): compressed first, if the destination wants that."""
        from ocicore.image import layer_encryption

        present = (
            "none"
            if self._source.layers_are_uncompressed
            else media_types.layer_compression(layer.media_type)
        )
        if present is None:
            raise Unsupported(f"encrypting layer {layer.digest}: unsupported media type {layer.media_type}")
        change = self._plan.change(present)
        if change == CHUNKED:
            # Its table of contents would tell what the encryption hides.
            change = "zstd"
        if change is not None:
            stream = Recoder(stream, change, self._plan.level)
        compression = change or present
        media_type = media_types.layer_media_type(media_types.OCI_MANIFEST, compression)
        return f"{media_type}{layer_encryption.SUFFIX}", stream

    def config(self, data: bytes, media_type: str) -> Descriptor:
        """Store a configuration."""
        digest = digests.from_bytes(data)
        descriptor = Descriptor(media_type, digest, len(data))
        if self._cache is not None and self._cache.keeps:
            self._cache.keep_config(data)
        self._progress.blob_started(digest, len(data), "config")
        if self._destination.reuse_blob(descriptor, layer_index=None) is None:
            self._destination.put_blob(
                MemoryBlob(data), digest=digest, size=len(data), layer_index=None, media_type=media_type
            )
            self._progress.blob_done(digest, skipped=False)
        else:
            self._progress.blob_done(digest, skipped=True)
        return descriptor

    def _put_precomputed(self, recoded: Recoder, index: int, layer: Descriptor) -> tuple[str, int]:
        """Compress into a temporary file first: the destination may have that blob already."""
        import tempfile

        with tempfile.TemporaryFile(dir=self._precompute) as file:
            hasher = digests.new_hash("sha256")
            while data := recoded.read(_CHUNK):
                hasher.update(data)
                file.write(data)
            recoded.finish()
            size = file.tell()
            file.seek(0)
            found = Descriptor(layer.media_type, "sha256:" + hasher.hexdigest(), size)
            if self._destination.reuse_blob(found, layer_index=index) is None:
                self._destination.put_blob(
                    file, digest=found.digest, size=size, layer_index=index, media_type=layer.media_type
                )
            return found.digest, size

    def _fits(self, alternative: Descriptor) -> bool:
        present = media_types.layer_compression(alternative.media_type)
        return present is not None and self._plan.change(present) is None and present != "none"

    def _kept(self, layer: Descriptor) -> KeptBytes | None:
        """Bytes of the layer that an earlier process fetched, where fetching is dear enough to keep them."""
        if not self._source.is_remote or layer.size < MIN_KEPT:
            return None
        return self._destination.kept_bytes(layer.digest)

    def _open(self, layer: Descriptor, kept: KeptBytes | None) -> WatchedBlob:
        def open_blob(offset: int) -> BlobReader:
            cached = self._cache.open(layer, offset) if self._cache is not None else None
            if cached is not None:
                return cached
            if kept is None:
                return self._source.open_blob(layer, offset)
            return ResumedBlob(kept, lambda place: self._source.open_blob(layer, place), layer.size, offset)

        return WatchedBlob(
            open_blob,
            layer,
            lambda done: self._tell(layer.digest, done),
            hashed_elsewhere=self._destination.verifies_blobs,
        )

    def _keeping(self, stream: BlobReader, digest: str | None) -> AbstractContextManager[BlobReader]:
        """The stream as the destination reads it: its bytes are left in the cache, where there is one to fill."""
        if self._cache is None or not self._cache.keeps:
            return nullcontext(stream)
        return self._cache.keeping(stream, digest)

    def _tell(self, digest: str, done: int) -> None:
        if self._stopped:
            raise Stopped("copying was stopped")
        self._progress.blob_progress(digest, done)


class Stopped(Error):
    """Another blob failed, or the user interrupted; this one gave up."""


class Recoder(Remade):
    """Reads a stream in another compression format."""

    def __init__(self, stream: BlobReader, kind: str, level: int | None) -> None:
        super().__init__(stream)
        self._plain = self._blaming_digest(lambda: codec.open_reader(stream))
        self._compressor: Any = codec.compressor(kind, level) if kind != "none" else None
        self._ended = False

    def next_piece(self) -> bytes:
        """Some bytes in the new format."""
        while not self._ended:
            data = self._blaming_digest(lambda: self._plain.read(_CHUNK))
            if not data:
                self._ended = True
                return self._compressor.flush() if self._compressor is not None else b""
            piece: bytes = self._compressor.compress(data) if self._compressor is not None else data
            if piece:
                return piece
        return b""

    def _blaming_digest(self, step: Callable[[], T]) -> T:
        """Bytes that cannot be decompressed are seldom what the digest promised, which says more."""
        try:
            return step()
        except Corrupted:
            self.finish()
            raise


def _changed(layer: Descriptor, digest: str, size: int) -> Descriptor:
    # What said where a zstd:chunked layer has its table does not fit other bytes.
    annotations = {
        key: value for key, value in layer.annotations.items() if not key.startswith(_CHUNKED_KEYS)
    }
    return Descriptor(
        layer.media_type, digest or layer.digest, size, annotations=annotations, urls=layer.urls
    )


def check_format(name: str) -> str:
    """A compression format of the command line.

    Raises:
        Unsupported: it is unknown or cannot be written.
    """
    if name not in ("gzip", "zstd", CHUNKED):
        raise Unsupported(f'unknown compression format "{name}"', hint=f"gzip, zstd or {CHUNKED}")
    return name
