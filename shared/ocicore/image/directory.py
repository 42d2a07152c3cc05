"""dir: – an image as plain files in a directory ("Directory Transport Version: 1.1" of containers/image).

manifest.json, version, one file a blob named by its hexadecimal digest, signature-N; instances of a list as
HEX.manifest.json and HEX.signature-N.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from typing import IO

from ocicore.errors import Error, InvalidInput, NotFound
from ocicore.image.types import ImageDestination, ImageReference, ImageSource, SystemContext
from ocicore.oci import digest as digests
from ocicore.oci.descriptor import Descriptor
from ocicore.oci.manifest import MAX_MANIFEST_SIZE, guess_media_type

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.image.types import BlobReader

VERSION = "Directory Transport Version: 1.1\n"
_CHUNK = 1 << 18
_MAX_SIGNATURES = 128


class DirectoryReference(ImageReference):
    """A path."""

    transport = "dir"

    def __init__(self, path: str) -> None:
        self.path = path

    @classmethod
    def parse(cls, text: str) -> DirectoryReference:
        """Parse what follows "dir:"."""
        if not text:
            raise InvalidInput("dir: the path is empty")
        check_parent(text)
        return cls(text)

    def within_transport(self) -> str:
        """The path."""
        return self.path

    def policy_scopes(self) -> list[str]:
        """The path and its parents."""
        return path_scopes(self.path)

    def source(self, context: SystemContext) -> DirectorySource:
        """Open for reading."""
        return DirectorySource(self)

    def destination(self, context: SystemContext) -> DirectoryDestination:
        """Open for writing; what an earlier copy left there is replaced."""
        return DirectoryDestination(self, context)


def check_parent(path: str) -> None:
    """The folder in which a named folder or file is, or shall be made, has to be there.

    Raises:
        InvalidInput: it is not.
    """
    missing, parent = "", os.path.dirname(path.rstrip("/"))
    while parent and not os.path.lexists(parent):
        missing, parent = parent, os.path.dirname(parent)
    if missing:
        raise InvalidInput(f"lstat {missing}: no such file or directory")


class DirectorySource(ImageSource):
    """An image in a directory."""

    def __init__(self, reference: DirectoryReference) -> None:
        self.reference: DirectoryReference = reference
        if not os.path.isdir(reference.path):
            raise NotFound(f"reading {reference}: no such directory")

    def manifest(self, instance: str | None = None) -> tuple[bytes, str]:
        """manifest.json, or HEX.manifest.json."""
        name = f"{digests.encoded(instance)}.manifest.json" if instance else "manifest.json"
        data = read_small(os.path.join(self.reference.path, name), MAX_MANIFEST_SIZE)
        return data, guess_media_type(data)

    def open_blob(self, descriptor: Descriptor, offset: int = 0) -> BlobReader:
        """The blob's file."""
        return open_file(os.path.join(self.reference.path, digests.encoded(descriptor.digest)), offset)

    def signatures(self, instance: str | None = None) -> list[bytes]:
        """signature-1, signature-2 …"""
        prefix = f"{digests.encoded(instance)}." if instance else ""
        found = []
        for number in range(1, _MAX_SIGNATURES + 1):
            path = os.path.join(self.reference.path, f"{prefix}signature-{number}")
            if not os.path.exists(path):
                break
            found.append(read_small(path, MAX_MANIFEST_SIZE))
        return found


