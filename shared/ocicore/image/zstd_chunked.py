"""zstd:chunked layers: every file a zstd frame of its own, a table of contents and tar-split data behind (containers/storage).

A reader that knows the format fetches only the files it lacks; to all others it is a zstd stream, because what follows the
tar archive lies in skippable frames (RFC 8878 §3.1.2). The table's digest and place are annotations of the layer.
"""

from __future__ import annotations

import base64
import json
import os
import tarfile
import tempfile
import time
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Any

from ocicore.errors import Corrupted, Unsupported
from ocicore.files import codec
from ocicore.image import go_json
from ocicore.image.watched_blob import Remade
from ocicore.linux import archive
from ocicore.oci import digest as digests
from ocicore.oci.descriptor import ZSTD_CHUNKED_TOC

if TYPE_CHECKING:
    from ocicore.image.types import BlobReader

PREFIX = "io.github.containers.zstd-chunked."
_POSITION = PREFIX + "manifest-position"
_TAR_SPLIT = PREFIX + "tarsplit-position"
_SKIPPABLE = b"\x50\x2a\x4d\x18"
_MAGIC = b"GNUlInUx"
_VERSION, _CRFS = 1, 1
_LEVEL = 3
_CHUNK = 1 << 18
_TYPES = {
    tarfile.REGTYPE: "reg",
    tarfile.AREGTYPE: "reg",
    tarfile.LNKTYPE: "hardlink",
    tarfile.SYMTYPE: "symlink",
    tarfile.CHRTYPE: "char",
    tarfile.BLKTYPE: "block",
    tarfile.DIRTYPE: "dir",
    tarfile.FIFOTYPE: "fifo",
}
_XATTR = "SCHILY.xattr."


class ChunkedReader(Remade):
    """Reads a layer, whatever its compression, as zstd:chunked; after its end `annotations` tells about the table.

    Args:
        stream: the layer.
        level: of zstd, None for its default.
        tmp: directory for the plain archive, which is read twice.
    """

    def __init__(self, stream: BlobReader, level: int | None, tmp: str) -> None:
        super().__init__(stream)
        self._level = _LEVEL if level is None else level
        self._tmp = tmp
        self._pieces = self._compressed()
        self.annotations: dict[str, str] = {}

    def next_piece(self) -> bytes:
        """Some bytes of the layer in its new form."""
        return next((piece for piece in self._pieces if piece), b"")

    def _compressed(self) -> Iterator[bytes]:
        with tempfile.TemporaryFile(dir=self._tmp) as plain, tempfile.TemporaryFile(dir=self._tmp) as lines:
            reader = codec.open_reader(self._raw)
            while data := reader.read(_CHUNK):
                plain.write(data)
            self.finish()
            plain.flush()
            os.lseek(plain.fileno(), 0, os.SEEK_SET)
            archive.split(plain.fileno(), lines.fileno())
            size = plain.seek(0, os.SEEK_END)
            lines.seek(0)
            tar_split = lines.read()
            yield from self._files(plain, size, tar_split)

    def _files(self, plain: IO[bytes], size: int, tar_split: bytes) -> Iterator[bytes]:
        frames = _Frames(self._level)
        entries: list[dict[str, Any]] = []
        place = 0
        plain.seek(0)
        try:
            # tarfile strips the slash from names of directories; tar-split has them as they are.
            names = _names(tar_split)
            with tarfile.open(fileobj=plain, mode="r:", errors="surrogateescape") as tar:
                members = list(tar)
            for member, name in zip(members, names, strict=True):
                entry = _entry(member, name)
                entries.append(entry)
                if not member.isreg() or member.size == 0:
                    continue
                if member.sparse is not None:
                    raise Unsupported(f"zstd:chunked: {name}: sparse files in layers are not supported")
                yield from frames.copy(plain, place, member.offset_data)
                yield frames.end()
                entry["offset"] = frames.written
                hasher = digests.new_hash("sha256")
                yield from frames.copy(plain, member.offset_data, member.offset_data + member.size, hasher)
                yield frames.end()
                entry["digest"] = "sha256:" + hasher.hexdigest()
                entry["endOffset"] = frames.written
                place = member.offset_data + member.size
        except (tarfile.TarError, ValueError) as exc:
            raise Corrupted(f"zstd:chunked: reading the layer's archive: {exc}") from exc
        yield from frames.copy(plain, place, size)
        yield frames.end()
        yield self._table(frames.written, entries, tar_split)

    def _table(self, offset: int, entries: list[dict[str, Any]], tar_split: bytes) -> bytes:
        """The skippable frames: table of contents, tar-split data, footer."""
        packed_split = _packed(tar_split, self._level)
        ordered = [{key: entry[key] for key in _KEYS if entry.get(key)} for entry in entries]
        table = go_json.dumps(
            {"version": _VERSION, "entries": ordered, "tarSplitDigest": digests.from_bytes(packed_split)}
        )
        packed = _packed(table, self._level)
        first = offset + 8
        second = first + len(packed) + 8
        self.annotations = {
            ZSTD_CHUNKED_TOC: digests.from_bytes(packed),
            _POSITION: f"{first}:{len(packed)}:{len(table)}:{_CRFS}",
            _TAR_SPLIT: f"{second}:{len(packed_split)}:{len(tar_split)}",
        }
        numbers = (first, len(packed), len(table), _CRFS, second, len(packed_split), len(tar_split))
        footer = b"".join(number.to_bytes(8, "little") for number in numbers) + _MAGIC
        return _skippable(packed) + _skippable(packed_split) + _skippable(footer)


