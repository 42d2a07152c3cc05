"""tarball: – an image made on the spot from tar files, one layer each (FILE[:FILE…], "-" for standard input); read only."""

from __future__ import annotations

import os
import time
from typing import IO, TYPE_CHECKING, Any

from ocicore.errors import Error, InvalidInput, NotFound, Unsupported
from ocicore.files import codec
from ocicore.image import go_json
from ocicore.image.types import ImageReference, ImageSource
from ocicore.image.watched_blob import MemoryBlob
from ocicore.oci import digest as digests
from ocicore.oci import media_types, platform
from ocicore.oci.descriptor import Descriptor

if TYPE_CHECKING:
    from ocicore.image.types import BlobReader, SystemContext

_CHUNK = 1 << 18


class TarballReference(ImageReference):
    """FILE[:FILE…]."""

    transport = "tarball"

    def __init__(self, paths: list[str]) -> None:
        self.paths = paths

    @classmethod
    def parse(cls, text: str) -> TarballReference:
        """Parse what follows "tarball:"; raises InvalidInput."""
        paths = text.split(":")
        for path in paths:
            if path != "-" and not os.path.exists(path):
                raise NotFound(f'error opening "{path}": open {path}: no such file or directory')
        if paths.count("-") > 1:
            raise InvalidInput("tarball: standard input can be read only once")
        return cls(paths)

    def within_transport(self) -> str:
        """FILE:FILE."""
        return ":".join(self.paths)

    def source(self, context: SystemContext) -> TarballSource:
        """Read every file once, for its digests."""
        return TarballSource(self, context)


class TarballSource(ImageSource):
    """An image whose layers are files."""

    def __init__(self, reference: TarballReference, context: SystemContext) -> None:
        self.reference: TarballReference = reference
        self._files: dict[str, str | IO[bytes]] = {}
        layers, diff_ids, history = [], [], []
        newest = 0
        for path in reference.paths:
            file = _spooled_input(context.tmp) if path == "-" else _opened(path)
            try:
                status = os.fstat(file.fileno())
                moment = time.time_ns() if path == "-" else status.st_mtime_ns
                layer, diff_id = _measured(file, path, status.st_size)
            except BaseException:
                file.close()
                raise
            if path == "-":
                self._files[layer.digest] = file
            else:
                file.close()
                self._files[layer.digest] = path
            newest = max(newest, moment)
            layers.append(layer)
            diff_ids.append(diff_id)
            history.append(
                {
                    "created": _go_time(moment),
                    "created_by": f"/bin/sh -c #(nop) ADD file:{digests.encoded(diff_id)} in /",
                    "comment": "imported from tarball",
                }
            )
        here = platform.host()
        self._config = go_json.dumps(
            {
                "created": _go_time(newest),
                "architecture": here.architecture,
                "os": here.os,
                "config": {},
                "rootfs": {"type": "layers", "diff_ids": diff_ids},
                "history": history,
            }
        )
        config = Descriptor(media_types.OCI_CONFIG, digests.from_bytes(self._config), len(self._config))
        self._manifest = go_json.dumps(
            {
                "schemaVersion": 2,
                "config": config.to_json(),
                "layers": [layer.to_json() for layer in layers],
            }
        )
        self._config_digest = config.digest

    def manifest(self, instance: str | None = None) -> tuple[bytes, str]:
        """The manifest made up."""
        if instance is not None:
            raise Unsupported('manifest lists are not supported by the "tarball" transport')
        return self._manifest, media_types.OCI_MANIFEST

    def open_blob(self, descriptor: Descriptor, offset: int = 0) -> BlobReader:
        """A file, or the configuration made up."""
        if descriptor.digest == self._config_digest:
            return MemoryBlob(self._config[offset:])
        found = self._files.get(descriptor.digest)
        if found is None:
            raise NotFound(f'no blob with digest "{descriptor.digest}" found')
        if isinstance(found, str):
            file = _opened(found)
        else:
            file = os.fdopen(os.open(f"/proc/self/fd/{found.fileno()}", os.O_RDONLY), "rb")
        file.seek(offset)
        return file

    def close(self) -> None:
        """Forget what came over standard input."""
        for file in self._files.values():
            if not isinstance(file, str):
                file.close()


def _opened(path: str) -> IO[bytes]:
    try:
        return open(path, "rb")
    except OSError as exc:
        raise Error(f'error opening "{path}": {(exc.strerror or str(exc)).lower()}') from exc


def _spooled_input(tmp: str) -> IO[bytes]:
    """Standard input in a temporary file: it is read twice."""
    import shutil
    import tempfile

    spool = tempfile.NamedTemporaryFile(dir=tmp)
    try:
        with open(0, "rb", closefd=False) as stream:
            shutil.copyfileobj(stream, spool, _CHUNK)
        spool.flush()
        spool.seek(0)
    except OSError as exc:
        spool.close()
        raise Error(f"error buffering standard input: {(exc.strerror or str(exc)).lower()}") from exc
    return spool


def _measured(file: IO[bytes], path: str, size: int) -> tuple[Descriptor, str]:
    """(descriptor, diff id) of a layer."""
    blob, plain = digests.new_hash("sha256"), digests.new_hash("sha256")
    reader = codec.open_reader(_Hashed(file, blob))
    kind = media_types.layer_media_type(media_types.OCI_MANIFEST, reader.format)
    if kind is None:
        raise Unsupported(
            f'"{path}": layers compressed with {reader.format} have no media type', hint="use gzip or zstd"
        )
    while data := reader.read(_CHUNK):
        plain.update(data)
    return Descriptor(kind, "sha256:" + blob.hexdigest(), size), "sha256:" + plain.hexdigest()


class _Hashed:
    def __init__(self, file: IO[bytes], hasher: Any) -> None:
        self._file = file
        self._hasher = hasher

    def read(self, size: int = -1, /) -> bytes:
        data = self._file.read(size)
        self._hasher.update(data)
        return data


def _go_time(nanoseconds: int) -> str:
    """RFC 3339 with as many digits as needed, in UTC."""
    seconds, rest = divmod(nanoseconds, 10**9)
    fraction = f".{rest:09}".rstrip("0") if rest else ""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + fraction + "Z"
