"""A folder of blobs beside a copy (--blob-cache): what was fetched or made once is not fetched or compressed again.

The folder is shared with buildah: a blob lies under its digest ("sha256:HEX", a configuration under "sha256:HEX.config"), and
two notes say which blobs are one layer: "DIGEST.compressed" holds the digest of its gzip form, "DIGEST.decompressed" that of its
tar. Several programs may use it at once: whatever gets a name is complete.
"""

from __future__ import annotations

import os
from contextlib import contextmanager

from ocicore.errors import Corrupted, Error
from ocicore.oci import digest as digests
from ocicore.oci import media_types
from ocicore.oci.descriptor import Descriptor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import IO

    from ocicore.image.types import BlobReader, CompressionWish

_CHUNK = 1 << 18
_GZIP_MAGIC = b"\x1f\x8b\x08"
_COMPRESSED = ".compressed"
_DECOMPRESSED = ".decompressed"
_CONFIG = ".config"


class BlobCache:
    """The blobs of one folder.

    Args:
        directory: the folder; made where it is missing.
        wish: the form of a layer that is put forward to whoever copies from a store.
        keeps: also keep what is written to the destination.

    Raises:
        Error: the folder cannot be made.
    """

    def __init__(self, directory: str, *, wish: CompressionWish = "preserve", keeps: bool = False) -> None:
        self.directory = os.path.abspath(directory)
        self.wish: CompressionWish = wish
        self.keeps = keeps
        try:
            os.makedirs(self.directory, exist_ok=True)
        except OSError as exc:
            raise self._problem(exc) from exc

    # -- reading --------------------------------------------------------------------------

    def open(self, descriptor: Descriptor, offset: int = 0) -> IO[bytes] | None:
        """A blob from an offset, None where it is not here. Unverified, like every source."""
        found = self._find(descriptor)
        if found is None:
            return None
        try:
            file = open(found, "rb", buffering=0)
        except OSError:
            return None  # somebody emptied the folder meanwhile
        file.seek(offset)
        return file

    def has(self, descriptor: Descriptor) -> bool:
        """Whether a blob is here, by name and size."""
        return self._find(descriptor) is not None

    def suggestion(self, layer: Descriptor) -> Descriptor:
        """The layer in the wished form when that is here, else as it is.

        Docker's manifests cannot name an uncompressed layer, so there nothing is decompressed. Layers in other forms
        (zstd, foreign ones) have no notes.
        """
        docker = layer.media_type in (media_types.DOCKER_LAYER, media_types.DOCKER_LAYER_GZIP)
        known = docker or layer.media_type in (media_types.OCI_LAYER, media_types.OCI_LAYER_GZIP)
        if not known or self.wish == "preserve" or (docker and self.wish == "decompress"):
            return layer
        found = self._other_form(layer.digest, _COMPRESSED if self.wish == "compress" else _DECOMPRESSED)
        if found is None:
            return layer
        if docker:
            media_type = media_types.DOCKER_LAYER_GZIP
        else:
            media_type = media_types.OCI_LAYER_GZIP if self.wish == "compress" else media_types.OCI_LAYER
        return Descriptor(media_type, *found, annotations=layer.annotations, urls=layer.urls)

    def gzip_form(self, diff_id: str) -> tuple[str, int] | None:
        """(digest, size) of the gzip form of a layer, None where it is not here."""
        return self._other_form(diff_id, _COMPRESSED)

    # -- keeping --------------------------------------------------------------------------

    @contextmanager
    def keeping(self, stream: BlobReader, digest: str | None = None) -> Iterator[KeptStream]:
        """A stream that leaves its bytes here, if it was read to its end and nothing went wrong.

        Args:
            digest: of the blob; None to compute it.
        """
        kept = KeptStream(stream, self.directory, digest)
        try:
            yield kept
            kept.finish()
        except BaseException:
            kept.drop()
            raise
        self._name(kept)

    def keep_blob(self, stream: BlobReader) -> tuple[str, int]:
        """Keep all of a stream; (digest, size) of it."""
        with self.keeping(stream) as kept:
            size = 0
            while data := kept.read(_CHUNK):
                size += len(data)
        return kept.digest, size

    def keep_config(self, data: bytes) -> None:
        """Keep a configuration."""
        self._write(digests.from_bytes(data) + _CONFIG, data)

    def keep_manifest(self, data: bytes) -> None:
        """Keep a manifest or an index."""
        self._write(digests.from_bytes(data), data)

    def _name(self, kept: KeptStream) -> None:
        """Give a complete blob its name; a compressed one gets its tar beside it, and the notes."""
        if kept.temporary is None:
            return
        try:
            path = self._path(kept.digest)
            os.rename(kept.temporary, path)
            with open(path, "rb") as file:
                if file.read(3) != _GZIP_MAGIC:
                    return
            plain = self._decompressed(path)
            if plain is not None:
                self._write(plain + _COMPRESSED, kept.digest.encode())
                self._write(kept.digest + _DECOMPRESSED, plain.encode())
        except OSError as exc:
            raise self._problem(exc) from exc

    def _decompressed(self, path: str) -> str | None:
        """The digest of a compressed blob's tar, which is put beside it; None when it is no such thing."""
        from ocicore.files import codec

        try:
            with open(path, "rb") as file:
                plain = KeptStream(codec.open_reader(file), self.directory, None)
                try:
                    while plain.read(_CHUNK):
                        pass
                except BaseException:
                    plain.drop()
                    raise
        except Corrupted:
            return None  # whoever copied the blob has verified it: it only looks like gzip
        if plain.temporary is None:
            return None
        os.rename(plain.temporary, self._path(plain.digest))
        return plain.digest

    # -- names ----------------------------------------------------------------------------

    def _path(self, digest: str) -> str:
        return os.path.join(self.directory, digests.validate(digest))

    def _find(self, descriptor: Descriptor) -> str | None:
        """Where a blob is; a file of another size is another program's mistake and not used."""
        for path in (self._path(descriptor.digest), self._path(descriptor.digest) + _CONFIG):
            try:
                size = os.stat(path).st_size
            except FileNotFoundError:
                continue
            except OSError as exc:
                raise self._problem(exc) from exc
            if descriptor.size in (-1, size):
                return path
        return None

    def _other_form(self, digest: str, note: str) -> tuple[str, int] | None:
        other = self._noted(digest, note)
        if not other:
            return None
        try:
            return other, os.stat(self._path(other)).st_size
        except OSError:
            return None

    def _noted(self, digest: str, note: str) -> str:
        try:
            with open(self._path(digest) + note, encoding="ascii", errors="replace") as file:
                text = file.read(256).strip()
        except OSError:
            return ""
        return text if digests.is_valid(text) else ""

    def _write(self, name: str, data: bytes) -> None:
        from ocicore.files import atomic

        try:
            atomic.write(os.path.join(self.directory, name), data, 0o600, fsync=False)
        except OSError as exc:
            raise self._problem(exc) from exc

    def _problem(self, exc: OSError) -> Error:
        return Error(f"blob cache {self.directory}: {(exc.strerror or str(exc)).lower()}")


