"""Pushing a local image to a registry or into any other transport (podman push, buildah push)."""

from __future__ import annotations

from dataclasses import replace

from ocicore.errors import InvalidInput
from ocicore.image import names as image_names
from ocicore.image import transport as transports
from ocicore.image.containers_storage import StorageReference
from ocicore.image.copy import CopyOptions, CopyResult, copy
from ocicore.image.docker import DockerReference
from ocicore.image.docker_archive import DockerArchiveReference
from ocicore.image.local import LocalImage, LocalImages
from ocicore.image.progress import Progress
from ocicore.image.types import ImageReference, StoreLocation, SystemContext
from ocicore.oci.reference import parse_normalized

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.storage.store import Store

_SELF = StoreLocation(driver="\0self")


def push(
    images: LocalImages,
    name: str,
    destination: str = "",
    *,
    context: SystemContext,
    options: CopyOptions | None = None,
    progress: Progress | None = None,
) -> CopyResult:
    """Push an image.

    Args:
        name: local image.
        destination: full name or reference in any transport; "" pushes to where the name says.

    Raises:
        ImageNotKnown: there is no such image.
        InvalidInput: the destination is no reference.
    """
    image = images.find(name, allow_list=options is not None and options.multi_arch != "system")
    target = destination_reference(image, name, destination)
    if isinstance(target, DockerArchiveReference) and target.named is None and image.found_as in image.names:
        # An archive is loaded under the names it carries.
        options = replace(options or CopyOptions(), additional_tags=[image.found_as])
    return push_image(image, target, context=context, options=options, progress=progress)


def push_image(
    image: LocalImage,
    target: ImageReference,
    *,
    context: SystemContext,
    options: CopyOptions | None = None,
    progress: Progress | None = None,
) -> CopyResult:
    """Copy an image that was found to any destination."""
    source = StorageReference(None, image.id, _SELF)

    def open_store(location: StoreLocation) -> Store:
        if location.graph_root and context.open_store is not None:
            return context.open_store(location)
        return image.store

    here = context.with_(open_store=open_store, insecure_policy=True)
    there = here if isinstance(target, StorageReference) else context
    return copy(
        source, target, source_context=here, destination_context=there, options=options, progress=progress
    )


def destination_reference(image: LocalImage, name: str, destination: str) -> ImageReference:
    """What the destination stands for; an empty one is the image's own name.

    Raises:
        InvalidInput: the image has no name to push to, or the text is no reference.
    """
    if destination and transports.has_transport(destination):
        return transports.parse(destination)
    text = destination or (image.found_as if image.found_as in image.names else "")
    if not text and "/" in name:
        text = name
    if not text:
        text = image.names[0] if len(image.names) == 1 else ""
    if not text:
        raise InvalidInput(f"pushing {name}: no destination", hint="name one: push IMAGE REGISTRY/NAME")
    if destination and not image_names.has_registry(destination):
        # As podman: a short destination is a name at Docker Hub.
        text = image_names.docker_io(destination)
    return DockerReference(parse_normalized(text).with_default_tag())