#: Keys of an entry in the order containers/storage writes them.
_KEYS = (
    "type name linkName mode size uid gid modtime accesstime changetime devMajor devMinor xattrs digest offset endOffset"
).split()


class _Frames:
    """Compresses frame after frame; `written` counts what came out so far."""

    def __init__(self, level: int) -> None:
        import zstandard

        self._compressor = zstandard.ZstdCompressor(level=level, write_checksum=False)
        self._current = self._compressor.compressobj()
        self.written = 0

    def copy(self, file: IO[bytes], start: int, end: int, hasher: Any = None) -> Iterator[bytes]:
        """Compress a range of a file into the current frame."""
        file.seek(start)
        left = end - start
        while left > 0:
            data = file.read(min(left, _CHUNK))
            if not data:
                raise Corrupted("zstd:chunked: the layer's archive ends early")
            if hasher is not None:
                hasher.update(data)
            left -= len(data)
            piece = self._current.compress(data)
            self.written += len(piece)
            if piece:
                yield piece

    def end(self) -> bytes:
        """Finish the frame and begin another."""
        piece: bytes = self._current.flush()
        self.written += len(piece)
        self._current = self._compressor.compressobj()
        return piece


def _packed(data: bytes, level: int) -> bytes:
    import zstandard

    return zstandard.ZstdCompressor(level=level, write_checksum=False).compress(data)


def _skippable(data: bytes) -> bytes:
    return _SKIPPABLE + len(data).to_bytes(4, "little") + data


def _names(tar_split: bytes) -> list[str]:
    """Names of the archive's members, as its headers have them."""
    found = []
    for line in tar_split.splitlines():
        value = json.loads(line)
        if value.get("type") != 1:
            continue
        raw = value.get("name_raw")
        name = (
            base64.b64decode(raw).decode("utf-8", "surrogateescape") if raw else str(value.get("name") or "")
        )
        found.append(name)
    return found


def _entry(member: tarfile.TarInfo, name: str) -> dict[str, Any]:
    kind = _TYPES.get(member.type)
    if kind is None:
        raise Unsupported(f"zstd:chunked: {name}: entries of type {member.type!r} are not supported")
    pax = member.pax_headers
    xattrs = {
        key.removeprefix(_XATTR): base64.b64encode(str(value).encode("utf-8", "surrogateescape")).decode()
        for key, value in sorted(pax.items())
        if key.startswith(_XATTR)
    }
    return {
        "type": kind,
        "name": name,
        "linkName": member.linkname,
        "mode": member.mode,
        "size": member.size if kind == "reg" else 0,
        "uid": member.uid,
        "gid": member.gid,
        "modtime": _go_time(str(pax.get("mtime") or int(member.mtime))),
        "accesstime": _go_time(str(pax["atime"])) if "atime" in pax else "",
        "changetime": _go_time(str(pax["ctime"])) if "ctime" in pax else "",
        "devMajor": member.devmajor,
        "devMinor": member.devminor,
        "xattrs": xattrs,
    }


def _go_time(text: str) -> str:
    """RFC 3339 of seconds written with as many decimals as the archive has, in UTC."""
    whole, _, fraction = text.partition(".")
    nanoseconds = int((fraction + "0" * 9)[:9])
    seconds = int(whole)
    if text.startswith("-") and nanoseconds:
        seconds, nanoseconds = seconds - 1, 10**9 - nanoseconds
    ending = f".{nanoseconds:09}".rstrip("0") if nanoseconds else ""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + ending + "Z"
