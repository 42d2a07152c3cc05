"""What builds and buildah leave in the store, as the prune commands of `pypod` take it away."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ocicore.engine.context import Engine


def containers(engine: Engine, *, dangling_only: bool = False) -> list[str]:
    """Remove the containers that are none of ours, but for those of builds that are going on; their ids."""
    from ocicore.build import leases
    from ocicore.engine import image_removal

    return image_removal.remove_external_containers(
        engine,
        dangling_only=dangling_only,
        spare=lambda container_id: leases.in_use(engine.store, container_id),
    )


def others(engine: Engine) -> Iterator[str]:
    """Remove what builds left that were killed: containers, folders, networks; ids and paths."""
    from ocicore.build import leftovers
    from ocicore.build.run_network import NetworkPool

    networks = NetworkPool(
        paths=engine.user,
        environ=engine.environ,
        conf=engine.config,
        run_root=engine.store.run_root,
        scratch=engine.store.run_root,
        warn=engine.warn,
    )
    parent = engine.environ.get("TMPDIR") or "/var/tmp"
    return leftovers.remove(engine.store, parent, os.geteuid(), networks)
