"""files.codec: each format both ways, its damage, and what only looks like it."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import random

import pytest
import zstandard

from ocicore.errors import Corrupted, Unsupported
from ocicore.files import codec

_DATA = random.Random(1).randbytes(300_000) + b"tail" * 100_000
_MAKE = {
    "gzip": lambda data: gzip.compress(data, 6),
    "zstd": lambda data: zstandard.compress(data, 3),
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "none": lambda data: data,
}


@pytest.mark.parametrize("kind", codec.FORMATS)
@pytest.mark.parametrize("step", [1 << 18, 1000])
def test_reads_what_others_wrote(kind: str, step: int) -> None:
    blob = _MAKE[kind](_DATA)
    assert codec.detect(blob[: codec.PREFIX_SIZE]) == kind
    reader = codec.open_reader(io.BytesIO(blob))
    pieces = []
    while piece := reader.read(step):
        assert len(piece) <= step
        pieces.append(piece)
    assert b"".join(pieces) == _DATA
    assert reader.format == kind


@pytest.mark.parametrize("kind", ["gzip", "zstd", "bzip2", "xz"])
def test_several_members_and_padding(kind: str) -> None:
    blob = _MAKE[kind](b"one") + _MAKE[kind](b"two")
    assert codec.open_reader(io.BytesIO(blob)).read() == b"onetwo"
    assert codec.open_reader(io.BytesIO(blob + b"\0" * 700)).read() == b"onetwo"


@pytest.mark.parametrize("kind", ["gzip", "zstd", "bzip2", "xz"])
@pytest.mark.parametrize("cut", [7, 1000, -1])
def test_a_cut_stream_is_corrupted(kind: str, cut: int) -> None:
    with pytest.raises(Corrupted):
        codec.open_reader(io.BytesIO(_MAKE[kind](_DATA)[:cut])).read()


@pytest.mark.parametrize("kind", ["gzip", "bzip2", "xz"])
def test_a_flipped_bit_is_corrupted(kind: str) -> None:
    blob = bytearray(_MAKE[kind](_DATA))
    blob[len(blob) // 2] ^= 0x10
    with pytest.raises(Corrupted):
        codec.open_reader(io.BytesIO(bytes(blob))).read()


@pytest.mark.parametrize("kind", codec.FORMATS)
def test_others_read_what_we_wrote(kind: str) -> None:
    out = io.BytesIO()
    writer = codec.open_writer(out, kind)
    for start in range(0, len(_DATA), 70_000):
        writer.write(_DATA[start : start + 70_000])
    writer.close()
    blob = out.getvalue()
    plain = {
        "gzip": gzip.decompress,
        "zstd": lambda data: zstandard.ZstdDecompressor().decompressobj().decompress(data),
        "bzip2": bz2.decompress,
        "xz": lzma.decompress,
        "none": bytes,
    }[kind](blob)
    assert plain == _DATA


def test_gzip_is_reproducible() -> None:
    def once() -> bytes:
        compressor = codec.compressor("gzip", 1)
        return compressor.compress(_DATA) + compressor.flush()  # type: ignore[attr-defined]

    assert once() == once()


def test_zstd_with_a_skippable_frame_first() -> None:
    blob = b"\x50\x2a\x4d\x18" + (4).to_bytes(4, "little") + b"abcd" + zstandard.compress(b"data")
    reader = codec.open_reader(io.BytesIO(blob))
    assert (reader.format, reader.read()) == ("zstd", b"data")


def test_short_and_empty_streams_are_plain() -> None:
    assert codec.open_reader(io.BytesIO(b"")).read() == b""
    assert codec.open_reader(io.BytesIO(b"BZ")).read() == b"BZ"


def test_a_stream_that_gives_one_byte_at_a_time() -> None:
    class Slow(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            return super().read(1 if size else size)

    assert codec.open_reader(Slow(gzip.compress(b"slow"))).read() == b"slow"


def test_unknown_formats_are_refused() -> None:
    with pytest.raises(Unsupported):
        codec.compressor("lz4")
    with pytest.raises(Unsupported):
        codec.decompressor("lz4")


def test_detect_wants_whole_magic() -> None:
    assert codec.detect(os.urandom(0)) == "none"
    assert codec.detect(b"\x1f\x8b") == "none"
    assert codec.detect(b"\x1f\x8b\x08") == "gzip"


@pytest.mark.parametrize("kind", ["gzip", "zstd", "bzip2", "xz"])
def test_a_little_that_expands_to_much_comes_in_pieces(kind: str) -> None:
    """24 MB of zeros are a few kilobytes at most: one read of the blob, never one answer."""
    size = 24 << 20
    compress = {
        "gzip": lambda data: gzip.compress(data, 6),
        "zstd": lambda data: zstandard.compress(data, 19),
    }
    blob = compress.get(kind, _MAKE[kind])(bytes(size)) + _MAKE[kind](b"end")
    decoder = codec.decompressor(kind)
    seen, largest, last = 0, 0, b""
    for piece in decoder.pieces(blob):
        seen, largest, last = seen + len(piece), max(largest, len(piece)), piece
    decoder.finish()
    assert seen == size + 3
    assert last[-3:] == b"end"
    assert largest < 8 << 20 or kind == "zstd"
