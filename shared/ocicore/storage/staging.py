"""Staging a layer: from a compressed stream to a directory and a tar-split file, in one pass.

    reader thread: read → sha256 (blob) → decompress → sha256 (diff id) → pipe
    caller:        pipe → unpack in C → files, and tar-split lines into a second pipe
    tar-split thread: second pipe → gzip → file

All three release the interpreter lock while they work. The directory is private until it is
committed (tempdirs.py). tar-split: vbatts/tar-split JSON lines, gzip, as containers/storage keeps them.
"""

from __future__ import annotations

import errno
import os

from ocicore.errors import Corrupted, Error
from ocicore.storage.streams import CHUNK, PipeStream, make_pipe, write_all
from ocicore.storage.tempdirs import TempDir, move

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ocicore.files.codec import Readable
    from ocicore.linux.archive import Limits, UnpackResult
    from ocicore.storage.driver import Driver
    from ocicore.storage.records import IdMaps

_COMPRESSION_NUMBERS = {"none": 0, "bzip2": 1, "gzip": 2, "xz": 3, "zstd": 4}
_READ = 1 << 20
#: A layer may be larger than this only by so many times its compressed size. gzip reaches 1032; zstd, bzip2 and xz
#: go beyond that with files of zeros, which below 16 GiB is nobody's concern.
_EXPANDED = 16 << 30
_MAX_RATIO = 1100


