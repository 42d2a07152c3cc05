"""Writes small bbolt databases, so that reading them is tested without the library."""

from __future__ import annotations

import struct
from typing import Union

PAGE = 4096
Tree = dict[bytes, Union[bytes, "Tree"]]


def bolt_file(tree: Tree) -> bytes:
    """A database with these buckets; what does not fit into one page gets a branch page above its leaves."""
    pages: list[bytes] = [b"", b"", _page(2, 0x10, 0, b"")]
    root = _bucket(tree, pages)
    for number in (0, 1):
        meta = struct.pack("=IIIIQQQQQ", 0xED0CDAED, 2, PAGE, 0, root, 0, 2, len(pages), number)
        pages[number] = _page(number, 0x04, 0, meta + struct.pack("=Q", checksum(meta)))
    return b"".join(pages)


def checksum(data: bytes) -> int:
    """FNV-1a, 64 bits: what a meta page ends with."""
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return value


def _page(number: int, flags: int, count: int, body: bytes) -> bytes:
    return (struct.pack("=QHHI", number, flags, count, 0) + body).ljust(PAGE, b"\0")


def _bucket(tree: Tree, pages: list[bytes]) -> int:
    """Write the bucket's pages; number of the topmost."""
    items = []
    for key, value in sorted(tree.items()):
        if isinstance(value, dict):
            items.append((1, key, struct.pack("=QQ", _bucket(value, pages), 0)))
        else:
            items.append((0, key, value))
    leaves: list[list[tuple[int, bytes, bytes]]] = [[]]
    room = PAGE - 16
    for item in items:
        needed = 16 + len(item[1]) + len(item[2])
        if needed > room:
            leaves.append([])
            room = PAGE - 16
        leaves[-1].append(item)
        room -= needed
    numbers = []
    for leaf in leaves:
        numbers.append(len(pages))
        pages.append(_leaf(len(pages), leaf))
    if len(numbers) == 1:
        return numbers[0]
    elements, keys = b"", b""
    for position, (number, leaf) in enumerate(zip(numbers, leaves, strict=True)):
        offset = (len(numbers) - position) * 16 + len(keys)
        elements += struct.pack("=IIQ", offset, len(leaf[0][1]), number)
        keys += leaf[0][1]
    pages.append(_page(len(pages), 0x01, len(numbers), elements + keys))
    return len(pages) - 1


def _leaf(number: int, items: list[tuple[int, bytes, bytes]]) -> bytes:
    elements, data = b"", b""
    for position, (flags, key, value) in enumerate(items):
        offset = (len(items) - position) * 16 + len(data)
        elements += struct.pack("=IIII", flags, offset, len(key), len(value))
        data += key + value
    return _page(number, 0x02, len(items), elements + data)
