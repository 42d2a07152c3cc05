"""Names of containers in another's network: lines of that one's /etc/hosts while they run, as podman has them.

The file is bound into all of them, so it is changed in place, under a lock of its own.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.engine.context import Engine
    from ocicore.engine.records import Container


def add(engine: Engine, container: Container) -> None:
    """Let the containers of the network reach this one by its name."""
    _change(engine, container, present=True)


def remove(engine: Engine, container: Container) -> None:
    """Forget the name again; neither a missing line nor a missing file is an error."""
    _change(engine, container, present=False)


def _change(engine: Engine, container: Container, *, present: bool) -> None:
    import fcntl

    network = container.config["network"]
    if network["no_hosts"]:
        return
    path = f"{engine.store.container_run_dir(network['target'])}/hosts"
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    line = f"127.0.0.1\t{container.name}\n"
    with os.fdopen(descriptor, "r+", encoding="utf-8", errors="surrogateescape", newline="") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        lines = file.readlines()
        kept = [one for one in lines if one != line]
        if present:
            kept.append(line)
        if kept != lines:
            file.seek(0)
            file.write("".join(kept))
            file.truncate()
