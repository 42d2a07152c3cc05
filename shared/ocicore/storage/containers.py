"""Containers: records, big data and directories (containers/storage containers.go)."""

from __future__ import annotations

import os

from ocicore.errors import Conflict, NotFound
from ocicore.files.locks import FileLock
from ocicore.storage import bigdata, records, timestamps
from ocicore.storage.recordfiles import RecordFiles
from ocicore.storage.records import Container

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from ocicore.config.storage_conf import StorageConfig
    from ocicore.storage.records import IdMaps
    from ocicore.storage.tempdirs import TempDir

_STABLE, _VOLATILE = 0, 1


class ContainerStore:
    """The containers of one store."""

    def __init__(
        self, config: StorageConfig, driver_name: str, *, warn: Callable[[str], None] | None
    ) -> None:
        prefix = driver_name + "-containers"
        self.folder = os.path.join(config.graph_root, prefix)
        self.run_folder = os.path.join(config.run_root, prefix)
        self.transient = config.transient
        volatile_folder = self.run_folder if config.transient else self.folder
        self.files = RecordFiles(
            "container",
            Container,
            [FileLock(os.path.join(volatile_folder, "containers.lock"))],
            [
                os.path.join(self.folder, "containers.json"),
                os.path.join(volatile_folder, "volatile-containers.json"),
            ],
            [False, True],
            warn=warn,
        )
        self.files.mend = self._mend_locked

    def _mend_locked(self) -> None:
        touched = self.files.unify_names()
        if touched:
            self.files.save(touched)

    def find(self, text: str) -> Container | None:
        """By id, name, layer id or unique prefix; the lock must be held."""
        found = self.files.by_id.get(text) or self.files.by_name.get(text)
        if found is None and len(text) == 64:
            found = next((c for c in self.files.records if c.layer == text), None)
        return found or self.files.find(text)

    def get(self, text: str) -> Container:
        """Like `find`. Raises NotFound."""
        with self.files.reading():
            return self.get_locked(text)

    def get_locked(self, text: str) -> Container:
        """Like `get`, in a section of the caller's."""
        found = self.find(text)
        if found is None:
            raise NotFound("container not known")
        return found

    def check_free(self, container_id: str, names: Sequence[str]) -> None:
        """Raises Conflict when the id or a name is taken; the lock must be held."""
        if container_id in self.files.by_id:
            raise Conflict(f"creating container {container_id}: that ID is already in use")
        for name in names:
            other = self.files.by_name.get(name)
            if other is not None:
                raise Conflict(
                    f'the container name "{name}" is already in use by {other.id}. You have to remove that '
                    "container to be able to reuse that name: that name is already in use"
                )

    def create_locked(
        self,
        *,
        id: str,
        names: Sequence[str],
        image: str,
        layer: str,
        metadata: str,
        id_maps: IdMaps | None,
        flags: Mapping[str, Any],
        volatile: bool,
        big_data: Mapping[str, bytes],
    ) -> Container:
        """Record a container on an existing layer. The lock must be held for writing."""
        raw: dict[str, Any] = {"id": id}
        if names:
            raw["names"] = list(dict.fromkeys(names))
        raw["image"] = image
        raw["layer"] = layer
        if metadata:
            raw["metadata"] = metadata
        raw["created"] = timestamps.to_text(timestamps.now())
        raw.update(records.id_maps_to_json(id_maps))
        if flags:
            raw["flags"] = dict(flags)
        if big_data:
            bigdata.write_all(os.path.join(self.folder, id), big_data, fsync=not volatile)
            for key, data in big_data.items():
                bigdata.note(raw, key, data)
        apart = volatile and self.files.splits_volatile(self.transient)
        container = self.files.add(raw, _VOLATILE if apart else _STABLE)
        self.files.save([container.location], durable=not volatile)
        return container

    def set_big_data(self, text: str, key: str, data: bytes) -> None:
        """Write one item and note its size and digest."""
        with self.files.writing():
            container = self.get_locked(text)
            bigdata.write(os.path.join(self.folder, container.id), key, data, fsync=not container.volatile)
            bigdata.note(container.raw, key, data)
            self.files.save([container.location])

    def discard_locked(self, temp: TempDir, container_id: str) -> None:
        """Move a container's directories into `temp`; the record must have gone, or go first."""
        for folder in (self.folder, self.run_folder):
            temp.take(os.path.join(folder, container_id))

    def directory(self, container_id: str) -> str:
        """userdata in the graph root, made when missing."""
        return _userdata(self.folder, container_id)

    def run_directory(self, container_id: str) -> str:
        """userdata in the run root, made when missing."""
        return _userdata(self.run_folder, container_id)


def _userdata(folder: str, container_id: str) -> str:
    path = os.path.join(folder, container_id, "userdata")
    if not os.path.isdir(path):
        os.makedirs(path, 0o700, exist_ok=True)
    return path
