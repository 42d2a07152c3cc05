"""Relations between local images: parents, children, history lines, the tree of layers.

containers/storage records no parents of images; as in podman they follow from layers and from one
configuration's history being the beginning of the other's.
"""

from __future__ import annotations

from ocicore.errors import Error, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ocicore.image.local import LocalImage, LocalImages


class HistoryLine:
    """One line of `history`, newest first.

    Attributes:
        id: image identifier, or "<missing>" for a step no image stands for.
        created: RFC 3339, as in the configuration.
        size: bytes of the layer unpacked, 0 for a step without a layer.
        tags: names of the images ending in this layer.
    """

    __slots__ = ("comment", "created", "created_by", "id", "size", "tags")

    def __init__(self, entry: dict[str, Any]) -> None:
        self.id = "<missing>"
        self.created: str = entry.get("created") or ""
        self.created_by: str = entry.get("created_by") or ""
        self.comment: str = entry.get("comment") or ""
        self.size = 0
        self.tags: list[str] = []


class Ancestry:
    """A snapshot of which images end in which layers."""

    def __init__(self, images: LocalImages) -> None:
        self._images = images.list()
        self._by_layer: dict[str, list[LocalImage]] = {}
        for image in self._images:
            if image.layer:
                self._by_layer.setdefault(image.layer, []).append(image)
        self._parent_layer = {record.id: record.parent or "" for record in images.store.layers()}

    def parent(self, image: LocalImage) -> LocalImage | None:
        """The image this one was built on, None if it is not in the store."""
        if image.is_manifest_list:
            return None
        layer_id = image.layer
        best: LocalImage | None = None
        while layer_id:
            for candidate in self._by_layer.get(layer_id, ()):
                if candidate.id != image.id and _is_parent(candidate, image):
                    longer = best is None or len(_history(candidate)) > len(_history(best))
                    if longer:
                        best = candidate
            if best is not None:
                return best
            layer_id = self._parent_layer.get(layer_id, "")
        return None

    def children(self, image: LocalImage) -> list[LocalImage]:
        """Images built directly or indirectly on this one."""
        if image.is_manifest_list:
            return []
        return [
            other
            for other in self._images
            if other.id != image.id and self._contains(other.layer, image.layer) and _is_parent(image, other)
        ]

    def in_manifest_lists(self) -> set[str]:
        """Digests of images that a local manifest list names; such images are not dangling."""
        digests: set[str] = set()
        for image in self._images:
            try:
                if image.is_manifest_list:
                    entries = getattr(image.manifest(), "manifests", ())
                    digests.update(entry.digest for entry in entries)
            except NotFound:
                continue  # removed meanwhile
        return digests

    def is_dangling(self, image: LocalImage) -> bool:
        """Whether the image has no name, no child and no list that needs it."""
        return not image.names and not self.children(image) and image.digest not in self.in_manifest_lists()

    def is_intermediate(self, image: LocalImage) -> bool:
        """Whether the image has no name but children."""
        return not image.names and bool(self.children(image))

    def history(self, image: LocalImage) -> list[HistoryLine]:
        """Lines of the configuration's history, newest first, with sizes and the images ending there.

        Raises:
            Error: the history names more layers than the image has.
        """
        layers = image.layers()
        used: set[str] = set()
        lines: list[HistoryLine] = []
        for entry in reversed(_history(image)):
            line = HistoryLine(entry)
            if layers:
                ending = self._by_layer.get(layers[-1].id, ())
                for other in ending:
                    line.tags += other.names
                # The image asked for owns the newest line even when others share its layer.
                first = image if not lines else next(iter(ending), None)
                if first is not None and first.id not in used:
                    line.id = first.id
                    used.add(first.id)
            elif not lines:
                line.id = image.id
            if not entry.get("empty_layer"):
                if not layers:
                    raise Error(f"reading history of {image.id}: no layer left for {line.created_by!r}")
                line.size = layers[-1].size or 0
                layers.pop()
            lines.append(line)
        return lines

    def _contains(self, layer_id: str, wanted: str) -> bool:
        if not wanted:
            return True
        while layer_id:
            if layer_id == wanted:
                return True
            layer_id = self._parent_layer.get(layer_id, "")
        return False


def _history(image: LocalImage) -> list[dict[str, Any]]:
    return image.config().history


def _is_parent(parent: LocalImage, child: LocalImage) -> bool:
    """Whether the child's history and layers begin with, and go beyond, the parent's.

    An image whose data somebody removes meanwhile is nobody's relative.
    """
    try:
        return _begins_with(child, parent)
    except NotFound:
        return False


def _begins_with(child: LocalImage, parent: LocalImage) -> bool:
    if parent.is_manifest_list or child.is_manifest_list:
        return False
    ours, theirs = _history(parent), _history(child)
    if len(ours) >= len(theirs) or not ours:
        return False
    if list(child.config().diff_ids)[: len(parent.config().diff_ids)] != list(parent.config().diff_ids):
        return False
    same = ("created", "created_by", "author", "comment")
    return all(
        all(mine.get(key) == other.get(key) for key in same)
        and bool(mine.get("empty_layer")) == bool(other.get("empty_layer"))
        for mine, other in zip(ours, theirs, strict=False)
    )
