"""One image of a synchronisation: compared with what its destination has, copied when it is another."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ocicore.errors import Error
from ocicore.image import convert
from ocicore.image.copy import CopyOptions, chosen_entries, copy
from ocicore.image.directory import DirectoryReference
from ocicore.image.docker import DockerReference, open_endpoint
from ocicore.image.progress import Progress
from ocicore.image.sync_plan import SyncItem
from ocicore.image.sync_run import Asked, SyncResult, SyncSettings, listed_digest
from ocicore.image.types import ImageReference, SystemContext
from ocicore.oci import digest as digests
from ocicore.oci import media_types
from ocicore.oci.manifest import Index, Manifest, parse_manifest
from ocicore.oci.reference import parse_normalized

if TYPE_CHECKING:
    from ocicore.registry.client import Registry
    from ocicore.registry.heads import Found


def bring(
    item: SyncItem, target: ImageReference, asked: Asked, settings: SyncSettings, progress: Progress
) -> SyncResult:
    """Copy the image unless it is there.

    Args:
        asked: what is known of both sides; the rest is asked, and added.
    """
    names = str(item.source), str(target)
    options = settings.options_for(item, target)
    source_digest = ""
    expected: str | None = ""
    present: str | None = None
    memory = settings.memory
    if not settings.altered:
        if memory is not None:
            listed = listed_digest(item, _asked_source(item, asked))
            expected = present = memory.digest(*names, listed) or None
            source_digest = present or ""
        if present is None:
            present = _destination_digest(target, settings.context, asked)
            if present is not None or settings.referrers:
                source_digest, expected = _source_digest(item, options, asked)
    if present is not None and present == expected:
        if settings.referrers and not settings.dry_run:
            _refer(item, target, settings, source_digest, present, asked)
        result = SyncResult(*names, "unchanged", present)
    elif settings.dry_run:
        return SyncResult(*names, "would copy", "")
    else:
        copied = copy(
            item.source,
            target,
            source_context=item.context,
            destination_context=settings.context,
            options=options,
            progress=progress,
        )
        if settings.referrers:
            _refer(item, target, settings, source_digest, copied.digest, asked)
        result = SyncResult(*names, "copied", copied.digest)
    settings.remember(item, result, listed_digest(item, asked.source) if not settings.altered else "")
    return result


def _refer(
    item: SyncItem,
    target: ImageReference,
    settings: SyncSettings,
    source_digest: str,
    digest: str,
    asked: Asked,
) -> None:
    """Copy what refers to the image along; only to a manifest that is the very same."""
    from ocicore.image import referrers

    if not isinstance(item.source, DockerReference) or not isinstance(target, DockerReference):
        return
    found = _asked_source(item, asked)
    if source_digest != digest and (found is None or digest != found[0]):
        settings.context.warn(
            f"{target}: the image was changed on the way, so what refers to it stays behind"
        )
        return
    client, repository, _ = _endpoint(item)
    referrers.copy(
        referrers.Place(client, repository), referrers.Place(*target.connect(settings.context)), digest
    )


def _endpoint(item: SyncItem) -> tuple[Registry, str, str]:
    """(client, repository, tag or digest) of a source in a registry."""
    assert isinstance(item.source, DockerReference)
    endpoint = item.context.registries.find(str(item.source.named))[0]
    client, repository = open_endpoint(item.context, endpoint)
    named = parse_normalized(endpoint.reference)
    return client, repository, named.digest or named.tag or "latest"


def _asked_source(item: SyncItem, asked: Asked) -> Found:
    """What a registry has under the source's name; None outside a registry, too."""
    if not asked.source_known and isinstance(item.source, DockerReference):
        client, repository, reference = _endpoint(item)
        asked.source, asked.source_known = client.head_manifest(repository, reference), True
    return asked.source


def _source_digest(item: SyncItem, options: CopyOptions, asked: Asked) -> tuple[str, str]:
    """(digest of the source's manifest, digest the destination would have); "" when it has to be copied anyway.

    One HEAD settles it, but for a list of which only some images are wanted.
    """
    source = item.source
    if isinstance(source, DirectoryReference):
        data, media_type = source.source(item.context).manifest()
        own = digests.from_bytes(data)
        whole = options.multi_arch == "all" or not isinstance(parse_manifest(data, media_type), Index)
        return own, own if whole else ""
    found = _asked_source(item, asked)
    if found is None:
        return "", ""
    digest, media_type, _ = found
    if not media_types.is_index(media_type) or (options.multi_arch != "system" and not options.platforms):
        return digest, digest
    client, repository, reference = _endpoint(item)
    data, media_type, _ = client.manifest(repository, reference)
    parsed = parse_manifest(data, media_type)
    assert isinstance(parsed, Index)
    if not options.platforms:
        chosen = parsed.choose(item.context.wanted_platform()).digest
        return chosen, chosen
    entries = chosen_entries(parsed, options.platforms)
    if len(entries) == len(parsed.manifests):
        return digest, digest
    return digest, digests.from_bytes(convert.index_for(parsed.media_type, parsed, entries))


def _destination_digest(target: ImageReference, context: SystemContext, asked: Asked) -> str | None:
    if isinstance(target, DirectoryReference):
        return _directory_digest(target, context)
    assert isinstance(target, DockerReference)
    if not asked.present_known:
        client, repository = target.connect(context)
        reference = target.named.digest or target.named.tag or "latest"
        asked.present, asked.present_known = client.head_manifest(repository, reference), True
    return asked.present[0] if asked.present is not None else None


def _directory_digest(target: DirectoryReference, context: SystemContext) -> str | None:
    """Digest of the image in a directory, if all its blobs are there with the right sizes."""
    if not os.path.isfile(os.path.join(target.path, "version")):
        return None
    try:
        source = target.source(context)
        data, media_type = source.manifest()
        parsed = parse_manifest(data, media_type)
        images = [parsed] if isinstance(parsed, Manifest) else []
        if isinstance(parsed, Index):
            for entry in parsed.manifests:
                one = parse_manifest(*source.manifest(entry.digest))
                if isinstance(one, Manifest):
                    images.append(one)
    except Error:
        return None
    for image in images:
        blobs = [*image.layers, *([image.config] if image.config is not None else [])]
        for blob in blobs:
            path = os.path.join(target.path, digests.encoded(blob.digest))
            try:
                if os.stat(path).st_size != blob.size:
                    return None
            except OSError:
                return None
    return digests.from_bytes(data)