class StagedLayer:
    """An unpacked layer without a record. `Store.commit_layer` makes it one; else `discard` it.

    Attributes:
        diff_id, size: digest and length in bytes of the uncompressed tar.
        compressed_digest, compressed_size, compression: of the stream it came from.
        uids, gids: owners in the tar, ascending.
        entries: members of the tar.
        bytes: sum of the file sizes.
        id_maps: mapping the files were written with.
        diff_dir, tar_split: where the files and the tar-split file are now.
        temp: the private directory.
        again: None; see `known_layers.KnownLayer`.
    """

    again: Callable[[], StagedLayer] | None = None

    def __init__(
        self,
        temp: TempDir,
        diff_dir: str,
        tar_split: str | None,
        *,
        feed: _Feed,
        result: UnpackResult,
        id_maps: IdMaps | None,
    ) -> None:
        self.temp = temp
        self.diff_dir = diff_dir
        self.tar_split = tar_split
        self.diff_id = feed.diff_id
        self.size = feed.size
        self.compressed_digest = feed.compressed_digest
        self.compressed_size = feed.compressed_size
        self.compression = feed.compression
        self.uids = result.uids
        self.gids = result.gids
        self.entries = result.entries
        self.bytes = result.bytes
        self.id_maps = id_maps

    def record(
        self, compressed_digest: str | None = None, compressed_size: int | None = None
    ) -> dict[str, Any]:
        """The keys this layer adds to its record. A given digest of the blob replaces the one seen."""
        raw: dict[str, Any] = {
            "compressed-diff-digest": compressed_digest or self.compressed_digest,
            "compressed-size": self.compressed_size if compressed_size is None else compressed_size,
            "diff-digest": self.diff_id,
            "diff-size": self.size,
        }
        number = _COMPRESSION_NUMBERS[self.compression]
        if number:
            raw["compression"] = number
        if self.uids:
            raw["uidset"] = self.uids
        if self.gids:
            raw["gidset"] = self.gids
        return raw

    def open_blob(self, compression: str = "none") -> PipeStream:
        """The tar again, bit for bit, before or after the layer was committed (while this object lives)."""
        from ocicore.storage import difference, streams

        if self.tar_split is None:
            raise Error("reading a staged layer: it has no tar-split")
        return streams.compressed(difference.reassembled(self.tar_split, [self.diff_dir]), compression)

    def complete(self, driver: Driver, parent: str | None) -> None:
        """For drivers whose layers hold their parent's files: copy those, then apply this layer to them."""
        from ocicore.linux import archive

        folder = os.path.join(self.temp.path, "whole")
        os.mkdir(folder, 0o700)
        target = driver.stage_dir(folder)
        target_fd = os.open(target, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            if parent is not None:
                source_fd = os.open(driver.diff_path(parent), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
                try:
                    archive.copy_tree(source_fd, target_fd, in_user_namespace=driver.in_user_namespace)
                finally:
                    os.close(source_fd)
            uid_map, gid_map = self.id_maps or ([], [])
            with self.open_blob() as blob:
                archive.unpack(
                    blob.fileno(),
                    target_fd,
                    whiteouts=driver.whiteouts,
                    uid_map=uid_map,
                    gid_map=gid_map,
                    in_user_namespace=driver.in_user_namespace,
                    ignore_chown_errors=driver.ignore_chown_errors,
                )
                blob.finish()
        finally:
            os.close(target_fd)
        self.diff_dir = target

    def sync(self) -> None:
        """Bring the layer to disk (syncfs): before its record becomes visible. Raises ArchiveError."""
        from ocicore.linux import archive

        fd = os.open(self.temp.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            archive.syncfs(fd)
        finally:
            os.close(fd)

    def committed(self) -> None:
        """The files have moved to the layer; only the private directory is left to remove."""
        self.temp.remove()

    def discard(self) -> None:
        """Delete everything. May be repeated, and is harmless after a commit."""
        self.temp.remove()

    def __enter__(self) -> StagedLayer:
        return self

    def __exit__(self, *exception: object) -> None:
        self.discard()


class _Feed:
    """The reader thread: from the stream to plain tar bytes in a pipe, with digests and lengths."""

    def __init__(
        self,
        stream: Readable | int,
        out_fd: int,
        *,
        compressed_digest: str | None,
        on_progress: Callable[[int], None] | None,
    ) -> None:
        self._read: Callable[[int], bytes]
        if isinstance(stream, int):
            fd = stream
            self._read = lambda size: os.read(fd, size)
        else:
            self._read = stream.read
        self._out_fd = out_fd
        self._on_progress = on_progress
        self.compressed_digest = compressed_digest or ""
        self.compressed_size = 0
        self.diff_id = ""
        self.size = 0
        self.compression = "none"
        self.error: BaseException | None = None

    def run(self) -> None:
        """Thread body; `error` is set when it failed."""
        try:
            self._pump()
        except BrokenPipeError:
            pass  # the unpacking side failed and has the reason
        except BaseException as error:  # noqa: BLE001 – raised again by whoever waits for the thread
            self.error = error
        finally:
            os.close(self._out_fd)

    def _pump(self) -> None:
        import _hashlib

        from ocicore.files import codec

        chunk = self._read(_READ)
        while chunk and len(chunk) < codec.PREFIX_SIZE:
            more = self._read(_READ)
            if not more:
                break
            chunk += more
        self.compression = codec.detect(chunk)
        decoder = codec.decompressor(self.compression)
        plain = self.compression == "none"
        blob_hash = _hashlib.openssl_sha256() if not self.compressed_digest and not plain else None
        tar_hash = _hashlib.openssl_sha256()
        while chunk:
            self.compressed_size += len(chunk)
            if blob_hash is not None:
                blob_hash.update(chunk)
            for data in decoder.pieces(chunk):
                self.size += len(data)
                if self.size > max(_EXPANDED, self.compressed_size * _MAX_RATIO):
                    from ocicore.linux.archive import LimitExceeded

                    raise LimitExceeded(
                        f"unpacking layer: {self.compressed_size} bytes expand to more than {self.size}: "
                        "this is a decompression bomb"
                    )
                tar_hash.update(data)
                write_all(self._out_fd, data)
            if self._on_progress is not None:
                self._on_progress(self.compressed_size)
            chunk = self._read(_READ)
        decoder.finish()
        self.diff_id = "sha256:" + tar_hash.hexdigest()
        if blob_hash is not None:
            self.compressed_digest = "sha256:" + blob_hash.hexdigest()
        elif plain and not self.compressed_digest:
            self.compressed_digest = self.diff_id


class _Zip:
    """The tar-split thread: lines from a pipe, gzip into a file."""

    def __init__(self, in_fd: int, path: str) -> None:
        self._in_fd = in_fd
        self._path = path
        self.error: BaseException | None = None

    def run(self) -> None:
        """Thread body; `error` is set when it failed."""
        # zlib, not codec's ISA-L: a commit imports nothing for it, and these lines are few.
        import zlib

        try:
            out = os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
            try:
                compressor = zlib.compressobj(1, zlib.DEFLATED, 31)
                while data := os.read(self._in_fd, CHUNK):
                    piece = compressor.compress(data)
                    if piece:
                        write_all(out, piece)
                write_all(out, compressor.flush())
            finally:
                os.close(out)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            self.error = Error(
                f"unpacking layer: writing {self._path}: {reason}",
                hint="free some space, or move the store" if full else None,
            )
        except BaseException as error:  # noqa: BLE001 – raised again by whoever waits for the thread
            self.error = error
        finally:
            os.close(self._in_fd)


def stage(
    stream: Readable | int,
    driver: Driver,
    temp_root: str,
    *,
    expected_diff_id: str | None = None,
    compressed_digest: str | None = None,
    id_maps: IdMaps | None = None,
    limits: Limits | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> StagedLayer:
    """Unpack a layer into a private directory; see `Store.stage_layer`."""
    temp = TempDir(temp_root)
    try:
        return _stage(stream, driver, temp, expected_diff_id, compressed_digest, id_maps, limits, on_progress)
    except BaseException:
        temp.remove()
        raise


def adopt(stream: Readable, driver: Driver, temp_root: str, upper: str) -> StagedLayer:
    """Make a directory a staged layer by moving it; an empty one takes its place.

    Args:
        stream: the same directory as a tar stream; it is read for digest, length and tar-split.
        upper: directory nobody writes to or has mounted, on the mount of `temp_root`.

    Raises what reading or moving raises; the directory is where it was then.
    """
    import threading

    from ocicore.linux import archive

    temp = TempDir(temp_root)
    try:
        tar_split = os.path.join(temp.path, "tar-split.gz")
        data_read, data_write = make_pipe()
        split_read, split_write = make_pipe()
        feed = _Feed(stream, data_write, compressed_digest=None, on_progress=None)
        packer = _Zip(split_read, tar_split)
        threads = [
            threading.Thread(target=feed.run, name="layer-read", daemon=True),
            threading.Thread(target=packer.run, name="tar-split", daemon=True),
        ]
        for thread in threads:
            thread.start()
        result = None
        failure: BaseException | None = None
        try:
            result = archive.split(data_read, split_write)
        except BaseException as error:  # noqa: BLE001 – raised below, once the threads have ended
            failure = error
        finally:
            os.close(data_read)
            os.close(split_write)
            for thread in threads:
                thread.join()
        for cause in (feed.error, failure, packer.error):
            if cause is not None:
                raise cause
        if result is None:
            raise Error("reading layer: interrupted")
        diff_dir = os.path.join(temp.path, "diff")
        status = os.stat(upper)
        move(upper, diff_dir)
        os.mkdir(upper, 0o700)
        os.chown(upper, status.st_uid, status.st_gid)
        os.chmod(upper, status.st_mode & 0o7777)
        return StagedLayer(temp, diff_dir, tar_split, feed=feed, result=result, id_maps=None)
    except BaseException:
        temp.remove()
        raise


def _stage(
    stream: Readable | int,
    driver: Driver,
    temp: TempDir,
    expected_diff_id: str | None,
    compressed_digest: str | None,
    id_maps: IdMaps | None,
    limits: Limits | None,
    on_progress: Callable[[int], None] | None,
) -> StagedLayer:
    import threading

    from ocicore.linux import archive

    diff_dir = driver.stage_dir(temp.path)
    tar_split = os.path.join(temp.path, "tar-split.gz")
    data_read, data_write = make_pipe()
    split_read, split_write = make_pipe()
    feed = _Feed(stream, data_write, compressed_digest=compressed_digest, on_progress=on_progress)
    packer = _Zip(split_read, tar_split)
    threads = [
        threading.Thread(target=feed.run, name="layer-read", daemon=True),
        threading.Thread(target=packer.run, name="tar-split", daemon=True),
    ]
    for thread in threads:
        thread.start()
    root_fd = -1
    result = None
    failure: BaseException | None = None
    try:
        root_fd = os.open(diff_dir, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        uid_map, gid_map = id_maps or ([], [])
        result = archive.unpack(
            data_read,
            root_fd,
            whiteouts="keep" if driver.needs_parent else driver.whiteouts,
            uid_map=uid_map,
            gid_map=gid_map,
            in_user_namespace=driver.in_user_namespace,
            ignore_chown_errors=driver.ignore_chown_errors,
            force_mask=driver.force_mask,
            tar_split_fd=split_write,
            limits=limits,
        )
    except BaseException as error:  # noqa: BLE001 – raised below, once the threads have ended
        failure = error
    finally:
        for fd in (data_read, split_write, root_fd):
            if fd >= 0:
                os.close(fd)
        for thread in threads:
            thread.join()
    # The threads' errors are the cause where the unpacker failed, too: it then only saw an early end, or a closed pipe.
    for cause in (feed.error, packer.error, failure):
        if cause is not None:
            raise cause
    if result is None:
        raise Error("unpacking layer: interrupted")
    if expected_diff_id is not None and feed.diff_id != expected_diff_id:
        raise Corrupted(f"unpacking layer: its diff id is {feed.diff_id} instead of {expected_diff_id}")
    return StagedLayer(temp, diff_dir, tar_split, feed=feed, result=result, id_maps=id_maps)
