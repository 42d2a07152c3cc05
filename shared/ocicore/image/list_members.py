"""Putting an image that is anywhere, or all images of a list that is anywhere, into a manifest list of the store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ocicore.errors import Error
from ocicore.oci import digest as digests
from ocicore.oci.manifest import Index, Manifest, parse_manifest

if TYPE_CHECKING:
    from ocicore.image.local import LocalImages
    from ocicore.image.manifest_list import ManifestList
    from ocicore.image.types import ImageReference, ImageSource, SystemContext

_CONFIGS = ("application/vnd.docker.container.image.v1+json", "application/vnd.oci.image.config.v1+json")


def add(found: ManifestList, reference: ImageReference, context: SystemContext, *, everything: bool) -> str:
    """Add an image; the list is not saved. Returns the digest of the (first) entry.

    Args:
        reference: where push will find the image; when it is a list, the image for the context's platform is added,
            or all of them with `everything`.

    Raises:
        Error: the image cannot be read.
    """
    source = reference.source(context)
    try:
        return _add(found, source, str(reference), context, everything)
    finally:
        source.close()


def _add(
    found: ManifestList, source: ImageSource, name: str, context: SystemContext, everything: bool
) -> str:
    data, media_type = source.manifest()
    parsed = parse_manifest(data, media_type)
    if isinstance(parsed, Index):
        chosen = parsed.manifests if everything else [parsed.choose(context.wanted_platform())]
        first = ""
        for item in chosen:
            entry = item.to_json()
            instance = parse_manifest(*source.manifest(item.digest))
            if isinstance(instance, Manifest):
                entry["platform"] = _platform(source, instance, entry.get("platform"))
            found.put_entry(entry)
            found.instances.setdefault(item.digest, name)
            first = first or item.digest
        return first
    digest = digests.from_bytes(data)
    entry = {"mediaType": parsed.media_type, "digest": digest, "size": len(data)}
    entry["platform"] = _platform(source, parsed, None)
    if parsed.artifact_type:
        entry["artifactType"] = parsed.artifact_type
    found.put_entry(entry)
    found.instances.setdefault(digest, name)
    return digest


def _platform(source: ImageSource, manifest: Manifest, known: object) -> dict[str, Any]:
    """The entry's platform, completed from the image's configuration."""
    platform: dict[str, Any] = dict(known) if isinstance(known, dict) else {}
    if platform.get("os") and platform.get("architecture"):
        return platform
    if manifest.artifact_type or manifest.config is None or manifest.config.media_type not in _CONFIGS:
        return platform
    from ocicore.image.config_blob import read_config
    from ocicore.oci.config import parse

    config = parse(read_config(source, manifest.config))
    if not platform.get("os"):
        platform["os"] = config.os
    if not platform.get("architecture"):
        platform["architecture"] = config.architecture
        if config.variant:
            platform["variant"] = config.variant
    return platform


def locate(images: LocalImages, name: str, context: SystemContext, what: str) -> ImageReference:
    """The image a word means: in any transport, at a registry, else in the store.

    Args:
        what: "image to add to manifest list", for the message.

    Raises:
        Error: it is nowhere; names both places.
    """
    from ocicore.image import transport
    from ocicore.image.containers_storage import StorageReference
    from ocicore.image.types import StoreLocation

    if transport.has_transport(name):
        return transport.parse(name)
    try:
        found = transport.parse(f"docker://{name}")
        source = found.source(context)
        try:
            source.manifest()
        finally:
            source.close()
        return found
    except Error as error:
        try:
            image = images.find(name)
        except Error as missing:
            raise Error(
                f'locating {what}: "docker://{name}": {error.message}; "{name}": {missing.message}'
            ) from error
    store = images.store
    where = f"{store.driver_name}@{store.graph_root}+{store.run_root}"
    options = ",".join(store.config.driver_options)
    location = StorageReference.parse(f"[{where}{':' + options if options else ''}]@{image.id}").location
    return StorageReference(None, image.id, location or StoreLocation())
