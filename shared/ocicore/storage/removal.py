"""Deleting layers, images and containers, with what nothing else needs.

Locks: layers, then images, then containers. Order of writes: intents, records without the
deleted ones, then files into a private directory that is emptied after the locks are released.
"""

from __future__ import annotations

import os

from ocicore.errors import InUse, NotFound
from ocicore.storage.tempdirs import TempDir

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.storage.records import Image, Layer
    from ocicore.storage.store import Store


def delete_layer(store: Store, text: str) -> None:
    """See `Store.delete_layer`."""
    layers, images, containers = store.layer_store, store.image_store, store.container_store
    temp = None
    try:
        with layers.writing(), images.files.writing(), containers.files.reading():
            layer = layers.own(text)
            for child in layers.children(layer.id):
                raise InUse(f"used by layer {child.id}: layer has children")
            for image in images.files.records:
                if image.layer == layer.id:
                    raise InUse(f"layer {layer.id} used by image {image.id}: layer is in use by an image")
            for container in containers.files.records:
                if container.layer == layer.id:
                    raise InUse(
                        f"layer {layer.id} used by container {container.id}: layer is in use by a container"
                    )
            temp = TempDir(layers.temp_root)
            temp.intend(layer.id)
            mapped = [image for image in images.files.records if layer.id in image.mapped_layers]
            for image in mapped:
                image.raw["mapped-layers"] = [other for other in image.mapped_layers if other != layer.id]
            if mapped:
                images.files.save([0])
            layers.delete_locked(temp, [layer])
    finally:
        if temp is not None:
            temp.remove()


def delete_image(store: Store, text: str) -> list[str]:
    """See `Store.delete_image`."""
    layers, images, containers = store.layer_store, store.image_store, store.container_store
    temp = None
    try:
        with layers.writing():
            _, files = images.locate(text)
            if files.read_only:
                images.own(text)
            with files.writing(), containers.files.reading():
                image = files.find(text)
                if image is None:
                    raise NotFound(f'locating image with ID "{text}": image not known')
                for container in containers.files.records:
                    if container.image == image.id:
                        raise InUse(f"image used by {container.id}: image is in use by a container")
                doomed = _unneeded_layers(store, image)
                temp = TempDir(layers.temp_root)
                temp.intend_record("image", image.id)
                for layer in doomed:
                    temp.intend(layer.id, doomed=True)
                files.drop(image)
                files.save([0])
                layers.delete_locked(temp, doomed)
                temp.take(os.path.join(os.path.dirname(files.paths[0]), image.id))
        return [layer.id for layer in doomed]
    finally:
        if temp is not None:
            temp.remove()


def _unneeded_layers(store: Store, image: Image) -> list[Layer]:
    """The image's layers, from the top, down to the first that something else needs."""
    kept = {container.layer for container in store.container_store.files.records}
    for files in (store.image_store.files, *store.image_store.others):
        for other in files.records:
            if other.id != image.id:
                kept.add(other.layer or "")
                kept.update(other.mapped_layers)
    children: dict[str, set[str]] = {}
    by_id = store.layer_store.files.by_id
    for layer in by_id.values():
        children.setdefault(layer.parent or "", set()).add(layer.id)
    doomed = {}
    for layer_id in image.mapped_layers:
        if layer_id in by_id and layer_id not in kept and not children.get(layer_id):
            doomed[layer_id] = by_id[layer_id]
    below = image.layer
    while below and below in by_id and below not in kept and children.get(below, set()) <= doomed.keys():
        doomed[below] = by_id[below]
        below = by_id[below].parent
    return list(doomed.values())


def delete_container(store: Store, text: str) -> None:
    """See `Store.delete_container`."""
    layers, containers = store.layer_store, store.container_store
    temp = None
    try:
        with layers.writing(), containers.files.writing() as files:
            container = containers.get_locked(text)
            temp = TempDir(layers.temp_root)
            temp.intend_record("container", container.id)
            if container.layer:
                temp.intend(container.layer, doomed=True)
            files.drop(container)
            durable = container.flags.get("Volatile") is not True
            files.save([container.location], durable=durable)
            layer = layers.files.by_id.get(container.layer)
            layers.delete_locked(temp, [layer] if layer is not None else [], durable=durable)
            containers.discard_locked(temp, container.id)
    finally:
        if temp is not None:
            temp.remove()
