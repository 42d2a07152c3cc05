"""What the store's bytes belong to, and removing those that belong to nothing."""

from __future__ import annotations

import os

from ocicore.files.locks import try_lease
from ocicore.storage import identifiers, partial, tempdirs
from ocicore.storage.overlay_support import TRIAL, stale_trials
from ocicore.storage.tempdirs import TempDir

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ocicore.storage.store import Store

_DAY = 86400


class DiskUsage:
    """Bytes (of file contents; hard links once) below the graph root.

    Attributes:
        layers: own files by layer id; what a container wrote is its layer's figure.
        images: by image id, of its big data.
        containers: by container id, of its directory and big data.
        metadata: records, tar-split, links.
        working: private directories of operations under way, and partial blobs.
        orphans: what no record refers to (`Store.gc` removes it).
        other: by name, what other programs keep in the graph root (volumes, libpod …).
    """

    __slots__ = ("containers", "images", "layers", "metadata", "orphans", "other", "working")

    def __init__(self) -> None:
        self.layers: dict[str, int] = {}
        self.images: dict[str, int] = {}
        self.containers: dict[str, int] = {}
        self.metadata = 0
        self.working = 0
        self.orphans = 0
        self.other: dict[str, int] = {}

    @property
    def total(self) -> int:
        """Everything, each byte once."""
        parts = (self.layers, self.images, self.containers, self.other)
        return sum(sum(part.values()) for part in parts) + self.metadata + self.working + self.orphans


class GarbageReport:
    """What `Store.gc` removed.

    Attributes:
        removed: paths.
        interrupted: how many operations of killed processes were undone.
        bytes: size of the removed files.
    """

    __slots__ = ("bytes", "interrupted", "removed")

    def __init__(self) -> None:
        self.removed: list[str] = []
        self.interrupted = 0
        self.bytes = 0


def _usage(path: str) -> int:
    """Bytes of a file or tree; 0 for what vanished meanwhile."""
    from ocicore.linux import archive

    try:
        if not os.path.isdir(path) or os.path.islink(path):
            return os.lstat(path).st_size
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return 0
    try:
        return archive.usage(fd).bytes
    finally:
        os.close(fd)


def _names(path: str) -> list[str]:
    try:
        return sorted(os.listdir(path))
    except (FileNotFoundError, NotADirectoryError):
        return []


def disk_usage(store: Store) -> DiskUsage:
    """See `Store.df`. No lock is held: figures of what changes meanwhile may be of either state."""
    found = DiskUsage()
    layer_ids = {layer.id for layer in store.layers() if not layer.read_only}
    image_ids = {image.id for image in store.images() if not image.read_only}
    container_ids = {container.id for container in store.containers()}
    prefix = store.driver_name
    roots = [store.graph_root] + ([store.config.image_store] if store.config.image_store else [])
    for root in roots:
        for top in _names(root):
            path = os.path.join(root, top)
            if top == prefix:
                _driver_usage(store, path, layer_ids, found)
            elif top == prefix + "-layers":
                _layer_files_usage(path, layer_ids, found)
            elif top == prefix + "-images":
                _records_usage(path, image_ids, found.images, found)
            elif top == prefix + "-containers":
                _records_usage(path, container_ids, found.containers, found)
            elif top.endswith(".lock"):
                found.metadata += _usage(path)
            else:
                found.other[top] = found.other.get(top, 0) + _usage(path)
    return found


def _driver_usage(store: Store, home: str, layer_ids: set[str], found: DiskUsage) -> None:
    # merged (and mapped) show other layers' files while they are mounted: not this layer's bytes.
    shown = ("merged", "merged.1", "mapped", "composefs-layers")
    folder = os.path.join(home, "dir") if store.driver.needs_parent else home
    for name in _names(folder):
        path = os.path.join(folder, name)
        if name in ("staging", "tempdirs") or name.startswith(TRIAL):
            found.working += _usage(path)
        elif name == "l" or not os.path.isdir(path):
            found.metadata += _usage(path)
        else:
            size = 0
            if store.driver.needs_parent:
                size = _usage(path)
            else:
                for part in _names(path):
                    if part in ("link", "lower"):
                        found.metadata += _usage(os.path.join(path, part))
                    elif part not in shown:
                        size += _usage(os.path.join(path, part))
            if name in layer_ids:
                found.layers[name] = found.layers.get(name, 0) + size
            else:
                found.orphans += size


