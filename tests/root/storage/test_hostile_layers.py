"""Layers that ask for too much: refused or bounded, and the store is as it was.

SOAK=1 makes them as large as they can really be (ten million entries instead of some thousands).
"""

from __future__ import annotations

import io
import os
import resource
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zstandard

from ocicore.errors import Corrupted, Error
from ocicore.linux import archive, mount
from ocicore.storage import staging
from ocicore.storage.store import Store
from support.malicious_layers import END, cases, directory, entry
from support.stores import add_image, config, tar

pytestmark = pytest.mark.root

_BASE = tar({"etc/": None, "etc/one": b"1\n"})
_SOAK = bool(os.environ.get("SOAK"))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    folder = tmp_path / "memory"
    folder.mkdir()
    mount.mount("none", str(folder), "tmpfs", 0, "size=64m")
    opened = Store(config(folder))
    add_image(opened, [_BASE], "one")
    yield opened
    opened.shutdown(force=True)
    mount.umount(str(folder), mount.MNT_DETACH)


def _is_as_it_was(store: Store) -> None:
    assert os.listdir(store.layer_store.temp_root) == []
    assert [image.names for image in store.images()] == [["one"]]
    assert len(store.layers()) == 1
    assert store.check(contents=True).problems == []
    assert store.gc().removed == []


class Stream:
    """What a generator yields, compressed on the way."""

    def __init__(self, pieces: Iterator[bytes], kind: str = "none") -> None:
        self._pieces = pieces
        self._left = b""
        self._compressor: Any = None
        if kind == "gzip":
            self._compressor = zlib.compressobj(6, zlib.DEFLATED, 31)
        elif kind == "zstd":
            self._compressor = zstandard.ZstdCompressor(level=1).compressobj()

    def read(self, size: int = 1 << 20) -> bytes:
        """Up to `size` bytes."""
        while not self._left:
            piece = next(self._pieces, None)
            if piece is None and self._compressor is None:
                break
            if self._compressor is None:
                self._left = piece or b""
            elif piece is None:
                self._left, self._compressor = self._compressor.flush(), None
            else:
                self._left = self._compressor.compress(piece)
        out, self._left = self._left[:size], self._left[size:]
        return out


@pytest.mark.timeout(3000)
def test_millions_of_entries(store: Store) -> None:
    """The limit is eight million; smaller file systems have no room for so many before that."""
    count, limits = (10_000_000, None) if _SOAK else (20_000, archive.Limits(entries=16_000))

    def many() -> Iterator[bytes]:
        for start in range(0, count, 500):
            yield b"".join(directory(f"d{number}") for number in range(start, start + 500))
        yield END

    with pytest.raises(Error, match=r"entries|no space left on device"):
        store.stage_layer(Stream(many()), limits=limits)
    _is_as_it_was(store)


@pytest.mark.parametrize("kind", ["gzip", "zstd"])
def test_a_bomb_fills_the_disk_and_no_memory(store: Store, kind: str) -> None:
    """One file of a gigabyte of zeros in a store of 64 MB."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    def zeros() -> Iterator[bytes]:
        yield entry("zeros", size=1 << 30)
        for _ in range(1024):
            yield bytes(1 << 20)
        yield END

    with pytest.raises(Error, match="no space left on device"):
        store.stage_layer(Stream(zeros(), kind))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kilobytes
    _is_as_it_was(store)


def test_a_bomb_is_called_one(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond gzip's own possibilities a layer may not expand without end."""
    monkeypatch.setattr(staging, "_EXPANDED", 8 << 20)
    blob = zstandard.compress(entry("zeros", size=32 << 20) + bytes(32 << 20) + END, 19)
    with pytest.raises(Corrupted, match="decompression bomb"):
        store.stage_layer(io.BytesIO(blob))
    _is_as_it_was(store)


def test_every_malicious_layer_leaves_a_sound_store(store: Store) -> None:
    """Staged and, where that works, committed: the store opens, checks and streams it out again; all in one store."""
    for case in cases():
        try:
            staged = store.stage_layer(io.BytesIO(case.data), limits=archive.Limits(**case.limits))
        except Error as error:
            assert "\n" not in error.message, case.name
            # tar-split knows a file by its name, so that one may not come twice (podman refuses it, too).
            assert case.expected != "unpacked" or "twice" in error.message, case.name
        else:
            layer = store.commit_layer(staged)
            with store.diff(layer.id) as stream:
                assert stream.read() == case.data, case.name
            assert store.check(contents=True).problems == [], case.name
            store.delete_layer(layer.id)
    _is_as_it_was(store)
