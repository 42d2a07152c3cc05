"""rmi and image prune, with the engine's own containers taken into account."""

from __future__ import annotations

from ocicore.engine import events
from ocicore.errors import NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.engine.context import Engine
    from ocicore.image.local import LocalImage
    from ocicore.image.removal import RemovalReport


def remove(
    engine: Engine, image: LocalImage, *, referenced_by: str = "", force: bool = False, prune: bool = True
) -> RemovalReport:
    """Untag or delete an image; with `force` its containers go first. Raises InUse."""

    def remove_containers(image_id: str) -> None:
        from ocicore.engine import remove as container_removal

        for container in engine.state.containers.all(image_id=image_id):
            try:
                container_removal.remove(engine, container, force=True, volumes=True, depend=True, timeout=0)
            except NotFound:
                continue

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


def prune(
    engine: Engine, *, all_images: bool, filters: list[str], external: bool = False
) -> list[tuple[str, int]]:
    """Remove dangling images, or all that no container uses; (id, bytes) of each, children first."""
    from ocicore.engine import image_listing

    removed: list[tuple[str, int]] = []
    while True:
        used = set(image_listing.users(engine))
        candidates = image_listing.select(engine, filters, all_images=True)
        victims = [
            image
            for image in candidates
            if image.id not in used and not image.read_only and (all_images or not image.repo_tags)
        ]
        progress = False
        for image in victims:
            if not image.names and _has_children(engine, image):
                continue
            size = image.size()
            report = remove(engine, image, force=False, prune=False)
            if image.id in report.deleted:
                removed.append((image.id, size))
                progress = True
        if not progress:
            return removed


def _has_children(engine: Engine, image: LocalImage) -> bool:
    from ocicore.image.ancestry import Ancestry

    return bool(Ancestry(engine.images).children(image))
