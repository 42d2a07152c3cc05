"""The ids of a build with --userns=auto: chosen when it begins, and nobody else's until it ends.

Its working containers come and go with the steps, so another one, which is never used, stands for the ids all the time. Like
them it has a lease: what a killed build leaves of it, prune removes.
"""

from __future__ import annotations

import os
from contextlib import contextmanager

from ocicore.build import leases
from ocicore.errors import NotFound
from ocicore.oci import platform as platforms

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ocicore.storage.records import IdMaps
    from ocicore.storage.store import Store


@contextmanager
def reserved(store: Store, choose: Callable[[], IdMaps]) -> Iterator[IdMaps]:
    """The ids, taken by a container as long as the context lasts.

    Args:
        choose: gives ids that no container has (`auto_userns.allocate`).
    """
    with store.choosing_ids():
        maps = choose()
        container, lease = leases.create(
            store, None, suffix="build-ids", architecture=platforms.host().architecture, id_maps=maps
        )
    try:
        container.save()
        yield maps
    finally:
        try:
            container.delete()
        except NotFound:
            pass  # somebody removed all containers meanwhile
        finally:
            os.close(lease)
