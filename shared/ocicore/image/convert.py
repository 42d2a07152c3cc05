"""Turning an image from one form into another: Docker v2 schema 2, OCI, and schema 1 (read).

Each function returns the bytes of the new configuration and the descriptors of the layers in the new form;
the bytes of the layers stay what they are.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ocicore.errors import Corrupted, Unsupported
from ocicore.image import assemble, config_forms, go_json
from ocicore.oci import digest as digests
from ocicore.oci import media_types
from ocicore.oci.descriptor import Descriptor
from ocicore.oci.manifest import Index, Manifest

FORMATS = {
    "oci": media_types.OCI_MANIFEST,
    "v2s1": media_types.DOCKER_V1_SIGNED,
    "v2s2": media_types.DOCKER_MANIFEST,
}


def config_for(manifest_type: str, config: bytes, source_type: str) -> bytes:
    """The configuration for a manifest of a type made from one of another.

    Only Docker's becomes another one: OCI's keys are a subset, so Docker's manifests can name it as it is
    (containers/image does the same, and the digests have to agree).

    Raises:
        Corrupted: it is no configuration.
    """
    if media_types.is_oci(source_type) or not media_types.is_oci(manifest_type):
        return config
    try:
        value: Any = json.loads(config)
    except ValueError as exc:
        raise Corrupted(f"converting the image configuration: {exc}") from exc
    if not isinstance(value, dict):
        raise Corrupted("converting the image configuration: not an object")
    diff_ids = (value.get("rootfs") or {}).get("diff_ids") or []
    history = value.get("history") or []
    return config_forms.oci(value, diff_ids, history)


def layer_for(manifest_type: str, layer: Descriptor, compression: str | None) -> Descriptor:
    """A layer's descriptor with the media type of the manifest type.

    Args:
        compression: "none", "gzip" or "zstd"; None keeps what the media type says.

    Raises:
        Unsupported: the manifest type has no such layer (zstd in Docker's).
    """
    kind = compression or media_types.layer_compression(layer.media_type)
    if kind is None:
        if media_types.is_oci(manifest_type):
            return layer
        raise Unsupported(f"converting to {manifest_type}: layer of unknown type {layer.media_type}")
    foreign = media_types.is_foreign_layer(layer.media_type)
    media_type = (
        _foreign(manifest_type, kind) if foreign else media_types.layer_media_type(manifest_type, kind)
    )
    if media_type is None:
        raise Unsupported(
            f"a manifest of type {manifest_type} cannot name layers compressed with {kind}",
            hint="use --format oci",
        )
    keep = media_types.is_oci(manifest_type)
    return Descriptor(
        media_type,
        layer.digest,
        layer.size,
        annotations=layer.annotations if keep else None,
        urls=layer.urls,
    )


def _foreign(manifest_type: str, kind: str) -> str | None:
    if media_types.is_oci(manifest_type):
        return {
            "none": media_types.OCI_LAYER_NONDIST,
            "gzip": media_types.OCI_LAYER_NONDIST_GZIP,
            "zstd": media_types.OCI_LAYER_NONDIST_ZSTD,
        }.get(kind)
    return {"none": media_types.DOCKER_FOREIGN, "gzip": media_types.DOCKER_FOREIGN_GZIP}.get(kind)


def manifest_for(
    manifest_type: str,
    config: Descriptor,
    layers: Sequence[Descriptor],
    original: Manifest,
) -> bytes:
    """A manifest of the type over these blobs; what the original says beyond them is kept in the same type."""
    docker = not media_types.is_oci(manifest_type)
    form = "docker" if docker else "oci"
    if manifest_type == original.media_type and original.json:
        value = dict(original.json)
        value["config"] = _descriptor(form, config)
        value["layers"] = [_descriptor(form, layer) for layer in layers]
        return go_json.dumps(value)
    value = {
        "schemaVersion": 2,
        "mediaType": manifest_type,
        "config": _descriptor(form, config),
        "layers": [_descriptor(form, layer) for layer in layers],
    }
    if original.annotations and not docker:
        value["annotations"] = dict(sorted(original.annotations.items()))
    return go_json.dumps(value)


def _descriptor(form: str, descriptor: Descriptor) -> dict[str, Any]:
    return assemble.descriptor_json(form, descriptor)


def index_for(index_type: str, original: Index, instances: Sequence[Descriptor]) -> bytes:
    """A list of the type with these instances, other keys kept where the type stays."""
    entries = []
    for item in instances:
        value = item.to_json()
        if not media_types.is_oci(index_type):
            platform = value.get("platform") or {"architecture": "", "os": ""}
            value = {
                "mediaType": item.media_type,
                "size": item.size,
                "digest": item.digest,
                "platform": platform,
            }
        entries.append(value)
    if index_type == original.media_type:
        kept = dict(original.json)
        kept["manifests"] = entries
        return go_json.dumps(kept)
    made: dict[str, Any] = {"schemaVersion": 2, "mediaType": index_type, "manifests": entries}
    if original.annotations and media_types.is_oci(index_type):
        made["annotations"] = dict(sorted(original.annotations.items()))
    return go_json.dumps(made)


def config_of_schema_1(manifest: Manifest, diff_ids: Sequence[str]) -> bytes:
    """Docker's configuration made from a schema 1 manifest's history.

    Args:
        diff_ids: digests of the uncompressed layers that are no throw-aways, from the base.
    """
    entries = manifest.json.get("history")
    if not isinstance(entries, list) or not entries:
        raise Corrupted("converting a schema 1 manifest: it has no history")
    histories: list[dict[str, Any]] = []
    for entry in reversed(entries):
        histories.append(_v1_compatibility(entry))
    newest = dict(histories[-1])
    for key in ("id", "parent", "Size", "parent_id", "layer_id", "throwaway"):
        newest.pop(key, None)
    lines = []
    for value in histories:
        line: dict[str, Any] = {
            "created": value.get("created") or "",
            "created_by": " ".join((value.get("container_config") or {}).get("Cmd") or []),
        }
        for key in ("author", "comment"):
            if value.get(key):
                line[key] = value[key]
        if value.get("throwaway"):
            line["empty_layer"] = True
        lines.append(line)
    return config_forms.docker(newest, diff_ids, lines)


def schema_1_layers(manifest: Manifest) -> list[tuple[Descriptor, bool]]:
    """Layers of a schema 1 manifest from the base, each with whether it is a throw-away."""
    entries = manifest.json.get("history")
    if not isinstance(entries, list):
        raise Corrupted("reading a schema 1 manifest: it has no history")
    flags = [bool(_v1_compatibility(entry).get("throwaway")) for entry in reversed(entries)]
    return list(zip(manifest.layers, flags, strict=True))


def _v1_compatibility(entry: Any) -> dict[str, Any]:
    try:
        value: Any = json.loads(entry["v1Compatibility"])
    except (KeyError, TypeError, ValueError) as exc:
        raise Corrupted("reading a schema 1 manifest: malformed history") from exc
    if not isinstance(value, dict):
        raise Corrupted("reading a schema 1 manifest: malformed history")
    return value


def descriptor_of(data: bytes, media_type: str) -> Descriptor:
    """Descriptor of bytes at hand."""
    return Descriptor(media_type, digests.from_bytes(data), len(data))


def config_type(manifest_type: str, original: Mapping[str, Any] | None = None) -> str:
    """Media type of the configuration in a manifest type."""
    return media_types.OCI_CONFIG if media_types.is_oci(manifest_type) else media_types.DOCKER_CONFIG
