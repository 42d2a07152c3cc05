"""Where the generations of the peers differ: Debian 12 has podman 4.3, buildah 1.28 and skopeo 1.9, Debian 13 has podman 5.4,
buildah 1.39 and skopeo 1.18. Ours follow the newer ones, so a comparison with an older one asks here what to expect of it.
"""

from __future__ import annotations

import functools
import re
import subprocess

#: What the newer peers do and the older do not: (program, first major and minor version that does).
HABITS = {
    # config.json: programs in a container's /dev may be executed (for enclaves' devices).
    "/dev may hold programs": ("podman", (4, 5)),
    # `run --cidfile` writes over an old file, so units of containers need not remove it first.
    "an old id file is written over": ("podman", (4, 5)),
    # `pod inspect` prints a list, however many pods are asked for.
    "pod inspect is a list": ("podman", (5, 0)),
    # A container whose mode has no networks of its own (none, host) shows the mode as its one network.
    "inspect shows the mode as a network": ("podman", (4, 5)),
    # An image from scratch has the working directory "/".
    "scratch has a working directory": ("buildah", (1, 38)),
    # Debian 12's skopeo was built without sigstore.
    "signs with sigstore": ("skopeo", (1, 18)),
    # Here-documents of Containerfiles are read.
    "heredocs are read": ("buildah", (1, 33)),
    # A declared volume is a folder of the image, with one layer for the whole build too.
    "a declared volume is a folder": ("buildah", (1, 39)),
    # What is known about blobs is kept in an SQLite file (before: in bbolt's format, which nobody shares with us).
    "blob information in SQLite": ("skopeo", (1, 14)),
    # An image without signatures has no record of them in the store.
    "only signatures are recorded": ("skopeo", (1, 12)),
}


@functools.cache
def version(program: str) -> tuple[int, int]:
    """Major and minor version of podman, buildah or skopeo of this system."""
    text = subprocess.run([program, "--version"], check=True, capture_output=True, text=True).stdout
    found = re.search(r"(\d+)\.(\d+)", text)
    assert found, text
    return int(found[1]), int(found[2])


def peer_does(habit: str) -> bool:
    """Whether the peer installed here is of the generation that has this habit."""
    program, since = HABITS[habit]
    return version(program) >= since
