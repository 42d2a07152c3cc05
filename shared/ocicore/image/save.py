"""Saving local images to archives and directories, and loading them again (podman save, podman load)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Literal

from ocicore.errors import Error, InvalidInput, NotFound
from ocicore.image.copy import CopyOptions
from ocicore.image.directory import DirectoryReference
from ocicore.image.docker_archive import DockerArchiveReference, check_target
from ocicore.image.docker_archive_writer import DockerArchiveWriter
from ocicore.image.local import LocalImage, LocalImages
from ocicore.image.oci_archive import OciArchiveReference
from ocicore.image.oci_layout import OciReference
from ocicore.image.progress import Progress
from ocicore.image.pull import pull_from_transport
from ocicore.image.push import push_image
from ocicore.image.types import ImageReference, SystemContext
from ocicore.oci import media_types
from ocicore.oci.reference import parse_normalized

SaveFormat = Literal["docker-archive", "oci-archive", "oci-dir", "docker-dir"]
FORMATS = ("docker-archive", "oci-archive", "oci-dir", "docker-dir")


def save(
    images: LocalImages,
    names: Sequence[str],
    path: str,
    *,
    format: SaveFormat = "docker-archive",
    context: SystemContext,
    progress: Progress | None = None,
    compress: bool = False,
    uncompressed: bool = False,
) -> None:
    """Write images.

    Args:
        names: local images; several only for docker-archive. The same image under several names is written once.
        path: file or directory, /dev/stdout for standard output.
        compress: compress layers of a docker-dir.
        uncompressed: leave layers uncompressed in OCI formats.

    Raises:
        ImageNotKnown, InvalidInput.
    """
    if len(names) > 1 and format != "docker-archive":
        raise InvalidInput(f"unsupported multi-image format {format}", hint="use docker-archive")
    context = context.with_(accept_uncompressed_layers=uncompressed, directory_compress=compress)
    options = CopyOptions(remove_signatures=True)
    if format == "docker-archive":
        _save_docker_archive(images, names, path, context, options, progress)
        return
    image = images.find(names[0])
    target: ImageReference
    named = _tagged_name(image, names[0])
    if format == "oci-archive":
        target = OciArchiveReference(path, named)
    elif format == "oci-dir":
        target = OciReference(path, named)
    else:
        target = DirectoryReference(path)
        options.manifest_type = media_types.DOCKER_MANIFEST
    push_image(image, target, context=context, options=options, progress=progress)


def _save_docker_archive(
    images: LocalImages,
    names: Sequence[str],
    path: str,
    context: SystemContext,
    options: CopyOptions,
    progress: Progress | None,
) -> None:
    found: dict[str, tuple[LocalImage, list[str]]] = {}
    for name in names:
        image = images.find(name)
        tags = found.setdefault(image.id, (image, []))[1]
        named = _tagged_name(image, name)
        if named and named not in tags:
            tags.append(named)
    check_target(path)
    writer = DockerArchiveWriter(path)
    try:
        for image, tags in found.values():
            target = DockerArchiveReference(path, parse_normalized(tags[0]) if tags else None)
            target.writer = writer
            options.additional_tags = tags[1:]
            push_image(image, target, context=context, options=options, progress=progress)
        writer.close()
    except BaseException:
        writer.discard()
        raise


def _tagged_name(image: LocalImage, asked: str) -> str:
    """The name to write: the one the image was found with if it is a name with a tag."""
    if image.found_as in image.names and "@" not in image.found_as:
        return image.found_as
    return ""


def load(
    images: LocalImages,
    path: str,
    *,
    context: SystemContext,
    progress: Progress | None = None,
) -> list[LocalImage]:
    """Load what is in an archive or a directory, whatever its format.

    Raises:
        NotFound: no such file.
        Error: it has none of the formats; every one's reason is in the message.
    """
    if not os.path.exists(path):
        raise NotFound(f"stat {path}: no such file or directory")
    references: list[ImageReference]
    if os.path.isdir(path):
        references = [OciReference(path), DirectoryReference(path)]
    else:
        references = [OciArchiveReference(path), DockerArchiveReference(path)]
    failures = []
    for reference in references:
        try:
            return pull_from_transport(images, reference, context=context, progress=progress or Progress())
        except Error as exc:
            failures.append(f"{reference.transport}: {exc.message}")
    raise Error(f"payload does not match any of the supported image formats: {'; '.join(failures)}")
