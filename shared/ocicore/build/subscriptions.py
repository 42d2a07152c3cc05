"""mounts.conf for commands of a build: host files and folders every container sees, copied so that none can change them."""

from __future__ import annotations

import os

from ocicore.errors import Error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    Mount = dict[str, Any]


def mounts(files: Sequence[str], scratch: str, owner: tuple[int, int]) -> list[Mount]:
    """Mounts for the entries of some mounts.conf files; what the host does not have is left out.

    Args:
        files: as `config.mounts_conf.files` gives them.
        scratch: a private folder for the copies, removed after the command.
        owner: host ids of the container's root.
    """
    from ocicore.config import mounts_conf

    found: list[Mount] = []
    for number, (source, target) in enumerate(mounts_conf.load(files)):
        if not os.path.exists(source):
            continue
        copy = os.path.join(scratch, f"subscription-{number}")
        try:
            _copy(source, copy, owner)
        except OSError as error:
            raise Error(
                f"mounts.conf: copying {error.filename or source}: {(error.strerror or '').lower()}"
            ) from error
        found.append({"type": "bind", "source": copy, "destination": target, "options": ["bind", "rprivate"]})
    return found


def _copy(source: str, target: str, owner: tuple[int, int]) -> None:
    """Files and folders with their modes; links become what they lead to, so that none leads out; one that leads nowhere is left out."""
    import shutil

    if os.path.isdir(source):
        # Its own ignore_dangling_symlinks looks for relative ones in the working directory.
        shutil.copytree(source, target, copy_function=shutil.copy, ignore=_leading_nowhere)
    else:
        shutil.copy(source, target)
    os.chown(target, *owner)
    for folder, folders, files in os.walk(target):
        for name in (*folders, *files):
            os.chown(os.path.join(folder, name), *owner)


def _leading_nowhere(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if not os.path.exists(os.path.join(folder, name))]
