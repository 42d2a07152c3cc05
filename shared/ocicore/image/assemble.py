"""From a committed layer to an image of the store: configuration, manifest, record.

Writes what `podman commit`, `buildah commit` and `podman import` write: the same big-data keys, metadata and
manifest. On the hot path.
"""

from __future__ import annotations

from ocicore.errors import Error
from ocicore.image import config_forms, go_json
from ocicore.image.local import LocalImage
from ocicore.oci import digest as digests
from ocicore.oci import media_types

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, Literal

    from ocicore.oci.descriptor import Descriptor
    from ocicore.storage.records import Layer
    from ocicore.storage.store import Store

_MANIFEST_TYPES = {"oci": media_types.OCI_MANIFEST, "docker": media_types.DOCKER_MANIFEST}
_CONFIG_TYPES = {"oci": media_types.OCI_CONFIG, "docker": media_types.DOCKER_CONFIG}


def image_from_layer(
    store: Store,
    *,
    layer_id: str | None,
    config: Mapping[str, Any],
    format: Literal["oci", "docker"] = "oci",
    names: Sequence[str] = (),
    history: Sequence[Mapping[str, Any]] | None = None,
    annotations: Mapping[str, str] | None = None,
    parent: str = "",
    container: str = "",
    created: int | None = None,
    compressed: Mapping[str, tuple[str, int]] | None = None,
) -> LocalImage:
    """Record an image whose top layer is `layer_id`.

    Args:
        store: where the layers are and the image goes.
        layer_id: top layer, None for an image without layers.
        config: the whole configuration object (`created architecture os config history …`), in either form;
            `rootfs` is computed from the layers, whatever it says.
        format: form of configuration and manifest.
        names: full names (see `names.normalise`); they move from images that have them.
        history: entries, oldest first; None takes `config["history"]`.
        annotations: of the manifest; OCI only.
        parent: identifier of the image it was built on, for Docker's form.
        container: identifier of the container committed, for Docker's form.
        created: nanoseconds for the store's record, None for what the configuration says.
        compressed: layer id -> (digest, size) of its gzip form, for layers the manifest shall name in that form.

    Raises:
        Error: a layer has no known digest, or the history does not fit the layers.
    """
    layers = _chain(store, layer_id)
    diff_ids = []
    for layer in layers:
        diff_id = layer.expected_diff_id
        if diff_id is None:
            raise Error(f"assembling image: layer {layer.id}: its uncompressed digest is not known")
        diff_ids.append(diff_id)
    entries = list(history if history is not None else config.get("history") or ())
    filled = sum(1 for entry in entries if not entry.get("empty_layer"))
    # A base without history is none the worse for it; what comes after says what it did.
    if filled > len(layers):
        raise Error(f"assembling image: history names {filled} layers, the image has {len(layers)}")
    if format == "docker":
        parent_digest = f"sha256:{parent}" if parent and ":" not in parent else parent
        config_bytes = config_forms.docker(
            config, diff_ids, entries, parent=parent_digest, container=container
        )
    else:
        config_bytes = config_forms.oci(config, diff_ids, entries)
    manifest = manifest_of_layers(layers, config_bytes, format, annotations, compressed or {})
    return record(store, layer_id, config_bytes, manifest, names, created=created or _created(config))


def manifest_of_layers(
    layers: Sequence[Layer],
    config_bytes: bytes,
    format: Literal["oci", "docker"],
    annotations: Mapping[str, str] | None = None,
    compressed: Mapping[str, tuple[str, int]] | None = None,
) -> bytes:
    """The manifest over the layers, uncompressed but for those in `compressed`, as a commit into the store writes it."""
    plain = media_types.OCI_LAYER if format == "oci" else media_types.DOCKER_LAYER
    gzip = media_types.OCI_LAYER_GZIP if format == "oci" else media_types.DOCKER_LAYER_GZIP
    blobs = []
    for layer in layers:
        found = (compressed or {}).get(layer.id)
        if found is None:
            blobs.append(blob_json(format, plain, layer.expected_diff_id or "", layer.size or 0))
        else:
            blobs.append(blob_json(format, gzip, *found))
    value: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": _MANIFEST_TYPES[format],
        "config": blob_json(
            format, _CONFIG_TYPES[format], digests.from_bytes(config_bytes), len(config_bytes)
        ),
        "layers": blobs,
    }
    if annotations and format == "oci":
        value["annotations"] = dict(sorted(annotations.items()))
    return go_json.dumps(value)


