"""mount and unmount: a container's root on the host, counted as containers/storage counts."""

from __future__ import annotations

from ocicore.engine import events, records
from ocicore.errors import Error, InUse, Unsupported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from ocicore.engine.context import Engine
    from ocicore.engine.records import Container


def require_namespace(engine: Engine, environ: Mapping[str, str], command: str) -> None:
    """A user's mounts are only seen by programs in the same namespaces. Raises Unsupported outside of them.

    Args:
        command: the whole command, for the message.
    """
    if engine.rootless and "_CONTAINERS_USERNS_CONFIGURED" not in environ:
        raise Unsupported(
            f'cannot run command "{command}" in rootless mode, must execute `{command.partition(" ")[0]} unshare` first'
        )


def mount(engine: Engine, container: Container) -> str:
    """Mount (once more) and return the path. Raises Error."""
    if container.config.get("rootfs"):
        raise Error(f"cannot mount container {container.id} as it uses an exploded rootfs")
    with engine.lock(container.id):
        where = engine.store.mount(container.id)
    events.container(engine, "mount", container)
    return where


def path(engine: Engine, container: Container) -> str:
    """Where it is mounted, "" when it is not."""
    return engine.store.mount_point(container.id) or ""


def mounted(engine: Engine) -> list[tuple[Container, str]]:
    """All mounted containers with their paths."""
    found = [(container, path(engine, container)) for container in engine.state.containers.all()]
    return [(container, where) for container, where in found if where]


def external(engine: Engine, name: str) -> str:
    """Id of a container of the store that is none of ours. Raises NotFound."""
    return engine.store.container(name).id


def mounted_external(engine: Engine) -> list[tuple[str, list[str], str]]:
    """(id, names, path) of mounted containers that are none of ours."""
    own = {container.id for container in engine.state.containers.all()}
    found = []
    for record in engine.store.containers():
        where = engine.store.mount_point(record.id) if record.id not in own else None
        if where:
            found.append((record.id, list(record.names), where))
    return found


def unmount(engine: Engine, container: Container, *, force: bool = False) -> None:
    """Take one mount away, or with `force` all. Raises InUse for a running container's last one."""
    with engine.lock(container.id):
        engine.state.containers.refresh(container)
        count = engine.store.mounted(container.id)
        if not count:
            raise Error(f"container {container.id} is not mounted: layer is not mounted")
        if container.status in records.ALIVE and (force or count == 1):
            raise InUse(f"cannot unmount storage for container {container.id}: container is running")
        engine.store.unmount(container.id, force)
    events.container(engine, "unmount", container)
