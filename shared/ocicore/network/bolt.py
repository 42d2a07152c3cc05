"""Reading podman's address database (`ipam.db`, a bbolt file) without writing to it.

Layout (bbolt page.go, bucket.go, version 2): pages of a fixed size; two meta pages, of which the one with the higher
transaction id counts; B+tree pages of branch and leaf elements; a bucket's value is its root page, or 0 and an inline leaf
page. podman's tree: NETWORK / SUBNET / address bytes -> container id. Anything that does not parse reads as "no leases".
"""

from __future__ import annotations

import _socket
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_MAGIC = 0xED0CDAED
_BRANCH = 0x01
_LEAF = 0x02
_BUCKET = 0x01
_PAGE_HEADER = 16
_ELEMENT = 16
_BUCKET_HEADER = 16
#: Larger files are not read: it would be a sign of something else than a few leases.
_LIMIT = 64 << 20
_MAX_DEPTH = 32


class _Malformed(Exception):
    """The bytes are no bolt file, or changed while we read them."""


def leases(path: str, network: str) -> dict[str, str]:
    """address -> container id of one network; empty when there is no such file or network."""
    try:
        with open(path, "rb") as stream:
            if os.fstat(stream.fileno()).st_size > _LIMIT:
                return {}
            data = stream.read()
    except OSError:
        return {}
    try:
        return _leases(_File(data), network.encode())
    except (_Malformed, IndexError, ValueError, OSError):
        return {}


def _leases(file: _File, network: bytes) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value, is_bucket in file.entries(file.root):
        if name != network or not is_bucket:
            continue
        for subnet, content, nested in file.bucket(value):
            if not nested or b"/" not in subnet:
                continue
            for address, container, _ in file.bucket(content):
                if len(address) in (4, 16):
                    family = _socket.AF_INET if len(address) == 4 else _socket.AF_INET6
                    found[_socket.inet_ntop(family, address)] = container.decode("ascii", "replace")
    return found


class _File:
    """The bytes of a database and the root page of its newest transaction."""

    __slots__ = ("_data", "_page_size", "root")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._page_size = 0
        metas = [meta for meta in (self._meta(0), self._meta(_page_size(data))) if meta is not None]
        if not metas:
            raise _Malformed
        self._page_size, self.root, _ = max(metas, key=lambda meta: meta[2])

    def _meta(self, offset: int) -> tuple[int, int, int] | None:
        at = offset + _PAGE_HEADER
        data = self._data
        if _u32(data, at) != _MAGIC:
            return None
        # magic, version, page size, flags; root bucket (page, sequence); free list; high water mark; transaction id
        return _u32(data, at + 8), _u64(data, at + 16), _u64(data, at + 48)

    def bucket(self, value: bytes) -> Iterator[tuple[bytes, bytes, bool]]:
        """Entries of a bucket given its value in the parent."""
        root = _u64(value, 0)
        if root:
            return self.entries(root)
        return _leaf(value[_BUCKET_HEADER:])

    def entries(self, page: int, depth: int = 0) -> Iterator[tuple[bytes, bytes, bool]]:
        """(key, value, value is a bucket) of all leaves below a page."""
        if depth > _MAX_DEPTH:
            raise _Malformed
        start = page * self._page_size
        overflow = _u32(self._data, start + 12)
        content = self._data[start : start + (overflow + 1) * self._page_size]
        flags = _u16(content, 8)
        if flags & _LEAF:
            yield from _leaf(content)
        elif flags & _BRANCH:
            for number in range(_u16(content, 10)):
                at = _PAGE_HEADER + number * _ELEMENT
                yield from self.entries(_u64(content, at + 8), depth + 1)
        else:
            raise _Malformed


def _page_size(data: bytes) -> int:
    return _u32(data, _PAGE_HEADER + 8) if _u32(data, _PAGE_HEADER) == _MAGIC else 4096


def _leaf(page: bytes) -> Iterator[tuple[bytes, bytes, bool]]:
    for number in range(_u16(page, 10)):
        at = _PAGE_HEADER + number * _ELEMENT
        key = at + _u32(page, at + 4)
        key_size, value_size = _u32(page, at + 8), _u32(page, at + 12)
        end = key + key_size
        if end + value_size > len(page):
            raise _Malformed
        yield page[key:end], page[end : end + value_size], bool(_u32(page, at) & _BUCKET)


def _u16(data: bytes, at: int) -> int:
    return _number(data, at, 2)


def _u32(data: bytes, at: int) -> int:
    return _number(data, at, 4)


def _u64(data: bytes, at: int) -> int:
    return _number(data, at, 8)


def _number(data: bytes, at: int, size: int) -> int:
    if at < 0 or at + size > len(data):
        raise _Malformed
    return int.from_bytes(data[at : at + size], "little")
