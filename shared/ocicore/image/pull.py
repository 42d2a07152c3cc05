"""Pulling images into the local store: short names, policies, all tags, and other transports.

Follows podman pull and containers-image's short names (containers-registries.conf(5)).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ocicore.errors import Error, InvalidInput, NotFound
from ocicore.image import names as image_names
from ocicore.image import transport as transports
from ocicore.image.containers_storage import StorageReference
from ocicore.image.copy import CopyOptions, copy
from ocicore.image.docker import DockerReference
from ocicore.image.local import ImageNotKnown, LocalImage, LocalImages
from ocicore.image.progress import Progress
from ocicore.image.types import ImageReference, StoreLocation, SystemContext
from ocicore.oci import media_types
from ocicore.oci.manifest import Index, parse_manifest
from ocicore.oci.reference import Reference, parse_normalized

PullPolicy = Literal["always", "missing", "never", "newer"]
_SELF = StoreLocation(driver="\0self")


@dataclass(frozen=True)
class Candidates:
    """Full names a name may stand for at registries.

    Attributes:
        names: in order of trial.
        description: how they came about, "" for a full name.
    """

    names: list[Reference]
    description: str


def candidates(context: SystemContext, name: str) -> Candidates:
    """Where a name may be pulled from.

    Raises:
        InvalidInput: a short name with no alias and no search registry, or no name at all.
    """
    name = image_names.strip_tag_of_digested(name)
    if image_names.has_registry(name):
        return Candidates([parse_normalized(name).with_default_tag()], "")
    repository, suffix = image_names.split_suffix(name)
    parse_normalized(name)
    config = context.registries
    alias = config.aliases.get(repository)
    if alias:
        origin = config.alias_origins.get(repository, "")
        full = parse_normalized(alias + suffix).with_default_tag()
        return Candidates([full], f'Resolved "{repository}" as an alias ({origin})')
    if not config.unqualified_search:
        if config.search_origin:
            where = f'no unqualified-search registries are defined in "{config.search_origin}"'
        else:
            where = 'no unqualified-search registries are defined in "/etc/containers/registries.conf"'
        raise InvalidInput(
            f'short-name "{name}" did not resolve to an alias and {where}',
            hint=f"give the full name, for example docker.io/library/{name}",
        )
    found = [
        parse_normalized(f"{registry}/{name}").with_default_tag() for registry in config.unqualified_search
    ]
    if config.short_name_mode == "enforcing" and len(found) > 1:
        raise InvalidInput(
            "short-name resolution enforced but cannot prompt without a TTY",
            hint="give the full name, one of " + ", ".join(str(item) for item in found),
        )
    return Candidates(
        found, f'Resolving "{repository}" using unqualified-search registries ({config.search_origin})'
    )


def pull(
    images: LocalImages,
    name: str,
    *,
    policy: PullPolicy = "always",
    context: SystemContext,
    progress: Progress | None = None,
    all_tags: bool = False,
    options: CopyOptions | None = None,
) -> list[LocalImage]:
    """Make sure that an image is in the store.

    Args:
        name: full or short name, or a reference in any transport (`docker-archive:FILE` brings all its images).
        policy: always – ask the registry; missing – only when it is not here; newer – when the registry has
            another; never – only what is here.
        context: platform, credentials and so on.
        progress: told what happens.
        all_tags: every tag of the repository.
        options: of the copy; its additional tags are given to the image too.

    Raises:
        ImageNotKnown: policy never, and it is not here.
        Error: it cannot be pulled; every candidate's cause is in the message.
    """
    progress = progress or Progress()
    options = options or CopyOptions()
    if transports.has_transport(name):
        reference = transports.parse(name)
        if not isinstance(reference, DockerReference):
            return pull_from_transport(images, reference, context=context, progress=progress, options=options)
        if all_tags:
            return _pull_all_tags(images, [reference.named], context, progress, options)
        name = str(reference.named)
    elif all_tags:
        found = candidates(context, name)
        return _pull_all_tags(images, found.names, context, progress, options)
    local: LocalImage | None = None
    if policy != "always":
        local = _find(images, name, context)
        if local is not None and policy != "newer":
            return [local]
        if policy == "never":
            raise ImageNotKnown(name, hint="the pull policy is never; pull it first")
    if local is not None and image_names.is_id_prefix(name) and local.id.startswith(name):
        return [local]
    try:
        return [_pull_first(images, name, local, policy, context, progress, options)]
    except Error:
        if policy == "newer" and local is not None:
            return [local]
        raise


def pull_from_transport(
    images: LocalImages,
    reference: ImageReference,
    *,
    context: SystemContext,
    progress: Progress,
    options: CopyOptions | None = None,
) -> list[LocalImage]:
    """Bring the images of an archive, a layout or a directory into the store, under the names they carry."""
    from ocicore.image.docker_archive import DockerArchiveReference

    options = options or CopyOptions()
    if isinstance(reference, DockerArchiveReference):
        return _pull_docker_archive(images, reference, context, progress, options)
    name = _carried_name(reference)
    target = StorageReference(parse_normalized(image_names.normalise(name)) if name else None, "", _SELF)
    return [_copy_into(images, reference, target, context, progress, options)]


def _pull_first(
    images: LocalImages,
    name: str,
    local: LocalImage | None,
    policy: PullPolicy,
    context: SystemContext,
    progress: Progress,
    options: CopyOptions,
) -> LocalImage:
    found = candidates(context, name)
    if found.description:
        progress.note(found.description)
    failures: list[Error] = []
    for candidate in found.names:
        reference = DockerReference(candidate)
        try:
            if policy == "newer" and local is not None and not differs(reference, local, context):
                return local
            progress.note(f"Trying to pull {candidate}...")
            return _copy_into(
                images, reference, StorageReference(candidate, "", _SELF), context, progress, options
            )
        except Error as exc:
            failures.append(exc)
    if len(failures) == 1:
        raise failures[0]
    listed = "; ".join(failure.message for failure in failures)
    raise Error(f"{len(failures)} errors occurred while pulling: {listed}", hint=failures[-1].hint)


def _copy_into(
    images: LocalImages,
    source: ImageReference,
    target: StorageReference,
    context: SystemContext,
    progress: Progress,
    options: CopyOptions,
) -> LocalImage:
    into = context.with_(open_store=lambda location: images.store)
    result = copy(
        source, target, source_context=context, destination_context=into, options=options, progress=progress
    )
    image: LocalImage | None = getattr(result.destination, "image", None)
    if image is None:
        raise Error(f"pulling {source}: nothing was stored")
    image.found_as = str(target.named) if target.named is not None else image.id
    return image


def _pull_all_tags(
    images: LocalImages,
    repositories: Sequence[Reference],
    context: SystemContext,
    progress: Progress,
    options: CopyOptions,
) -> list[LocalImage]:
    failures: list[Error] = []
    for named in repositories:
        if named.digest is not None:
            raise InvalidInput("--all-tags requires a reference without a tag")
        try:
            client, path = DockerReference(named).connect(context)
            tags = client.tags(path)
        except Error as exc:
            failures.append(exc)
            continue
        pulled = []
        for tag in tags:
            full = named.with_tag(tag)
            progress.note(f"Trying to pull {full}...")
            target = StorageReference(full, "", _SELF)
            pulled.append(_copy_into(images, DockerReference(full), target, context, progress, options))
        return pulled
    raise failures[-1]


def _pull_docker_archive(
    images: LocalImages,
    reference: ImageReference,
    context: SystemContext,
    progress: Progress,
    options: CopyOptions,
) -> list[LocalImage]:
    from ocicore.image.docker_archive import DockerArchiveFile, DockerArchiveReference

    assert isinstance(reference, DockerArchiveReference)
    if reference.named is not None or reference.index is not None:
        wanted = [reference]
        tags: list[list[str]] = [[str(reference.named)] if reference.named is not None else []]
    else:
        archive = DockerArchiveFile(reference.path, context.tmp)
        try:
            items = archive.images()
        finally:
            archive.close()
        wanted = [DockerArchiveReference(reference.path, None, number) for number in range(len(items))]
        tags = [[str(tag) for tag in item.get("RepoTags") or []] for item in items]
    pulled = []
    for one, carried in zip(wanted, tags, strict=True):
        full = [parse_normalized(tag).with_default_tag() for tag in carried]
        target = StorageReference(full[0] if full else None, "", _SELF)
        more = [str(item) for item in full[1:]] + list(options.additional_tags)
        with_tags = CopyOptions(**{**options.__dict__, "additional_tags": more})
        pulled.append(_copy_into(images, one, target, context, progress, with_tags))
    return pulled


def _carried_name(reference: ImageReference) -> str:
    """The name an image brings along, "" when it has none."""
    from ocicore.image import oci_archive, oci_layout

    if isinstance(reference, oci_layout.OciReference):
        return reference.image or oci_layout.only_name(reference.path)
    if isinstance(reference, oci_archive.OciArchiveReference):
        return reference.image or oci_archive.only_name(reference.path)
    if isinstance(reference, StorageReference) and reference.named is not None:
        return str(reference.named)
    return ""


def _find(images: LocalImages, name: str, context: SystemContext) -> LocalImage | None:
    try:
        return images.find(name, context.platform)
    except NotFound:
        return None


def differs(reference: DockerReference, local: LocalImage, context: SystemContext) -> bool:
    """Whether the registry's image is another than the local one; one HEAD settles it in the ordinary case.

    Of a list, the image that would be pulled counts: the local one may have come without the list.

    Raises:
        Error: the registry does not answer, or has no such image.
    """
    client, repository = reference.connect(context)
    named = reference.named
    tag = named.digest or named.tag or "latest"
    found = client.head_manifest(repository, tag)
    if found is None:
        raise NotFound(f"{named}: manifest unknown")
    if found[0] in local.digests:
        return False
    if not media_types.is_index(found[1]):
        return True
    data, media_type, _ = client.manifest(repository, tag)
    parsed = parse_manifest(data, media_type)
    return (
        not isinstance(parsed, Index) or parsed.choose(context.wanted_platform()).digest not in local.digests
    )


def offered_platforms(context: SystemContext, name: str) -> list[str]:
    """The platforms ("linux/arm64/v8" …) that the list behind a name offers at its registry.

    Raises:
        InvalidInput: the name is malformed, or no registry has a list under it.
    """
    problem = ""
    for candidate in candidates(context, name).names:
        try:
            source = DockerReference(candidate).source(context)
            try:
                parsed = parse_manifest(*source.manifest())
            finally:
                source.close()
        except Error as error:
            problem = problem or error.message
            continue
        if isinstance(parsed, Index):
            return [
                str(entry.platform)
                for entry in parsed.manifests
                if entry.platform is not None
                and entry.platform.os not in ("", "unknown")
                and entry.platform.architecture not in ("", "unknown")
            ]
        problem = problem or f"{candidate} is a single image"
    raise InvalidInput(f'base image name "{name}" didn\'t resolve to a manifest list: {problem}')
