"""Layers: their records, directories, tar-split files and mounts.

Works on the primary layer store (and the separate image store, where there is one) and
looks things up in additional read-only stores. Follows containers/storage layers.go; the
order of writes, and what undoes a half-done one, is in the package's README.
"""

from __future__ import annotations

import os

from ocicore.errors import Conflict, InvalidInput, NotFound, Unsupported
from ocicore.files import atomic
from ocicore.files.locks import FileLock
from ocicore.storage import bigdata, identifiers, records, tempdirs, timestamps
from ocicore.storage.driver import parse_options
from ocicore.storage.mounts import MountTable
from ocicore.storage.recordfiles import RecordFiles
from ocicore.storage.records import Layer
from ocicore.storage.tempdirs import TempDir

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any

    from ocicore.config.storage_conf import StorageConfig
    from ocicore.storage.additional_layers import AdditionalLayer
    from ocicore.storage.driver import Driver
    from ocicore.storage.records import IdMaps
    from ocicore.storage.staging import StagedLayer

_STABLE, _IMAGE_STORE, _VOLATILE = 0, 1, 2


class LayerStore:
    """The layers of one store. Methods ending in `_locked` need the lock of `files` for writing.

    Args:
        in_use: `in_use(layer_id)` – does an image or container refer to the layer? Takes their locks.
        discard_record: `discard_record(temp, kind, id)` – move the directories of a "container" or "image" without a
            record into `temp`. Takes their locks.
    """

    def __init__(
        self,
        config: StorageConfig,
        driver: Driver,
        *,
        in_use: Callable[[str], bool],
        discard_record: Callable[[TempDir, str, str], None],
        warn: Callable[[str], None] | None,
    ) -> None:
        prefix = driver.name + "-layers"
        self.driver = driver
        self.folder = os.path.join(config.graph_root, prefix)
        self.run_folder = os.path.join(config.run_root, prefix)
        self.transient = config.transient
        self.has_image_store = config.image_store is not None
        self._in_use = in_use
        self._discard_record = discard_record
        #: Are layers brought to disk before they are recorded? `<driver>.sync=none` says no.
        sync = parse_options(driver.name, config.driver_options).get("sync", "filesystem")
        if sync not in ("none", "filesystem"):
            raise InvalidInput(f'{driver.name}: invalid sync mode: "{sync}"', hint="use none or filesystem")
        self.sync = sync == "filesystem"
        #: Where private directories go: the file system of the image layers.
        self.temp_root = os.path.join(config.image_store or config.graph_root, prefix, "tmp")
        self._warn = warn
        self._recovered = False
        locks = [FileLock(os.path.join(self.folder, "layers.lock"))]
        image_json = ""
        if config.image_store:
            locks.append(FileLock(os.path.join(config.image_store, prefix, "layers.lock")))
            image_json = os.path.join(config.image_store, prefix, "layers.json")
        volatile_folder = self.run_folder if config.transient else self.folder
        self.files = RecordFiles(
            "layer",
            Layer,
            locks,
            [
                os.path.join(self.folder, "layers.json"),
                image_json,
                os.path.join(volatile_folder, "volatile-layers.json"),
            ],
            [False, False, True],
            warn=warn,
        )
        self.files.mend = self._mend_locked
        self.mounts = MountTable(self.run_folder)
        self.others = [
            RecordFiles(
                "layer",
                Layer,
                [FileLock(os.path.join(store, prefix, "layers.lock"), read_only=True)],
                [os.path.join(store, prefix, name) for name in ("layers.json", "volatile-layers.json")],
                [False, True],
                read_only=True,
            )
            for store in config.image_stores
        ]

    def tar_split_path(self, layer_id: str) -> str:
        """The tar-split file of a layer, in whichever store has it."""
        name = layer_id + ".tar-split.gz"
        own = os.path.join(self.folder, name)
        if self.others and not os.path.exists(own):
            for files in self.others:
                other = os.path.join(os.path.dirname(files.paths[0]), name)
                if os.path.exists(other):
                    return other
        return own

    def data_dir(self, layer_id: str) -> str:
        """The directory of a layer's big data, in whichever store has it."""
        for files in (self.files, *self.others):
            path = os.path.join(os.path.dirname(files.paths[0]), layer_id)
            if os.path.isdir(path):
                return path
        return os.path.join(self.folder, layer_id)

    # -- sections and look-ups -----------------------------------------------------------------

    def writing(self) -> _Writing:
        """`with layers.writing():` – locked for writing, current, and free of half-done operations."""
        return _Writing(self)

    def all(self) -> list[Layer]:
        """Every layer, additional stores' last."""
        with self.files.reading():
            found = list(self.files.records)
        seen = {layer.id for layer in found}
        for files in self.others:
            with files.reading():
                found += [layer for layer in files.records if layer.id not in seen]
        return found

    def get(self, text: str) -> Layer:
        """By id, name or unique prefix. Raises NotFound."""
        with self.files.reading():
            found = self.files.find(text)
        if found is None:
            for files in self.others:
                with files.reading():
                    found = files.find(text)
                if found is not None:
                    break
        if found is None:
            raise NotFound("layer not known")
        return found

    def own(self, text: str) -> Layer:
        """Like `get`, but of a layer that may be changed; the lock must be held."""
        found = self.files.find(text)
        if found is None:
            for files in self.others:
                with files.reading():
                    if files.find(text) is not None:
                        raise Unsupported("called a write method on a read-only store")
            raise NotFound("layer not known")
        return found

    def matching(self, key: str, digest: str) -> list[Layer]:
        """Layers whose record has `digest` under `key`."""
        return [layer for layer in self.all() if layer.raw.get(key) == digest]

    # -- making --------------------------------------------------------------------------------

    def create_locked(
        self,
        temp: TempDir,
        *,
        id: str | None,
        parent: Layer | None,
        names: Sequence[str] = (),
        writable: bool,
        id_maps: IdMaps | None = None,
        old_maps: IdMaps | None = None,
        mount_label: str = "",
        volatile: bool = False,
        flags: Mapping[str, Any] | None = None,
        options: Mapping[str, str] | None = None,
        extra: Mapping[str, Any] | None = None,
        driver_parent: str | None = None,
    ) -> Layer:
        """An empty layer: directories, then the record. `temp` must already carry the intent for `id`.

        Args:
            id_maps: recorded, and given to the files.
            old_maps: mapping of the files below, when it differs from `id_maps`.
            extra: more keys for the record.
            driver_parent: layer to stack it on, when that is not the recorded parent.
        """
        layer_id = id or identifiers.new_id()
        self._check_free(layer_id, names)
        raw = _record(layer_id, parent, names, mount_label, id_maps, flags, extra)
        try:
            below = driver_parent or (parent.id if parent else None)
            durable = self.sync and not volatile
            self.driver.create(
                layer_id, below, writable=writable, id_maps=id_maps, options=options, durable=durable
            )
            if below is not None and old_maps != id_maps:
                self.driver.shift(layer_id, old_maps, id_maps)
            layer = self.files.add(raw, self._location(volatile=volatile, writable=writable))
            self.files.save([layer.location], durable=not volatile)
        except BaseException:
            self.files.forget()
            self.discard_files(temp, layer_id)
            raise
        return layer

    def create(
        self,
        *,
        id: str | None,
        parent: str | None,
        names: Sequence[str],
        writable: bool,
        id_maps: IdMaps | None,
        mount_label: str,
        volatile: bool,
        flags: Mapping[str, Any] | None,
        options: Mapping[str, str] | None,
    ) -> Layer:
        """An empty layer on `parent`; see `Store.create_layer`."""
        layer_id = id or identifiers.new_id()
        with self.writing():
            below = self.get(parent) if parent else None
            if id_maps is None and below is not None:
                id_maps = below.id_maps
            temp = TempDir(self.temp_root)
            try:
                temp.intend(layer_id)
                return self.create_locked(
                    temp,
                    id=layer_id,
                    parent=below,
                    names=names,
                    writable=writable,
                    id_maps=id_maps,
                    old_maps=below.id_maps if below else id_maps,
                    mount_label=mount_label,
                    volatile=volatile,
                    flags=flags,
                    options=options,
                )
            finally:
                temp.remove()

    def commit(
        self,
        staged: StagedLayer,
        parent: str | None,
        *,
        id: str | None,
        names: Sequence[str],
        compressed_digest: str | None,
        compressed_size: int | None,
        mount_label: str,
        metadata: str,
    ) -> Layer:
        """A staged layer becomes a layer; see `Store.commit_layer`."""
        layer_id = id or identifiers.new_id()
        if staged.again is not None:
            with self.files.reading() as files:
                there = files.by_id.get(layer_id)
            if there is not None and there.diff_id == staged.diff_id:
                return there
            staged = staged.again()
        if self.driver.needs_parent:
            staged.complete(self.driver, self.get(parent).id if parent else None)
        with self.writing():
            there = self.files.by_id.get(layer_id)
            if there is not None and there.diff_id == staged.diff_id:
                staged.discard()
                return there
            below = self.get(parent) if parent else None
            self._check_free(layer_id, names)
            extra = staged.record(compressed_digest, compressed_size)
            if metadata:
                extra["metadata"] = metadata
            raw = _record(layer_id, below, names, mount_label, staged.id_maps, None, extra)
            staged.temp.intend(layer_id)
            try:
                self.driver.create(
                    layer_id,
                    below.id if below else None,
                    writable=False,
                    id_maps=staged.id_maps,
                    staged=staged.diff_dir,
                    durable=self.sync,
                )
                if staged.tar_split is not None:
                    self._keep_tar_split(staged.tar_split, layer_id)
                layer = self.files.add(raw, self._location(volatile=False, writable=False))
                self.files.save([layer.location])
            except BaseException:
                self.files.forget()
                self.discard_files(staged.temp, layer_id)
                raise
        staged.committed()
        return layer

    def adopt(self, found: AdditionalLayer, parent: str | None, *, id: str) -> Layer:
        """A layer whose files an additional layer store provides; see `Store.adopt_layer`."""
        with self.writing():
            there = self.files.by_id.get(id)
            if there is not None:
                return there
            below = self.get(parent) if parent else None
            raw = {**_record(id, below, (), "", None, None, None), **found.raw}
            raw["id"] = id
            raw.pop("names", None)
            raw.pop("parent", None)
            if below is not None:
                raw["parent"] = below.id
            raw["created"] = timestamps.to_text(timestamps.now())
            from ocicore.storage import additional_layers

            temp = TempDir(self.temp_root)
            try:
                temp.intend(id)
                self.driver.create(
                    id, below.id if below else None, writable=False, elsewhere=found.path, durable=self.sync
                )
                additional_layers.use(found.path)
                layer = self.files.add(raw, self._location(volatile=False, writable=False))
                self.files.save([layer.location])
            except BaseException:
                self.files.forget()
                self.discard_files(temp, id)
                raise
            finally:
                temp.remove()
        return layer

    def _keep_tar_split(self, source: str, layer_id: str) -> None:
        target = os.path.join(self.folder, layer_id + ".tar-split.gz")
        if not self.has_image_store:
            os.rename(source, target)
            return
        # Even the layers of a separate image store have their tar-split in the graph root.
        with open(source, "rb") as file:
            atomic.write(target, file.read(), fsync=self.sync)

    def _check_free(self, layer_id: str, names: Iterable[str]) -> None:
        if layer_id in self.files.by_id:
            raise Conflict(f"creating layer {layer_id}: that ID is already in use")
        for name in names:
            if name in self.files.by_name:
                raise Conflict(f"creating layer {layer_id}: {name}: that name is already in use")

    def _location(self, *, volatile: bool, writable: bool) -> int:
        if (volatile or (writable and self.transient)) and self.files.splits_volatile(self.transient):
            return _VOLATILE
        return _IMAGE_STORE if self.has_image_store and not writable else _STABLE

    # -- removing ------------------------------------------------------------------------------

    def delete_locked(self, temp: TempDir, layers: Sequence[Layer], *, durable: bool = True) -> None:
        """Unmount, drop the records in one write, then move the files into `temp`.

        `temp` must carry the intents; its `remove` is for the caller, after the locks are released.
        """
        for layer in layers:
            self._unmount_all(layer.id)
        for layer in layers:
            self.files.drop(layer)
        if layers:
            self.files.save({layer.location for layer in layers}, durable=durable)
        for layer in layers:
            self.discard_files(temp, layer.id)

    def discard_files(self, temp: TempDir, layer_id: str) -> None:
        """Move everything that belongs to a layer without a record into `temp`."""
        # Whoever was killed may have left it mounted, counted or not.
        mapped = os.path.join(self.driver.home, layer_id, "mapped")
        if is_mounted(self.driver.mount_path(layer_id)) or os.path.isdir(mapped):
            self.driver.unmount(layer_id)
        self.driver.forget(layer_id)
        for path in (
            *self.driver.owned_paths(layer_id),
            os.path.join(self.folder, layer_id + ".tar-split.gz"),
            os.path.join(self.folder, layer_id),
        ):
            try:
                temp.take(path)
            except OSError as error:
                if error.errno != 16:  # EBUSY: something is mounted below, by whomever
                    raise
                self._unmount_below(path)
                temp.take(path)

    def _unmount_all(self, layer_id: str) -> None:
        with self.mounts.lock.exclusive():
            self.mounts.load()
            if self.mounts.get(layer_id)[1]:
                self.driver.unmount(layer_id)
                self.mounts.set(layer_id, None, 0)

    def _unmount_below(self, path: str) -> None:
        from ocicore.linux import mount

        for target in mount.mounts_below(path):
            mount.umount(target, mount.MNT_DETACH)

    def children(self, layer_id: str) -> list[Layer]:
        """Layers directly on top of this one; the lock must be held."""
        return [layer for layer in self.files.records if layer.parent == layer_id]

    # -- recovery ------------------------------------------------------------------------------

    def _mend_locked(self) -> None:
        """Remove layers that their maker (or remover) left incomplete; settle doubly used names."""
        doomed = [layer for layer in self.files.records if layer.incomplete]
        touched = self.files.unify_names()
        if touched:
            self.files.save(touched)
        if doomed:
            temp = TempDir(self.temp_root)
            try:
                for layer in doomed:
                    temp.intend(layer.id)
                    if self._warn:
                        self._warn(f"found incomplete layer {layer.id}, deleting it")
                self.delete_locked(temp, doomed)
            finally:
                temp.remove()

    def recover_locked(self) -> int:
        """Undo what killed processes left half-done; returns how many private directories went."""
        names = tempdirs.stale(self.temp_root)
        if not names:
            return 0
        return tempdirs.recover(self.temp_root, names, self._undo)

    def recover_again(self) -> None:
        """Let the next writer look for half-done operations again (one of ours failed)."""
        self._recovered = False

    def _undo(self, intents: dict[str, str]) -> None:
        """Remove doomed layers that nothing refers to, then the files of layers, containers, images without a record."""
        temp = TempDir(self.temp_root)
        try:
            records = {id: kind for id, kind in intents.items() if kind in ("container", "image")}
            layers = {id: kind for id, kind in intents.items() if id not in records}
            for id, kind in records.items():
                temp.intend_record(kind, id)
            for layer_id in layers:
                temp.intend(layer_id)
            doomed = {id for id, kind in layers.items() if kind == "doomed" and id in self.files.by_id}
            doomed = {layer_id for layer_id in doomed if not self._in_use(layer_id)}
            gone: list[Layer] = []
            # Children before parents: a doomed layer keeps what it stands on only as long as it stays.
            while ready := [
                layer_id for layer_id in doomed if all(child in gone for child in self.children(layer_id))
            ]:
                gone += [self.files.by_id[layer_id] for layer_id in ready]
                doomed.difference_update(ready)
            self.delete_locked(temp, gone)
            for layer_id in layers:
                if layer_id not in self.files.by_id:
                    self.discard_files(temp, layer_id)
            for id, kind in records.items():
                self._discard_record(temp, kind, id)
        finally:
            temp.remove()

    # -- mounts --------------------------------------------------------------------------------

    def mount(
        self,
        layer_id: str,
        *,
        id_maps: IdMaps | None = None,
        options: Sequence[str] = (),
        label: str = "",
        volatile: bool = False,
        read_only: bool = False,
    ) -> str:
        """Mount a layer, or count one more use of its mount; the layers' lock must be held."""
        with self.mounts.lock.exclusive():
            self.mounts.load()
            path, count = self.mounts.get(layer_id)
            if count and path and is_mounted(path):
                self.mounts.set(layer_id, path, count + 1)
                return path
            path = self.driver.mount(
                layer_id,
                id_maps=id_maps,
                options=options,
                label=label,
                volatile=volatile,
                read_only=read_only,
            )
            # A count that outlived its mount (a reboot with a run root on disk) starts again at 1;
            # where the driver mounts nothing (vfs) the count is all there is.
            self.mounts.set(layer_id, path, 1 if is_mounted(path) else count + 1)
            return path

    def unmount(self, layer_id: str, force: bool) -> bool:
        """See `Store.unmount`; the layers' lock must be held."""
        with self.mounts.lock.exclusive():
            self.mounts.load()
            path, count = self.mounts.get(layer_id)
            if count > 1 and not force:
                self.mounts.set(layer_id, path, count - 1)
                return True
            self.driver.unmount(layer_id)
            self.mounts.set(layer_id, None, 0)
            return False

    def mounted(self, layer_id: str) -> tuple[str | None, int]:
        """(mount point, count)."""
        with self.mounts.lock.shared():
            self.mounts.load()
            return self.mounts.get(layer_id)

    def set_big_data(self, text: str, key: str, data: bytes) -> None:
        """Write one item of a layer."""
        with self.writing():
            layer = self.own(text)
            bigdata.write(os.path.join(self.folder, layer.id), key, data)
            names = layer.raw.setdefault("big-data-names", [])
            if key not in names:
                names.append(key)
                self.files.save([layer.location])


