"""Deleting an image from an OCI layout: its entry, and the blobs no other image of the layout needs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ocicore.errors import Error, NotFound
from ocicore.image import directory, go_json
from ocicore.oci import digest as digests
from ocicore.oci.descriptor import Descriptor
from ocicore.oci.manifest import MAX_MANIFEST_SIZE, Index, parse_manifest

if TYPE_CHECKING:
    from ocicore.image.oci_layout import OciReference


def delete(reference: OciReference, shared_blobs: str) -> None:
    """Delete the image; blobs in a shared directory stay, because other layouts may need them.

    Raises:
        NotFound: the layout has no such image.
    """
    from ocicore.image.oci_layout import choose_entry, read_index

    index = read_index(reference.path)
    chosen = choose_entry(index, reference)
    blobs = shared_blobs or os.path.join(reference.path, "blobs")
    remaining: list[dict[str, Any]] = []
    removed = False
    for entry in index.get("manifests") or []:
        if not removed and entry == chosen.to_json():
            removed = True
            continue
        remaining.append(entry)
    if not removed:
        raise NotFound(f"deleting {reference}: no such image in the layout")
    needed: set[str] = set()
    for entry in remaining:
        needed |= _reachable(blobs, Descriptor.from_json(entry).digest)
    index["manifests"] = remaining
    directory.write_file(os.path.join(reference.path, "index.json"), go_json.dumps(index))
    if shared_blobs:
        return
    for digest in sorted(_reachable(blobs, chosen.digest) - needed):
        try:
            os.unlink(_path(blobs, digest))
        except FileNotFoundError:
            continue
        except OSError as exc:
            raise Error(f"deleting {reference}: {(exc.strerror or str(exc)).lower()}") from exc


def _reachable(blobs: str, digest: str, depth: int = 0) -> set[str]:
    found = {digest}
    try:
        data = directory.read_small(_path(blobs, digest), MAX_MANIFEST_SIZE)
        parsed = parse_manifest(data)
    except Error:
        return found
    if isinstance(parsed, Index):
        for entry in parsed.manifests:
            if depth < 2:
                found |= _reachable(blobs, entry.digest, depth + 1)
        return found
    found.update(layer.digest for layer in parsed.layers)
    if parsed.config is not None:
        found.add(parsed.config.digest)
    return found


def _path(blobs: str, digest: str) -> str:
    return os.path.join(blobs, digests.algorithm(digest), digests.encoded(digest))
