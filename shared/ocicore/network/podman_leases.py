"""The addresses podman has given out, from its database (`ipam.db`, a bbolt file), which is never written to.

podman's tree: NETWORK / SUBNET / address bytes -> container id.
"""

from __future__ import annotations

import _socket

from ocicore.errors import Error
from ocicore.files import bolt

#: Larger files are not read: it would be a sign of something else than a few leases.
_LIMIT = 64 << 20


def leases(path: str, network: str) -> dict[str, str]:
    """address -> container id of one network; empty when there is no such network, or no file that can be read."""
    found: dict[str, str] = {}
    buckets: list[bytes] = []
    try:
        for depth, key, value in bolt.read(path, limit=_LIMIT):
            if value is None:
                buckets[depth:] = [key]
            elif depth == 2 and buckets[0] == network.encode() and b"/" in buckets[1] and len(key) in (4, 16):
                family = _socket.AF_INET if len(key) == 4 else _socket.AF_INET6
                found[_socket.inet_ntop(family, key)] = value.decode("ascii", "replace")
    except Error:
        return {}
    return found
