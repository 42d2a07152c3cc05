"""prune: removing what nothing uses."""

from __future__ import annotations

from ocicore.engine import listing, lock_care, records, remove
from ocicore.errors import Error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ocicore.engine.context import Engine
    from ocicore.engine.records import Volume


def containers(engine: Engine, filters: Iterable[str]) -> tuple[list[str], list[Error]]:
    """Remove containers that do not run; (ids removed, failures)."""
    found = [
        container
        for container in listing.containers(engine)
        if container.status in (records.CONFIGURED, records.CREATED, records.EXITED, records.STOPPED)
    ]
    texts = list(filters)
    if texts:
        from ocicore.engine import container_filters

        found = container_filters.apply(engine, found, texts)
    removed: list[str] = []
    errors: list[Error] = []
    for container in found:
        if engine.state.containers.dependents(container.id):
            continue
        try:
            removed += remove.remove(engine, container, volumes=True)
        except Error as error:
            errors.append(error)
    lock_care.remove_unused(engine)
    return removed, errors


def unused_volumes(engine: Engine, filters: Iterable[str]) -> list[Volume]:
    """Volumes that no container uses and that match."""
    from ocicore.engine import volume_listing

    return [
        volume
        for volume in volume_listing.select(engine, filters)
        if not engine.state.volumes.users(volume.name)
    ]


def volumes(engine: Engine, filters: Iterable[str]) -> tuple[list[str], list[Error]]:
    """Remove volumes that no container uses; (names, failures)."""
    from ocicore.engine import volumes as volume_verbs

    removed: list[str] = []
    errors: list[Error] = []
    for volume in unused_volumes(engine, filters):
        try:
            volume_verbs.remove(engine, volume)
        except Error as error:
            errors.append(error)
            continue
        removed.append(volume.name)
    return removed, errors
