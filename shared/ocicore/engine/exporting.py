"""export: a container's root as a tar stream, with ids as the container sees them."""

from __future__ import annotations

from ocicore.engine import events, tar_stream
from ocicore.engine.create_namespaces import UserMapping, storage_maps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.engine.context import Engine
    from ocicore.engine.records import Container


def export(engine: Engine, container: Container, out_fd: int) -> None:
    """Write the stream; the container may run. Raises Error."""
    config = container.config
    runtime = config["runtime"]
    maps = storage_maps(UserMapping(runtime.get("uid_mappings", []), runtime.get("gid_mappings", [])))
    if config.get("rootfs"):
        tar_stream.write_tree(config["rootfs"], out_fd)
        return
    root = engine.store.mount(container.id)
    try:
        tar_stream.write_tree(
            root, out_fd, uid_map=maps[0] if maps else None, gid_map=maps[1] if maps else None
        )
    finally:
        engine.store.unmount(container.id)
    events.container(engine, "export", container)
