"""A container's two directories. The database knows them while it runs, so that `exec` and `logs` need not open the store."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.engine.context import Engine
    from ocicore.engine.records import Container


def static_dir(engine: Engine, container: Container) -> str:
    """Persistent: config.json, the log, conmon's attach socket and FIFOs."""
    known: str = container.state.get("static_dir", "")
    return known or engine.store.container_dir(container.id)


def run_dir(engine: Engine, container: Container) -> str:
    """Volatile: hosts, resolv.conf, pid files, secrets."""
    known: str = container.state.get("run_dir", "")
    return known or engine.store.container_run_dir(container.id)
