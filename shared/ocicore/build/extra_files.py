"""Files of the host that a commit adds to an image (--add-file, --sbom-image-output): placed, or seen in a root."""

from __future__ import annotations

import contextlib
import os
import shutil
from typing import TYPE_CHECKING

from ocicore.build.scratch import Scratch
from ocicore.errors import Error
from ocicore.linux import mount

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ocicore.build.commit import Times
    from ocicore.storage.store import Store


@contextlib.contextmanager
def view(
    store: Store, root: str, files: Sequence[tuple[str, str]], times: Times, above: Sequence[str] = ()
) -> Iterator[str]:
    """A read-only view of a root with further files in it: (host path, path in the image).

    Args:
        above: folders whose content lies on the root, the topmost last.
    """
    with Scratch(store.run_root) as folder:
        added, merged = os.path.join(folder, "added"), os.path.join(folder, "merged")
        os.mkdir(merged)
        place(added, files, times)
        status = os.stat(root)
        os.chmod(added, status.st_mode & 0o7777)
        os.chown(added, status.st_uid, status.st_gid)
        os.utime(added, ns=(status.st_atime_ns, status.st_mtime_ns))
        mount.overlay(merged, [added, *reversed(above), root])
        try:
            yield merged
        finally:
            mount.umount(merged, mount.MNT_DETACH)


def place(folder: str, files: Sequence[tuple[str, str]], times: Times) -> None:
    """Copies of some host files at their places below a folder, with the image's time."""
    os.makedirs(folder, 0o755, exist_ok=True)
    for source, destination in files:
        path = os.path.join(folder, os.path.normpath("/" + destination).lstrip("/"))
        os.makedirs(os.path.dirname(path), 0o755, exist_ok=True)
        try:
            shutil.copyfile(source, path)
        except OSError as error:
            raise Error(f"adding {source} to the image: {(error.strerror or '').lower()}") from error
        os.chmod(path, 0o644)
    if times.seconds is not None:
        for where, folders, names in os.walk(folder, topdown=False):
            for name in (*names, *folders):
                os.utime(os.path.join(where, name), (times.seconds, times.seconds))
