"""pypod with a store of its own that has the image localhost/box; nothing of it is left afterwards."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

from support.programs import Tool, ours
from support.rootfs import busybox_tar

IMAGE = "localhost/box"


@contextlib.contextmanager
def pypod_with_box(folder: Path) -> Iterator[Tool]:
    """As root."""
    tool = ours(
        "pypod", "--root", f"{folder}/root", "--runroot", f"{folder}/run", "--tmpdir", f"{folder}/volatile"
    )
    archive = folder / "box.tar"
    archive.write_bytes(busybox_tar())
    tool("import", "-c", 'CMD ["sh"]', str(archive), IMAGE)
    try:
        yield tool
    finally:
        tool("rm", "-a", "-f", "-t", "0", "--depend", status=None)
        mounts = Path("/proc/self/mountinfo").read_text().splitlines()
        left = [line.split(" ")[4] for line in mounts if line.split(" ")[4].startswith(f"{folder}/")]
        for target in reversed(left):
            subprocess.run(["umount", "--lazy", target], check=True)
    # The driver's home is bound on itself, as with podman; a container's root must not stay.
    assert [path for path in left if "merged" in path or "shm" in path] == []
