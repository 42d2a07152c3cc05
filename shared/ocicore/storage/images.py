"""Images: records and big data (containers/storage images.go)."""

from __future__ import annotations

import os

from ocicore.errors import NotFound, Unsupported
from ocicore.files.locks import FileLock
from ocicore.storage import bigdata, identifiers, timestamps
from ocicore.storage.recordfiles import RecordFiles
from ocicore.storage.records import Image

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from ocicore.config.storage_conf import StorageConfig


class ImageStore:
    """The images of one store and of the additional read-only ones."""

    def __init__(
        self, config: StorageConfig, driver_name: str, *, warn: Callable[[str], None] | None
    ) -> None:
        prefix = driver_name + "-images"
        self.folder = os.path.join(config.image_store or config.graph_root, prefix)
        self.files = self._open(self.folder, False, warn)
        self.files.mend = self._mend_locked
        # With a separate image store, images that were made before remain where they were.
        more = [config.graph_root] if config.image_store else []
        self.others = [
            self._open(os.path.join(store, prefix), store != config.graph_root, warn)
            for store in more + config.image_stores
        ]

    @staticmethod
    def _open(folder: str, read_only: bool, warn: Callable[[str], None] | None) -> RecordFiles[Image]:
        return RecordFiles(
            "image",
            Image,
            [FileLock(os.path.join(folder, "images.lock"), read_only=read_only)],
            [os.path.join(folder, "images.json")],
            [False],
            read_only=read_only,
            warn=warn,
        )

    def _mend_locked(self) -> None:
        touched = self.files.unify_names()
        if touched:
            self.files.save(touched)

    def all(self) -> list[Image]:
        """Every image, additional stores' last; one that is in two stores is there twice, as with containers/storage."""
        with self.files.reading():
            found = list(self.files.records)
        for files in self.others:
            with files.reading():
                found += files.records
        return found

    def get(self, text: str) -> Image:
        """By id, name or unique prefix. Raises NotFound."""
        return self.locate(text)[0]

    def locate(self, text: str) -> tuple[Image, RecordFiles[Image]]:
        """An image and the files it is in. Raises NotFound."""
        for files in (self.files, *self.others):
            with files.reading():
                found = files.find(text)
                if found is not None:
                    return found, files
        raise NotFound(f'locating image with ID "{text}": image not known')

    def own(self, text: str) -> Image:
        """Like `get`, but of an image that may be changed; the lock must be held."""
        found = self.files.find(text)
        if found is None:
            image, files = self.locate(text)
            raise Unsupported(f"image {image.id} is in a read-only store: {os.path.dirname(files.paths[0])}")
        return found

    def data_dir(self, image_id: str) -> str:
        """The directory of an image's big data, in whichever store has it."""
        for files in (self.files, *self.others):
            path = os.path.join(os.path.dirname(files.paths[0]), image_id)
            if os.path.isdir(path):
                return path
        return os.path.join(self.folder, image_id)

    def create_locked(
        self,
        *,
        id: str | None,
        names: Sequence[str],
        layer: str | None,
        digest: str | None,
        metadata: str,
        created: int | None,
        big_data: Mapping[str, bytes],
        flags: Mapping[str, Any] | None,
    ) -> Image:
        """Record an image; see `Store.create_image`. The lock must be held for writing."""
        image_id = id or identifiers.new_id()
        bigdata.write_all(os.path.join(self.folder, image_id), big_data)
        image = self.files.by_id.get(image_id)
        if image is None:
            raw: dict[str, Any] = {"id": image_id}
            if digest:
                raw["digest"] = digest
            if layer:
                raw["layer"] = layer
            if metadata:
                raw["metadata"] = metadata
            raw["created"] = timestamps.to_text(timestamps.now() if created is None else created)
            if flags:
                raw["flags"] = dict(flags)
            image = self.files.add(raw, 0)
        for key, data in big_data.items():
            bigdata.note(image.raw, key, data)
        if not image.raw.get("digest") and image.digests:
            image.raw["digest"] = image.digests[0]
        self.name_locked(image, [*names, *image.names], save=False)
        self.files.save([0])
        return image

    def name_locked(self, image: Image, names: Sequence[str], *, save: bool = True) -> None:
        """Give the image exactly these names, and remember the new ones in its history."""
        unique = list(dict.fromkeys(names))
        history = list(image.names_history)
        for name in unique:
            history = [name, *(old for old in history if old != name)]
        if history:
            image.raw["names-history"] = history
        self.files.rename(image, unique)
        if save:
            self.files.save([0])

    def set_big_data(self, text: str, key: str, data: bytes) -> None:
        """Write one item and note its size and digest."""
        with self.files.writing():
            image = self.own(text)
            bigdata.write(os.path.join(self.folder, image.id), key, data)
            bigdata.note(image.raw, key, data)
            if not image.raw.get("digest") and image.digests:
                image.raw["digest"] = image.digests[0]
            self.files.save([0])
