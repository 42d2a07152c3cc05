"""Rows of `ps`: containers of the state database (and, with --external, of other programs in the same store).

A row is a dict with podman's keys (ListContainer), in podman's order; times are seconds since the epoch.
"""

from __future__ import annotations

from ocicore.engine import records
from ocicore.linux import process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ocicore.engine.context import Engine
    from ocicore.engine.records import Container

#: Go's zero time in seconds since the epoch.
ZERO_TIME = -62135596800
_SECOND = 1_000_000_000


def containers(engine: Engine, *, running_only: bool = False) -> list[Container]:
    """All containers, oldest first, with states that are true now."""
    found = engine.state.containers.all()
    for container in found:
        refresh(engine, container)
    if running_only:
        found = [container for container in found if container.status == records.RUNNING]
    return found


def refresh(engine: Engine, container: Container) -> None:
    """Bring the record of a container that claims to be alive up to date, without waiting for a lock where it is."""
    if container.status not in records.ALIVE:
        return
    if (
        container.boot_id == engine.boot_id
        and container.status != records.STOPPING
        and process.alive(container.pid, container.pid_start)
    ):
        if container.health:
            _refresh_health(engine, container)
        return
    from ocicore.engine import liveness
    from ocicore.errors import NotFound

    with engine.lock(container.id):
        try:
            engine.state.containers.refresh(container)
            liveness.sync(engine, container)
        except NotFound:
            return


def running(engine: Engine, container: Container) -> bool:
    """Whether it runs now."""
    refresh(engine, container)
    return container.status == records.RUNNING


def _refresh_health(engine: Engine, container: Container) -> None:
    """Show what conmon knows; the database learns it when the container ends."""
    from ocicore.engine import health_check

    found = health_check.read(engine, container)
    container.assign({"health": found["Status"]})
    if found["Action"] in ("stop", "restart"):
        container.assign({"status": records.STOPPING})  # conmon has sent the signal


def row(
    engine: Engine, container: Container, *, size: bool = False, namespaces: bool = False
) -> dict[str, Any]:
    """One row."""
    ended = container.status in (records.EXITED, records.STOPPED)
    return {
        "AutoRemove": container.auto_remove,
        "Command": container.command,
        "CreatedAt": "",
        "CIDFile": container.cidfile,
        "Exited": ended,
        "ExitedAt": container.finished // _SECOND if container.finished else ZERO_TIME,
        "ExitCode": container.exit_code,
        "ExposedPorts": exposed_ports(container),
        "Id": container.id,
        "Image": container.image_name,
        "ImageID": container.image_id,
        "IsInfra": container.is_infra,
        "Labels": container.labels or None,
        "Mounts": container.mounts,
        "Names": [container.name],
        "Namespaces": namespace_ids(container.pid) if namespaces and container.pid else {},
        "Networks": container.networks,
        "Pid": container.pid,
        "Pod": container.pod_id,
        "PodName": "",
        "Ports": container.ports or None,
        "Restarts": container.restarts,
        "Size": sizes(engine, container) if size else None,
        "StartedAt": container.started // _SECOND if container.started else ZERO_TIME,
        "State": container.shown_status,
        "Status": container.health,
        "Created": container.created // _SECOND,
    }


def exposed_ports(container: Container) -> dict[str, list[str]] | None:
    """Port -> protocols, None when there are none."""
    result: dict[str, list[str]] = {}
    for entry in container.exposed:
        port, _, protocol = entry.partition("/")
        result.setdefault(port, []).append(protocol)
    return result or None


def namespace_ids(pid: int) -> dict[str, str]:
    """Inode numbers of a process's namespaces, under podman's names."""
    import os

    found = {}
    for kind, key in (
        ("mnt", "Mnt"),
        ("cgroup", "Cgroup"),
        ("ipc", "Ipc"),
        ("net", "Net"),
        ("pid", "Pidns"),
        ("uts", "Uts"),
        ("user", "User"),
    ):
        try:
            text = os.readlink(f"/proc/{pid}/ns/{kind}")
        except OSError:
            continue
        found[key] = text[text.find("[") + 1 : -1]
    return found


def sizes(engine: Engine, container: Container) -> dict[str, int]:
    """Bytes of the read-write layer, and of the whole root file system."""
    if container.config.get("rootfs"):
        return {"rootFsSize": 0, "rwSize": 0}
    store = engine.store
    own = store.container(container.id).layer
    changed = store.layer_size(own)
    image = engine.images.by_id(container.image_id)
    base = sum(_layer_size(engine, layer) for layer in image.layers()) if image is not None else 0
    return {"rootFsSize": base + changed, "rwSize": changed}


def _layer_size(engine: Engine, layer: Any) -> int:
    size = layer.raw.get("diff-size")
    if size is not None and size >= 0:
        return int(size)
    return engine.store.layer_size(layer.raw["id"])


def external(engine: Engine) -> list[dict[str, Any]]:
    """Rows of the store's containers that are not ours: buildah's and podman's."""
    own = {container.id for container in engine.state.containers.all()}
    found = []
    for other in engine.store.containers():
        if other.id in own:
            continue
        names = list(other.names)
        image = engine.images.by_id(other.image) if other.image else None
        found.append(
            {
                "AutoRemove": False,
                "Command": [_maker(engine, other.id)],
                "CreatedAt": "",
                "CIDFile": "",
                "Exited": False,
                "ExitedAt": ZERO_TIME,
                "ExitCode": 0,
                "ExposedPorts": None,
                "Id": other.id,
                "Image": (image.names or [""])[0] if image is not None else "",
                "ImageID": other.image or "",
                "IsInfra": False,
                "Labels": None,
                "Mounts": None,
                "Names": names or [other.id[:12]],
                "Namespaces": {},
                "Networks": None,
                "Pid": 0,
                "Pod": "",
                "PodName": "",
                "Ports": None,
                "Restarts": 0,
                "Size": None,
                "StartedAt": ZERO_TIME,
                "State": "storage",
                "Status": "Storage",
                "Created": _created(other.raw.get("created", "")),
            }
        )
    return found


def _maker(engine: Engine, container_id: str) -> str:
    """Whose container it is: buildah keeps a file of its own in the container's directory."""
    import os

    kept = f"{engine.store.container_dir(container_id)}/buildah.json"
    return "buildah" if os.path.exists(kept) else "storage"


def _created(text: str) -> int:
    from ocicore.storage import timestamps

    return timestamps.from_text(text) // _SECOND


_SORTS = {
    "command": lambda row: " ".join(row["Command"]),
    "created": lambda row: row["Created"],
    "id": lambda row: row["Id"],
    "image": lambda row: row["Image"],
    "names": lambda row: row["Names"][0],
    "pod": lambda row: row["Pod"],
    "runningfor": lambda row: row["StartedAt"],
    "size": lambda row: (row["Size"] or {}).get("rootFsSize", 0),
    "status": lambda row: row["State"],
}


def sort(rows: list[dict[str, Any]], key: str) -> list[dict[str, Any]]:
    """Rows by --sort. Raises InvalidInput for an unknown key."""
    if key not in _SORTS:
        from ocicore.errors import InvalidInput

        choices = ", ".join(sorted(_SORTS))
        raise InvalidInput(f"invalid sort option {key!r}: choose from {choices}")
    return sorted(rows, key=_SORTS[key])
