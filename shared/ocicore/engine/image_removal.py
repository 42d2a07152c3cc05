"""rmi and image prune, with the engine's own containers taken into account."""

from __future__ import annotations

from ocicore.engine import events, image_items
from ocicore.errors import NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ocicore.engine.context import Engine
    from ocicore.image.local import LocalImage
    from ocicore.image.removal import RemovalReport


def remove(
    engine: Engine, image: LocalImage, *, referenced_by: str = "", force: bool = False, prune: bool = True
) -> RemovalReport:
    """Untag or delete an image; with `force` its containers go first. Raises InUse."""

    def remove_containers(image_id: str) -> None:
        from ocicore.engine import image_volumes, volumes
        from ocicore.engine import remove as container_removal

        for container in engine.state.containers.all(image_id=image_id):
            try:
                container_removal.remove(engine, container, force=True, volumes=True, depend=True, timeout=0)
            except NotFound:
                continue
        for volume in image_volumes.of_image(engine, image_id):
            volumes.remove(engine, volume, force=True)

    image_items.warn_of_missing(engine, image)
    report = engine.images.remove(
        image,
        referenced_by=referenced_by,
        force=force,
        prune_parents=prune,
        remove_containers=remove_containers,
    )
    for name in report.untagged:
        events.write(engine, "image", "untag", ID=image.id, Name=name)
    for image_id in report.deleted:
        events.write(engine, "image", "remove", ID=image_id, Name=image_id)
    return report


def remove_external_containers(
    engine: Engine, *, dangling_only: bool = False, spare: Callable[[str], bool] = lambda container_id: False
) -> list[str]:
    """Remove containers of the store that are none of ours: those of builds, buildah's, podman's; their ids.

    Args:
        dangling_only: only those made from an image without a name.
        spare: container id -> it is not to be removed.
    """
    from ocicore.engine import remove as container_removal

    own = {container.id for container in engine.state.containers.all()}
    own.update(volume.state.get("storage_id", "") for volume in engine.state.volumes.all())
    removed = []
    for record in engine.store.containers():
        image = engine.images.by_id(record.image) if dangling_only and record.image else None
        if dangling_only and (image is None or image.repo_tags):
            continue
        if record.id not in own and not spare(record.id):
            container_removal.remove_external(engine, record.id, force=True)
            removed.append(record.id)
    return removed


def prune(engine: Engine, *, all_images: bool, filters: list[str]) -> list[tuple[str, int]]:
    """Remove dangling images, or all that no container uses; (id, bytes) of each, children first."""
    from ocicore.engine import image_listing

    removed: list[tuple[str, int]] = []
    while True:
        used = set(image_listing.users(engine))
        candidates = image_listing.settled(
            engine, lambda images: image_listing.select(engine, images, filters, all_images=True)
        )
        victims = [
            image
            for image in candidates
            if image.id not in used and not image.read_only and (all_images or not image.repo_tags)
        ]
        progress = False
        for image in victims:
            if not image.names and _has_children(engine, image):
                continue
            try:
                size = image.size()
                report = remove(engine, image, force=False, prune=False)
            except NotFound:
                continue  # somebody else was quicker
            if image.id in report.deleted:
                removed.append((image.id, size))
                progress = True
        if not progress:
            return removed


def _has_children(engine: Engine, image: LocalImage) -> bool:
    from ocicore.image.ancestry import Ancestry

    return bool(Ancestry(engine.images).children(image))
