"""A disk that remembers every write and every flush, so that a power cut can be played at any instant.

The disk is one file of a file system of our own (FUSE), served by a process of its own; a loop device on it carries ext4,
xfs or btrfs. The loop driver hands each write on at once and turns the file system's flushes into fsync, so the log has
the order in which a drive with a volatile cache would have seen them. `image_after_cut` then makes the disk as it may be
after the power went: all writes before the last flush, and of those after it any, whole 4 KiB blocks each.

Log: records of struct `<BQI` (kind, offset, length) and, for writes, the data.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

from ocicore.linux import mount

_RECORD = struct.Struct("<BQI")
_WRITE, _FLUSH = 0, 1
_BLOCK = 4096

# The kernel's FUSE protocol 7.31, as far as a single file needs it.
_IN = struct.Struct("<IIQQIIIHH")
_OUT = struct.Struct("<IiQ")
_FORGET, _GETATTR, _SETATTR, _OPEN, _READ, _WRITE_OP, _STATFS, _RELEASE, _FSYNC = (
    2,
    3,
    4,
    14,
    15,
    16,
    17,
    18,
    20,
)
_FLUSH_OP, _INIT, _INTERRUPT, _DESTROY, _BATCH_FORGET = 25, 26, 36, 38, 42
_SILENT = (_FORGET, _INTERRUPT, _BATCH_FORGET)
_MAX_WRITE = 1 << 17


class _Server:
    """Answers the kernel for one file until the file system is unmounted."""

    def __init__(self, fuse: int, backing: int, log: int) -> None:
        self._fuse, self._backing, self._log = fuse, backing, log
        self._size = os.fstat(backing).st_size

    def run(self) -> None:
        while True:
            try:
                request = os.read(self._fuse, _MAX_WRITE + 8192)
            except OSError:
                return  # unmounted
            _, code, unique, *_ = _IN.unpack_from(request)
            if code in _SILENT:
                continue
            error, body = self._answer(code, memoryview(request)[_IN.size :])
            os.writev(self._fuse, [_OUT.pack(_OUT.size + len(body), -error, unique), body])
            if code == _DESTROY:
                return

    def _answer(self, code: int, body: memoryview) -> tuple[int, bytes]:
        if code == _INIT:
            # major, minor, readahead, flags, background, threshold, max_write, granularity, pages, padding
            return 0, struct.pack("<IIIIHHIIHH28x", 7, 31, 1 << 17, 0, 16, 12, _MAX_WRITE, 1, 0, 0)
        if code in (_GETATTR, _SETATTR):
            return 0, struct.pack("<QII", 0, 0, 0) + struct.pack(
                "<QQQQQQIIIIIIIIII",
                1,
                self._size,
                self._size // 512,
                0,
                0,
                0,
                0,
                0,
                0,
                0o100600,
                1,
                0,
                0,
                0,
                _BLOCK,
                0,
            )
        if code == _OPEN:
            return 0, struct.pack("<QII", 1, 0, 0)
        if code == _READ:
            _, offset, size = struct.unpack_from("<QQI", body)
            return 0, os.pread(self._backing, size, offset)
        if code == _WRITE_OP:
            _, offset, size = struct.unpack_from("<QQI", body)
            data = body[40 : 40 + size]
            os.pwrite(self._backing, data, offset)
            os.writev(self._log, [_RECORD.pack(_WRITE, offset, size), data])
            return 0, struct.pack("<II", size, 0)
        if code == _FSYNC:
            os.write(self._log, _RECORD.pack(_FLUSH, 0, 0))
            return 0, b""
        if code == _STATFS:
            return 0, struct.pack("<QQQQQIIII24x", 0, 0, 0, 1, 0, _BLOCK, 255, _BLOCK, 0)
        if code in (_FLUSH_OP, _RELEASE, _DESTROY):
            return 0, b""
        return 38, b""  # ENOSYS: the kernel does without


class RecordingDisk:
    """The log of what was written to a disk.

    Attributes:
        base: image of the disk as it was before.
        log: path of the log.
    """

    def __init__(self, base: Path, log: Path) -> None:
        self.base, self.log = base, log

    def position(self) -> int:
        """How long the log is: an instant, to be cut at."""
        return self.log.stat().st_size

    def flushes(self) -> list[int]:
        """Every instant right after a flush."""
        return [end for kind, _, _, _, end in self._records() if kind == _FLUSH]

    def _records(self) -> Iterator[tuple[int, int, int, int, int]]:
        """(kind, offset, length, where the data begin in the log, end of the record)."""
        with self.log.open("rb") as log:
            at = 0
            while head := log.read(_RECORD.size):
                kind, offset, length = _RECORD.unpack(head)
                at += _RECORD.size
                yield kind, offset, length, at, at + length
                at += length
                log.seek(at)

    def image_after_cut(self, target: Path, position: int, chance: random.Random) -> None:
        """Write to `target` the disk after a cut at `position`: what follows the last flush is there or not by chance."""
        # A new file: mount would find the loop device of an older cut by its inode, with what that one has cached.
        target.unlink(missing_ok=True)
        subprocess.run(["cp", "--sparse=always", "--", str(self.base), str(target)], check=True)
        pending: list[tuple[int, int, int]] = []
        with self.log.open("rb") as log, target.open("r+b") as disk:

            def put(offset: int, length: int, where: int) -> None:
                os.pwrite(disk.fileno(), os.pread(log.fileno(), length, where), offset)

            for kind, offset, length, where, end in self._records():
                if end > position:
                    break
                if kind == _WRITE:
                    pending.append((offset, length, where))
                    continue
                for write in pending:
                    put(*write)
                pending.clear()
            survival = chance.choice((0.0, 0.1, 0.5, 0.9, 1.0))
            blocks = [
                (offset + at, min(_BLOCK, length - at), where + at)
                for offset, length, where in pending
                for at in range(0, length, _BLOCK)
                if chance.random() < survival
            ]
            # Of two writes of one block the later one wins where it survives: a drive keeps their order.
            for block in blocks:
                put(*block)


@contextlib.contextmanager
def recording(image: Path, folder: Path) -> Iterator[tuple[RecordingDisk, Path]]:
    """The file system of `image` mounted through a recording disk: (disk, where it is mounted).

    `image` is kept as it was; `folder` gets what is needed.
    """
    backing, disk, log = folder / "backing", folder / "disk", folder / "log"
    shutil.copy(image, backing)
    for path in (disk, log):
        path.touch()
    target = folder / "mounted"
    target.mkdir()
    fuse = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
    mount.mount("disk", str(disk), "fuse", 0, f"fd={fuse},rootmode=100600,user_id=0,group_id=0")
    server = os.fork()
    if server == 0:
        status = 1
        try:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            flags = os.O_WRONLY | os.O_APPEND
            _Server(fuse, os.open(backing, os.O_RDWR), os.open(log, flags)).run()
            status = 0
        finally:
            os._exit(status)
    os.close(fuse)
    try:
        subprocess.run(["mount", "-o", "loop", str(disk), str(target)], check=True)
        try:
            yield RecordingDisk(image, log), target
        finally:
            from support.loop_disk import release

            release(target)
    finally:
        mount.umount(str(disk), mount.MNT_DETACH)
        os.waitpid(server, 0)
