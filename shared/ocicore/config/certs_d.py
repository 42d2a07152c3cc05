"""Where certificates for a registry are looked for: containers-certs.d(5)."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.config.paths import UserPaths

_SYSTEM = ("/etc/containers/certs.d", "/etc/docker/certs.d")


def directories(host: str, paths: UserPaths) -> list[str]:
    """Existing directories for "host[:port]"; the first one that exists is used alone, as upstream does.

    Args:
        host: with the port; the port 443 is also looked for without.
    """
    roots = [os.path.join(paths.config_home, "containers", "certs.d"), *_SYSTEM]
    names = [host]
    if host.endswith(":443"):
        names.append(host[: -len(":443")])
    for root in roots:
        for name in names:
            path = os.path.join(root, name)
            if os.path.isdir(path):
                return [path]
    return []
