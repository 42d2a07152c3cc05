"""What `rmi` does to one image: untag, refuse, delete, and delete untagged parents left without children.

The rules, their order and the wording are podman's, because scripts depend on them.
"""

from __future__ import annotations

from ocicore.errors import Error, InUse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ocicore.image.local import LocalImage, LocalImages


class RemovalReport:
    """What was done: names taken, images deleted (in order), bytes freed of each.

    Attributes:
        id: the image asked for.
        untagged: full names, in the order they were taken.
        deleted: identifiers of images that are gone; the first is the one asked for.
    """

    __slots__ = ("deleted", "id", "untagged")

    def __init__(self, image_id: str) -> None:
        self.id = image_id
        self.untagged: list[str] = []
        self.deleted: list[str] = []


def remove(
    images: LocalImages,
    image: LocalImage,
    *,
    referenced_by: str = "",
    force: bool = False,
    prune_parents: bool = True,
    remove_containers: Callable[[str], None] | None = None,
) -> RemovalReport:
    """Untag or delete one image.

    Args:
        images: the images of the store.
        image: what to remove.
        referenced_by: what the user typed; "" when everything is removed (`--all`, prune).
        force: also when several names point to it or containers use it.
        prune_parents: go on with untagged parents that have no other child.
        remove_containers: called with the image's identifier before a forced deletion, so that
            the caller's own records of containers go too.

    Raises:
        InUse: containers use the image, or several names point to it; status 2 as podman.
    """
    report = RemovalReport(image.id)
    if image.read_only:
        raise Error(f'cannot remove read-only image "{image.id}"')
    names = image.names
    typed = referenced_by.removeprefix("containers-storage:")
    if typed and len(names) != 1:
        by_id = image.id.startswith(typed)
        by_digest = typed.startswith("sha256:")
        if not force and len(names) > 1 and (by_id or by_digest):
            kind = "ID" if by_id else "digest"
            listed = " ".join(names)
            raise InUse(
                f'unable to delete image "{image.id}" by {kind} with more than one tag ([{listed}]): '
                "please force removal",
                status=2,
            )
        if not by_id and not by_digest and names:
            taken = image.found_as if image.found_as in names else None
            report.untagged += images.untag(image, [taken] if taken else [typed])
            names = [name for name in names if name not in report.untagged]
            if names:
                return report
    parent = _delete(images, image, report, force, remove_containers)
    while prune_parents and parent is not None and not parent.names and not _has_children(images, parent):
        parent = _delete(images, parent, report, False, None)
    return report


def _delete(
    images: LocalImages,
    image: LocalImage,
    report: RemovalReport,
    force: bool,
    remove_containers: Callable[[str], None] | None,
) -> LocalImage | None:
    """Delete one image; returns its parent, looked up while there was still something to compare."""
    store = images.store
    if force and remove_containers is not None:
        remove_containers(image.id)
    users = [record.id for record in store.containers() if record.image == image.id]
    if force:
        for container_id in users:
            store.delete_container(container_id)
    elif users:
        raise InUse(
            f"image used by {users[0]}: image is in use by a container: "
            "consider listing external containers and force-removing image",
            status=2,
        )
    parent = _parent(images, image)
    report.untagged += [name for name in image.names if name not in report.untagged]
    store.delete_image(image.id)
    report.deleted.append(image.id)
    return parent


def _parent(images: LocalImages, image: LocalImage) -> LocalImage | None:
    from ocicore.image import ancestry

    try:
        return ancestry.Ancestry(images).parent(image)
    except Error:
        # A damaged image must stay removable; its parent is then simply not pruned.
        return None


def _has_children(images: LocalImages, image: LocalImage) -> bool:
    from ocicore.image import ancestry

    try:
        return bool(ancestry.Ancestry(images).children(image))
    except Error:
        return True