def blob_json(
    format: str, media_type: str, digest: str, size: int, urls: Sequence[str] = ()
) -> dict[str, Any]:
    """A descriptor with its keys in the order of the format: Docker puts the size before the digest."""
    value: dict[str, Any] = {"mediaType": media_type}
    if format == "docker":
        value["size"] = size
        value["digest"] = digest
    else:
        value["digest"] = digest
        value["size"] = size
    if urls:
        value["urls"] = list(urls)
    return value


def descriptor_json(format: str, descriptor: Descriptor) -> dict[str, Any]:
    """A descriptor of either format; Docker's has no annotations."""
    if format == "docker":
        return blob_json(format, descriptor.media_type, descriptor.digest, descriptor.size, descriptor.urls)
    return descriptor.to_json()


def record(
    store: Store,
    layer_id: str | None,
    config_bytes: bytes,
    manifest: bytes,
    names: Sequence[str],
    *,
    created: int | None = None,
    signatures: Sequence[bytes] = (),
    toplevel: bytes | None = None,
    id: str | None = None,
) -> LocalImage:
    """Write the image record as containers/storage's transport does.

    Args:
        id: of the image, None for the digest of the configuration.
        created: nanoseconds since the epoch.
        signatures: stored beside the manifest, concatenated, their sizes in the metadata.
        toplevel: the manifest list the manifest was chosen from; the record can then be found by its digest too.
    """
    manifest_digest = digests.from_bytes(manifest)
    config_digest = digests.from_bytes(config_bytes)
    big_data = {config_digest: config_bytes}
    if toplevel is not None:
        big_data[f"manifest-{digests.from_bytes(toplevel)}"] = toplevel
    big_data[f"manifest-{manifest_digest}"] = manifest
    big_data["manifest"] = manifest
    facts = {}
    if signatures:
        big_data[f"signature-{digests.encoded(manifest_digest)}"] = b"".join(signatures)
        facts["signatures-sizes"] = {manifest_digest: [len(signature) for signature in signatures]}
    image = store.create_image(
        id=id or digests.encoded(config_digest),
        names=list(names),
        layer=layer_id,
        digest=manifest_digest,
        metadata=go_json.dumps(facts).decode(),
        created=created,
        big_data=big_data,
    )
    return LocalImage(store, image, names[0] if names else image.id)


def _chain(store: Store, layer_id: str | None) -> list[Layer]:
    chain = []
    current = layer_id
    while current:
        layer = store.layer(current)
        chain.append(layer)
        current = layer.parent
    chain.reverse()
    return chain


def _created(config: Mapping[str, Any]) -> int | None:
    from ocicore.storage import timestamps

    return timestamps.from_text(str(config.get("created") or "")) or None


def layer_id_for(parent: str | None, diff_id: str) -> str:
    """The identifier podman gives a layer: its diff id, or the digest of "PARENT+DIFF_ID" above another layer."""
    encoded = digests.encoded(diff_id)
    if not parent:
        return encoded
    return digests.encoded(digests.from_bytes(f"{parent}+{encoded}".encode()))


def toc_layer_id_for(parent: str | None, toc_digest: str) -> str:
    """The identifier of a layer that is known by its table of contents: it never equals one made from a diff id."""
    return digests.encoded(digests.from_bytes(f"{parent or ''}+@TOC={digests.encoded(toc_digest)}".encode()))


def image_id_for(config: bytes, toc_digests: Sequence[str | None]) -> str:
    """The identifier podman gives an image: the digest of its configuration.

    Args:
        toc_digests: for every layer the table of contents it is known by, None for one known by its diff id. Nobody
            compared such a layer with the configuration, so that the identifier must be another one.
    """
    if not any(toc_digests):
        return digests.encoded(digests.from_bytes(config))
    listed = "".join(f"{digest or ''}|" for digest in toc_digests)
    return digests.encoded(digests.from_bytes(f"@With TOC:{listed}".encode()))
