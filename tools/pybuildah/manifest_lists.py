"""Manifest lists for the commands: the store's lists, and images fetched when they are not there."""

from __future__ import annotations

from ocicore.image import manifest_list

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from ocicore.image.local import LocalImage
    from pybuildah.session import Session


def load(session: Session, name: str) -> manifest_list.ManifestList:
    """A list by name or ID."""
    return manifest_list.load(session.images, name)


def add_image(session: Session, name: str, image_id: str) -> None:
    """Add an image of the store to a list, making the list when it is not there."""
    manifest_list.add_image(session.images, name, session.images.find(image_id))


def images_of(session: Session, name: str, args: Any, *, everything: bool) -> list[LocalImage]:
    """The image a text names (all images of a list with `everything`), pulled when it is not here."""
    from ocicore.errors import NotFound

    plain = name.removeprefix("containers-storage:")
    try:
        found = session.images.find(plain, allow_list=everything)
    except NotFound:
        return [session.find_image(name.removeprefix("docker://"), "missing", "", args)]
    if not found.is_manifest_list:
        return [found]
    entries = manifest_list.load(session.images, plain).entries
    return [image for entry in entries for image in session.images.by_digest(str(entry.get("digest")))[:1]]


def changes(args: Any) -> Mapping[str, Any]:
    """--arch, --os, --variant, --os-version, --os-features, --features and --annotation."""
    return {
        "arch": args.arch,
        "os": args.os,
        "variant": args.variant,
        "os_version": args.os_version,
        "os_features": list(args.os_features),
        "features": list(args.features),
        "annotations": manifest_list.parse_annotations(args.annotation),
    }