def _layer_files_usage(folder: str, layer_ids: set[str], found: DiskUsage) -> None:
    for name in _names(folder):
        path = os.path.join(folder, name)
        owner = name.removesuffix(".tar-split.gz")
        if name in ("tmp", "partial"):
            found.working += _usage(path)
        elif identifiers.is_id(owner) and owner not in layer_ids:
            found.orphans += _usage(path)
        else:
            found.metadata += _usage(path)


def _records_usage(folder: str, ids: set[str], into: dict[str, int], found: DiskUsage) -> None:
    for name in _names(folder):
        path = os.path.join(folder, name)
        if not os.path.isdir(path):
            found.metadata += _usage(path)
        elif name in ids:
            into[name] = into.get(name, 0) + _usage(path)
        else:
            found.orphans += _usage(path)


def collect_garbage(store: Store) -> GarbageReport:
    """See `Store.gc`. Files move into a private directory under the locks, and are deleted after."""
    from ocicore.linux import mount

    report = GarbageReport()
    layers, images, containers = store.layer_store, store.image_store, store.container_store
    temp = None
    try:
        with layers.writing(), images.files.writing(), containers.files.writing():
            report.interrupted = layers.recover_locked()
            temp = TempDir(layers.temp_root)
            for path in _orphans(store):
                # A process killed in the middle of a test mount, or of mounting, leaves it behind; once
                # the directory has moved, the mount has no path any more.
                for target in mount.mounts_below(path):
                    mount.umount(target, mount.MNT_DETACH)
                if temp.take(path):
                    report.removed.append(path)
        report.bytes = _usage(temp.path)
    finally:
        if temp is not None:
            temp.remove()
    for root in _foreign_temp_roots(store):
        report.interrupted += tempdirs.recover(root, tempdirs.stale(root), lambda intents: None)
    for path in _stale_staging(os.path.join(store.driver.home, "staging")):
        report.bytes += _usage(path)
        tempdirs.remove_tree(path)
        report.removed.append(path)
    for path, size in partial.expire(store.partial_root):
        report.bytes += size
        report.removed.append(path)
    return report


def _orphans(store: Store) -> Iterator[str]:
    """What no record refers to; the locks are held."""
    layers, images, containers = store.layer_store, store.image_store, store.container_store
    layer_ids = layers.files.by_id
    for layer_id in store.driver.layer_ids():
        if layer_id not in layer_ids:
            yield from store.driver.owned_paths(layer_id)
    for name in _names(layers.folder):
        owner = name.removesuffix(".tar-split.gz")
        if (identifiers.is_id(owner) and owner not in layer_ids) or name.startswith(".tmp-"):
            yield os.path.join(layers.folder, name)
    yield from _dangling_links(store)
    if not store.driver.needs_parent:
        yield from stale_trials(store.driver.home)
    kinds = (
        (images.folder, images.files.by_id),
        (containers.folder, containers.files.by_id),
        (containers.run_folder, containers.files.by_id),
    )
    for folder, known in kinds:
        for name in _names(folder):
            path = os.path.join(folder, name)
            if (identifiers.is_id(name) and name not in known) or name.startswith(".tmp-"):
                yield path
            elif name in known:
                yield from (os.path.join(path, item) for item in _names(path) if item.startswith(".tmp-"))


def _dangling_links(store: Store) -> Iterator[str]:
    """Short links whose layer has gone."""
    folder = os.path.join(store.driver.home, "l")
    for name in _names(folder):
        path = os.path.join(folder, name)
        if os.path.islink(path) and not os.path.exists(path):
            target = os.path.normpath(os.path.join(folder, os.readlink(path)))
            if not os.path.lexists(os.path.dirname(target)):
                yield path


def _foreign_temp_roots(store: Store) -> list[str]:
    """Where newer versions of containers/storage put layers they are deleting."""
    return [os.path.join(store.driver.home, "tempdirs")]


def _stale_staging(folder: str) -> Iterator[str]:
    """Staging directories of partial pulls (zstd:chunked) by processes that are gone.

    Their makers hold `staging.lock`; older versions have no lock, so theirs must be a day old.
    """
    import time

    for name in _names(folder):
        path = os.path.join(folder, name)
        lock = os.path.join(path, "staging.lock")
        if os.path.exists(lock):
            lease = try_lease(lock)
            if lease is not None:
                os.close(lease)
                yield path
        elif os.path.isdir(path) and time.time() - os.lstat(path).st_mtime > _DAY:
            yield path
