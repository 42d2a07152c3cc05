"""Links in the container's own /etc that every image should have: mtab, and the time zone of --tz.

They are made in the mounted root before the runtime starts, every path resolved inside it.
"""

from __future__ import annotations

import errno
import os

from ocicore.errors import Error, InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from ocicore.engine.prepare import Preparation

#: A root that cannot be written (--rootfs of another's directory or with mapped owners, a read-only file system) goes without.
_TOLERATED = (errno.EROFS, errno.EACCES, errno.EPERM, errno.EOVERFLOW)


def mount_table(work: Preparation) -> None:
    """/etc/mtab -> /proc/mounts where the image has none; programs of the eighties still read it."""
    if "/etc" in work.destinations or os.path.lexists(f"{work.root}/etc/mtab"):
        return
    place = _etc(work)
    path = f"{place}/mtab"
    if place and not os.path.lexists(path):
        _link(work, "/proc/mounts", path)


def time_zone(work: Preparation, zone: str) -> None:
    """/etc/localtime: a link into the image's own zoneinfo, else a copy of the host's file.

    Args:
        zone: name of a zone, or "local".

    Raises InvalidInput when the host does not know the zone.
    """
    path = zone_file(work.engine.environ, zone)
    from ocicore.linux.resolve import resolve_in_root

    if os.path.isfile(resolve_in_root(work.root, path, missing_ok=True)):
        place = _etc(work)
        if place:
            link = f"{place}/localtime"
            if os.path.lexists(link):
                os.unlink(link)
            _link(work, f"..{path}", link)
            return
    with open(path, "rb") as source:
        work.write_file("localtime", source.read(), "/etc/localtime")


def zone_file(environ: Mapping[str, str], zone: str) -> str:
    """The host's file of a time zone, or of "local". Raises InvalidInput when the host does not know the zone."""
    if zone == "local":
        return os.path.realpath("/etc/localtime")
    folder = environ.get("TZDIR") or "/usr/share/zoneinfo"
    path = os.path.normpath(f"{folder}/{zone}")
    if not path.startswith(folder.rstrip("/") + "/") or not os.path.isfile(path):
        raise InvalidInput(f"finding timezone: unknown time zone {zone}")
    return path


def _etc(work: Preparation) -> str:
    """The root's /etc on the host, made where it is missing; "" when it cannot be had."""
    from ocicore.linux.resolve import resolve_in_root

    place = resolve_in_root(work.root, "/etc", missing_ok=True)
    if os.path.isdir(place):
        return place
    try:
        os.mkdir(place, 0o755)
        os.chown(place, *work.root_ids())
    except OSError as error:
        if error.errno in (*_TOLERATED, errno.EEXIST, errno.ENOENT):
            return ""
        raise Error(f"making /etc of the container: {(error.strerror or '').lower()}") from error
    return place


def _link(work: Preparation, target: str, path: str) -> None:
    try:
        os.symlink(target, path)
        os.chown(path, *work.root_ids(), follow_symlinks=False)
    except OSError as error:
        if error.errno not in (*_TOLERATED, errno.EEXIST):
            raise Error(f"linking {path}: {(error.strerror or '').lower()}") from error
