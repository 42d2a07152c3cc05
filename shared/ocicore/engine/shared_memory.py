"""/dev/shm of a container whose IPC namespace others may join: a tmpfs on the host's side, bound into all of them.

podman keeps it at the same place, `<static directory>/shm`.
"""

from __future__ import annotations

import os

from ocicore.engine import places
from ocicore.engine.options.namespaces import needed_container

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ocicore.engine.context import Engine
    from ocicore.engine.records import Container

_SIZE = 65536 * 1024


def place(engine: Engine, container: Container, static_dir: str) -> str:
    """Where this container's /dev/shm comes from, mounted when it is its own; "" leaves it to the runtime.

    Raises Error when it cannot be mounted.
    """
    mode = container.config["namespaces"]["ipc"]
    other_id = needed_container(mode)
    if other_id:
        other = engine.state.containers.find(other_id)
        if other.config["namespaces"]["ipc"] == "host":
            return "/dev/shm"
        path = f"{places.static_dir(engine, other)}/shm"
        return path if other.state.get("shm") else ""
    if mode != "shareable" or any(m["destination"] == "/dev/shm" for m in container.config["mounts"]):
        return ""
    from ocicore.linux import mount as mounts

    path = f"{static_dir}/shm"
    os.makedirs(path, mode=0o700, exist_ok=True)
    runtime: dict[str, Any] = container.config["runtime"]
    flags = mounts.MS_NOEXEC | mounts.MS_NOSUID | mounts.MS_NODEV
    options = f"mode=1777,size={runtime.get('shm_size') or _SIZE}"
    mounts.mount("shm", path, "tmpfs", flags, options)
    if runtime.get("uid_mappings"):
        from ocicore.engine.prepare import map_id

        os.chown(path, map_id(0, runtime["uid_mappings"]), map_id(0, runtime.get("gid_mappings")))
    engine.state.containers.update(container, state={**container.state, "shm": True})
    return path


def release(engine: Engine, container: Container) -> None:
    """Unmount what `place` mounted, whether the record (still) knows of it or not."""
    path = f"{places.static_dir(engine, container)}/shm"
    try:
        same = os.lstat(path).st_dev == os.lstat(os.path.dirname(path)).st_dev
    except OSError:
        return
    if not same:
        from ocicore.linux import mount as mounts

        mounts.umount(path, mounts.MNT_DETACH)
