"""What builds and commands leave that were killed: working containers, folders, mounts, networks. Prune removes it.

Everything of that kind has a lease (a lock that ends with its process), so that nothing of a living one is touched.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ocicore.build.run_network import NetworkPool
    from ocicore.storage.store import Store

#: Beginning of the names of empty files in a scratch folder: the image whose id follows is mounted.
MOUNTED = "mounted-"


def remove(store: Store, folder: str, uid: int, networks: NetworkPool) -> Iterator[str]:
    """Remove what killed builds left; the ids and paths of it.

    Args:
        folder: where scratch folders are ($TMPDIR).
        uid: of the user, as the folders' owner is seen by us.
        networks: takes namespaces down.
    """
    from ocicore.build import leases, scratch
    from ocicore.errors import NotFound

    def unmount_images(path: str) -> None:
        for name in os.listdir(path):
            if name.startswith(MOUNTED):
                try:
                    store.unmount_image(name.removeprefix(MOUNTED))
                except NotFound:
                    continue

    yield from leases.leftovers(store)
    for parent in dict.fromkeys((folder, store.run_root)):
        yield from scratch.leftovers(parent, uid, unmount_images)
    yield from networks.leftovers()
