"""Ids, short links and file names as containers/storage makes them.

Ids are 64 hexadecimal digits (pkg/stringid); short links 26 digits of base 32
(drivers/overlay/randomid.go); a big-data key that is not plain becomes "=" + base64
(store.go, makeBigDataBaseName).
"""

from __future__ import annotations

import os

_PLAIN = frozenset("0123456789abcdefghijklmnopqrstuvwxyz.")
_HEX = frozenset("0123456789abcdef")
_BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_LINK_LENGTH = 26


def new_id() -> str:
    """A random id; never one that reads as a decimal number (host names may not)."""
    while True:
        text = os.urandom(32).hex()
        if not text[:12].isdigit():
            return text


def is_id(text: str) -> bool:
    """Is it a full id?"""
    return len(text) == 64 and _HEX.issuperset(text)


def new_link() -> str:
    """The name of a short link below overlay/l."""
    return "".join(_BASE32[byte & 31] for byte in os.urandom(_LINK_LENGTH))


def big_data_file(key: str) -> str:
    """The file name for a big-data key."""
    if key and _PLAIN.issuperset(key):
        return key
    # The module base64 would import re, which `run` otherwise does without.
    import binascii

    return "=" + binascii.b2a_base64(key.encode("utf-8", "surrogateescape"), newline=False).decode()


def resolve_prefix(prefix: str, ids: dict[str, object]) -> str | None:
    """The one id that starts with `prefix`; None for none, or several."""
    if not prefix or len(prefix) > 64 or not _HEX.issuperset(prefix):
        return None
    found = None
    for candidate in ids:
        if candidate.startswith(prefix):
            if found is not None:
                return None
            found = candidate
    return found
