"""rename: another name for a container, in our state and in the store."""

from __future__ import annotations

from ocicore.engine import events, names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.engine.context import Engine
    from ocicore.engine.records import Container


def rename(engine: Engine, container: Container, name: str) -> None:
    """Raises InvalidInput, NameTaken; then the old name stays."""
    names.check_name(name)
    with engine.lock(container.id):
        engine.state.containers.refresh(container)
        old = container.name
        if name == old:
            return
        engine.state.containers.rename(container, name)
        try:
            if not container.config.get("rootfs"):
                engine.store.set_names("container", container.id, [name])
        except BaseException:
            engine.state.containers.rename(container, old)
            raise
        events.container(engine, "rename", container)
