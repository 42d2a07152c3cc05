"""system df, prune, reset and migrate: the engine as a whole."""

from __future__ import annotations

import os

from ocicore.engine import image_listing, image_removal, listing, pruning, records
from ocicore.errors import Error, NotFound
from ocicore.image.ancestry import Ancestry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ocicore.engine.context import Engine

    Json = dict[str, Any]


def disk_usage(engine: Engine) -> Json:
    """Images, Containers, Volumes with sizes and what could be reclaimed (bytes); ImagesSize: all images, layers once."""
    images, total = _image_usage(engine)
    containers = []
    for container in listing.containers(engine):
        try:
            size = listing.sizes(engine, container)
        except NotFound:
            size = {"rwSize": 0, "rootFsSize": 0}
        containers.append(
            {
                "ContainerID": container.id,
                "Image": container.image_id,
                "Command": container.command,
                "LocalVolumes": len(engine.state.volumes.used_by(container.id)),
                "Size": size["rootFsSize"],
                "RWSize": size["rwSize"],
                "Created": container.created,
                "Status": container.shown_status,
                "Names": container.name,
                "Running": container.status in records.ALIVE,
            }
        )
    volumes = []
    for volume in engine.state.volumes.all():
        size_on_disk = _tree_size(volume.mountpoint)
        links = len(engine.state.volumes.users(volume.name))
        volumes.append(
            {
                "VolumeName": volume.name,
                "Links": links,
                "Size": size_on_disk,
                "ReclaimableSize": 0 if links else size_on_disk,
            }
        )
    return {"Images": images, "ImagesSize": total, "Containers": containers, "Volumes": volumes}


def _image_usage(engine: Engine) -> tuple[list[Json], int]:
    """(a row for each name of each image, bytes of all images with every layer counted once)."""
    users = image_listing.users(engine)
    ancestry = Ancestry(engine.images)
    images: list[Json] = []
    total = 0
    seen: set[str] = set()
    counted: set[str] = set()
    for image in engine.images.list():
        size = image.size()
        shared = 0
        parent = ancestry.parent(image)
        if ancestry.children(image):
            shared = size
        elif parent is not None:
            shared = parent.size()
        names = [name.rpartition(":") for name in image.repo_tags] or [("<none>", ":", "<none>")]
        for repository, _, tag in names:
            images.append(
                {
                    "Repository": repository,
                    "Tag": tag,
                    "ImageID": image.id,
                    "Created": image.created,
                    "Size": size,
                    "SharedSize": shared,
                    "UniqueSize": size - shared,
                    "Containers": users.get(image.id, 0),
                }
            )
        if image.id in seen:
            continue
        seen.add(image.id)
        total += size
        for layer in image.layers():
            if layer.id in counted:
                total -= _layer_size(engine, layer)
            counted.add(layer.id)
    return images, total


def _layer_size(engine: Engine, layer: Any) -> int:
    size = layer.raw.get("diff-size")
    return int(size) if size is not None and size >= 0 else engine.store.layer_size(layer.id)


def _tree_size(path: str) -> int:
    from ocicore.linux import archive

    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return 0
    try:
        return archive.usage(descriptor).bytes
    finally:
        os.close(descriptor)


class Pruned:
    """What system prune removed: containers, images ((id, bytes)), volumes; errors."""

    __slots__ = ("containers", "errors", "images", "reclaimed", "volumes")

    def __init__(self) -> None:
        self.containers: list[str] = []
        self.images: list[tuple[str, int]] = []
        self.volumes: list[str] = []
        self.errors: list[Error] = []
        self.reclaimed = 0


def prune(engine: Engine, *, all_images: bool, volumes: bool, filters: list[str]) -> Pruned:
    """Remove stopped containers, dangling (or all unused) images and, when asked, unused volumes."""
    result = Pruned()
    before = _free(engine)
    while True:
        removed, errors = pruning.containers(engine, filters)
        result.containers += removed
        image_filters = [text for text in filters if text.startswith(("label", "until"))]
        images = image_removal.prune(engine, all_images=all_images, filters=image_filters)
        result.images += images
        if volumes:
            gone, more = pruning.volumes(engine, [text for text in filters if text.startswith("label")])
            result.volumes += gone
            errors += more
        result.errors = errors
        if not (removed or images):
            break
    result.reclaimed = max(_free(engine) - before, 0)
    return result


def _free(engine: Engine) -> int:
    info = os.statvfs(engine.storage.graph_root)
    return info.f_bfree * info.f_frsize


def reset(engine: Engine) -> list[Error]:
    """Remove every container, volume, image and our own files; what could not be removed."""
    from ocicore.engine import image_items, remove, volumes

    errors: list[Error] = []
    for container in engine.state.containers.all():
        try:
            remove.remove(engine, container, force=True, volumes=True, depend=True, timeout=0)
        except NotFound:
            continue
        except Error as error:
            errors.append(error)
    for volume in engine.state.volumes.all():
        try:
            volumes.remove(engine, volume, force=True, timeout=0)
        except Error as error:
            errors.append(error)
    for record in engine.store.containers():
        try:
            engine.store.delete_container(record.id)
        except Error as error:
            errors.append(error)
    for image in engine.images.list():
        image_items.warn_of_missing(engine, image)
        try:
            engine.store.delete_image(image.id)
        except Error as error:
            errors.append(error)
    engine.store.shutdown(force=True)
    static, volatile = engine.paths.static_dir, engine.paths.tmp_dir
    engine.close()
    for path in (static, volatile):
        volumes.delete_tree(path)
    return errors


def migrate(engine: Engine, new_runtime: str) -> list[str]:
    """Stop running containers, so that they start with today's settings (and runtime); names stopped."""
    from ocicore.engine import stop

    stopped = []
    for container in engine.state.containers.all():
        listing.refresh(engine, container)
        if container.status in records.ALIVE:
            stop.stop_only(engine, container, None)
            stopped.append(container.name)
        if new_runtime:
            config = {**container.config, "oci_runtime": engine.runtime(new_runtime).path}
            engine.state.containers.update(container, config=config)
    return stopped
