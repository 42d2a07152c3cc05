"""One open store: the facade over layers, images, containers, mounts and care.

On disk it is containers/storage (store.go): podman, buildah, skopeo and this program may
work on the same roots at the same time. Every method takes the locks it needs, in the
order the package's README gives, and releases them before it returns.
"""

from __future__ import annotations

import os

from ocicore.errors import InUse, InvalidInput, NotFound, Unsupported
from ocicore.files.locks import FileLock
from ocicore.storage import bigdata, driver, identifiers
from ocicore.storage.containers import ContainerStore
from ocicore.storage.images import ImageStore
from ocicore.storage.layers import LayerStore
from ocicore.storage.tempdirs import TempDir

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any

    from ocicore.config.storage_conf import StorageConfig
    from ocicore.files.codec import Readable
    from ocicore.linux.archive import Change, Limits
    from ocicore.storage.care import DiskUsage, GarbageReport
    from ocicore.storage.check import CheckReport
    from ocicore.storage.recordfiles import RecordFiles
    from ocicore.storage.records import Container, IdMaps, Image, Layer
    from ocicore.storage.staging import StagedLayer
    from ocicore.storage.streams import PipeStream


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
        self._driver = driver.choose(config, rootless=rootless, warn=warn)
        self.driver_name = self._driver.name
        self._graph_lock = FileLock(os.path.join(self.graph_root, "storage.lock"))
        self._layers = LayerStore(config, self._driver, in_use=self._layer_in_use, warn=warn)
        self._images = ImageStore(config, self.driver_name, warn=warn)
        self._containers = ContainerStore(config, self.driver_name, warn=warn)
        if not os.path.isdir(self._layers.run_folder) or not os.path.isdir(self._layers.folder):
            self._make_directories()

    def _make_directories(self) -> None:
        for folder in (
            self._layers.folder,
            self._images.folder,
            self._containers.folder,
            self._layers.run_folder,
            self._containers.run_folder,
            os.path.join(self.run_root, self.driver_name + "-locks"),
        ):
            os.makedirs(folder, 0o700, exist_ok=True)
        self._driver.prepare()

    # -- layers --------------------------------------------------------------------------------

    def layers(self) -> list[Layer]:
        """Every layer, the additional image stores' last."""
        return self._layers.all()

    def layer(self, id_or_name: str) -> Layer:
        """The layer with this id, name or unique id prefix. Raises NotFound ("layer not known")."""
        return self._layers.get(id_or_name)

    def layers_by_diff_id(self, digest: str) -> list[Layer]:
        """Layers whose uncompressed tar has this digest."""
        return self._layers.matching("diff-digest", digest)

    def layers_by_compressed_digest(self, digest: str) -> list[Layer]:
        """Layers that came from a blob with this digest."""
        return self._layers.matching("compressed-diff-digest", digest)

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
        return self._layers.create(
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
        temp = None
        try:
            with self._layers.writing(), self._images.files.writing(), self._containers.files.reading():
                layer = self._layers.own(id_or_name)
                for child in self._layers.children(layer.id):
                    raise InUse(f"used by layer {child.id}: layer has children")
                for image in self._images.files.records:
                    if image.layer == layer.id:
                        raise InUse(f"layer {layer.id} used by image {image.id}: layer is in use by an image")
                for container in self._containers.files.records:
                    if container.layer == layer.id:
                        raise InUse(
                            f"layer {layer.id} used by container {container.id}: layer is in use by a container"
                        )
                temp = TempDir(self._layers.temp_root)
                temp.intend(layer.id)
                mapped = [image for image in self._images.files.records if layer.id in image.mapped_layers]
                for image in mapped:
                    image.raw["mapped-layers"] = [other for other in image.mapped_layers if other != layer.id]
                if mapped:
                    self._images.files.save([0])
                self._layers.delete_locked(temp, [layer])
        finally:
            if temp is not None:
                temp.remove()

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
            self._driver,
            self._layers.temp_root,
            expected_diff_id=expected_diff_id,
            compressed_digest=compressed_digest,
            id_maps=id_maps,
            limits=limits,
            on_progress=on_progress,
        )
        if self._sync_layers:
            staged.sync()
        return staged

    @property
    def _sync_layers(self) -> bool:
        """Are layers brought to disk before they are recorded? `<driver>.sync=none` says no."""
        options = driver.parse_options(self.driver_name, self.config.driver_options)
        return options.get("sync", "filesystem") != "none"

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
        return self._layers.commit(
            staged,
            parent,
            id=id,
            names=names,
            compressed_digest=compressed_digest,
            compressed_size=compressed_size,
            mount_label=mount_label,
            metadata=metadata,
        )

    def stage_container_diff(
        self, container_or_layer_id: str, *, timestamp: int | None = None, exclude: Sequence[str] = ()
    ) -> StagedLayer:
        """The changes of a container (or any layer) against its parent as a staged layer.

        The upper directory is packed once; the same bytes are digested, split and unpacked into the
        new layer as they come. `staged.open_blob()` streams the tar again.

        Args:
            timestamp: seconds since the epoch that replace every modification time (reproducible builds).
            exclude: absolute paths inside the root to leave out, with what is below them.
        """
        from ocicore.storage import difference

        layer, id_maps = self._layer_and_maps(container_or_layer_id)
        parent = self._layers.get(layer.parent) if layer.parent else None
        packed = difference.packed(
            self._layers, layer, parent, id_maps=id_maps, timestamp=timestamp, exclude=exclude
        )
        with packed:
            return self.stage_layer(packed)

    def _layer_and_maps(self, text: str) -> tuple[Layer, IdMaps | None]:
        """The layer of a container or layer, and the mapping of the owners of its files."""
        try:
            container = self._containers.get(text)
        except NotFound:
            layer = self._layers.get(text)
            return layer, layer.id_maps
        layer = self._layers.get(container.layer)
        return layer, layer.id_maps or container.id_maps

    def diff(self, layer_id: str, parent: str | None = None, compression: str = "none") -> PipeStream:
        """The layer (or a container's) as a tar stream, to be read to the end and closed.

        Bit for bit the tar it was made from where tar-split is there and `parent` is its parent (or
        None); packed otherwise. `compression`: none, gzip, zstd, bzip2, xz. Raises Corrupted at the end
        of reading when a file is not what it was.
        """
        from ocicore.storage import difference, streams

        layer, id_maps = self._layer_and_maps(layer_id)
        below = self._layers.get(parent or layer.parent or "") if parent or layer.parent else None
        tar_split = self._layers.tar_split_path(layer.id)
        if (below.id if below else None) == layer.parent and os.path.exists(tar_split):
            roots = [
                self._driver.diff_path(layer.id),
                *self._driver.lower_paths(layer.id)[: _own_lowers(self, layer)],
            ]
            stream = difference.reassembled(tar_split, roots)
        else:
            stream = difference.packed(self._layers, layer, below, id_maps=id_maps)
        return streams.compressed(stream, compression)

    def changes(self, layer_id: str, parent: str | None = None) -> list[Change]:
        """Paths that differ between a layer (or a container's, by its id) and its parent."""
        from ocicore.storage import difference

        layer, _ = self._layer_and_maps(layer_id)
        below = self._layers.get(parent or layer.parent or "") if parent or layer.parent else None
        return difference.changes(self._layers, layer, below)

    def layer_size(self, layer_id: str) -> int:
        """Bytes of the files in the layer (or the container's) itself, hard links once."""
        from ocicore.storage import difference

        return difference.size(self._layers, self._layer_and_maps(layer_id)[0])

    # -- images --------------------------------------------------------------------------------

    def images(self) -> list[Image]:
        """Every image, the additional image stores' last."""
        return self._images.all()

    def image(self, id_or_name: str) -> Image:
        """The image with this id, name or unique id prefix. Raises NotFound ("image not known")."""
        return self._images.get(id_or_name)

    def images_by_digest(self, digest: str) -> list[Image]:
        """Images one of whose manifests has this digest."""
        return [image for image in self._images.all() if digest in image.digests]

    def images_by_layer(self, layer_id: str) -> list[Image]:
        """Images whose top layer this is."""
        return [
            image
            for image in self._images.all()
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
        with self._layers.files.reading():
            top = self._layers.get(layer).id if layer else None
            with self._images.files.writing():
                return self._images.create_locked(
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
        temp = None
        try:
            with self._layers.writing():
                _, files = self._images.locate(id_or_name)
                if files.read_only:
                    self._images.own(id_or_name)
                with files.writing(), self._containers.files.reading():
                    image = files.find(id_or_name)
                    if image is None:
                        raise NotFound(f'locating image with ID "{id_or_name}": image not known')
                    for container in self._containers.files.records:
                        if container.image == image.id:
                            raise InUse(f"image used by {container.id}: image is in use by a container")
                    doomed = self._unneeded_layers(image)
                    temp = TempDir(self._layers.temp_root)
                    for layer in doomed:
                        temp.intend(layer.id, doomed=True)
                    files.drop(image)
                    files.save([0])
                    self._layers.delete_locked(temp, doomed)
                    temp.take(os.path.join(os.path.dirname(files.paths[0]), image.id))
            return [layer.id for layer in doomed]
        finally:
            if temp is not None:
                temp.remove()

    def _unneeded_layers(self, image: Image) -> list[Layer]:
        """The image's layers, from the top, down to the first that something else needs."""
        kept = {container.layer for container in self._containers.files.records}
        for files in (self._images.files, *self._images.others):
            for other in files.records:
                if other.id != image.id:
                    kept.add(other.layer or "")
                    kept.update(other.mapped_layers)
        children: dict[str, set[str]] = {}
        for layer in self._layers.files.records:
            children.setdefault(layer.parent or "", set()).add(layer.id)
        by_id = self._layers.files.by_id
        doomed = {}
        for layer_id in image.mapped_layers:
            if layer_id in by_id and layer_id not in kept and not children.get(layer_id):
                doomed[layer_id] = by_id[layer_id]
        below = image.layer
        while below and below in by_id and below not in kept and children.get(below, set()) <= doomed.keys():
            doomed[below] = by_id[below]
            below = by_id[below].parent
        return list(doomed.values())

    # -- what images, containers and layers share: kind is "image", "container" or "layer" -------

    def big_data(self, kind: str, id_or_name: str, key: str) -> bytes:
        """One item. Raises NotFound."""
        if kind == "image":
            return bigdata.read(self._images.data_dir(self._images.get(id_or_name).id), key)
        if kind == "container":
            return bigdata.read(
                os.path.join(self._containers.folder, self._containers.get(id_or_name).id), key
            )
        return bigdata.read(os.path.join(self._layers.folder, self._layers.get(id_or_name).id), key)

    def set_big_data(self, kind: str, id_or_name: str, key: str, data: bytes) -> None:
        """Write one item, replacing it at once and whole."""
        {
            "image": self._images.set_big_data,
            "container": self._containers.set_big_data,
            "layer": self._layers.set_big_data,
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
            with self._images.files.writing():
                image = self._images.own(text)
                self._images.name_locked(image, change(list(image.names)))
                return list(image.names)
        section: Any = self._layers.writing() if kind == "layer" else self._containers.files.writing()
        with section:
            files: RecordFiles[Any] = self._layers.files if kind == "layer" else self._containers.files
            record = self._layers.own(text) if kind == "layer" else self._containers.get_locked(text)
            files.save(files.rename(record, change(list(record.names))))
            return list(record.names)

    def set_metadata(self, kind: str, id_or_name: str, metadata: str) -> None:
        """Replace the metadata text of a layer, image or container."""
        if kind == "image":
            with self._images.files.writing() as images:
                self._images.own(id_or_name).raw["metadata"] = metadata
                images.save([0])
        elif kind == "container":
            with self._containers.files.writing() as containers:
                container = self._containers.get_locked(id_or_name)
                container.raw["metadata"] = metadata
                containers.save([container.location])
        else:
            with self._layers.writing() as layers:
                layer = self._layers.own(id_or_name)
                layer.raw["metadata"] = metadata
                layers.save([layer.location])

    # -- containers ----------------------------------------------------------------------------

    def containers(self) -> list[Container]:
        """Every container of the store, whoever made it."""
        with self._containers.files.reading() as files:
            return list(files.records)

    def container(self, id_or_name: str) -> Container:
        """By id, name, layer id or unique id prefix. Raises NotFound ("container not known")."""
        return self._containers.get(id_or_name)

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
    ) -> Container:
        """A container with a new read-write layer on the top layer of `image` (an id), or on `layer`.

        Args:
            id_maps: the user namespace it will run in; files are shifted by id-mapped mounts where the
                kernel has them, else copied up with changed owners.
            mount_options: for the root file system instead of the configured ones.
            volatile: keep no promise about the read-write layer after a crash of the host (faster).
            options: --storage-opt (size, inodes).

        Raises:
            Conflict: the id, or a name ("the container name "x" is already in use by …").
            NotFound: image or layer.
        """
        if bool(mount_label) != bool(process_label):
            raise InvalidInput("ProcessLabel and Mountlabel must either not be specified or both specified")
        container_id = id or identifiers.new_id()
        volatile = volatile or self.config.transient
        record_flags = {"MountLabel": mount_label, "ProcessLabel": process_label, **(flags or {})}
        if mount_options is not None:
            record_flags["MountOpts"] = list(mount_options)
        if volatile:
            record_flags["Volatile"] = True
        temp = None
        try:
            with self._layers.writing(), self._images.files.writing(), self._containers.files.writing():
                self._containers.check_free(container_id, names)
                source = self._images.get(image) if image else None
                top = layer or (source.layer if source else None)
                temp = TempDir(self._layers.temp_root)
                parent = self._layers.get(top) if top else None
                shifting = id_maps is None or self._driver.supports_shifting()
                wanted = None if shifting else id_maps
                if parent is not None and source is not None and not layer:
                    parent = self._parent_for_maps(temp, source, parent, wanted)
                layer_id = identifiers.new_id()
                temp.intend(layer_id, doomed=True)
                created = self._layers.create_locked(
                    temp,
                    id=layer_id,
                    parent=parent,
                    writable=True,
                    id_maps=wanted,
                    old_maps=parent.id_maps if parent else wanted,
                    mount_label=mount_label,
                    volatile=volatile,
                    options=options,
                )
                return self._containers.create_locked(
                    id=container_id,
                    names=names,
                    image=source.id if source else "",
                    layer=created.id,
                    metadata=metadata,
                    id_maps=id_maps,
                    flags=record_flags,
                    volatile=volatile,
                    big_data=big_data or {},
                )
        except BaseException:
            if temp is not None:
                # The intent lets the next writer remove the layer if it came to be.
                temp.abandon()
                self._layers._recovered = False
            raise
        finally:
            if temp is not None:
                temp.remove()

    def _parent_for_maps(self, temp: TempDir, image: Image, top: Layer, wanted: IdMaps | None) -> Layer:
        """The image's top layer, or a copy of it with owners mapped as `wanted` (made when missing)."""
        if top.id_maps == wanted:
            return top
        for layer_id in image.mapped_layers:
            try:
                candidate = self._layers.get(layer_id)
            except NotFound:
                continue
            if candidate.id_maps == wanted:
                return candidate
        if top.read_only or image.read_only:
            return top
        layer_id = identifiers.new_id()
        temp.intend(layer_id, doomed=True)
        copied = ("compressed-diff-digest", "compressed-size", "diff-digest", "diff-size", "compression")
        mapped = self._layers.create_locked(
            temp,
            id=layer_id,
            parent=top,
            writable=False,
            id_maps=wanted,
            old_maps=top.id_maps,
            mount_label=top.mount_label,
            extra={},
        )
        del copied
        image.raw.setdefault("mapped-layers", []).append(mapped.id)
        self._images.files.save([0])
        return mapped

    def delete_container(self, id_or_name: str) -> None:
        """Unmount and delete a container, its layer and its directories. Raises NotFound."""
        temp = None
        try:
            with self._layers.writing(), self._containers.files.writing() as files:
                container = self._containers.get_locked(id_or_name)
                temp = TempDir(self._layers.temp_root)
                if container.layer:
                    temp.intend(container.layer, doomed=True)
                files.drop(container)
                files.save([container.location])
                layer = self._layers.files.by_id.get(container.layer)
                self._layers.delete_locked(temp, [layer] if layer is not None else [])
                for folder in (self._containers.folder, self._containers.run_folder):
                    temp.take(os.path.join(folder, container.id))
        finally:
            if temp is not None:
                temp.remove()

    def container_dir(self, id: str) -> str:
        """<graph root>/<driver>-containers/<id>/userdata, made when missing."""
        return self._containers.directory(id)

    def container_run_dir(self, id: str) -> str:
        """<run root>/<driver>-containers/<id>/userdata, made when missing."""
        return self._containers.run_directory(id)

    def set_container_metadata(self, id_or_name: str, metadata: str) -> None:
        """`set_metadata("container", …)`."""
        self.set_metadata("container", id_or_name, metadata)

    def _layer_in_use(self, layer_id: str) -> bool:
        """Does an image or a container refer to the layer?"""
        with self._images.files.reading() as images:
            if any(layer_id == image.layer or layer_id in image.mapped_layers for image in images.records):
                return True
        with self._containers.files.reading() as containers:
            return any(container.layer == layer_id for container in containers.records)

    # -- mounts --------------------------------------------------------------------------------

    def mount(
        self, container_or_layer_id: str, *, label: str | None = None, options: Sequence[str] = ()
    ) -> str:
        """Mount (or count one more mount of) a container's or layer's root; returns the path."""
        id_maps = None
        volatile = False
        try:
            container = self._containers.get(container_or_layer_id)
        except NotFound:
            layer_id = container_or_layer_id
            chosen = list(options)
        else:
            layer_id = container.layer
            id_maps = container.id_maps
            chosen = list(options) or container.mount_options
            volatile = container.flags.get("Volatile") is True and not self.config.disable_volatile
        # The graph lock keeps others from unmounting the driver's home while we need it.
        with self._graph_lock.exclusive(), self._layers.files.reading() as files:
            layer = files.find(layer_id)
            if layer is None:
                if self._layers.get(layer_id) and "ro" not in chosen:
                    raise Unsupported("mounting read/only store images is not allowed")
                layer = self._layers.get(layer_id)
            if id_maps is not None and layer.id_maps is not None:
                id_maps = None  # the files have these owners already
            return self._layers.mount(
                layer.id,
                id_maps=id_maps,
                options=chosen,
                label=layer.mount_label if label is None else label,
                volatile=volatile,
                read_only="ro" in chosen,
            )

    def unmount(self, container_or_layer_id: str, force: bool = False) -> bool:
        """Count one mount less, and unmount at none (at once with `force`); True while still mounted.

        What is not mounted raises NotFound ("layer is not mounted"), unless `force`.
        """
        layer_id = self._layer_id(container_or_layer_id)
        with self._layers.files.reading():
            return self._layers.unmount(layer_id, force)

    def mounted(self, container_or_layer_id: str) -> int:
        """How many times it is mounted."""
        return self._mount_state(container_or_layer_id)[1]

    def mount_point(self, container_or_layer_id: str) -> str | None:
        """Where it is mounted now, or None."""
        return self._mount_state(container_or_layer_id)[0]

    def _mount_state(self, text: str) -> tuple[str | None, int]:
        layer_id = self._layer_id(text)
        with self._layers.files.reading():
            return self._layers.mounted(layer_id)

    def _layer_id(self, text: str) -> str:
        try:
            return self._containers.get(text).layer
        except NotFound:
            return self._layers.get(text).id

    def mount_image(self, image_id: str, *, label: str | None = None, options: Sequence[str] = ()) -> str:
        """Mount the top layer of an image read-only; returns the path."""
        if "rw" in options:
            raise InvalidInput(' "rw" option not supported')
        image = self._images.get(image_id)
        if not image.layer:
            raise NotFound(f"image {image.id} has no layers to mount")
        with self._graph_lock.exclusive(), self._layers.files.reading():
            layer = self._layers.get(image.layer)
            return self._layers.mount(
                layer.id,
                options=[*options, "ro"],
                label=layer.mount_label if label is None else label,
                read_only=True,
            )

    def unmount_image(self, image_id: str, force: bool = False) -> bool:
        """Undo `mount_image`; True while still mounted."""
        image = self._images.get(image_id)
        with self._layers.files.reading():
            return self._layers.unmount(image.layer or "", force)

    def shutdown(self, force: bool = False) -> list[str]:
        """Release the driver's home, with `force` after unmounting everything.

        Returns the ids of layers that were mounted; raises InUse for them without `force`.
        """
        with self._graph_lock.exclusive(), self._layers.writing():
            with self._layers.mounts.lock.shared():
                self._layers.mounts.load()
                mounted = list(self._layers.mounts.entries)
            if mounted and not force:
                raise InUse(f"a layer is mounted: {mounted[0]}: layer is in use by a container")
            for layer_id in mounted:
                self._layers.unmount(layer_id, True)
            self._graph_lock.touch()
            self._driver.cleanup()
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

    def check(self, repair: bool = False, *, contents: bool = False) -> CheckReport:
        """Compare records and files (with `contents` also every file's bytes with tar-split).

        With `repair` what is broken is removed, and nothing else; the report says what.
        """
        from ocicore.storage import check

        return check.check(self, repair=repair, contents=contents)

    def close(self) -> None:
        """Forget what was read. Nothing is held between calls, so the store can go on being used."""
        for files in (self._layers.files, self._images.files, self._containers.files):
            files.forget()


def _own_lowers(store: Store, layer: Layer) -> int:
    """How many of a layer's lower directories are its own (left by shifting by copying)."""
    diffs = getattr(store._driver, "diff_paths", None)
    return len(diffs(layer.id)) - 1 if diffs is not None else 0
