"""--volume of `from`, `run` and `build`: HOST:CONTAINER[:OPTIONS] as mounts, with U (owner) and O (overlay). On the hot path."""

from __future__ import annotations

import os

from ocicore.errors import InvalidInput, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Mount = dict[str, Any]

_KNOWN = (
    "ro",
    "rw",
    "z",
    "Z",
    "shared",
    "rshared",
    "slave",
    "rslave",
    "private",
    "rprivate",
    "unbindable",
    "runbindable",
    "bind",
    "rbind",
    "exec",
    "noexec",
    "suid",
    "nosuid",
    "dev",
    "nodev",
    "U",
    "O",
)
_OURS = ("z", "Z", "U", "O")


class Volume:
    """One --volume: `own` are the words that are not the runtime's (U, O, upperdir=…, workdir=…)."""

    __slots__ = ("options", "own", "source", "target")

    def __init__(self, source: str, target: str, options: list[str], own: list[str]) -> None:
        self.source = source
        self.target = target
        self.options = options
        self.own = own


def parse(text: str) -> Volume:
    """One --volume.

    Raises:
        InvalidInput: not of that form. NotFound: the host path does not exist.
    """
    parts = text.split(":")
    if len(parts) not in (2, 3):
        raise InvalidInput(f'incorrect volume format "{text}", should be host-dir:ctr-dir[:option]')
    source, target = parts[0], parts[1]
    if not source.startswith("/"):
        source = os.path.abspath(source)
    if not os.path.exists(source):
        raise NotFound(f'volume "{text}": {source}: no such file or directory')
    if not target.startswith("/"):
        raise InvalidInput(f'invalid container path "{target}", must be an absolute path')
    words = [word for word in (parts[2] if len(parts) == 3 else "").split(",") if word]
    options: list[str] = []
    own: list[str] = []
    for word in words:
        if (word.startswith(("upperdir=", "workdir=")) and "O" in words) or word in _OURS:
            own.append(word)
        elif word in _KNOWN:
            options.append(word)
        else:
            raise InvalidInput(f'invalid volume option "{word}" in "{text}"')
    if not {"bind", "rbind"} & set(options):
        options.insert(0, "rbind")
    if not any(word.endswith(("private", "shared", "slave")) for word in options):
        options.append("rprivate")
    return Volume(source, target, options, own)


def mount(
    volume: Volume, scratch: str, owner: Callable[[], tuple[int, int]], cleanups: list[Callable[[], None]]
) -> Mount:
    """The runtime's mount of a volume.

    Args:
        scratch: a folder of this command, for overlays without an upper directory of their own.
        owner: host ids of the command's user, for U.
        cleanups: gets what is to be undone after the command.
    """
    source = volume.source
    if "U" in volume.own:
        _chown(source, *owner())
    if "O" in volume.own:
        source = _overlay(volume, scratch, cleanups)
    return {"type": "bind", "source": source, "destination": volume.target, "options": volume.options}


def _chown(path: str, uid: int, gid: int) -> None:
    """Everything below belongs to the command's user."""
    os.chown(path, uid, gid, follow_symlinks=False)
    for folder, folders, files in os.walk(path):
        for name in (*folders, *files):
            os.chown(f"{folder}/{name}", uid, gid, follow_symlinks=False)


def _overlay(volume: Volume, scratch: str, cleanups: list[Callable[[], None]]) -> str:
    """A view of the host's directory whose changes go elsewhere: to upperdir=, or nowhere."""
    import stat

    from ocicore.linux import mount as mounts

    folder = os.path.join(scratch, f"volume-{len(cleanups)}")
    merged, upper, work = f"{folder}/merged", f"{folder}/upper", f"{folder}/work"
    for word in volume.own:
        if word.startswith("upperdir="):
            upper = word.removeprefix("upperdir=")
        elif word.startswith("workdir="):
            work = word.removeprefix("workdir=")
    status = os.stat(volume.source)
    for path in (merged, upper, work):
        os.makedirs(path, 0o755, exist_ok=True)
    if upper == f"{folder}/upper":
        os.chmod(upper, stat.S_IMODE(status.st_mode))
        os.chown(upper, status.st_uid, status.st_gid)
    from ocicore.linux import namespaces

    mounts.overlay(
        merged, [volume.source], upper, work, ["userxattr"] if namespaces.in_user_namespace() else []
    )
    cleanups.append(lambda: mounts.umount(merged, mounts.MNT_DETACH))
    return merged
