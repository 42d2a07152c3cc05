"""A limit for what builds keep: images that nobody names, and cache mounts; what was used longest ago goes first.

When a step's image was found in the cache is kept as the time of an empty file in the graph root's "build-cache".
"""

from __future__ import annotations

import os

from ocicore.build import cache_mounts
from ocicore.errors import Error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ocicore.image.local import LocalImage, LocalImages
    from ocicore.storage.store import Store

_FOLDER = "build-cache"


def note_use(store: Store, image_id: str) -> None:
    """The image was found in the cache now. A store that cannot be written to keeps no account."""
    folder = os.path.join(store.graph_root, _FOLDER)
    path = os.path.join(folder, image_id)
    try:
        os.utime(path)
    except FileNotFoundError:
        try:
            os.makedirs(folder, 0o700, exist_ok=True)
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
        except OSError:
            return
    except OSError:
        return


def last_use(store: Store, image: LocalImage) -> int:
    """Nanoseconds since the epoch: made, or found in the cache."""
    try:
        found = os.stat(os.path.join(store.graph_root, _FOLDER, image.id)).st_mtime_ns
    except OSError:
        found = 0
    return max(found, image.record.created)


class _Layers:
    """Layers that only the cache needs, each with the number of images that need it."""

    def __init__(self, store: Store, kept: Iterable[str | None], cached: Iterable[LocalImage]) -> None:
        self._store = store
        self._parents = {layer.id: layer.parent for layer in store.layers()}
        self._kept: set[str] = set()
        for top in kept:
            self._kept.update(self._chain(top))
        self._needed: dict[str, int] = {}
        self._sizes: dict[str, int] = {}
        for image in cached:
            for layer in self._own(image):
                self._needed[layer] = self._needed.get(layer, 0) + 1
        self.total = sum(self._size(layer) for layer in self._needed)

    def without(self, image: LocalImage) -> None:
        """The image is gone."""
        for layer in self._own(image):
            self._needed[layer] -= 1
            if not self._needed[layer]:
                self.total -= self._size(layer)

    def _own(self, image: LocalImage) -> list[str]:
        return [layer for layer in self._chain(image.layer) if layer not in self._kept]

    def _chain(self, top: str | None) -> list[str]:
        found = []
        while top:
            found.append(top)
            top = self._parents.get(top)
        return found

    def _size(self, layer: str) -> int:
        if layer not in self._sizes:
            self._sizes[layer] = self._store.layer_size(layer)
        return self._sizes[layer]


def shrink(
    images: LocalImages,
    limit: int,
    mounts: str,
    *,
    keep: Iterable[str] = (),
    tell: Callable[[str], None] = lambda text: None,
) -> int:
    """Remove what was used longest ago until no more than `limit` bytes are left; the bytes that are left.

    Args:
        mounts: the folder with the user's cache mounts (`cache_mounts.root`).
        keep: ids of images that count as named.
        tell: receives the id of each image and the path of each cache mount removed.

    Raises:
        Error: something cannot be read or removed.
    """
    store = images.store
    wanted = set(keep)
    used = {container.image for container in store.containers()}
    everything = images.list()
    cached = [
        image
        for image in everything
        if not image.names and not image.read_only and image.id not in wanted and image.id not in used
    ]
    gone = {image.id for image in cached}
    layers = _Layers(
        store,
        [
            *(image.layer for image in everything if image.id not in gone),
            *(c.layer for c in store.containers()),
        ],
        cached,
    )
    folders = cache_mounts.all_mounts(mounts)
    rest = layers.total + sum(mount.size for mount in folders)
    items: list[tuple[int, LocalImage | cache_mounts.CacheMount]] = [
        *((last_use(store, image), image) for image in cached),
        *((mount.used, mount) for mount in folders),
    ]
    items.sort(key=lambda item: item[0])
    for _, item in items:
        if rest <= limit:
            break
        before = layers.total
        if isinstance(item, cache_mounts.CacheMount):
            cache_mounts.remove(item.folder)
            rest -= item.size
            tell(item.folder)
            continue
        try:
            images.remove(item, prune_parents=False)
        except Error as error:
            if images.by_id(item.id) is not None:
                tell(f"{item.id[:12]} stays: {error.message}")
            continue  # taken into use, or gone, meanwhile
        layers.without(item)
        rest -= before - layers.total
        tell(item.id)
    _sweep(store)
    return rest


def _sweep(store: Store) -> None:
    """Remove the notes about images that are gone."""
    folder = os.path.join(store.graph_root, _FOLDER)
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return
    known = {image.id for image in store.images()}
    for name in names:
        if name not in known:
            try:
                os.unlink(os.path.join(folder, name))
            except FileNotFoundError:
                continue
