"""One open store: the facade over layers, images, containers, mounts and care.

On disk it is containers/storage (store.go): podman, buildah, skopeo and this program may
work on the same roots at the same time. Every method takes the locks it needs, in the
order the package's README gives, and releases them before it returns.
"""

from __future__ import annotations

import os

from ocicore.errors import InUse, InvalidInput, NotFound, Unsupported
from ocicore.files.locks import FileLock
from ocicore.storage import bigdata
from ocicore.storage.containers import ContainerStore
from ocicore.storage.driver import choose
from ocicore.storage.images import ImageStore
from ocicore.storage.layers import LayerStore

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from contextlib import AbstractContextManager
    from typing import Any

    from ocicore.config.storage_conf import StorageConfig
    from ocicore.files.codec import Readable
    from ocicore.linux.archive import Change, Limits
    from ocicore.storage.additional_layers import AdditionalLayer
    from ocicore.storage.care import DiskUsage, GarbageReport
    from ocicore.storage.check import CheckReport
    from ocicore.storage.partial import PartialBlob
    from ocicore.storage.recordfiles import RecordFiles
    from ocicore.storage.records import Container, IdMaps, Image, Layer
    from ocicore.storage.staging import StagedLayer
    from ocicore.storage.streams import PipeStream
    from ocicore.storage.tempdirs import TempDir


