"""Reading bbolt's database files (go.etcd.io/bbolt, version 2 of the format).

A file is a row of pages. Pages 0 and 1 are meta pages, of which the valid one with the higher transaction counts; it names the
page of the root bucket. Branch pages lead to pages, leaf pages hold keys with values; a value may be a bucket of its own, with
its root page's number or, for small ones, with that page's bytes at once. Numbers are in the byte order of the machine.
"""

from __future__ import annotations

import struct

from ocicore.errors import Corrupted, Error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_MAGIC = 0xED0CDAED
_VERSION = 2
#: Page number, flags, elements, further pages.
_HEADER = struct.Struct("=QHHI")
#: magic, version, page size, flags, root page, root sequence, free list, pages, transaction, checksum (FNV-1a).
_META = struct.Struct("=IIIIQQQQQQ")
#: Where the element's key begins, its length, the page it leads to.
_BRANCH_ELEMENT = struct.Struct("=IIQ")
#: Flags (1: a bucket), where the key begins, its length, the value's.
_LEAF_ELEMENT = struct.Struct("=IIII")
#: Root page (0: it follows at once) and sequence.
_BUCKET = struct.Struct("=QQ")
_BRANCH, _LEAF = 0x01, 0x02
_DEEPEST = 64


def read(path: str, *, limit: int | None = None) -> Iterator[tuple[int, bytes, bytes | None]]:
    """(depth, key, value) of everything, a bucket's value None and its content one deeper, after its plain keys.

    Args:
        limit: bytes of the largest file to be read.

    Raises:
        Error: the file cannot be read. Corrupted: it is no such database, broken, or too large.
    """
    try:
        with open(path, "rb") as file:
            data = file.read() if limit is None else file.read(limit + 1)
            if limit is not None and len(data) > limit:
                raise Corrupted(f'opening database "{path}": larger than {limit} bytes')
    except OSError as error:
        raise Error(f'opening database "{path}": {(error.strerror or str(error)).lower()}') from error
    database = _Database(data, path)
    try:
        yield from database.bucket(database.root, 0)
    except struct.error as error:
        raise database.broken("it ends too early") from error


class _Database:
    def __init__(self, data: bytes, path: str) -> None:
        self._data = data
        self._path = path
        self._visits = 0
        self._page_size, self.root = self._meta()

    def broken(self, why: str) -> Corrupted:
        return Corrupted(f'opening database "{self._path}": invalid database: {why}')

    def _meta(self) -> tuple[int, bytes]:
        """(page size, bytes of the root page) as the newest valid meta page says."""
        best: tuple[int, int, int] | None = None
        # The second meta page follows the first, whose size is not known before one of them was read.
        for size in (0, *(1 << shift for shift in range(10, 17))):
            place = size + _HEADER.size
            if place + _META.size > len(self._data):
                continue
            found = _META.unpack_from(self._data, place)
            whole = self._data[place : place + _META.size - 8]
            if found[0] == _MAGIC and found[1] == _VERSION and _fnv(whole) == found[9]:
                best = max(best or (-1, 0, 0), (found[8], found[2], found[4]))
        if best is None:
            raise self.broken("no valid meta page")
        self._page_size = best[1]
        return best[1], self._page(best[2])

    def _page(self, number: int) -> bytes:
        start = number * self._page_size
        # Each page has one place in the tree.
        self._visits += 1
        if self._visits * self._page_size > len(self._data):
            raise self.broken("pages without end")
        if start + _HEADER.size > len(self._data):
            raise self.broken(f"page {number} is beyond its end")
        further = _HEADER.unpack_from(self._data, start)[3]
        return self._data[start : start + (1 + further) * self._page_size]

    def bucket(self, page: bytes, depth: int) -> Iterator[tuple[int, bytes, bytes | None]]:
        """Plain keys in order, then the buckets."""
        buckets = []
        for key, value, is_bucket in self._leaves(page, 0):
            if is_bucket:
                buckets.append((key, value))
            else:
                yield depth, key, value
        if depth > _DEEPEST:
            raise self.broken("buckets without end")
        for key, value in buckets:
            yield depth, key, None
            root, _ = _BUCKET.unpack_from(value)
            yield from self.bucket(self._page(root) if root else value[_BUCKET.size :], depth + 1)

    def _leaves(self, page: bytes, depth: int) -> Iterator[tuple[bytes, bytes, bool]]:
        _, flags, count, _ = _HEADER.unpack_from(page)
        if depth > _DEEPEST:
            raise self.broken("pages without end")
        for number in range(count):
            if flags & _LEAF:
                place = _HEADER.size + number * _LEAF_ELEMENT.size
                kind, offset, key_size, value_size = _LEAF_ELEMENT.unpack_from(page, place)
                start = place + offset
                if start + key_size + value_size > len(page):
                    raise self.broken("a key is beyond its page")
                middle = start + key_size
                yield page[start:middle], page[middle : middle + value_size], bool(kind & 1)
            elif flags & _BRANCH:
                place = _HEADER.size + number * _BRANCH_ELEMENT.size
                yield from self._leaves(self._page(_BRANCH_ELEMENT.unpack_from(page, place)[2]), depth + 1)
            else:
                raise self.broken("a page is neither branch nor leaf")


def _fnv(data: bytes) -> int:
    """FNV-1a, 64 bits."""
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return value
