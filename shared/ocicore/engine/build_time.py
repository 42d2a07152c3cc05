"""When this installation was made."""

from __future__ import annotations

import os

import ocicore


def built() -> int:
    """When the compiled part of this installation was made, seconds since the epoch."""
    folder = os.path.join(os.path.dirname(str(ocicore.__file__)), "native")
    times = [os.stat(entry.path).st_mtime for entry in os.scandir(folder) if entry.name.endswith(".so")]
    return int(max(times, default=0))
