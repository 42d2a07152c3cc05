"""Which working containers belong to a build: each has a lease, held while the build lives.

A build that is killed cannot remove its containers. One whose lease nobody holds is a leftover, which prune removes;
a container without a lease was made by `from`, by buildah, or was kept on purpose.
"""

from __future__ import annotations

import os

from ocicore.errors import NotFound
from ocicore.files import locks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from ocicore.build.working import WorkingContainer
    from ocicore.image.local import LocalImage
    from ocicore.storage.store import Store

_NAME = "build.lease"


def take(store: Store, container_id: str) -> int:
    """Make a new container one of this build; the descriptor that holds the lease. Raises OSError."""
    store.container_dir(container_id)
    return locks.new_lease(_path(store, container_id))


def create(store: Store, image: LocalImage | None, **settings: Any) -> tuple[WorkingContainer, int]:
    """A new working container that is one of this build from the first moment, and its lease.

    Args:
        settings: see `working.create`.
    """
    from ocicore.build import working

    taken: list[int] = []
    try:
        container = working.create(
            store, image, before_record=lambda number: taken.append(take(store, number)), **settings
        )
    except BaseException:
        for lease in taken:
            os.close(lease)
        raise
    return container, taken.pop()


def give_up(store: Store, container_id: str) -> None:
    """The container is to stay: it is nobody's leftover. The descriptor is still to be closed."""
    try:
        os.unlink(_path(store, container_id))
    except FileNotFoundError:
        pass


def in_use(store: Store, container_id: str) -> bool:
    """Whether a build that is going on has the container."""
    try:
        lease = locks.try_lease(_path(store, container_id), make=False)
    except FileNotFoundError:
        return False
    if lease is None:
        return True
    os.close(lease)
    return False


def leftovers(store: Store) -> Iterator[str]:
    """Remove the containers of builds that were killed, and give their ids."""
    for container in store.containers():
        try:
            lease = locks.try_lease(_path(store, container.id), make=False)
        except FileNotFoundError:
            continue  # none of a build, or it is to stay
        if lease is None:
            continue
        try:
            store.unmount(container.id, force=True)
            store.delete_container(container.id)
        except NotFound:
            continue  # somebody else was quicker
        finally:
            os.close(lease)
        yield container.id


def _path(store: Store, container_id: str) -> str:
    # Not the store's container_dir: that makes the folder, and this may ask about a container that is just removed.
    return os.path.join(store.container_store.folder, container_id, "userdata", _NAME)
