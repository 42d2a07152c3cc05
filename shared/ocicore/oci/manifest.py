"""Manifests and indexes, parsed from the exact bytes their digest covers.

image-spec 1.1 (manifest.md, image-index.md), Docker image manifest v2 schema 2 and manifest list, and v2 schema 1 (read).
"""

from __future__ import annotations

from ocicore.errors import Corrupted, NotFound
from ocicore.oci import digest as _digest
from ocicore.oci import media_types as mt
from ocicore.oci.descriptor import Descriptor
from ocicore.oci.platform import Platform, host, rank

#: More than this is refused before it is parsed (bytes); the figure is containers/image's.
MAX_MANIFEST_SIZE = 4 * 1024 * 1024

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class InvalidManifest(Corrupted):
    """Bytes are no manifest we can use."""


class Manifest:
    """The manifest of one image; `raw` is what its digest was made of."""

    __slots__ = ("annotations", "artifact_type", "config", "json", "layers", "media_type", "raw", "subject")

    def __init__(
        self,
        media_type: str,
        config: Descriptor | None,
        layers: list[Descriptor],
        *,
        annotations: dict[str, str] | None = None,
        artifact_type: str = "",
        subject: Descriptor | None = None,
        raw: bytes = b"",
        json: dict[str, object] | None = None,
    ) -> None:
        self.media_type = media_type
        self.config = config
        self.layers = layers
        self.annotations = annotations or {}
        self.artifact_type = artifact_type
        self.subject = subject
        self.raw = raw
        self.json = json or {}

    @property
    def digest(self) -> str:
        """Digest of the raw bytes (of a signed v2s1 manifest: of its payload)."""
        return manifest_digest(self.raw, self.media_type)


class Index:
    """A list of manifests for several platforms."""

    __slots__ = ("annotations", "artifact_type", "json", "manifests", "media_type", "raw", "subject")

    def __init__(
        self,
        media_type: str,
        manifests: list[Descriptor],
        *,
        annotations: dict[str, str] | None = None,
        artifact_type: str = "",
        subject: Descriptor | None = None,
        raw: bytes = b"",
        json: dict[str, object] | None = None,
    ) -> None:
        self.media_type = media_type
        self.manifests = manifests
        self.annotations = annotations or {}
        self.artifact_type = artifact_type
        self.subject = subject
        self.raw = raw
        self.json = json or {}

    @property
    def digest(self) -> str:
        """Digest of the raw bytes."""
        return _digest.from_bytes(self.raw)

    def choose(self, wanted: Platform | None = None) -> Descriptor:
        """The manifest that serves `wanted` (default: this host) best; raises NotFound."""
        target = wanted or host()
        best: tuple[int, Descriptor] | None = None
        for item in self.manifests:
            if item.platform is None or not item.platform.architecture:
                continue
            place = rank(target, item.platform)
            if place is not None and (best is None or place < best[0]):
                best = (place, item)
        if best is not None:
            return best[1]
        # An index made for artifacts or a single local image may name no platform at all.
        plain = [item for item in self.manifests if item.platform is None]
        if len(self.manifests) == 1 and plain:
            return plain[0]
        offered = (
            ", ".join(sorted({str(item.platform) for item in self.manifests if item.platform})) or "none"
        )
        raise NotFound(
            f'no image found in manifest list for architecture "{target.architecture}", '
            f'variant "{target.variant}", OS "{target.os}"',
            hint=f"it has: {offered}",
        )


def _load(raw: bytes, loads: Callable[[bytes], object] | None = None) -> dict[str, object]:
    if len(raw) > MAX_MANIFEST_SIZE:
        raise InvalidManifest(
            f"parsing manifest: {len(raw)} bytes, more than the {MAX_MANIFEST_SIZE} allowed"
        )
    if loads is None:
        import json

        loads = json.loads
    try:
        value = loads(raw)
    except (ValueError, RecursionError) as exc:
        raise InvalidManifest(f"parsing manifest: not JSON: {exc}") from exc
    if not isinstance(value, dict):
        raise InvalidManifest("parsing manifest: not a JSON object")
    return value


def guess_media_type(raw: bytes) -> str:
    """Media type from the content alone; "" where it cannot be told."""
    try:
        return _guess(_load(raw))
    except InvalidManifest:
        return ""


def _guess(value: dict[str, object]) -> str:
    declared = value.get("mediaType")
    if isinstance(declared, str) and (mt.is_index(declared) or mt.is_manifest(declared)):
        return declared
    version = value.get("schemaVersion")
    if version == 1:
        return mt.DOCKER_V1_SIGNED if "signatures" in value else mt.DOCKER_V1
    if version != 2:
        return ""
    if "manifests" in value:
        return mt.OCI_INDEX
    config = value.get("config")
    if isinstance(config, dict):
        return mt.DOCKER_MANIFEST if config.get("mediaType") == mt.DOCKER_CONFIG else mt.OCI_MANIFEST
    return ""