class Store:
    """A store opened for reading and writing.

    Opening makes directories that are missing and reads nothing else until it is asked for. A
    `Store` may be used from several threads.

    Args:
        config: where it is and how the driver is set up (`ocicore.config.storage_conf.load`).
        rootless: the process works in a user namespace of an ordinary user (overlay is then
            mounted with `userxattr`).
        warn: called with one line when something was mended or ignored.

    Attributes:
        graph_root, run_root: absolute paths.
        driver_name: "overlay" or "vfs".

    Raises:
        Unsupported: no driver works here, or the store belongs to another driver.
    """

    def __init__(
        self, config: StorageConfig, *, rootless: bool = False, warn: Callable[[str], None] | None = None
    ) -> None:
        self.config = config
        self.graph_root = config.graph_root
        self.run_root = config.run_root
        self.warn = warn
        for store in config.image_stores:
            if not os.path.isdir(store):
                raise InvalidInput(
                    f"overlay: can't stat imageStore dir {store}: no such directory",
                    hint="correct additionalimagestores in storage.conf",
                )
        self.driver = choose(config, rootless=rootless, warn=warn)
        self.driver_name = self.driver.name
        self.graph_lock = FileLock(os.path.join(self.graph_root, "storage.lock"))
        self._ids_lock = FileLock(os.path.join(self.graph_root, "userns.lock"))
        self.layer_store = LayerStore(
            config, self.driver, in_use=self._layer_in_use, discard_record=self._discard_record, warn=warn
        )
        self.image_store = ImageStore(config, self.driver_name, warn=warn)
        self.container_store = ContainerStore(config, self.driver_name, warn=warn)
        if not os.path.isdir(self.layer_store.run_folder) or not os.path.isdir(self.layer_store.folder):
            self._make_directories()

    def _make_directories(self) -> None:
        for folder in (
            self.layer_store.folder,
            self.image_store.folder,
            self.container_store.folder,
            self.layer_store.run_folder,
            self.container_store.run_folder,
            os.path.join(self.run_root, self.driver_name + "-locks"),
        ):
            os.makedirs(folder, 0o700, exist_ok=True)
        self.driver.prepare()

    # -- layers --------------------------------------------------------------------------------

    def layers(self) -> list[Layer]:
        """Every layer, the additional image stores' last."""
        return self.layer_store.all()

    def layer(self, id_or_name: str) -> Layer:
        """The layer with this id, name or unique id prefix. Raises NotFound ("layer not known")."""
        return self.layer_store.get(id_or_name)

    def layers_by_diff_id(self, digest: str) -> list[Layer]:
        """Layers whose uncompressed tar has this digest."""
        return self.layer_store.matching("diff-digest", digest)

    def layers_by_compressed_digest(self, digest: str) -> list[Layer]:
        """Layers that came from a blob with this digest."""
        return self.layer_store.matching("compressed-diff-digest", digest)

    def create_layer(
        self,
        *,
        id: str | None = None,
        parent: str | None = None,
        names: Sequence[str] = (),
        writable: bool = False,
        id_maps: IdMaps | None = None,
        mount_label: str = "",
        volatile: bool = False,
        flags: Mapping[str, Any] | None = None,
        options: Mapping[str, str] | None = None,
    ) -> Layer:
        """An empty layer on `parent`. `options` are --storage-opt (size, inodes).

        Raises NotFound (parent), Conflict (id or name in use).
        """
        return self.layer_store.create(
            id=id,
            parent=parent,
            names=names,
            writable=writable,
            id_maps=id_maps,
            mount_label=mount_label,
            volatile=volatile,
            flags=flags,
            options=options,
        )

    def delete_layer(self, id_or_name: str) -> None:
        """Delete a layer. Raises InUse when a child, an image or a container needs it."""
        from ocicore.storage import removal

        removal.delete_layer(self, id_or_name)

    def stage_layer(
        self,
        stream: Readable | int,
        *,
        expected_diff_id: str | None = None,
        compressed_digest: str | None = None,
        id_maps: IdMaps | None = None,
        limits: Limits | None = None,
        on_progress: Callable[[int], None] | None = None,
    ) -> StagedLayer:
        """Unpack a layer now, without a record; any number may be staged at the same time.

        Args:
            stream: anything with `read(n)`, or a file descriptor; tar, plain or compressed
                (gzip, zstd, bzip2, xz; found out from the first bytes).
            expected_diff_id: digest the uncompressed tar must have.
            compressed_digest: digest of the stream, when the caller verifies it already: it is
                not computed a second time.
            id_maps: mapping to write owners with.
            limits: what the archive may ask for (`ocicore.linux.archive.Limits`).
            on_progress: called with the number of compressed bytes read so far, from another thread.

        Returns:
            What `commit_layer` takes; call `discard()` on it when it is not wanted (it is also
            a context manager that discards what was not committed).

        Raises:
            Corrupted: not a tar, wrong digest, or a path that leaves the root.
            ArchiveError: no space, no permission.
        """
        from ocicore.storage import staging

        staged = staging.stage(
            stream,
            self.driver,
            self.layer_store.temp_root,
            expected_diff_id=expected_diff_id,
            compressed_digest=compressed_digest,
            id_maps=id_maps,
            limits=limits,
            on_progress=on_progress,
        )
        if self.layer_store.sync:
            staged.sync()
        return staged

    def commit_layer(
        self,
        staged: StagedLayer,
        parent: str | None = None,
        *,
        id: str | None = None,
        names: Sequence[str] = (),
        compressed_digest: str | None = None,
        compressed_size: int | None = None,
        mount_label: str = "",
        metadata: str = "",
    ) -> Layer:
        """Make a staged layer a layer of the store: rename and record.

        `compressed_digest`/`compressed_size` override what was seen while staging (a blob that was
        decompressed elsewhere). Returns the layer that is there already when `id` is in use with the
        same diff id. Raises NotFound (parent), Conflict.
        """
        return self.layer_store.commit(
            staged,
            parent,
            id=id,
            names=names,
            compressed_digest=compressed_digest,
            compressed_size=compressed_size,
            mount_label=mount_label,
            metadata=metadata,
        )

    def additional_layer(self, toc_digest: str, reference: str) -> AdditionalLayer | None:
        """The layer with this table of contents in one of the additional layer stores, or None.

        It is counted as used there until it is released. `reference` is the image's full name.
        """
        if not self.driver.layer_stores:
            return None
        from ocicore.storage import additional_layers

        return additional_layers.find(self.driver.layer_stores, toc_digest, reference)

    def adopt_layer(self, found: AdditionalLayer, parent: str | None, *, id: str) -> Layer:
        """Record a layer whose files an additional layer store provides, on `parent`.

        Returns the layer that is there already when `id` is in use. `found` stays the caller's to release.
        """
        return self.layer_store.adopt(found, parent, id=id)

    def stage_container_diff(
        self,
        container_or_layer_id: str,
        *,
        timestamp: int | None = None,
        exclude: Sequence[str] = (),
        consume: bool = False,
    ) -> StagedLayer:
        """The changes of a container (or any layer) against its parent as a staged layer.

        The upper directory is packed once; the same bytes are digested, split and unpacked into the
        new layer as they come. `staged.open_blob()` streams the tar again. Where the store has layers on the
        same parent the changes are read beforehand: one of them may be this one already.

        Args:
            timestamp: seconds since the epoch that replace every modification time (reproducible builds).
            exclude: absolute paths inside the root to leave out, with what is below them.
            consume: the container is deleted next, is not mounted, and holds no sockets: its files are moved
                into the layer where the driver can, instead of being written a second time.
        """
        from ocicore.storage import difference

        layer, id_maps = self._layer_and_maps(container_or_layer_id)
        parent = self.layer_store.get(layer.parent) if layer.parent else None

        def pack() -> PipeStream:
            return difference.packed(
                self.layer_store, layer, parent, id_maps=id_maps, timestamp=timestamp, exclude=exclude
            )

        def stage() -> StagedLayer:
            with pack() as packed:
                return self.stage_layer(packed)

        movable = not (self.driver.needs_parent or id_maps or exclude) and timestamp is None
        if consume and movable and self.driver.whiteouts == "overlay" and not self.mounted(layer.id):
            from ocicore.storage import staging

            with pack() as packed:
                return staging.adopt(
                    packed, self.driver, self.layer_store.temp_root, self.driver.diff_path(layer.id)
                )
        from ocicore.storage import known_layers

        return known_layers.find(self.layer_store, layer, pack, stage) or stage()

    def _layer_and_maps(self, text: str) -> tuple[Layer, IdMaps | None]:
        """The layer of a container or layer, and the mapping of the owners of its files."""
        try:
            container = self.container_store.get(text)
        except NotFound:
            layer = self.layer_store.get(text)
            return layer, layer.id_maps
        layer = self.layer_store.get(container.layer)
        return layer, layer.id_maps or container.id_maps

    def diff(self, layer_id: str, parent: str | None = None, compression: str = "none") -> PipeStream:
        """The layer (or a container's) as a tar stream, to be read to the end and closed.

        Bit for bit the tar it was made from where tar-split is there and `parent` is its parent (or
        None); packed otherwise. `compression`: none, gzip, zstd, bzip2, xz. Raises Corrupted at the end
        of reading when a file is not what it was.
        """
        from ocicore.storage import difference, streams

        layer, id_maps = self._layer_and_maps(layer_id)
        if self.driver.is_composefs(layer.id):
            raise Unsupported(
                f"reading layer {layer.id}: it is a composefs layer: composefs is not supported",
                hint="pull its image again with use_composefs unset in storage.conf",
            )
        below = self.layer_store.get(parent or layer.parent or "") if parent or layer.parent else None
        tar_split = self.layer_store.tar_split_path(layer.id)
        as_recorded = (below.id if below else None) == layer.parent
        elsewhere = self.driver.elsewhere(layer.id) if as_recorded else None
        if elsewhere is not None:
            from ocicore.storage import additional_layers

            stream = additional_layers.blob(elsewhere)
        elif as_recorded and os.path.exists(tar_split):
            stream = difference.reassembled(tar_split, _own_paths(self, layer))
        else:
            stream = difference.packed(self.layer_store, layer, below, id_maps=id_maps)
        return streams.compressed(stream, compression)

    def changes(self, layer_id: str, parent: str | None = None) -> list[Change]:
        """Paths that differ between a layer (or a container's, by its id) and its parent."""
        from ocicore.storage import difference

        layer, _ = self._layer_and_maps(layer_id)
        below = self.layer_store.get(parent or layer.parent or "") if parent or layer.parent else None
        return difference.changes(self.layer_store, layer, below)

    def layer_size(self, layer_id: str) -> int:
        """Bytes of the files in the layer (or the container's) itself, hard links once."""
        from ocicore.storage import difference

        return difference.size(self.layer_store, self._layer_and_maps(layer_id)[0])

    # -- images --------------------------------------------------------------------------------

    def images(self) -> list[Image]:
        """Every image, the additional image stores' last."""
        return self.image_store.all()

    def image(self, id_or_name: str) -> Image:
        """The image with this id, name or unique id prefix. Raises NotFound ("image not known")."""
        return self.image_store.get(id_or_name)

    def images_by_digest(self, digest: str) -> list[Image]:
        """Images one of whose manifests has this digest."""
        return [image for image in self.image_store.all() if digest in image.digests]

    def images_by_layer(self, layer_id: str) -> list[Image]:
        """Images whose top layer this is."""
        return [
            image
            for image in self.image_store.all()
            if layer_id == image.layer or layer_id in image.mapped_layers
        ]

    def create_image(
        self,
        *,
        id: str | None = None,
        names: Sequence[str] = (),
        layer: str | None = None,
        digest: str | None = None,
        metadata: str = "",
        created: int | None = None,
        big_data: Mapping[str, bytes] | None = None,
        flags: Mapping[str, Any] | None = None,
    ) -> Image:
        """Record an image in one write, big data first. Names move from the image that has them.

        An image whose id is there already keeps its record: names and big data are added to it.
        `created` in nanoseconds. Raises NotFound (layer).
        """
        with self.layer_store.files.reading():
            top = self.layer_store.get(layer).id if layer else None
            with self.image_store.files.writing():
                return self.image_store.create_locked(
                    id=id,
                    names=names,
                    layer=top,
                    digest=digest,
                    metadata=metadata,
                    created=created,
                    big_data=big_data or {},
                    flags=flags,
                )

    def delete_image(self, id_or_name: str) -> list[str]:
        """Delete an image and the layers nothing else needs; returns the ids of those layers.

        Raises InUse when a container uses it, NotFound, Unsupported when it lives in a read-only store.
        """
        from ocicore.storage import removal

        return removal.delete_image(self, id_or_name)

    # -- what images, containers and layers share: kind is "image", "container" or "layer" -------

    def big_data(self, kind: str, id_or_name: str, key: str) -> bytes:
        """One item. Raises NotFound."""
        if kind == "image":
            return bigdata.read(self.image_store.data_dir(self.image_store.get(id_or_name).id), key)
        if kind == "container":
            return bigdata.read(
                os.path.join(self.container_store.folder, self.container_store.get(id_or_name).id), key
            )
        return bigdata.read(self.layer_store.data_dir(self.layer_store.get(id_or_name).id), key)

    def set_big_data(self, kind: str, id_or_name: str, key: str, data: bytes) -> None:
        """Write one item, replacing it at once and whole."""
        {
            "image": self.image_store.set_big_data,
            "container": self.container_store.set_big_data,
            "layer": self.layer_store.set_big_data,
        }[kind](id_or_name, key, data)

    def set_names(self, kind: str, id_or_name: str, names: Iterable[str]) -> list[str]:
        """Give exactly these names (they move from whatever has them); returns the names now."""
        given = list(names)
        return self._change_names(kind, id_or_name, lambda old: given)

    def add_names(self, kind: str, id_or_name: str, names: Iterable[str]) -> list[str]:
        """Add names in front; returns the names now."""
        given = list(names)
        return self._change_names(kind, id_or_name, lambda old: given + old)

    def remove_names(self, kind: str, id_or_name: str, names: Iterable[str]) -> list[str]:
        """Take names away; returns the names now."""
        gone = set(names)
        return self._change_names(kind, id_or_name, lambda old: [name for name in old if name not in gone])

    def _change_names(self, kind: str, text: str, change: Callable[[list[str]], list[str]]) -> list[str]:
        if kind == "image":
            with self.image_store.files.writing():
                image = self.image_store.own(text)
                self.image_store.name_locked(image, change(list(image.names)))
                return list(image.names)
        section: Any = self.layer_store.writing() if kind == "layer" else self.container_store.files.writing()
        with section:
            files: RecordFiles[Any] = (
                self.layer_store.files if kind == "layer" else self.container_store.files
            )
            record = self.layer_store.own(text) if kind == "layer" else self.container_store.get_locked(text)
            files.save(files.rename(record, change(list(record.names))))
            return list(record.names)

    def set_metadata(self, kind: str, id_or_name: str, metadata: str) -> None:
        """Replace the metadata text of a layer, image or container."""
        if kind == "image":
            with self.image_store.files.writing() as images:
                self.image_store.own(id_or_name).raw["metadata"] = metadata
                images.save([0])
        elif kind == "container":
            with self.container_store.files.writing() as containers:
                container = self.container_store.get_locked(id_or_name)
                container.raw["metadata"] = metadata
                containers.save([container.location])
        else:
            with self.layer_store.writing() as layers:
                layer = self.layer_store.own(id_or_name)
                layer.raw["metadata"] = metadata
                layers.save([layer.location])

    # -- containers ----------------------------------------------------------------------------

    def containers(self) -> list[Container]:
        """Every container of the store, whoever made it."""
        with self.container_store.files.reading() as files:
            return list(files.records)

    def container(self, id_or_name: str) -> Container:
        """By id, name, layer id or unique id prefix. Raises NotFound ("container not known")."""
        return self.container_store.get(id_or_name)

    def create_container(
        self,
        *,
        id: str | None = None,
        names: Sequence[str] = (),
        image: str | None = None,
        layer: str | None = None,
        metadata: str = "",
        id_maps: IdMaps | None = None,
        flags: Mapping[str, Any] | None = None,
        mount_label: str = "",
        process_label: str = "",
        mount_options: Sequence[str] | None = None,
        volatile: bool = False,
        big_data: Mapping[str, bytes] | None = None,
        options: Mapping[str, str] | None = None,
        before_record: Callable[[str], object] | None = None,
    ) -> Container:
        """A container with a new read-write layer on the top layer of `image` (an id), or on `layer`.

        Args:
            id_maps: the user namespace it will run in; files are shifted by id-mapped mounts where the
                kernel has them, else copied up with changed owners.
            mount_options: for the root file system instead of the configured ones.
            volatile: keep no promise about the read-write layer after a crash of the host (faster).
            options: --storage-opt (size, inodes).
            before_record: called with the id before anybody can know of the container; what it makes in the
                container's directory goes with it, should it not come to be.

        Raises:
            Conflict: the id, or a name ("the container name "x" is already in use by …").
            NotFound: image or layer.
        """
        from ocicore.storage import creation

        return creation.create_container(
            self,
            id=id,
            names=names,
            image=image,
            layer=layer,
            metadata=metadata,
            id_maps=id_maps,
            flags=flags,
            mount_label=mount_label,
            process_label=process_label,
            mount_options=mount_options,
            volatile=volatile,
            big_data=big_data or {},
            options=options,
            before_record=before_record,
        )

    def choosing_ids(self) -> AbstractContextManager[object]:
        """`with store.choosing_ids():` – from the choice of ids no other container has until one is created with them.

        Nobody else chooses meanwhile, podman and buildah neither (`auto_userns.allocate`).
        """
        return self._ids_lock.exclusive()

    def delete_container(self, id_or_name: str) -> None:
        """Unmount and delete a container, its layer and its directories. Raises NotFound."""
        from ocicore.storage import removal

        removal.delete_container(self, id_or_name)

    def container_dir(self, id: str) -> str:
        """<graph root>/<driver>-containers/<id>/userdata, made when missing."""
        return self.container_store.directory(id)

    def container_run_dir(self, id: str) -> str:
        """<run root>/<driver>-containers/<id>/userdata, made when missing."""
        return self.container_store.run_directory(id)

    def set_container_metadata(self, id_or_name: str, metadata: str) -> None:
        """`set_metadata("container", …)`."""
        self.set_metadata("container", id_or_name, metadata)

    def _layer_in_use(self, layer_id: str) -> bool:
        """Does an image or a container refer to the layer?"""
        with self.image_store.files.reading() as images:
            if any(layer_id == image.layer or layer_id in image.mapped_layers for image in images.records):
                return True
        with self.container_store.files.reading() as containers:
            return any(container.layer == layer_id for container in containers.records)

    def _discard_record(self, temp: TempDir, kind: str, id: str) -> None:
        """Move the directories of a container or image without a record into `temp`."""
        if kind == "image":
            with self.image_store.files.reading() as images:
                if id not in images.by_id:
                    temp.take(os.path.join(self.image_store.folder, id))
            return
        containers = self.container_store
        with containers.files.reading() as files:
            if id not in files.by_id:
                containers.discard_locked(temp, id)

    def discard_container_files(self, container_id: str) -> None:
        """Remove the directories of a container without a record: what a program made that did not know it had gone."""
        from ocicore.storage.tempdirs import TempDir

        temp = TempDir(self.layer_store.temp_root)
        try:
            self._discard_record(temp, "container", container_id)
        finally:
            temp.remove()

    # -- mounts --------------------------------------------------------------------------------

    def mount(
        self, container_or_layer_id: str, *, label: str | None = None, options: Sequence[str] = ()
    ) -> str:
        """Mount (or count one more mount of) a container's or layer's root; returns the path."""
        id_maps = None
        volatile = False
        try:
            container = self.container_store.get(container_or_layer_id)
        except NotFound:
            layer_id = container_or_layer_id
            chosen = list(options)
        else:
            layer_id = container.layer
            id_maps = container.id_maps
            chosen = list(options) or container.mount_options
            volatile = container.flags.get("Volatile") is True and not self.config.disable_volatile
        # The graph lock keeps others from unmounting the driver's home while we need it.
        with self.graph_lock.exclusive(), self.layer_store.files.reading() as files:
            layer = files.find(layer_id)
            if layer is None:
                if self.layer_store.get(layer_id) and "ro" not in chosen:
                    raise Unsupported("mounting read/only store images is not allowed")
                layer = self.layer_store.get(layer_id)
            if id_maps is not None and layer.id_maps is not None:
                id_maps = None  # the files have these owners already
            return self.layer_store.mount(
                layer.id,
                id_maps=id_maps,
                options=chosen,
                label=layer.mount_label if label is None else label,
                volatile=volatile,
                read_only="ro" in chosen,
            )

    def unmount(self, container_or_layer_id: str, force: bool = False) -> bool:
        """Count one mount less, and unmount at none (at once with `force`); True while still mounted.

        What is not mounted is no error.
        """
        layer_id = self._layer_id(container_or_layer_id)
        with self.layer_store.files.reading():
            return self.layer_store.unmount(layer_id, force)

    def mounted(self, container_or_layer_id: str) -> int:
        """How many times it is mounted."""
        return self._mount_state(container_or_layer_id)[1]

    def mount_point(self, container_or_layer_id: str) -> str | None:
        """Where it is mounted now, or None."""
        return self._mount_state(container_or_layer_id)[0]

    def _mount_state(self, text: str) -> tuple[str | None, int]:
        layer_id = self._layer_id(text)
        with self.layer_store.files.reading():
            return self.layer_store.mounted(layer_id)

    def _layer_id(self, text: str) -> str:
        try:
            return self.container_store.get(text).layer
        except NotFound:
            return self.layer_store.get(text).id

    def mount_image(self, image_id: str, *, label: str | None = None, options: Sequence[str] = ()) -> str:
        """Mount the top layer of an image read-only; returns the path."""
        if "rw" in options:
            raise InvalidInput(' "rw" option not supported')
        image = self.image_store.get(image_id)
        if not image.layer:
            raise NotFound(f"image {image.id} has no layers to mount")
        with self.graph_lock.exclusive(), self.layer_store.files.reading():
            layer = self.layer_store.get(image.layer)
            return self.layer_store.mount(
                layer.id,
                options=[*options, "ro"],
                label=layer.mount_label if label is None else label,
                read_only=True,
            )

    def unmount_image(self, image_id: str, force: bool = False) -> bool:
        """Undo `mount_image`; True while still mounted."""
        image = self.image_store.get(image_id)
        with self.layer_store.files.reading():
            return self.layer_store.unmount(image.layer or "", force)

    def shutdown(self, force: bool = False) -> list[str]:
        """Release the driver's home, with `force` after unmounting everything.

        Returns the ids of layers that were mounted; raises InUse for them without `force`.
        """
        with self.graph_lock.exclusive(), self.layer_store.writing():
            with self.layer_store.mounts.lock.shared():
                self.layer_store.mounts.load()
                mounted = list(self.layer_store.mounts.entries)
            if mounted and not force:
                raise InUse(f"a layer is mounted: {mounted[0]}: layer is in use by a container")
            for layer_id in mounted:
                self.layer_store.unmount(layer_id, True)
            self.graph_lock.touch()
            self.driver.cleanup()
        return mounted

    # -- care ----------------------------------------------------------------------------------

    def df(self) -> DiskUsage:
        """Where the bytes under the roots belong; shared layers once."""
        from ocicore.storage import care

        return care.disk_usage(self)

    def gc(self) -> GarbageReport:
        """Remove what no record refers to: layer directories, big data, stale private directories."""
        from ocicore.storage import care

        return care.collect_garbage(self)

    @property
    def partial_root(self) -> str:
        """Where partly fetched blobs are kept."""
        return os.path.join(self.layer_store.folder, "partial")

    def partial_blob(self, digest: str) -> PartialBlob | None:
        """The bytes of a blob that were fetched before, to be continued; None while others do that."""
        from ocicore.storage import partial

        return partial.open_partial(self.partial_root, digest)

    def check(
        self,
        repair: bool = False,
        *,
        contents: bool = False,
        remove_containers: bool = False,
        unreferenced_age: int | None = None,
    ) -> CheckReport:
        """Compare records and files (with `contents` also every file's bytes with tar-split).

        With `repair` what is broken is removed, and nothing else; the report says what. Containers on
        damaged images go only with `remove_containers`. A layer that nothing uses is damage when it is older than
        `unreferenced_age` seconds (a day).
        """
        from ocicore.storage import check

        return check.check(
            self,
            repair=repair,
            contents=contents,
            remove_containers=remove_containers,
            unreferenced_age=check.UNREFERENCED_AGE if unreferenced_age is None else unreferenced_age,
        )

    def close(self) -> None:
        """Forget what was read. Nothing is held between calls, so the store can go on being used."""
        for files in (self.layer_store.files, self.image_store.files, self.container_store.files):
            files.forget()


def _own_paths(store: Store, layer: Layer) -> list[str]:
    """The directories with a layer's own files: shifting by copying leaves several."""
    diffs = getattr(store.driver, "diff_paths", None)
    return diffs(layer.id) if diffs is not None else [store.driver.diff_path(layer.id)]