class DirectoryDestination(ImageDestination):
    """A directory to write to."""

    def __init__(self, reference: DirectoryReference, context: SystemContext) -> None:
        self.reference: DirectoryReference = reference
        path = reference.path
        if context.directory_compress:
            self.compression = "compress"
        elif context.directory_decompress:
            self.compression = "decompress"
        self._made = not os.path.exists(path)
        self._written: list[str] = []
        try:
            self._prepare(path)
        except OSError as exc:
            raise Error(f"writing {reference}: {(exc.strerror or str(exc)).lower()}") from exc

    def _prepare(self, path: str) -> None:
        if self._made:
            os.makedirs(path, 0o755)
        else:
            names = os.listdir(path)
            if names:
                version = os.path.join(path, "version")
                if not os.path.isfile(version) or read_small(version, 4096) != VERSION.encode():
                    raise InvalidInput(
                        f"writing {self.reference}: not a containers image directory, "
                        "don't want to overwrite important data",
                        hint="name an empty or a new directory",
                    )
                for name in names:
                    remove(os.path.join(path, name))
        write_file(os.path.join(path, "version"), VERSION.encode())

    def reuse_blob(self, descriptor: Descriptor, *, layer_index: int | None) -> Descriptor | None:
        """A blob that an earlier instance of the same list brought."""
        path = os.path.join(self.reference.path, digests.encoded(descriptor.digest))
        try:
            size = os.stat(path).st_size
        except OSError:
            return None
        return descriptor if descriptor.size in (-1, size) else None

    def put_blob(
        self,
        stream: BlobReader,
        *,
        digest: str | None,
        size: int | None,
        layer_index: int | None,
        media_type: str,
    ) -> tuple[str, int]:
        """A temporary file, renamed when it is complete."""
        folder = self.reference.path
        return store_blob(stream, folder, lambda found: os.path.join(folder, found), digest)

    def put_manifest(self, data: bytes, media_type: str, instance: str | None = None) -> None:
        """manifest.json, or HEX.manifest.json."""
        name = f"{digests.encoded(instance)}.manifest.json" if instance else "manifest.json"
        write_file(os.path.join(self.reference.path, name), data)

    def put_signatures(self, signatures: Sequence[bytes], instance: str | None = None) -> None:
        """signature-1, signature-2 …"""
        prefix = f"{digests.encoded(instance)}." if instance else ""
        for number, signature in enumerate(signatures, 1):
            write_file(os.path.join(self.reference.path, f"{prefix}signature-{number}"), signature)

    def discard(self) -> None:
        """Remove the directory if it is ours, else what was written into it."""
        if self._made:
            shutil.rmtree(self.reference.path, ignore_errors=True)
            return
        for name in os.listdir(self.reference.path):
            remove(os.path.join(self.reference.path, name))


def path_scopes(path: str) -> list[str]:
    """Policy scopes of a path: itself without symbolic links, then its parents, without "/"."""
    current = os.path.realpath(path)
    scopes = []
    while current != "/":
        scopes.append(current)
        current = os.path.dirname(current)
    return scopes


def read_small(path: str, limit: int) -> bytes:
    """A whole file; raises NotFound, InvalidInput when it is longer than `limit` bytes."""
    try:
        with open(path, "rb") as file:
            data = file.read(limit + 1)
    except FileNotFoundError:
        raise NotFound(f"open {path}: no such file or directory") from None
    except OSError as exc:
        raise Error(f"reading {path}: {(exc.strerror or str(exc)).lower()}") from exc
    if len(data) > limit:
        raise InvalidInput(f"reading {path}: larger than {limit} bytes")
    return data


def open_file(path: str, offset: int = 0) -> IO[bytes]:
    """A file to read from an offset; raises NotFound."""
    try:
        file = open(path, "rb", buffering=0)
    except FileNotFoundError:
        raise NotFound(f"open {path}: no such file or directory") from None
    except OSError as exc:
        raise Error(f"reading {path}: {(exc.strerror or str(exc)).lower()}") from exc
    if offset:
        file.seek(offset)
    return file


def write_file(path: str, data: bytes) -> None:
    """A small file, whole or not at all; world-readable, as other tools write images."""
    from ocicore.files import atomic

    try:
        atomic.write(path, data, 0o644, fsync=False)
    except OSError as exc:
        raise Error(f"writing {path}: {(exc.strerror or str(exc)).lower()}") from exc


def remove(path: str) -> None:
    """Remove a file or a tree."""
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path, ignore_errors=True)
    else:
        os.unlink(path)


def store_blob(
    stream: BlobReader, folder: str, path_for: Callable[[str], str], digest: str | None = None
) -> tuple[str, int]:
    """Write a stream into a temporary file of `folder`, then rename it to `path_for(hex digest)`.

    Args:
        digest: where it is known; the stream then verifies itself, and is not hashed a second time.

    Returns:
        (digest, size in bytes).
    """
    hasher = digests.new_hash("sha256") if digest is None else None
    total = 0
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=".blob-", dir=folder)
        try:
            with open(descriptor, "wb", buffering=0) as file:
                while data := stream.read(_CHUNK):
                    if hasher is not None:
                        hasher.update(data)
                    view = memoryview(data)
                    while view:
                        view = view[file.write(view) :]
                    total += len(data)
                os.fchmod(file.fileno(), 0o644)
            encoded = hasher.hexdigest() if hasher is not None else digests.encoded(digest or "")
            os.rename(temporary, path_for(encoded))
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as exc:
        raise Error(f"writing a blob to {folder}: {(exc.strerror or str(exc)).lower()}") from exc
    return digest or f"sha256:{encoded}", total
