"""Source images: an OCI layout with one manifest whose layers are sources, as buildah-source(1) keeps them.

The configuration is `application/vnd.oci.source.image.config.v1+json`: creation time and author.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ocicore.errors import Conflict, Error, InvalidInput, NotFound
from ocicore.files import atomic
from ocicore.image import go_json
from ocicore.oci import digest as digests
from ocicore.oci import media_types

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import BinaryIO

CONFIG = "application/vnd.oci.source.image.config.v1+json"


def create(path: str, *, author: str, created: str) -> None:
    """Make an empty source image.

    Args:
        created: RFC 3339, "" for none.

    Raises:
        Conflict: the path exists.
    """
    if os.path.lexists(path):
        raise Conflict(f'creating source image: "{path}" already exists')
    config: dict[str, Any] = {}
    if created:
        config["created"] = created
    if author:
        config["author"] = author
    try:
        os.makedirs(os.path.join(path, "blobs", "sha256"), 0o755)
        data = go_json.dumps(config)
        manifest = {
            "schemaVersion": 2,
            "mediaType": media_types.OCI_MANIFEST,
            "config": {"mediaType": CONFIG, "digest": _put(path, data), "size": len(data)},
            "layers": None,
        }
        atomic.write(os.path.join(path, "oci-layout"), b'{"imageLayoutVersion":"1.0.0"}', mode=0o644)
        _put_manifest(path, manifest)
    except OSError as error:
        raise Error(f"creating source image: {path}: {(error.strerror or '').lower()}") from error


def add(path: str, artifact: str, annotations: Mapping[str, str]) -> None:
    """Add a file or a folder as one more layer; the manifest replaces the old one.

    Raises:
        NotFound: the image or the artifact is not there. InvalidInput: it is no source image.
    """
    if not os.path.exists(path):
        raise NotFound(f"adding to source image: {path}: no such file or directory")
    if not os.path.exists(artifact):
        raise NotFound(f"adding to source image: {artifact}: no such file or directory")
    manifest, old = read(path)
    digest, size = _put_archive(path, artifact)
    layer: dict[str, Any] = {"mediaType": media_types.OCI_LAYER_GZIP, "digest": digest, "size": size}
    if annotations:
        layer["annotations"] = dict(sorted(annotations.items()))
    manifest["layers"] = [*(manifest.get("layers") or ()), layer]
    if _put_manifest(path, manifest) != old:
        os.unlink(_blob(path, old))


def read(path: str) -> tuple[dict[str, Any], str]:
    """(manifest, its digest) of a source image in a folder. Raises InvalidInput."""
    import json

    try:
        with open(os.path.join(path, "index.json"), "rb") as stream:
            entries = json.load(stream)["manifests"]
        digest = digests.validate(entries[0]["digest"])
        with open(_blob(path, digest), "rb") as stream:
            manifest: dict[str, Any] = json.load(stream)
    except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
        raise InvalidInput(
            f"reading source image {path}: {error}", hint="make one with: source create"
        ) from error
    check(manifest, path)
    return manifest, digest


def check(manifest: Mapping[str, Any], what: str) -> None:
    """Raises InvalidInput when a manifest is none of a source image."""
    kind = (manifest.get("config") or {}).get("mediaType")
    if kind != CONFIG:
        raise InvalidInput(f'{what}: invalid media type of image config "{kind}" (expected: "{CONFIG}")')


def parse_annotations(texts: list[str]) -> dict[str, str]:
    """--annotation KEY=VALUE. Raises InvalidInput."""
    found: dict[str, str] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals:
            raise InvalidInput(f'invalid annotation "{text}" (expected format is "key=value")')
        if key in found:
            raise InvalidInput(f'annotation "{key}" specified more than once')
        found[key] = value
    return found


def _blob(path: str, digest: str) -> str:
    return os.path.join(path, "blobs", "sha256", digest.partition(":")[2])


def _put(path: str, data: bytes) -> str:
    digest = digests.from_bytes(data)
    atomic.write(_blob(path, digest), data, mode=0o644)
    return digest


def _put_manifest(path: str, manifest: Mapping[str, Any]) -> str:
    data = go_json.dumps(manifest)
    digest = _put(path, data)
    entry = {"mediaType": media_types.OCI_MANIFEST, "digest": digest, "size": len(data)}
    index = {"schemaVersion": 2, "manifests": [entry]}
    atomic.write(os.path.join(path, "index.json"), go_json.dumps(index), mode=0o644)
    return digest


def _put_archive(path: str, artifact: str) -> tuple[str, int]:
    """A compressed archive of a file or folder as a blob: sorted, so that it repeats."""
    import gzip
    import hashlib
    import tempfile

    folder = os.path.join(path, "blobs", "sha256")
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".", delete=False) as stream:
        try:
            with gzip.GzipFile(filename="", mode="wb", fileobj=stream, mtime=0) as packed:
                _archive(artifact, packed)  # type: ignore[arg-type]
            stream.flush()
            os.fchmod(stream.fileno(), 0o644)
            os.fsync(stream.fileno())
            with open(stream.name, "rb") as written:
                digest = "sha256:" + hashlib.file_digest(written, "sha256").hexdigest()
            size = os.path.getsize(stream.name)
            os.replace(stream.name, _blob(path, digest))
        except BaseException:
            os.unlink(stream.name)
            raise
    return digest, size


def _archive(artifact: str, stream: BinaryIO) -> None:
    import tarfile

    with tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT) as archive:
        if not os.path.isdir(artifact):
            archive.add(artifact, arcname=os.path.basename(artifact))
            return
        for folder, folders, files in os.walk(artifact):
            folders.sort()
            for name in sorted([*files, *folders]):
                whole = os.path.join(folder, name)
                archive.add(whole, arcname=os.path.relpath(whole, artifact), recursive=False)
