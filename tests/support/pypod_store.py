"""pypod with a store of its own that has the image localhost/box; nothing of it is left afterwards."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from support.programs import Tool, ours
from support.rootfs import busybox_tar
from support.users import OrdinaryUser

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


@contextlib.contextmanager
def users_pypod_with_box(user: OrdinaryUser, scratch: Path, *more: str) -> Iterator[Tool]:
    """As an ordinary user, with a store below the user's home, and with `more` global options."""
    place = user.home / f"pypod-{os.getpid()}"
    volatile = user.runtime_dir / place.name
    archive = scratch / "box.tar"
    archive.write_bytes(busybox_tar())
    for folder in (scratch, *scratch.parents):
        if folder.stat().st_uid == os.geteuid() and len(folder.parts) > 2:
            folder.chmod(folder.stat().st_mode | 0o055)
    options = ("--root", f"{place}/root", "--runroot", f"{volatile}/run", "--tmpdir", f"{volatile}/tmp")
    tool = user.tool("pypod", *options, *more)
    tool("import", "-c", 'CMD ["sh"]', str(archive), IMAGE)
    try:
        yield tool
    finally:
        tool("rm", "-a", "-f", "-t", "0", "--depend", status=None)
        tool("unshare", "umount", "-l", f"{place}/root/overlay", status=None)
        tool("unshare", "rm", "-rf", str(place), str(volatile), status=None)
        shutil.rmtree(place, ignore_errors=True)
