"""diff: what changed in a container or image against its parent, or against another."""

from __future__ import annotations

from ocicore.errors import NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.engine.context import Engine

#: Files a container (an image, while it was built) gets from its host: they say nothing about what it changed.
_OURS = frozenset(
    (
        "/dev",
        "/etc/hostname",
        "/etc/hosts",
        "/etc/resolv.conf",
        "/proc",
        "/run",
        "/run/notify",
        "/run/.containerenv",
        "/run/podman-init",
        "/run/secrets",
        "/sys",
        "/etc/mtab",
    )
)


def layer_of(engine: Engine, name: str, *, kind: str = "all") -> str:
    """Id of the layer of a container or image; "" for a container on a root directory of its own. Raises NotFound."""
    if kind in ("all", "container"):
        try:
            container = engine.state.containers.find(name)
            if container.config.get("rootfs"):
                return ""
            return engine.store.container(container.id).layer
        except NotFound:
            if kind == "container":
                raise
    try:
        return engine.images.find(name).layer
    except NotFound:
        if kind == "image":
            raise
    try:
        return engine.store.container(name).layer  # another program's
    except NotFound:
        raise NotFound(f"{name} not found: layer not known") from None


def changes(engine: Engine, name: str, other: str = "", *, kind: str = "all") -> list[tuple[str, str]]:
    """(kind "A" | "C" | "D", path) of each change, as podman sorts them. Raises NotFound."""
    layer = layer_of(engine, name, kind=kind)
    if not layer:
        return []
    parent = layer_of(engine, other, kind=kind) if other else None
    found = []
    for change in engine.store.changes(layer, parent):
        path = change.path if change.path.startswith("/") else "/" + change.path
        if path in _OURS:
            continue
        found.append((change.kind, path))
    return found