class _Writing:
    """The writing section of the layers, with recovery the first time it is entered."""

    __slots__ = ("_layers", "_section")

    def __init__(self, layers: LayerStore) -> None:
        self._layers = layers
        self._section = layers.files.writing()

    def __enter__(self) -> RecordFiles[Layer]:
        files = self._section.__enter__()
        if not self._layers._recovered:
            self._layers._recovered = True
            try:
                self._layers.recover_locked()
            except BaseException as error:
                self._section.__exit__(type(error), error, None)
                raise
        return files

    def __exit__(self, *exception: Any) -> None:
        self._section.__exit__(*exception)


def is_mounted(path: str) -> bool:
    """Is another file system mounted exactly there? (An overlay or FUSE mount always is one.)"""
    try:
        return os.stat(path).st_dev != os.stat(os.path.dirname(path)).st_dev
    except FileNotFoundError:
        return False


def _record(
    layer_id: str,
    parent: Layer | None,
    names: Sequence[str],
    mount_label: str,
    id_maps: IdMaps | None,
    flags: Mapping[str, Any] | None,
    extra: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """A layer's JSON object, keys in the order of containers/storage's structure."""
    raw: dict[str, Any] = {"id": layer_id}
    if names:
        raw["names"] = list(dict.fromkeys(names))
    if parent is not None:
        raw["parent"] = parent.id
    if mount_label:
        raw["mountlabel"] = mount_label
    raw["created"] = timestamps.to_text(timestamps.now())
    if flags:
        raw["flags"] = dict(flags)
    raw.update(records.id_maps_to_json(id_maps))
    raw.update(extra or {})
    return raw
