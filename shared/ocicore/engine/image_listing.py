"""Rows of `images`, and the image object of `inspect`, with podman's keys."""

from __future__ import annotations

from ocicore.engine import image_items
from ocicore.errors import Error, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, TypeVar

    from ocicore.engine.context import Engine
    from ocicore.image.local import LocalImage

    T = TypeVar("T")

_SECOND = 1_000_000_000


def summary(
    engine: Engine, image: LocalImage, users: dict[str, int], *, labels: bool = True
) -> dict[str, Any]:
    """One image as podman's ImageSummary.

    Args:
        users: image id -> number of containers made from it.
        labels: read the configuration for them (a table does not show them).
    """
    size = image.size()
    names = image.names
    if names:
        image_items.check(engine, image)
    created = image.created
    dangling = not any("@" not in name for name in names)
    result: dict[str, Any] = {
        "Id": image.id,
        "ParentId": "",
        "RepoTags": image.repo_tags,
        "RepoDigests": image.repo_digests,
        "Size": size,
        "SharedSize": 0,
        "VirtualSize": size,
        "Labels": _labels(image) if labels else None,
        "Containers": users.get(image.id, 0),
    }
    if image.read_only:
        result["ReadOnly"] = True
    if dangling:
        result["Dangling"] = True
    result["Names"] = names
    result["Digest"] = image.digest
    result["History"] = image.names_history or names
    result["Created"] = created // _SECOND
    return result


def _labels(image: LocalImage) -> dict[str, str] | None:
    """None, too, for an image whose record podman has written and whose configuration it has not yet."""
    try:
        return image.labels or None
    except NotFound:
        return None


def users(engine: Engine) -> dict[str, int]:
    """Image id -> number of containers in the store."""
    found: dict[str, int] = {}
    for record in engine.store.containers():
        image_id = record.image
        if image_id:
            found[image_id] = found.get(image_id, 0) + 1
    return found


def settled(engine: Engine, work: Callable[[list[LocalImage]], T]) -> T:
    """`work` done on all images; done again when it met one that somebody removed meanwhile."""
    while True:
        images = engine.images.list()
        try:
            return work(images)
        except NotFound:
            there = {image.id for image in engine.images.list()}
            if all(image.id in there for image in images):
                raise


def select(
    engine: Engine, images: list[LocalImage], filters: Iterable[str], *, all_images: bool
) -> list[LocalImage]:
    """Those that match, without intermediate ones unless asked for. Raises InvalidInput, ImageNotKnown."""
    texts = list(filters)
    if not all_images and any(not image.names for image in images):
        from ocicore.image.ancestry import Ancestry

        ancestry = Ancestry(engine.images)
        images = [image for image in images if image.names or not ancestry.children(image)]
    if texts:
        from ocicore.engine import image_filters

        images = image_filters.apply(engine, images, texts)
    return images


def inspect(engine: Engine, image: LocalImage) -> dict[str, Any]:
    """The object of `image inspect`."""
    config = image.config()
    raw = config.raw
    size = image.size()
    manifest = image.manifest()
    history: list[Any] = [dict(entry) for entry in config.history]
    parent = ""
    try:
        from ocicore.image.ancestry import Ancestry

        found = Ancestry(engine.images).parent(image)
        parent = found.id if found is not None else ""
    except Error:
        parent = ""
    result: dict[str, Any] = {
        "Id": image.id,
        "Digest": image.digest,
        "RepoTags": image.repo_tags,
        "RepoDigests": image.repo_digests,
        "Parent": parent,
        "Comment": raw.get("comment") or (history[-1].get("comment", "") if history else ""),
        "Created": config.created,
        "Config": config_object(config.config),
        "Version": raw.get("docker_version", ""),
        "Author": config.author,
        "Architecture": config.architecture,
        "Os": config.os,
        "Size": size,
        "VirtualSize": size,
        "GraphDriver": {"Name": engine.store.driver_name, "Data": driver_data(engine, image.layer)},
        "RootFS": {"Type": "layers", "Layers": list(config.diff_ids)},
        "Labels": config.labels or None,
        "Annotations": dict(getattr(manifest, "annotations", None) or {}),
        "ManifestType": manifest.media_type,
        "User": config.user,
        "History": history,
        "NamesHistory": image.names_history or image.names,
    }
    if config.healthcheck:
        result["Healthcheck"] = config.healthcheck
    return result


def config_object(raw: dict[str, Any]) -> dict[str, Any]:
    """The configuration's process part without empty members, as Go's omitempty leaves it."""
    keys = (
        "User",
        "ExposedPorts",
        "Env",
        "Entrypoint",
        "Cmd",
        "Volumes",
        "WorkingDir",
        "Labels",
        "StopSignal",
    )
    return {key: raw[key] for key in keys if raw.get(key)}


def driver_data(engine: Engine, layer_id: str, *, writable: bool = False) -> dict[str, str]:
    """GraphDriver.Data of an image's top layer, or of a container's layer."""
    if not layer_id or engine.store.driver_name != "overlay":
        return {}
    home = f"{engine.storage.graph_root}/overlay"
    data: dict[str, str] = {}
    chain = []
    parent = engine.store.layer(layer_id).parent
    while parent:
        chain.append(f"{home}/{parent}/diff")
        parent = engine.store.layer(parent).parent
    if chain:
        data["LowerDir"] = ":".join(chain)
    data["UpperDir"] = f"{home}/{layer_id}/diff"
    data["WorkDir"] = f"{home}/{layer_id}/work"
    return data