def parse_manifest(
    raw: bytes, media_type: str | None = None, loads: Callable[[bytes], object] | None = None
) -> Manifest | Index:
    """Parse and validate.

    Args:
        raw: the exact bytes.
        media_type: what the transport said; believed only when it is a manifest's type, because
            registries send text/plain or application/json too.
        loads: reads JSON in place of the package json, whose import a short command cannot afford.
    Raises:
        InvalidManifest: not JSON, no known type, a wrong field.
    """
    value = _load(raw, loads)
    declared = (media_type or "").partition(";")[0].strip()
    kind = declared if mt.is_index(declared) or mt.is_manifest(declared) else _guess(value)
    # CVE-2021-41190: content that is a manifest and an index at once means two things to two readers.
    if "manifests" in value and ("layers" in value or "config" in value or "fsLayers" in value):
        raise InvalidManifest("parsing manifest: it is both an image manifest and an index")
    inner = value.get("mediaType")
    if (
        kind
        and isinstance(inner, str)
        and inner
        and inner != kind
        and (mt.is_index(inner) != mt.is_index(kind))
    ):
        raise InvalidManifest(f"parsing manifest: it was announced as {kind} and says it is {inner}")
    if not kind:
        raise InvalidManifest("parsing manifest: unknown type", hint="neither OCI, Docker v2s2 nor v2s1")
    if kind in (mt.DOCKER_V1, mt.DOCKER_V1_SIGNED):
        return _parse_v1(raw, value, kind)
    annotations = value.get("annotations") or {}
    if not isinstance(annotations, dict):
        raise InvalidManifest("parsing manifest: annotations are not an object")
    subject = value.get("subject")
    subject_descriptor = (
        Descriptor.from_json(subject, where="manifest subject") if subject is not None else None
    )
    artifact_type = str(value.get("artifactType") or "")
    if mt.is_index(kind):
        return Index(
            kind,
            _descriptors(value, "manifests"),
            annotations=annotations,
            artifact_type=artifact_type,
            subject=subject_descriptor,
            raw=raw,
            json=value,
        )
    if "config" not in value:
        raise InvalidManifest("parsing manifest: no config")
    return Manifest(
        kind,
        Descriptor.from_json(value["config"], where="manifest config"),
        _descriptors(value, "layers"),
        annotations=annotations,
        artifact_type=artifact_type,
        subject=subject_descriptor,
        raw=raw,
        json=value,
    )


def _descriptors(value: dict[str, object], key: str) -> list[Descriptor]:
    items = value.get(key)
    if items is None:
        items = []
    if not isinstance(items, list):
        raise InvalidManifest(f"parsing manifest: {key} is not a list")
    return [
        Descriptor.from_json(item, where=f"manifest {key}[{number}]") for number, item in enumerate(items)
    ]


def _parse_v1(raw: bytes, value: dict[str, object], kind: str) -> Manifest:
    blobs, history = value.get("fsLayers"), value.get("history")
    if (
        not isinstance(blobs, list)
        or not isinstance(history, list)
        or len(blobs) != len(history)
        or not blobs
    ):
        raise InvalidManifest(
            "parsing schema 1 manifest: fsLayers and history differ in length or are missing"
        )
    layers = []
    for number, item in enumerate(reversed(blobs)):  # newest first in v2s1
        digest = item.get("blobSum") if isinstance(item, dict) else None
        if not isinstance(digest, str) or not _digest.is_valid(digest):
            raise InvalidManifest(
                f"parsing schema 1 manifest: fsLayers: invalid digest {digest!r} of layer {number}"
            )
        layers.append(Descriptor(mt.DOCKER_LAYER_GZIP, digest, -1))
    return Manifest(kind, None, layers, raw=raw, json=value)


def manifest_digest(raw: bytes, media_type: str | None = None) -> str:
    """Digest of a manifest; of a signed v2s1 manifest the digest of the payload the signatures cover."""
    if (media_type or guess_media_type(raw)) == mt.DOCKER_V1_SIGNED:
        return _digest.from_bytes(_v1_payload(raw))
    return _digest.from_bytes(raw)


def _v1_payload(raw: bytes) -> bytes:
    """The JWS payload of a prettyjws manifest: its first formatLength bytes plus formatTail."""
    import base64
    import json

    value = _load(raw)
    signatures = value.get("signatures")
    if not isinstance(signatures, list) or not signatures:
        return raw
    try:
        text = str(signatures[0]["protected"])
        protected = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        tail_text = str(protected["formatTail"])
        tail = base64.urlsafe_b64decode(tail_text + "=" * (-len(tail_text) % 4))
        return raw[: int(protected["formatLength"])] + tail
    except (KeyError, TypeError, ValueError) as exc:
        raise InvalidManifest(f"parsing schema 1 manifest: signature block: {exc}") from exc


def build_manifest(
    media_type: str,
    config: Descriptor,
    layers: Iterable[Descriptor],
    annotations: dict[str, str] | None = None,
) -> bytes:
    """Bytes of a new manifest, keys in the order podman and buildah write them, no white space."""
    import json

    value: dict[str, object] = {
        "schemaVersion": 2,
        "mediaType": media_type,
        "config": config.to_json(),
        "layers": [layer.to_json() for layer in layers],
    }
    if annotations and media_type == mt.OCI_MANIFEST:
        value["annotations"] = dict(sorted(annotations.items()))
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def build_index(
    media_type: str, manifests: Iterable[Descriptor], annotations: dict[str, str] | None = None
) -> bytes:
    """Bytes of a new index or manifest list."""
    import json

    value: dict[str, object] = {
        "schemaVersion": 2,
        "mediaType": media_type,
        "manifests": [item.to_json() for item in manifests],
    }
    if annotations and media_type == mt.OCI_INDEX:
        value["annotations"] = dict(sorted(annotations.items()))
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
