"""One open store: the facade over layers, images, containers, mounts and care.

On disk it is containers/storage (store.go): podman, buildah, skopeo and this program may
work on the same roots at the same time. Every method takes the locks it needs, in the
order the package's README gives, and releases them before it returns.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import IO, Any

    from ocicore.config.storage_conf import StorageConfig
    from ocicore.storage.care import CheckReport, DiskUsage, GarbageReport
    from ocicore.linux.archive import Change
    from ocicore.storage.records import Container, IdMaps, Image, Layer
    from ocicore.storage.staging import StagedLayer


class Store:
    """A store opened for reading and writing.

    Opening creates the directories when they are missing, and nothing else is read until it
    is asked for. A `Store` may be used from several threads.

    Args:
        config: where it is and how the driver is set up (`ocicore.config.storage_conf.load`).
        rootless: the process works in a user namespace of an ordinary user (overlay is then
            mounted with `userxattr`).
        warn: called with one line when something was mended or ignored.

    Raises:
        Unsupported: no driver works here, or the store belongs to another driver.
    """

    config: StorageConfig
    graph_root: str
    run_root: str
    driver_name: str

    def __init__(
        self, config: StorageConfig, *, rootless: bool = False, warn: Callable[[str], None] | None = None
    ) -> None:
        raise NotImplementedError

    # -- layers --------------------------------------------------------------------------

    def layers(self) -> list[Layer]:
        """Every layer, the additional image stores' last."""
        raise NotImplementedError

    def layer(self, id_or_name: str) -> Layer:
        """The layer with this id, name or unique id prefix. Raises NotFound ("layer not known")."""
        raise NotImplementedError

    def layers_by_diff_id(self, digest: str) -> list[Layer]:
        """Layers whose uncompressed tar has this digest."""
        raise NotImplementedError

    def layers_by_compressed_digest(self, digest: str) -> list[Layer]:
        """Layers that came from a blob with this digest."""
        raise NotImplementedError

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
        raise NotImplementedError

    def delete_layer(self, id_or_name: str) -> None:
        """Delete a layer. Raises InUse when a child, an image or a container needs it."""
        raise NotImplementedError

    def stage_layer(
        self,
        stream: IO[bytes] | int,
        *,
        expected_diff_id: str | None = None,
        id_maps: IdMaps | None = None,
        on_progress: Callable[[int], None] | None = None,
    ) -> StagedLayer:
        """Unpack a layer now, without a record; any number may be staged at the same time.

        Args:
            stream: anything with `read(n)`, or a file descriptor; tar, plain or compressed
                (gzip, zstd, bzip2, xz; found out from the first bytes).
            expected_diff_id: digest the uncompressed tar must have.
            id_maps: mapping to write owners with.
            on_progress: called with the number of compressed bytes read so far.

        Returns:
            What `commit_layer` takes; call `discard()` on it when it is not wanted (it is also
            a context manager that discards what was not committed).

        Raises:
            Corrupted: not a tar, wrong digest, or a path that leaves the root.
        """
        raise NotImplementedError

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
        raise NotImplementedError

    def stage_container_diff(
        self, container_or_layer_id: str, *, timestamp: int | None = None, exclude: Sequence[str] = ()
    ) -> StagedLayer:
        """The changes of a container (or any layer) against its parent as a staged layer.

        Packs the upper directory once – tar, digest, size, tar-split – while a second copy is made
        by reflink where the file system can; `staged.open_blob()` streams the tar.

        Args:
            timestamp: seconds since the epoch that replace every modification time (reproducible builds).
            exclude: absolute paths inside the root to leave out.
        """
        raise NotImplementedError

    def diff(self, layer_id: str, parent: str | None = None, compression: str = "none") -> IO[bytes]:
        """The layer as a tar stream, to be read to the end and closed.

        Bit for bit the tar it was made from where tar-split is there and `parent` is its parent (or
        None); packed otherwise. `compression`: none, gzip, zstd. A read error raises Corrupted/OSError.
        """
        raise NotImplementedError

    def changes(self, layer_id: str, parent: str | None = None) -> list[Change]:
        """Paths that differ between a layer (or a container's, by its id) and its parent."""
        raise NotImplementedError

    def layer_size(self, layer_id: str) -> int:
        """Bytes of the files in the layer itself (apparent sizes, hard links once)."""
        raise NotImplementedError

    # -- images --------------------------------------------------------------------------

    def images(self) -> list[Image]:
        """Every image, the additional image stores' last."""
        raise NotImplementedError

    def image(self, id_or_name: str) -> Image:
        """The image with this id, name or unique id prefix. Raises NotFound ("image not known")."""
        raise NotImplementedError

    def images_by_digest(self, digest: str) -> list[Image]:
        """Images one of whose manifests has this digest."""
        raise NotImplementedError

    def images_by_layer(self, layer_id: str) -> list[Image]:
        """Images whose top layer this is."""
        raise NotImplementedError

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
        raise NotImplementedError

    def delete_image(self, id_or_name: str) -> list[str]:
        """Delete an image and the layers nothing else needs; returns the ids of those layers.

        Raises InUse when a container uses it, NotFound, Unsupported when it lives in a read-only store.
        """
        raise NotImplementedError

    # -- what images and containers (and layers) share: kind is "image", "container" or "layer" --

    def big_data(self, kind: str, id_or_name: str, key: str) -> bytes:
        """One item. Raises NotFound."""
        raise NotImplementedError

    def set_big_data(self, kind: str, id_or_name: str, key: str, data: bytes) -> None:
        """Write one item, replacing it at once and whole."""
        raise NotImplementedError

    def set_names(self, kind: str, id_or_name: str, names: Iterable[str]) -> list[str]:
        """Give exactly these names (they move from whatever has them); returns the names now."""
        raise NotImplementedError

    def add_names(self, kind: str, id_or_name: str, names: Iterable[str]) -> list[str]:
        """Add names in front; returns the names now."""
        raise NotImplementedError

    def remove_names(self, kind: str, id_or_name: str, names: Iterable[str]) -> list[str]:
        """Take names away; returns the names now."""
        raise NotImplementedError

    def set_metadata(self, kind: str, id_or_name: str, metadata: str) -> None:
        """Replace the metadata text of a layer, image or container."""
        raise NotImplementedError

    # -- containers ----------------------------------------------------------------------

    def containers(self) -> list[Container]:
        """Every container of the store, whoever made it."""
        raise NotImplementedError

    def container(self, id_or_name: str) -> Container:
        """By id, name, layer id or unique id prefix. Raises NotFound ("container not known")."""
        raise NotImplementedError

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
        raise NotImplementedError

    def delete_container(self, id_or_name: str) -> None:
        """Unmount and delete a container, its layer and its directories. Raises NotFound."""
        raise NotImplementedError

    def container_dir(self, id: str) -> str:
        """<graph root>/<driver>-containers/<id>/userdata, made when missing."""
        raise NotImplementedError

    def container_run_dir(self, id: str) -> str:
        """<run root>/<driver>-containers/<id>/userdata, made when missing."""
        raise NotImplementedError

    def set_container_metadata(self, id_or_name: str, metadata: str) -> None:
        """`set_metadata("container", …)`."""
        raise NotImplementedError

    # -- mounts --------------------------------------------------------------------------

    def mount(self, container_or_layer_id: str, *, label: str | None = None, options: Sequence[str] = ()) -> str:
        """Mount (or count one more mount of) a container's or layer's root; returns the path."""
        raise NotImplementedError

    def unmount(self, container_or_layer_id: str, force: bool = False) -> bool:
        """Count one mount less, and unmount at none (at once with `force`); True while still mounted.

        What is not mounted raises NotFound ("layer is not mounted").
        """
        raise NotImplementedError

    def mounted(self, container_or_layer_id: str) -> int:
        """How many times it is mounted."""
        raise NotImplementedError

    def mount_point(self, container_or_layer_id: str) -> str | None:
        """Where it is mounted now, or None."""
        raise NotImplementedError

    def mount_image(self, image_id: str, *, label: str | None = None, options: Sequence[str] = ()) -> str:
        """Mount the top layer of an image read-only; returns the path."""
        raise NotImplementedError

    def unmount_image(self, image_id: str, force: bool = False) -> bool:
        """Undo `mount_image`; True while still mounted."""
        raise NotImplementedError

    def shutdown(self, force: bool = False) -> list[str]:
        """Unmount everything (with `force`) and release the driver's home.

        Returns the ids of layers that are still mounted (raises InUse for them without `force`).
        """
        raise NotImplementedError

    # -- care ----------------------------------------------------------------------------

    def df(self) -> DiskUsage:
        """Where the bytes under the roots belong; shared layers once."""
        raise NotImplementedError

    def gc(self) -> GarbageReport:
        """Remove what no record refers to: layer directories, big data, stale staging, partial blobs."""
        raise NotImplementedError

    def check(self, repair: bool = False, *, contents: bool = False) -> CheckReport:
        """Compare records, files and (with `contents`) file digests in tar-split; `repair` removes what is broken."""
        raise NotImplementedError

    def close(self) -> None:
        """Release what the process holds open. The store can be opened again."""
        raise NotImplementedError
