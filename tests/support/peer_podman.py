"""The real podman on a store of its own, chosen by configuration files so that no global option is in the way."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from support.programs import Tool
from support.rootfs import busybox_tar


@contextlib.contextmanager
def podman_with_busybox(folder: Path, *import_options: str) -> Iterator[Tool]:
    """podman with the image localhost/bb; its containers, pods and mounts are gone afterwards."""
    (folder / "storage.conf").write_text(
        f'[storage]\ndriver = "overlay"\ngraphroot = "{folder}/root"\nrunroot = "{folder}/run"\n'
    )
    (folder / "containers.conf").write_text(
        f'[engine]\nruntime = "runc"\ntmp_dir = "{folder}/tmp"\nstatic_dir = "{folder}/root/libpod"\n'
    )
    environment = {
        **os.environ,
        "CONTAINERS_STORAGE_CONF": f"{folder}/storage.conf",
        "CONTAINERS_CONF": f"{folder}/containers.conf",
    }
    podman = Tool(["/usr/bin/podman"], environment)
    archive = folder / "busybox.tar"
    archive.write_bytes(busybox_tar())
    try:
        podman("import", *import_options, str(archive), "localhost/bb")
        yield podman
    finally:
        podman("pod", "rm", "--all", "--force", status=None)
        podman("rm", "--all", "--force", "--time", "0", status=None)
        # podman leaves its overlay directory bind-mounted on itself, which nobody could remove.
        targets = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
        for target in sorted((path for path in targets if path.startswith(f"{folder}/")), reverse=True):
            subprocess.run(["umount", target], check=True)
