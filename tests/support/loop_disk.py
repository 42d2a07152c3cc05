"""File systems of their own on loop devices (root only)."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

#: How each is made, and the smallest image it accepts (bytes).
MAKE = {
    "ext4": (["mkfs.ext4", "-q", "-F"], 24 << 20),
    "xfs": (["mkfs.xfs", "-q", "-f"], 300 << 20),
    "btrfs": (["mkfs.btrfs", "-q", "-f"], 128 << 20),
}


def make(image: Path, kind: str, size: int = 0) -> Path:
    """A file with an empty file system; it takes no more room than is written to it."""
    command, smallest = MAKE[kind]
    with image.open("wb") as file:
        file.truncate(max(size, smallest))
    subprocess.run([*command, str(image)], check=True, stdout=subprocess.DEVNULL)
    return image


@contextlib.contextmanager
def mounted(image: Path, target: Path) -> Iterator[Path]:
    """The file system of an image at `target`, which is made; unmounted, with all that is mounted below, at the end."""
    target.mkdir(exist_ok=True)
    # Copies of one disk may be mounted at once, or one not quite be gone: xfs refuses an identity it knows.
    kind = subprocess.run(
        ["blkid", "-p", "-o", "value", "-s", "TYPE", str(image)], check=True, capture_output=True
    ).stdout
    options = "loop,nouuid" if kind.strip() == b"xfs" else "loop"
    subprocess.run(["mount", "-o", options, str(image), str(target)], check=True)
    try:
        yield target
    finally:
        release(target)


def release(target: Path) -> None:
    """Unmount a folder and everything below it."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    places = [line.split(" ")[4] for line in lines]
    for place in reversed(
        [place for place in places if place == str(target) or place.startswith(f"{target}/")]
    ):
        subprocess.run(["umount", "--lazy" if place != str(target) else "--", place], check=False)
    if os.path.ismount(target):
        subprocess.run(["umount", "--lazy", str(target)], check=True)
