"""What refers to an image, copied along: signatures, attestations, SBOMs (distribution-spec 1.1 "Referrers", cosign's tags).

A registry without the referrers API keeps the list as an index under the tag sha256-HEX; whoever pushes maintains it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ocicore.errors import Corrupted
from ocicore.image import go_json
from ocicore.oci import digest as digests
from ocicore.oci import media_types
from ocicore.oci.manifest import Manifest, parse_manifest
from ocicore.registry.problems import RemoteNotFound

if TYPE_CHECKING:
    from ocicore.registry.client import Registry

#: Endings of cosign's tags beside an image: signatures, attestations, bills of materials.
_COSIGN = (".sig", ".att", ".sbom")
_MAX_DEPTH = 4
_MAX_REFERRERS = 1000


class Place:
    """A repository of a registry."""

    def __init__(self, client: Registry, repository: str) -> None:
        self.client = client
        self.repository = repository


def copy(source: Place, target: Place, digest: str) -> int:
    """Copy everything that refers to a manifest; returns how many manifests were missing at the target.

    Args:
        digest: of the manifest, which both places have.

    Raises:
        Error: something could not be copied.
    """
    return _tags(source, target, digest) + _referrers(source, target, digest, 0)


def related_tag(tag: str) -> str:
    """Digest of the manifest that a tag is about by cosign's or the specification's naming, "" for others."""
    stem = tag
    for ending in _COSIGN:
        stem = stem.removesuffix(ending)
    digest = stem.replace("-", ":", 1)
    return digest if digests.is_valid(digest) else ""


def _tags(source: Place, target: Place, digest: str) -> int:
    copied = 0
    stem = digest.replace(":", "-", 1)
    for ending in _COSIGN:
        found = source.client.head_manifest(source.repository, stem + ending)
        if found is None or _same(target, stem + ending, found[0]):
            continue
        data, media_type, _ = source.client.manifest(source.repository, stem + ending)
        _manifest(source, target, data, media_type, stem + ending)
        copied += 1
    return copied


def _referrers(source: Place, target: Place, digest: str, depth: int) -> int:
    """Manifests whose subject is the digest, and those that refer to these in turn."""
    if depth >= _MAX_DEPTH:
        return 0
    entries = source.client.referrers(source.repository, digest)
    if len(entries) > _MAX_REFERRERS:
        raise Corrupted(
            f"copying referrers of {digest}: {len(entries)}, more than the {_MAX_REFERRERS} allowed"
        )
    if not entries:
        return 0
    known = {entry.get("digest") for entry in target.client.referrers(target.repository, digest)}
    copied = 0
    unlisted: list[dict[str, Any]] = []
    for entry in entries:
        own = str(entry.get("digest") or "")
        if not digests.is_valid(own):
            raise Corrupted(f"copying referrers of {digest}: invalid digest {own!r}")
        if own not in known:
            data, media_type, _ = source.client.manifest(source.repository, own)
            if not _manifest(source, target, data, media_type, own):
                unlisted.append(entry)
            copied += 1
        copied += _referrers(source, target, own, depth + 1)
    if unlisted:
        _list(target, digest, unlisted)
    return copied


def _manifest(source: Place, target: Place, data: bytes, media_type: str, reference: str) -> bool:
    """Copy one manifest with its blobs; whether the target lists it as a referrer by itself."""
    parsed = parse_manifest(data, media_type)
    if isinstance(parsed, Manifest):
        blobs = [*parsed.layers, *([parsed.config] if parsed.config is not None else [])]
        for blob in blobs:
            if target.client.has_blob(target.repository, blob.digest, push=True) is not None:
                continue
            if source.client is target.client and target.client.mount(
                target.repository, blob.digest, source.repository
            ):
                continue
            with source.client.blob(source.repository, blob.digest, size=blob.size) as stream:
                target.client.upload(target.repository, stream, size=blob.size, digest=blob.digest)
    else:
        for entry in parsed.manifests:
            inner, kind, _ = source.client.manifest(source.repository, entry.digest)
            _manifest(source, target, inner, kind, entry.digest)
    return target.client.put_manifest_with_subject(target.repository, reference, data, parsed.media_type)


def _list(target: Place, digest: str, entries: list[dict[str, Any]]) -> None:
    """Add entries to the index under the tag sha256-HEX."""
    tag = digest.replace(":", "-", 1)
    index: dict[str, Any] = {"schemaVersion": 2, "mediaType": media_types.OCI_INDEX, "manifests": []}
    try:
        index = json.loads(target.client.manifest(target.repository, tag)[0])
    except RemoteNotFound:
        pass  # the first referrer of this image
    present = {entry.get("digest") for entry in index["manifests"]}
    index["manifests"] += [entry for entry in entries if entry["digest"] not in present]
    target.client.put_manifest(target.repository, tag, go_json.dumps(index), media_types.OCI_INDEX)


def _same(target: Place, tag: str, digest: str) -> bool:
    found = target.client.head_manifest(target.repository, tag)
    return found is not None and found[0] == digest
