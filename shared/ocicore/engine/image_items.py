"""Images whose records name items (manifest, configuration) that are no longer there."""

from __future__ import annotations

import os

from ocicore.errors import Corrupted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.engine.context import Engine
    from ocicore.image.local import LocalImage


def missing(engine: Engine, image: LocalImage) -> str:
    """What is wrong, in podman's words; "" when every item is there."""
    if image.read_only:
        return ""
    from ocicore.storage import bigdata

    folder = engine.store.image_store.data_dir(image.id)
    for key in engine.store.image(image.id).big_data_names:
        if not os.path.exists(bigdata.path(folder, key)):
            return (
                f'locating item named "{key}" for image with ID "{image.id}" '
                "(consider removing the image to resolve the issue): file does not exist"
            )
    return ""


def check(engine: Engine, image: LocalImage) -> None:
    """Raises Corrupted when an item is missing."""
    found = missing(engine, image)
    if found:
        raise Corrupted(found)


def warn_of_missing(engine: Engine, image: LocalImage) -> None:
    """Before a removal, which goes on without the item."""
    found = missing(engine, image)
    if found:
        engine.warn(f"Failed to determine if an image is a parent: {found}, ignoring the error")
