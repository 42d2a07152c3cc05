"""Archives of very many entries: read with little memory, or refused. MANY_ENTRIES=10000000 is the whole of it."""

from __future__ import annotations

import os
import threading
import time

import pytest

from ocicore.linux import archive
from support import many_entries

_COUNT = int(os.environ.get("MANY_ENTRIES", "100000"))
#: A hash of every name, in a table that doubles: 8 to 22 bytes, and half as much again while it grows.
_BYTES_PER_ENTRY = 32


def _split(count: int, limits: archive.Limits) -> tuple[archive.UnpackResult, int]:
    """(result, lines of tar-split)."""
    data_read, data_write = archive.make_pipe()
    split_read, split_write = archive.make_pipe()
    lines = [0]

    def drain() -> None:
        while data := os.read(split_read, 1 << 20):
            lines[0] += data.count(b"\n")
        os.close(split_read)

    threads = [many_entries.feed(data_write, count, links=False), threading.Thread(target=drain)]
    threads[1].start()
    try:
        result = archive.split(data_read, split_write, limits=limits)
    finally:
        os.close(data_read)
        os.close(split_write)
        for thread in threads:
            thread.join()
    return result, lines[0]


def test_memory_stays_small() -> None:
    before = many_entries.reset_peak()
    start = time.monotonic()
    result, lines = _split(_COUNT, archive.Limits(entries=_COUNT))
    grown = many_entries.peak_memory() - before
    print(f"{_COUNT} entries read in {time.monotonic() - start:.1f} s with {grown / 1e6:.0f} MB of memory")
    assert result.entries == _COUNT
    assert result.stream_bytes == 512 * (_COUNT + 3)
    assert lines >= _COUNT
    assert grown < _BYTES_PER_ENTRY * _COUNT + (16 << 20)


def test_more_than_the_limit_are_refused() -> None:
    # Ten million are more than a layer may have by default.
    limits = archive.Limits() if archive.Limits().entries < _COUNT else archive.Limits(entries=_COUNT - 1)
    with pytest.raises(archive.LimitExceeded, match=f"more than {limits.entries} entries"):
        _split(_COUNT, limits)
