"""mounts.conf: host directories that every container gets (containers-mounts.conf(5))."""

from __future__ import annotations

import os

from ocicore.errors import InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ocicore.config.paths import UserPaths

OVERRIDE_FILE = "/etc/containers/mounts.conf"
SYSTEM_FILE = "/usr/share/containers/mounts.conf"


def files(paths: UserPaths, given: str = "") -> list[str]:
    """The files to read, in order: a given one alone, else the user's, else the administrator's and the vendor's."""
    if given:
        return [given]
    own = os.path.join(paths.config_home, "containers", "mounts.conf")
    if paths.rootless and os.path.exists(own):
        return [own]
    return [OVERRIDE_FILE, SYSTEM_FILE]


def load(names: Sequence[str]) -> list[tuple[str, str]]:
    """(host directory, container directory) pairs; a missing file is empty.

    Raises:
        InvalidInput: a line is malformed; file and line are named.
    """
    found = []
    for name in names:
        try:
            with open(name, encoding="utf-8") as file:
                lines = file.read().splitlines()
        except FileNotFoundError:
            continue
        except OSError as exc:
            raise InvalidInput(f"reading {name}: {(exc.strerror or str(exc)).lower()}") from exc
        for number, line in enumerate(lines, 1):
            line = line.strip()
            if not line or line.startswith("#"):
                continue
            source, _, target = line.partition(":")
            if not source.startswith("/") or (target and not target.startswith("/")):
                raise InvalidInput(f"reading {name}: line {number}: expected /HOST-DIR:/CONTAINER-DIR")
            found.append((source, target or source))
    return found
