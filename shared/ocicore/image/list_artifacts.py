"""Files as artifacts in a manifest list (image-spec 1.1, manifest.md: "Guidelines for Artifact Usage").

The list's record keeps in artifacts.json, each by digest: the artifact's manifest (`manifests`), the digests of its
configuration and layers (`configs`, `layers`), the paths of its files (`files`), the path of a blob (`detached`) or its
bytes in base64 (`blobs`). The files themselves stay where they are until the list is pushed.
"""

from __future__ import annotations

import base64
import hashlib
import os
from typing import TYPE_CHECKING, Any

from ocicore.errors import Error
from ocicore.image import content_type, go_json
from ocicore.oci import digest as digests
from ocicore.oci import media_types

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ocicore.image.manifest_list import ManifestList

TITLE = "org.opencontainers.image.title"
UNKNOWN = "application/vnd.unknown.artifact.v1"
EMPTY_TYPE = "application/vnd.oci.empty.v1+json"
IMAGE_CONFIG = "application/vnd.oci.image.config.v1+json"
_EMPTY = b"{}"


def add(
    found: ManifestList,
    files: Sequence[str],
    *,
    artifact_type: str | None = None,
    config: bytes = b"",
    config_type: str = "",
    layer_type: str = "",
    titles: bool = True,
    annotations: Mapping[str, str] | None = None,
    subject: Mapping[str, Any] | None = None,
) -> str:
    """Add files as one artifact to a list (not saved); returns the artifact's digest.

    Args:
        files: paths; each becomes a layer.
        artifact_type: of the artifact; None is "unknown".
        config: bytes of a configuration; none means an empty one.
        config_type: media type of the configuration.
        layer_type: media type of every file; "" is found out.
        titles: whether layers carry their files' names.
        annotations: of the artifact's manifest.
        subject: descriptor of what the artifact refers to.

    Raises:
        Error: a file cannot be read.
    """
    layers, paths = [], []
    for path in files:
        full = os.path.abspath(path)
        digest, size, kind = measured(full, path)
        layer: dict[str, Any] = {"mediaType": layer_type or kind, "digest": digest, "size": size}
        if titles:
            layer["annotations"] = {TITLE: os.path.basename(full)}
        layers.append(layer)
        paths.append((digest, full))
    described = _configuration(config, config_type)
    manifest: dict[str, Any] = {"schemaVersion": 2, "mediaType": media_types.OCI_MANIFEST}
    kind = UNKNOWN if artifact_type is None else artifact_type
    if kind:
        manifest["artifactType"] = kind
    manifest["config"], manifest["layers"] = described, layers
    if subject:
        manifest["subject"] = dict(subject)
    if annotations:
        manifest["annotations"] = dict(sorted(annotations.items()))
    data = go_json.dumps(manifest)
    digest = digests.from_bytes(data)
    tables = found.artifacts
    tables["manifests"][digest] = data.decode()
    tables["configs"][digest] = described["digest"]
    tables["layers"][digest] = [item for item, _ in paths]
    tables["files"][digest] = [path for _, path in paths]
    tables["detached"].update(paths)
    inline = config if config else b"" if described["size"] == 0 else _EMPTY
    tables["blobs"][described["digest"]] = base64.b64encode(inline).decode()
    entry: dict[str, Any] = {"mediaType": media_types.OCI_MANIFEST, "digest": digest, "size": len(data)}
    if kind:
        entry["artifactType"] = kind
    found.put_entry(entry)
    return digest


def _configuration(config: bytes, config_type: str) -> dict[str, Any]:
    """The descriptor; without bytes it is the specification's empty one, of the type asked for if any."""
    if config:
        kind = config_type or IMAGE_CONFIG
        described = {"mediaType": kind, "digest": digests.from_bytes(config), "size": len(config)}
        return {**described, "data": base64.b64encode(config).decode()}
    if config_type:
        return {"mediaType": config_type, "digest": digests.from_bytes(b""), "size": 0}
    encoded = base64.b64encode(_EMPTY).decode()
    return {
        "mediaType": EMPTY_TYPE,
        "digest": digests.from_bytes(_EMPTY),
        "size": len(_EMPTY),
        "data": encoded,
    }


def measured(path: str, shown: str) -> tuple[str, int, str]:
    """(digest, size, media type) of a file. Raises Error."""
    hasher, size, start = hashlib.sha256(), 0, b""
    try:
        with open(path, "rb") as file:
            while chunk := file.read(1 << 20):
                if not size:
                    start = chunk[:512]
                size += len(chunk)
                hasher.update(chunk)
    except OSError as error:
        raise Error(f'reading "{shown}" to determine its digest: {(error.strerror or "").lower()}') from error
    return f"sha256:{hasher.hexdigest()}", size, content_type.of(os.path.basename(path), start)
