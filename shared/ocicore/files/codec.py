"""Compression formats of layers and archives: recognised, read, written.

gzip goes through ISA-L (isal), zstd through zstandard, bzip2 and xz through the standard
library. All of them release the interpreter lock while they work. The libraries are
imported when a stream of their kind turns up, not before.
"""

from __future__ import annotations

from ocicore.errors import Corrupted, Unsupported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from typing import IO, Any, Protocol

    class Readable(Protocol):
        """Anything with `read(n)`."""

        def read(self, size: int = ..., /) -> bytes:
            """Up to `size` bytes, b"" at the end."""

    class Decompressor(Protocol):
        """Incremental: feed chunks, get chunks."""

        def pieces(self, data: bytes) -> Iterator[bytes]:
            """What `data` completed, in pieces of bounded size; to be taken to the end."""

        def finish(self) -> None:
            """The input ended here; raises Corrupted when it may not."""


#: Bytes that must be at hand for `detect` to be sure.
PREFIX_SIZE = 6
FORMATS = ("none", "gzip", "zstd", "bzip2", "xz")
_CHUNK = 1 << 18
_PIECE = 1 << 20
_ZSTD_SLICE = 1 << 12

_MAGIC = (
    (b"\x1f\x8b\x08", "gzip"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
)


def detect(prefix: bytes) -> str:
    """The format whose first bytes these are; "none" for anything else (a plain tar).

    A zstd stream may also start with a skippable frame (RFC 8878 §3.1.2, zstd:chunked).
    """
    for magic, name in _MAGIC:
        if prefix.startswith(magic):
            return name
    if len(prefix) >= 4 and prefix[1:4] == b"\x2a\x4d\x18" and prefix[0] & 0xF0 == 0x50:
        return "zstd"
    return "none"


class _Plain:
    def pieces(self, data: bytes) -> Iterator[bytes]:
        yield data

    def finish(self) -> None:
        return None


class _Members:
    """A stream that may consist of several compressed members one after the other."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._current: object | None = None
        self._seen = False

    def _new(self) -> object:
        if self._kind == "gzip":
            from isal import isal_zlib

            return isal_zlib.decompressobj(wbits=31)
        if self._kind == "bzip2":
            import bz2

            return bz2.BZ2Decompressor()
        if self._kind == "xz":
            import lzma

            return lzma.LZMADecompressor(format=lzma.FORMAT_XZ)
        import zstandard

        return zstandard.ZstdDecompressor(max_window_size=1 << 27).decompressobj()

    def pieces(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._current is None:
                # Trailing zeros are padding (gzip and tar tools write them), not another member.
                if self._seen and not data.strip(b"\0"):
                    return
                self._current = self._new()
                self._seen = True
            take = _TAKERS.get(self._kind, _take)
            try:
                data = yield from take(self._current, data)
            except Exception as error:  # noqa: BLE001 – four libraries, four kinds of error
                raise Corrupted(f"decompressing {self._kind} data: {error}") from None
            if self._current.eof:  # type: ignore[attr-defined]
                self._current = None

    def finish(self) -> None:
        if self._current is not None or not self._seen:
            raise Corrupted(f"decompressing {self._kind} data: the stream ends in the middle")


# Each gives the plain bytes of one member, about `_PIECE` at a time (a megabyte may stand for many gigabytes), and
# returns what is left of `data` after its end.


def _take(member: Any, data: bytes) -> Generator[bytes, None, bytes]:
    while True:
        piece = member.decompress(data, _PIECE)
        if piece:
            yield piece
        data = b""
        if member.eof or member.needs_input:
            return bytes(member.unused_data)


def _take_gzip(member: Any, data: bytes) -> Generator[bytes, None, bytes]:
    while True:
        piece = member.decompress(data, _PIECE)
        if piece:
            yield piece
        data = member.unconsumed_tail
        # A full piece may have left more inside.
        if member.eof or (not data and len(piece) < _PIECE):
            return bytes(member.unused_data)


def _take_zstd(member: Any, data: bytes) -> Generator[bytes, None, bytes]:
    """This library knows no limit, but four bytes stand for 128 KiB at most: little is fed at a time."""
    ready: list[bytes] = []
    size = 0
    for start in range(0, len(data), _ZSTD_SLICE):
        piece = member.decompress(data[start : start + _ZSTD_SLICE])
        ready.append(piece)
        size += len(piece)
        if size >= _PIECE:
            yield b"".join(ready)
            ready, size = [], 0
        if member.eof:
            break
    if size:
        yield b"".join(ready)
    if not member.eof:
        return b""
    return bytes(member.unused_data) + data[start + _ZSTD_SLICE :]


_TAKERS = {"gzip": _take_gzip, "zstd": _take_zstd}


def decompressor(kind: str) -> Decompressor:
    """An incremental decompressor for a format `detect` named. Raises Unsupported for others."""
    if kind == "none":
        return _Plain()
    if kind not in FORMATS:
        raise Unsupported(f"unknown compression format: {kind}")
    return _Members(kind)


class DecompressingReader:
    """`read(n)` of the plain bytes of a stream, whatever its format.

    Attributes:
        format: what `detect` found.
    """

    def __init__(self, stream: Readable) -> None:
        self._stream = stream
        prefix = b""
        while len(prefix) < PREFIX_SIZE:
            piece = stream.read(_CHUNK)
            if not piece:
                break
            prefix += piece
        self.format = detect(prefix)
        self._decoder = decompressor(self.format)
        self._pieces: Iterator[bytes] = self._decoder.pieces(prefix) if prefix else iter(())
        self._buffer = memoryview(b"")
        self._ended = False

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes (all of them when negative), b"" at the end. Raises Corrupted."""
        if size < 0:
            pieces = []
            while piece := self.read(_CHUNK):
                pieces.append(piece)
            return b"".join(pieces)
        while not self._buffer and not self._ended:
            ready = next(self._pieces, None)
            if ready is not None:
                self._buffer = memoryview(ready)
                continue
            data = self._stream.read(_CHUNK)
            if not data:
                self._ended = True
                self._decoder.finish()
                break
            self._pieces = self._decoder.pieces(data)
        out = bytes(self._buffer[:size])
        self._buffer = self._buffer[size:]
        return out

    def close(self) -> None:
        """Close the stream below if it can be closed."""
        close = getattr(self._stream, "close", None)
        if close is not None:
            close()

    def __enter__(self) -> DecompressingReader:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def open_reader(stream: Readable) -> DecompressingReader:
    """A reader of the plain bytes of `stream`; its `format` says what was found."""
    return DecompressingReader(stream)


class _PlainWriter:
    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def write(self, data: bytes) -> int:
        self._stream.write(data)
        return len(data)

    def close(self) -> None:
        return None


class CompressingWriter:
    """`write` compresses into a stream; `close` finishes the compressed stream, not the file below."""

    def __init__(self, stream: IO[bytes], kind: str, level: int | None) -> None:
        self._stream = stream
        self._compressor = compressor(kind, level)

    def write(self, data: bytes) -> int:
        """Compress all of `data`; returns its length."""
        piece = self._compressor.compress(data)  # type: ignore[attr-defined]
        if piece:
            self._stream.write(piece)
        return len(data)

    def close(self) -> None:
        """Write what is still buffered, and the trailer."""
        self._stream.write(self._compressor.flush())  # type: ignore[attr-defined]

    def __enter__(self) -> CompressingWriter:
        return self

    def __exit__(self, kind: object, value: object, trace: object) -> None:
        if kind is None:
            self.close()


def compressor(kind: str, level: int | None = None) -> object:
    """An object with `compress(data)` and `flush()` for gzip (level 0–3 of ISA-L), zstd, bzip2 or xz."""
    if kind == "gzip":
        from isal import isal_zlib

        chosen = isal_zlib.ISAL_DEFAULT_COMPRESSION if level is None else max(0, min(level, 3))
        # ISA-L writes the header with a zero time stamp: the same input gives the same bytes.
        return isal_zlib.compressobj(level=chosen, wbits=31)
    if kind == "zstd":
        import zstandard

        return zstandard.ZstdCompressor(
            level=3 if level is None else level, write_checksum=False
        ).compressobj()
    if kind == "bzip2":
        import bz2

        return bz2.BZ2Compressor(9 if level is None else level)
    if kind == "xz":
        import lzma

        return lzma.LZMACompressor(preset=level)
    raise Unsupported(f"unknown compression format: {kind}")


def open_writer(stream: IO[bytes], kind: str, level: int | None = None) -> CompressingWriter | _PlainWriter:
    """A writer that puts `kind`-compressed data into `stream`. `level` None is the format's default."""
    if kind == "none":
        return _PlainWriter(stream)
    return CompressingWriter(stream, kind, level)
