"""SIF files for tests, written byte by byte (SIF 1: header, table of objects, a definition, a squashfs partition)."""

from __future__ import annotations

import struct
import subprocess
import uuid
from pathlib import Path

_HEADER = struct.Struct("<32s10s3s3s16s8q")
_OBJECT = struct.Struct("<iBIII7q128s384s")


def write_sif(
    path: Path,
    root: Path,
    *,
    definition: str = "",
    file_system: int = 1,
    part: int = 2,
    architecture: str = "02",
) -> None:
    """A SIF file of a directory's content."""
    squashfs = path.with_suffix(".squashfs")
    subprocess.run(
        ["mksquashfs", str(root), str(squashfs), "-quiet", "-no-progress", "-noappend"], check=True
    )
    objects = [
        (0x4004, squashfs.read_bytes(), struct.pack("<ii3s", file_system, part, architecture.encode()))
    ]
    if definition:
        objects.insert(0, (0x4001, definition.encode(), b""))
    squashfs.unlink()
    table, data, begin = b"", b"", 4096
    for number, (kind, content, extra) in enumerate(objects, 1):
        place = begin + len(data)
        table += _OBJECT.pack(
            kind, 1, number, 1, 0, place, len(content), len(content), 0, 0, 0, 0, b"object", extra
        )
        data += content
    total = len(objects)
    header = _HEADER.pack(
        b"#!/usr/bin/env run-singularity\n",
        b"SIF_MAGIC\0",
        b"01\0",
        architecture.encode() + b"\0",
        uuid.UUID(int=7).bytes,
        1_700_000_000,
        1_700_000_000,
        0,
        total,
        _HEADER.size,
        total * _OBJECT.size,
        begin,
        len(data),
    )
    path.write_bytes((header + table).ljust(begin, b"\0") + data)
