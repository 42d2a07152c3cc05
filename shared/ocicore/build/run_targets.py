"""What an OCI runtime makes in a container's root only to mount on it, so that it can be removed again and is in no layer."""

from __future__ import annotations

import os

from ocicore.errors import Error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

#: Where `pybuildah run`, as buildah, leaves the mount points that a runtime made.
KEPT = ("/dev", "/etc", "/proc", "/run", "/sys")


def missing_targets(
    root: str, destinations: Sequence[str], *, keep: Sequence[str] = (), alone: Sequence[str] = ()
) -> list[str]:
    """Paths in the root that do not exist yet and that the runtime will make to mount on; outermost first.

    Args:
        alone: destinations whose parents are none of these paths.
        keep: folders; they and what is below them (but for .containerenv) are none of these paths.
    """
    from ocicore.linux import resolve

    missing: list[str] = []
    for destination in destinations:
        parts = destination.strip("/").split("/")
        for count in range(len(parts) if destination in alone else 1, len(parts) + 1):
            path = "/" + "/".join(parts[:count])
            if path in missing or path in keep:
                continue
            if path.startswith(tuple(f"{folder}/" for folder in keep)) and path != "/run/.containerenv":
                continue
            try:
                resolve.resolve_in_root(root, path)
            except resolve.ResolveError:
                missing.append(path)
    return missing


def remove_targets(root: str, paths: Sequence[str]) -> None:
    """Remove empty files and folders again that were only made to be mounted on."""
    from ocicore.linux import resolve

    for path in reversed(paths):
        try:
            host = resolve.resolve_in_root(root, path)
            if os.path.isdir(host):
                os.rmdir(host)
            elif os.stat(host).st_size == 0:
                os.unlink(host)
        except (OSError, Error):
            continue  # something was put there, or it is gone: both are fine
