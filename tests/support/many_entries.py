"""A tar archive of millions of small entries, made as it is read."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

from support.malicious_layers import END, entry, hardlink

_BATCH = 2000


class Stream:
    """A readable archive: one file, then `count - 1` hard links to it (or empty files), all in one directory."""

    def __init__(self, count: int, *, links: bool) -> None:
        self._pieces = pieces(count, links=links)
        self._rest = b""

    def read(self, size: int = -1) -> bytes:
        """As a file's."""
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return b""
            self._rest = piece
        if size < 0:
            size = len(self._rest)
        data, self._rest = self._rest[:size], self._rest[size:]
        return data


def pieces(count: int, *, links: bool) -> Iterator[bytes]:
    """The archive in pieces of about a megabyte."""
    pattern = hardlink("d/00000000", "d/x") if links else entry("d/00000000")
    # Only the digits of the name and the checksum change from one header to the next.
    summed = sum(pattern[:148]) + sum(pattern[156:]) + 8 * 32 - 8 * 0x30
    yield entry("d/x", data=b"one")
    for start in range(1, count, _BATCH):
        batch = bytearray()
        for number in range(start, min(start + _BATCH, count)):
            digits = b"%08d" % number
            header = bytearray(pattern)
            header[2:10] = digits
            header[148:156] = b"%06o\0 " % (summed + sum(digits))
            batch += header
        yield bytes(batch)
    yield END


def feed(write_fd: int, count: int, *, links: bool) -> threading.Thread:
    """Write the archive to a pipe, from a thread; closes it."""

    def run() -> None:
        with open(write_fd, "wb") as out:
            try:
                for piece in pieces(count, links=links):
                    out.write(piece)
            except BrokenPipeError:
                pass

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def peak_memory() -> int:
    """Bytes of memory this process has had at most since `reset_peak`."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no VmHWM")


def reset_peak() -> int:
    """Begin anew; returns what is in use now, in bytes."""
    Path("/proc/self/clear_refs").write_text("5")
    return peak_memory()
