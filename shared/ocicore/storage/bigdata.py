"""Big data: named items beside a record, one file each in a directory named by the record's id.

An item is replaced whole; readers see the old or the new one. containers/storage images.go,
containers.go (`setBigData`).
"""

from __future__ import annotations

import os

from ocicore.errors import InvalidInput, NotFound
from ocicore.files import atomic
from ocicore.storage import identifiers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


def path(folder: str, key: str) -> str:
    """The file of an item. Raises InvalidInput for a key that cannot be a file of the folder."""
    name = identifiers.big_data_file(key)
    # base64 has a slash; containers/storage cannot store such keys either.
    if not key or name in (".", "..") or "/" in name:
        raise InvalidInput(f"not a valid name for a big data item: {key!r}")
    return os.path.join(folder, name)


def read(folder: str, key: str) -> bytes:
    """An item. Raises NotFound."""
    name = path(folder, key)
    try:
        with open(name, "rb", buffering=0) as file:
            return file.read()
    except FileNotFoundError:
        raise NotFound(f"reading big data {key}: no such item") from None


def write(folder: str, key: str, data: bytes, *, fsync: bool = True) -> None:
    """Write an item. Raises OSError."""
    name = path(folder, key)
    try:
        atomic.write(name, data, 0o600, fsync=fsync)
    except FileNotFoundError:
        os.makedirs(folder, 0o700, exist_ok=True)
        atomic.write(name, data, 0o600, fsync=fsync)


def write_all(folder: str, items: Mapping[str, bytes], *, fsync: bool = True) -> None:
    """Write several items with one sync of the folder."""
    os.makedirs(folder, 0o700, exist_ok=True)
    for key, data in items.items():
        with atomic.AtomicFile(path(folder, key), 0o600, fsync=False) as file:
            file.write(data)
            if fsync:
                os.fdatasync(file.fd)
    if fsync and items:
        atomic.fsync_dir(folder)


def note(raw: dict[str, Any], key: str, data: bytes) -> None:
    """Enter an item's name, size and digest into its record."""
    names = raw.setdefault("big-data-names", [])
    if key not in names:
        names.append(key)
    raw.setdefault("big-data-sizes", {})[key] = len(data)
    raw.setdefault("big-data-digests", {})[key] = digest(data)


def digest(data: bytes) -> str:
    """sha256 of `data`, without the price of importing hashlib."""
    try:
        from _hashlib import openssl_sha256 as sha256
    except ImportError:
        from hashlib import sha256
    return "sha256:" + sha256(data).hexdigest()