class KeptStream:
    """A stream whose bytes go into a temporary file as they are read.

    Attributes:
        temporary: the file; None when it could not be written, which only costs the cache an entry.
        digest: of the bytes, as given, or once everything was read.
    """

    def __init__(self, stream: BlobReader, folder: str, digest: str | None) -> None:
        import tempfile

        self._stream = stream
        self.digest = digest or ""
        self._hash = digests.new_hash("sha256") if digest is None else None
        self.temporary: str | None = None
        self._file: IO[bytes] | None = None
        self._ended = False
        #: A destination whose connection was cut may read again; the file then lacks the thread, and is given up.
        self.go_back = self._without_keeping("go_back")
        self.skip_to = self._without_keeping("skip_to")
        try:
            descriptor, self.temporary = tempfile.mkstemp(prefix=".blob-", dir=folder)
            self._file = open(descriptor, "wb")
        except OSError:
            self.temporary = None

    def read(self, amount: int = -1, /) -> bytes:
        """Up to `amount` bytes, b"" at the end."""
        data = self._stream.read(amount)
        if not data:
            self._end()
            return data
        if self._hash is not None:
            self._hash.update(data)
        if self._file is not None:
            try:
                self._file.write(data)
            except OSError:
                self.drop()
        return data

    def finish(self) -> None:
        """Read what the destination did not ask for."""
        while not self._ended and self.read(_CHUNK):
            pass

    def drop(self) -> None:
        """Keep nothing."""
        file, self._file = self._file, None
        path, self.temporary = self.temporary, None
        if path is not None:
            try:
                os.unlink(path)
            except FileNotFoundError:
                pass
        if file is not None:
            try:
                file.close()
            except OSError:
                pass  # a full disk; the bytes are not wanted any more

    def close(self) -> None:
        """Close the source."""
        self._stream.close()

    def _without_keeping(self, name: str) -> Callable[[int], None] | None:
        step: Callable[[int], None] | None = getattr(self._stream, name, None)
        if step is None:
            return None
        wanted = step

        def move(offset: int) -> None:
            self.drop()
            self._hash = None
            wanted(offset)

        return move

    def _end(self) -> None:
        if self._ended:
            return
        self._ended = True
        if self._hash is not None:
            self.digest = f"sha256:{self._hash.hexdigest()}"
        file, self._file = self._file, None
        if file is not None:
            try:
                file.close()
            except OSError:
                self.drop()
