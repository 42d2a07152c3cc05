"""Carrying out a synchronisation: several images at once, unchanged ones settled without copying."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Literal

from ocicore.errors import Error
from ocicore.image.copy import CopyOptions, copy
from ocicore.image.directory import DirectoryReference
from ocicore.image.docker import DockerReference, open_endpoint
from ocicore.image.progress import Progress
from ocicore.image.sync_plan import SyncItem
from ocicore.image.types import ImageReference, SystemContext
from ocicore.oci import digest as digests
from ocicore.oci import media_types
from ocicore.oci.manifest import Index, Manifest, parse_manifest
from ocicore.oci.reference import parse_normalized

Outcome = Literal["copied", "unchanged", "would copy", "failed", "dropped"]


@dataclass(frozen=True)
class SyncResult:
    """What became of one image; `error` is empty unless it failed."""

    source: str
    destination: str
    outcome: Outcome
    digest: str
    error: str = ""


def run(
    work: Sequence[tuple[SyncItem, ImageReference]],
    *,
    destination_context: SystemContext,
    options: CopyOptions,
    jobs: int,
    keep_going: bool,
    dry_run: bool,
    progress: Progress,
    on_result: Callable[[SyncResult], None],
) -> list[SyncResult]:
    """Copy every pair; results come in the order of `work`.

    Args:
        jobs: images at a time.
        keep_going: after a failure too; else those not begun are "dropped".
        dry_run: ask source and destination, copy nothing.
        on_result: called as each is done, from several threads but never two at once.
    """
    lock = threading.Lock()
    failed = threading.Event()

    def one(pair: tuple[SyncItem, ImageReference]) -> SyncResult:
        item, target = pair
        if failed.is_set() and not keep_going:
            return SyncResult(str(item.source), str(target), "dropped", "")
        try:
            result = _one(item, target, destination_context, options, dry_run, progress)
        except Error as exc:
            failed.set()
            text = f"{exc.message} ({exc.hint})" if exc.hint else exc.message
            result = SyncResult(str(item.source), str(target), "failed", "", text)
        with lock:
            on_result(result)
        return result

    if jobs <= 1 or len(work) <= 1:
        return [one(pair) for pair in work]
    with ThreadPoolExecutor(max_workers=min(jobs, len(work)), thread_name_prefix="sync") as pool:
        return list(pool.map(one, work))


def _one(
    item: SyncItem,
    target: ImageReference,
    destination_context: SystemContext,
    options: CopyOptions,
    dry_run: bool,
    progress: Progress,
) -> SyncResult:
    unchanged = _unchanged(item, target, destination_context, options)
    names = str(item.source), str(target)
    if unchanged:
        return SyncResult(*names, "unchanged", unchanged)
    if dry_run:
        return SyncResult(*names, "would copy", "")
    result = copy(
        item.source,
        target,
        source_context=item.context,
        destination_context=destination_context,
        options=replace(options),
        progress=progress,
    )
    return SyncResult(*names, "copied", result.digest)


def _unchanged(
    item: SyncItem, target: ImageReference, destination_context: SystemContext, options: CopyOptions
) -> str:
    """Digest of the image when the destination has it already; "" when it is to be copied.

    One HEAD on each side settles it, but for a list of which only one image is wanted.
    """
    if options.manifest_type or options.compression or options.signers:
        return ""
    present = _destination_digest(target, destination_context)
    if present is None:
        return ""
    wanted = _source_digest(item, options)
    return present if present == wanted else ""


def _source_digest(item: SyncItem, options: CopyOptions) -> str:
    source = item.source
    if isinstance(source, DirectoryReference):
        data, _ = source.source(item.context).manifest()
        return digests.from_bytes(data) if not _is_index(data) or options.multi_arch == "all" else ""
    assert isinstance(source, DockerReference)
    endpoint = item.context.registries.find(str(source.named))[0]
    client, repository = open_endpoint(item.context, endpoint)
    named = parse_normalized(endpoint.reference)
    reference = named.digest or named.tag or "latest"
    found = client.head_manifest(repository, reference)
    if found is None:
        return ""
    digest, media_type, _ = found
    if options.multi_arch == "system" and media_types.is_index(media_type):
        data, media_type, _ = client.manifest(repository, reference)
        parsed = parse_manifest(data, media_type)
        assert isinstance(parsed, Index)
        return parsed.choose(item.context.wanted_platform()).digest
    return digest


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


def _is_index(data: bytes) -> bool:
    return isinstance(parse_manifest(data), Index)
