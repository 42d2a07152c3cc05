"""Creating containers: a read-write layer on an image's top layer, and the record.

Locks: layers, then images, then containers. The layer is recorded first; until the container's
record is there an intent marks the layer as one to remove.
"""

from __future__ import annotations

import os

from ocicore.errors import InvalidInput, NotFound
from ocicore.storage import identifiers
from ocicore.storage.tempdirs import TempDir

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from ocicore.storage.records import Container, IdMaps, Image, Layer
    from ocicore.storage.store import Store

# What a copy of a layer with other owners shares with it.
_SHARED_KEYS = (
    "metadata",
    "compressed-diff-digest",
    "compressed-size",
    "diff-digest",
    "diff-size",
    "compression",
    "uidset",
    "gidset",
)


def create_container(
    store: Store,
    *,
    id: str | None,
    names: Sequence[str],
    image: str | None,
    layer: str | None,
    metadata: str,
    id_maps: IdMaps | None,
    flags: Mapping[str, Any] | None,
    mount_label: str,
    process_label: str,
    mount_options: Sequence[str] | None,
    volatile: bool,
    big_data: Mapping[str, bytes],
    options: Mapping[str, str] | None,
    before_record: Callable[[str], object] | None,
) -> Container:
    """See `Store.create_container`."""
    if bool(mount_label) != bool(process_label):
        raise InvalidInput("ProcessLabel and Mountlabel must either not be specified or both specified")
    layers, images, containers = store.layer_store, store.image_store, store.container_store
    container_id = id or identifiers.new_id()
    volatile = volatile or store.config.transient
    record_flags = {"MountLabel": mount_label, "ProcessLabel": process_label, **(flags or {})}
    if mount_options is not None:
        record_flags["MountOpts"] = list(mount_options)
    if volatile:
        record_flags["Volatile"] = True
    temp = None
    try:
        # Only a copy of the top layer under another mapping changes the images.
        image_section = images.files.writing() if id_maps else images.files.reading()
        with layers.writing(), image_section, containers.files.writing():
            containers.check_free(container_id, names)
            source = images.get(image) if image else None
            top = layer or (source.layer if source else None)
            parent = layers.get(top) if top else None
            wanted = id_maps
            if id_maps is not None and (parent is None or parent.id_maps is None):
                wanted = None if store.driver.supports_shifting() else id_maps
            temp = TempDir(layers.temp_root)
            if parent is not None and source is not None and not layer and parent.id_maps != wanted:
                parent = _mapped_parent(store, temp, source, parent, wanted)
            layer_id = identifiers.new_id()
            temp.intend(layer_id, doomed=True)
            if big_data or before_record is not None:
                temp.intend_record("container", container_id)
            created = layers.create_locked(
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
            if before_record is not None:
                before_record(container_id)
            return containers.create_locked(
                id=container_id,
                names=names,
                image=source.id if source else "",
                layer=created.id,
                metadata=metadata,
                id_maps=id_maps,
                flags=record_flags,
                volatile=volatile,
                big_data=big_data,
            )
    except BaseException:
        if temp is not None:
            # The intent makes the next writer remove the layer, if it came to be.
            temp.abandon()
            layers.recover_again()
        raise
    finally:
        if temp is not None:
            temp.remove()


def _mapped_parent(store: Store, temp: TempDir, image: Image, top: Layer, wanted: IdMaps | None) -> Layer:
    """A copy of the image's top layer with owners mapped as `wanted`: one made before, or a new one.

    It is recorded as a sibling of the top layer with the same digests, as containers/storage does,
    although the driver puts it above.
    """
    layers = store.layer_store
    for layer_id in image.mapped_layers:
        try:
            candidate = layers.get(layer_id)
        except NotFound:
            continue
        if candidate.id_maps == wanted:
            return candidate
    if top.read_only or image.read_only:
        return top
    layer_id = identifiers.new_id()
    temp.intend(layer_id, doomed=True)
    mapped = layers.create_locked(
        temp,
        id=layer_id,
        parent=layers.get(top.parent) if top.parent else None,
        driver_parent=top.id,
        writable=False,
        id_maps=wanted,
        old_maps=top.id_maps,
        mount_label=top.mount_label,
        extra={key: top.raw[key] for key in _SHARED_KEYS if key in top.raw},
    )
    tar_split = layers.tar_split_path(top.id)
    if os.path.exists(tar_split):
        from ocicore.files import atomic

        with open(tar_split, "rb") as file:
            atomic.write(os.path.join(layers.folder, layer_id + ".tar-split.gz"), file.read())
    image.raw.setdefault("mapped-layers", []).append(mapped.id)
    store.image_store.files.save([0])
    return mapped
