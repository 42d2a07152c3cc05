"""Media types of manifests, configurations and layers.

OCI image-spec 1.1 (media-types.md) and Docker image manifest v2 schema 1 and 2.
"""

from __future__ import annotations

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_EMPTY = "application/vnd.oci.empty.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"
OCI_LAYER_GZIP = OCI_LAYER + "+gzip"
OCI_LAYER_ZSTD = OCI_LAYER + "+zstd"
OCI_LAYER_NONDIST = "application/vnd.oci.image.layer.nondistributable.v1.tar"
OCI_LAYER_NONDIST_GZIP = OCI_LAYER_NONDIST + "+gzip"
OCI_LAYER_NONDIST_ZSTD = OCI_LAYER_NONDIST + "+zstd"

DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_V1 = "application/vnd.docker.distribution.manifest.v1+json"
DOCKER_V1_SIGNED = "application/vnd.docker.distribution.manifest.v1+prettyjws"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar"
DOCKER_LAYER_GZIP = "application/vnd.docker.image.rootfs.diff.tar.gzip"
DOCKER_LAYER_ZSTD = "application/vnd.docker.image.rootfs.diff.tar.zstd"
DOCKER_FOREIGN = "application/vnd.docker.image.rootfs.foreign.diff.tar"
DOCKER_FOREIGN_GZIP = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"

#: What a client accepts, most wanted first.
ACCEPTED = (
    OCI_MANIFEST,
    DOCKER_MANIFEST,
    OCI_INDEX,
    DOCKER_LIST,
    DOCKER_V1_SIGNED,
    DOCKER_V1,
)

_COMPRESSION = {
    OCI_LAYER: "none",
    OCI_LAYER_NONDIST: "none",
    OCI_LAYER_GZIP: "gzip",
    OCI_LAYER_NONDIST_GZIP: "gzip",
    OCI_LAYER_ZSTD: "zstd",
    OCI_LAYER_NONDIST_ZSTD: "zstd",
    DOCKER_LAYER: "none",
    DOCKER_FOREIGN: "none",
    DOCKER_LAYER_GZIP: "gzip",
    DOCKER_FOREIGN_GZIP: "gzip",
    DOCKER_LAYER_ZSTD: "zstd",
}

_OCI_LAYERS = {"none": OCI_LAYER, "gzip": OCI_LAYER_GZIP, "zstd": OCI_LAYER_ZSTD}
_DOCKER_LAYERS = {"none": DOCKER_LAYER, "gzip": DOCKER_LAYER_GZIP}


def is_index(media_type: str) -> bool:
    """True for an OCI index or a Docker manifest list."""
    return media_type in (OCI_INDEX, DOCKER_LIST)


def is_manifest(media_type: str) -> bool:
    """True for a manifest of one image."""
    return media_type in (OCI_MANIFEST, DOCKER_MANIFEST, DOCKER_V1, DOCKER_V1_SIGNED)


def is_oci(media_type: str) -> bool:
    """True for a manifest or an index of the OCI's own."""
    return media_type in (OCI_MANIFEST, OCI_INDEX)


def is_foreign_layer(media_type: str) -> bool:
    """True for a layer that is fetched from its `urls` and not pushed."""
    return media_type.startswith(OCI_LAYER_NONDIST) or media_type in (DOCKER_FOREIGN, DOCKER_FOREIGN_GZIP)


def layer_compression(media_type: str) -> str | None:
    """ "none", "gzip", "zstd", or None where the media type is no layer's we know."""
    return _COMPRESSION.get(media_type)


def layer_media_type(manifest_type: str, compression: str) -> str | None:
    """Media type of a layer of this compression in a manifest of that type; None where there is none."""
    table = _OCI_LAYERS if manifest_type == OCI_MANIFEST else _DOCKER_LAYERS
    return table.get(compression)
