"""A container committed again: the layer its changes would become may be there already.

Unpacking it once more, only to delete it, would cost many times what it takes to read the changes.
"""

from __future__ import annotations

import os

from ocicore.storage.staging import StagedLayer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ocicore.storage.layers import LayerStore
    from ocicore.storage.records import Layer
    from ocicore.storage.streams import PipeStream

_CHUNK = 1 << 18


class KnownLayer(StagedLayer):
    """Stands for a layer that the store has, where a staged one is asked for.

    Attributes:
        again: stages the layer after all, for when it is wanted under another id, or was deleted meanwhile.
        entries, bytes: -1, nobody counted.
    """

    def __init__(self, layers: LayerStore, layer: Layer, again: Callable[[], StagedLayer]) -> None:
        self.again = again
        self.diff_dir = layers.driver.diff_path(layer.id)
        self.tar_split = layers.tar_split_path(layer.id)
        self.diff_id = layer.diff_id or ""
        self.size = layer.size or 0
        self.compressed_digest = layer.compressed_digest or ""
        self.compressed_size = layer.compressed_size or 0
        self.compression = layer.compression
        self.uids = layer.uids
        self.gids = layer.gids
        self.entries = self.bytes = -1
        self.id_maps = None

    def sync(self) -> None:
        """It is on disk."""

    def committed(self) -> None:
        """Nothing is left to remove."""

    def discard(self) -> None:
        """Nothing was made."""


def find(
    layers: LayerStore, layer: Layer, pack: Callable[[], PipeStream], again: Callable[[], StagedLayer]
) -> KnownLayer | None:
    """The layer of the store that equals the changes of a container's layer, on the same parent.

    Reads the changes once, and only where there is such a layer at all; gives up when they are longer than any.

    Args:
        pack: the changes as a tar stream.
        again: see `KnownLayer`.
    """
    siblings = {
        other.diff_id: other
        for other in layers.all()
        if other.parent == layer.parent
        and other.diff_id
        and other.id_maps is None
        and not other.read_only
        and os.path.exists(layers.tar_split_path(other.id))
    }
    if not siblings:
        return None
    import _hashlib

    longest = max(other.size or 0 for other in siblings.values())
    digest = _hashlib.openssl_sha256()
    size = 0
    with pack() as stream:
        while data := stream.read(_CHUNK):
            digest.update(data)
            size += len(data)
            if size > longest:
                return None
    found = siblings.get("sha256:" + digest.hexdigest())
    return KnownLayer(layers, found, again) if found is not None else None
