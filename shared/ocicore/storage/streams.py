"""Byte streams made by a thread that writes into a pipe (C code that wants a descriptor, mostly)."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

CHUNK = 1 << 18


def make_pipe(size: int = 1 << 20) -> tuple[int, int]:
    """A pipe (read end, write end), close-on-exec, with a buffer near `size` bytes."""
    from ocicore.linux import archive

    return archive.make_pipe(size)


def write_all(fd: int, data: bytes | memoryview) -> None:
    """Write all of `data`. Raises OSError."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


class PipeStream:
    """A readable stream of what `produce(fd)` writes to a descriptor, in a thread of its own.

    At the end `read` raises what `produce` raised: until it has returned b"" the bytes are not
    known to be complete. Close it; closing early ends the producer by a broken pipe.

    Args:
        produce: gets the write end, which is closed for it.
    """

    def __init__(self, produce: Callable[[int], None]) -> None:
        import threading

        self._fd, self._write_fd = make_pipe()
        self._produce = produce
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="stream", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._produce(self._write_fd)
        except BaseException as error:  # noqa: BLE001 – raised again by the reader
            self._error = error
        finally:
            os.close(self._write_fd)

    def fileno(self) -> int:
        """The pipe's read end; who reads it directly must call `finish` afterwards."""
        return self._fd

    def readable(self) -> bool:
        """True."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes (all when negative); b"" at the end. Raises what the producer raised."""
        if size is None or size < 0:
            pieces = []
            while piece := self.read(CHUNK):
                pieces.append(piece)
            return b"".join(pieces)
        if not size:
            return b""
        data = os.read(self._fd, size)
        if not data:
            self.finish()
        return data

    def finish(self) -> None:
        """Wait for the producer; raises what it raised."""
        self._thread.join()
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    def close(self) -> None:
        """Give the stream up; errors of the producer are dropped. May be repeated."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.close(fd)
            self._thread.join()
            self._error = None

    @property
    def closed(self) -> bool:
        """Was `close` called?"""
        return self._fd < 0

    def __enter__(self) -> PipeStream:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __iter__(self) -> PipeStream:
        return self

    def __next__(self) -> bytes:
        data = self.read(CHUNK)
        if not data:
            raise StopIteration
        return data


def compressed(source: PipeStream, kind: str, level: int | None = None) -> PipeStream:
    """`source` compressed as gzip, zstd … on the way; "none" gives it back."""
    if kind == "none":
        return source
    from ocicore.files import codec

    def produce(fd: int) -> None:
        with source:
            compressor = codec.compressor(kind, level)
            while data := source.read(CHUNK):
                piece = compressor.compress(data)  # type: ignore[attr-defined]
                if piece:
                    write_all(fd, piece)
            write_all(fd, compressor.flush())  # type: ignore[attr-defined]

    return PipeStream(produce)
