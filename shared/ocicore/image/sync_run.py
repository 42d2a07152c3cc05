"""Carrying out a synchronisation: several images at once, unchanged ones settled without copying."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ocicore.errors import Error
from ocicore.image import convert
from ocicore.image.copy import CopyOptions, chosen_entries, copy
from ocicore.image.directory import DirectoryReference
from ocicore.image.docker import DockerReference, open_endpoint
from ocicore.image.progress import Progress
from ocicore.image.sync_plan import SyncItem
from ocicore.image.types import ImageReference, SystemContext
from ocicore.oci import digest as digests
from ocicore.oci import media_types
from ocicore.oci.manifest import Index, Manifest, parse_manifest
from ocicore.oci.reference import parse_normalized

if TYPE_CHECKING:
    from ocicore.image.sync_state import SyncMemory, SyncState
    from ocicore.registry.client import Registry

Outcome = Literal["copied", "unchanged", "done before", "would copy", "failed", "dropped"]


@dataclass(frozen=True)
class SyncResult:
    """What became of one image; `error` is empty unless it failed."""

    source: str
    destination: str
    outcome: Outcome
    digest: str
    error: str = ""


@dataclass(frozen=True)
class SyncSettings:
    """How to carry a plan out.

    Attributes:
        context: of the destination.
        options_for: the copy's options for an image and its destination.
        jobs: images at a time.
        keep_going: after a failure too; else those not begun are "dropped".
        dry_run: ask source and destination, copy nothing.
        referrers: copy what refers to an image along.
        state: what earlier processes did of the same plan, and where this one writes it down.
        memory: what the destinations were given at earlier times, when that can be relied on.
    """

    context: SystemContext
    options_for: Callable[[SyncItem, ImageReference], CopyOptions]
    jobs: int = 1
    keep_going: bool = False
    dry_run: bool = False
    referrers: bool = False
    state: SyncState | None = None
    memory: SyncMemory | None = None


def run(
    work: Sequence[tuple[SyncItem, ImageReference]],
    settings: SyncSettings,
    *,
    progress: Progress,
    on_result: Callable[[SyncResult], None],
) -> list[SyncResult]:
    """Copy every pair; results come in the order of `work`.

    Args:
        on_result: called as each is done, from several threads but never two at once.
    """
    lock = threading.Lock()
    failed = threading.Event()

    def one(pair: tuple[SyncItem, ImageReference]) -> SyncResult:
        item, target = pair
        if failed.is_set() and not settings.keep_going:
            return SyncResult(str(item.source), str(target), "dropped", "")
        try:
            result = _one(item, target, settings, progress)
        except Error as exc:
            failed.set()
            text = f"{exc.message} ({exc.hint})" if exc.hint else exc.message
            result = SyncResult(str(item.source), str(target), "failed", "", text)
        with lock:
            on_result(result)
        return result

    if settings.jobs <= 1 or len(work) <= 1:
        return [one(pair) for pair in work]
    with ThreadPoolExecutor(max_workers=min(settings.jobs, len(work)), thread_name_prefix="sync") as pool:
        return list(pool.map(one, work))


def _one(item: SyncItem, target: ImageReference, settings: SyncSettings, progress: Progress) -> SyncResult:
    names = str(item.source), str(target)
    state = settings.state
    if state is not None and (digest := state.digest(*names)):
        return SyncResult(*names, "done before", digest)
    options = settings.options_for(item, target)
    source_digest, found = "", ""
    expected: str | None = ""
    present: str | None = None
    memory = settings.memory
    if not (options.manifest_type or options.compression or options.signers):
        if memory is not None:
            found = _listed_digest(item)
            expected = present = memory.digest(*names, found) or None
            source_digest = present or ""
        if present is None:
            present = _destination_digest(target, settings.context)
            if present is not None or settings.referrers:
                source_digest, expected = _source_digest(item, options)
    if present is not None and present == expected:
        if settings.referrers and not settings.dry_run:
            _refer(item, target, settings, source_digest, present)
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
            _refer(item, target, settings, source_digest, copied.digest)
        result = SyncResult(*names, "copied", copied.digest)
    if state is not None and not settings.dry_run:
        state.add(*names, result.digest)
    if memory is not None and found and not settings.dry_run:
        memory.add(*names, found, result.digest)
    return result


def _refer(
    item: SyncItem, target: ImageReference, settings: SyncSettings, source_digest: str, digest: str
) -> None:
    """Copy what refers to the image along; only to a manifest that is the very same."""
    from ocicore.image import referrers

    if not isinstance(item.source, DockerReference) or not isinstance(target, DockerReference):
        return
    if source_digest != digest and digest != _plain_digest(item):
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


def _listed_digest(item: SyncItem) -> str:
    """What the source's name stands for, a list's own digest, and the platforms wanted; "" outside a registry."""
    if not isinstance(item.source, DockerReference):
        return ""
    digest = _plain_digest(item)
    return " ".join((digest, *map(str, item.platforms))) if digest else ""


def _plain_digest(item: SyncItem) -> str:
    client, repository, reference = _endpoint(item)
    found = client.head_manifest(repository, reference)
    return found[0] if found is not None else ""


def _source_digest(item: SyncItem, options: CopyOptions) -> tuple[str, str]:
    """(digest of the source's manifest, digest the destination would have); "" when it has to be copied anyway.

    One HEAD settles it, but for a list of which only some images are wanted.
    """
    source = item.source
    if isinstance(source, DirectoryReference):
        data, media_type = source.source(item.context).manifest()
        own = digests.from_bytes(data)
        whole = options.multi_arch == "all" or not isinstance(parse_manifest(data, media_type), Index)
        return own, own if whole else ""
    client, repository, reference = _endpoint(item)
    found = client.head_manifest(repository, reference)
    if found is None:
        return "", ""
    digest, media_type, _ = found
    if not media_types.is_index(media_type) or (options.multi_arch != "system" and not options.platforms):
        return digest, digest
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


def _destination_digest(target: ImageReference, context: SystemContext) -> str | None:
    if isinstance(target, DirectoryReference):
        return _directory_digest(target, context)
    assert isinstance(target, DockerReference)
    client, repository = target.connect(context)
    found = client.head_manifest(repository, target.named.digest or target.named.tag or "latest")
    return found[0] if found is not None else None


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
