"""What a synchronisation shall copy: from a repository or a directory tree to (source, destination) pairs.

What a YAML file names is read by `sync_yaml`. Whether anything changed is often the whole question, so nothing heavy is
imported here.
"""

from __future__ import annotations

import os

from ocicore.errors import NotFound
from ocicore.image.docker import DockerReference
from ocicore.oci import digest as digests
from ocicore.oci.reference import parse_normalized

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    from ocicore.image.types import ImageReference, SystemContext
    from ocicore.oci.platform import Platform
    from ocicore.oci.reference import Reference

#: What a template of names may hold, in braces.
PLACEHOLDERS = ("registry", "repository", "name", "tag", "digest")


class SyncItem:
    """One image to copy.

    Attributes:
        suffix: its place below the destination, by its whole name.
        platforms: of a list, only these; none for what the command says.
        template: of its place below the destination, "" for the usual one.
        listed: it was chosen from a list of tags, so that what is not in the plan may be pruned.
    """

    __slots__ = ("context", "listed", "platforms", "source", "suffix", "template")

    def __init__(
        self,
        source: ImageReference,
        context: SystemContext,
        suffix: str,
        *,
        platforms: tuple[Platform, ...] = (),
        template: str = "",
        listed: bool = False,
    ) -> None:
        self.source = source
        self.context = context
        self.suffix = suffix
        self.platforms = platforms
        self.template = template
        self.listed = listed


def from_repository(text: str, context: SystemContext) -> list[SyncItem]:
    """One image, or every tag of a repository."""
    named = parse_normalized(text)
    if named.tag is not None or named.digest is not None:
        return [docker_item(named, context)]
    items = [docker_item(named.with_tag(tag), context, listed=True) for tag in tags_of(named, context)]
    if not items:
        raise NotFound(f'No images to sync found in "{text}"')
    return items


def from_directory(path: str, context: SystemContext) -> list[SyncItem]:
    """Every directory with a manifest.json below `path`."""
    from ocicore.image.directory import DirectoryReference

    if not os.path.isdir(path):
        raise NotFound(f"Invalid source directory specified: stat {path}: no such file or directory")
    items = []
    for folder, folders, files in os.walk(path):
        folders.sort()
        if "manifest.json" in files:
            relative = os.path.relpath(folder, path)
            suffix = os.path.basename(os.path.normpath(path)) if relative == "." else relative
            items.append(SyncItem(DirectoryReference(folder), context, suffix))
            folders.clear()
    if not items:
        raise NotFound(f'No images to sync found in "{path}"')
    return items


def docker_item(
    named: Reference,
    context: SystemContext,
    *,
    platforms: tuple[Platform, ...] = (),
    template: str = "",
    listed: bool = False,
) -> SyncItem:
    """An image in a registry."""
    return SyncItem(
        DockerReference(named), context, str(named), platforms=platforms, template=template, listed=listed
    )


def tags_of(named: Reference, context: SystemContext) -> list[str]:
    """All tags of a repository."""
    client, repository = DockerReference(named.with_default_tag()).connect(context)
    return client.tags(repository)


def destination(
    item: SyncItem, transport: Literal["docker", "dir"], base: str, *, scoped: bool, append: str
) -> ImageReference:
    """Where an image goes: below the destination by its last component, or by its whole name."""
    suffix = item.suffix if scoped else os.path.basename(item.suffix)
    if item.template:
        suffix = _filled(item)
    place = os.path.normpath(os.path.join(base, suffix.lstrip("/"))) + append
    if transport == "dir":
        from ocicore.image.directory import DirectoryReference

        return DirectoryReference(place)
    return DockerReference(parse_normalized(place).with_default_tag())


def in_shard(name: str, number: int, total: int) -> bool:
    """Whether a process that is number K of N (from 1) has to do the image named; needs no talk between them."""
    value = int(digests.encoded(digests.from_bytes(name.encode()))[:15], 16)
    return value % total == number - 1


def _filled(item: SyncItem) -> str:
    """The template with the image's names in it."""
    assert isinstance(item.source, DockerReference)
    named = item.source.named
    values = {
        "registry": named.domain,
        "repository": named.path,
        "name": os.path.basename(named.path),
        "tag": named.tag or "",
        "digest": named.digest or "",
    }
    text = item.template.format_map(values)
    if "{tag}" in item.template or "{digest}" in item.template:
        return text
    return f"{text}:{named.tag}" if named.tag else f"{text}@{named.digest}"
