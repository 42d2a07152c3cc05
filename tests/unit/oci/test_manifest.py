from __future__ import annotations

import base64
import json

import pytest

from ocicore.errors import Corrupted, NotFound
from ocicore.oci import digest, manifest
from ocicore.oci import media_types as mt
from ocicore.oci.descriptor import Descriptor
from ocicore.oci.manifest import Index, InvalidManifest, Manifest, parse_manifest
from ocicore.oci.platform import Platform

CONFIG = Descriptor(mt.OCI_CONFIG, "sha256:" + "1" * 64, 10)
LAYER = Descriptor(mt.OCI_LAYER_GZIP, "sha256:" + "2" * 64, 20)


def test_a_manifest_survives_the_round_trip() -> None:
    raw = manifest.build_manifest(mt.OCI_MANIFEST, CONFIG, [LAYER], {"b": "2", "a": "1"})
    parsed = parse_manifest(raw)
    assert isinstance(parsed, Manifest)
    assert parsed.config == CONFIG
    assert parsed.layers == [LAYER]
    assert list(parsed.annotations) == ["a", "b"]
    assert parsed.digest == digest.from_bytes(raw)


def entry(arch: str, variant: str = "", number: int = 1) -> Descriptor:
    return Descriptor(mt.OCI_MANIFEST, f"sha256:{number:064x}", 1, platform=Platform("linux", arch, variant))


def index(*items: Descriptor) -> Index:
    parsed = parse_manifest(manifest.build_index(mt.OCI_INDEX, items))
    assert isinstance(parsed, Index)
    return parsed


def test_choose_prefers_the_nearest_variant() -> None:
    many = index(entry("arm", "v5", 1), entry("arm", "v6", 2), entry("arm", "v7", 3), entry("amd64", "", 4))
    assert many.choose(Platform("linux", "arm", "v7")).digest.endswith("3")
    assert many.choose(Platform("linux", "arm", "v6")).digest.endswith("2")
    assert many.choose(Platform("linux", "x86_64")).digest.endswith("4")
    with pytest.raises(NotFound, match="no image found in manifest list") as caught:
        many.choose(Platform("linux", "s390x"))
    assert caught.value.hint is not None
    assert "linux/amd64" in caught.value.hint


def test_a_single_entry_without_platform_is_taken() -> None:
    assert index(Descriptor(mt.OCI_MANIFEST, LAYER.digest, 1)).choose().digest == LAYER.digest


@pytest.mark.parametrize(
    "value",
    [
        b"", b"[]", b"{}", b"\xff", b"{" * 100_000,
        json.dumps({"schemaVersion": 2, "mediaType": mt.OCI_MANIFEST, "layers": []}).encode(),
        json.dumps({"schemaVersion": 2, "mediaType": mt.OCI_MANIFEST, "config": {}, "layers": []}).encode(),
        json.dumps({"schemaVersion": 2, "config": CONFIG.to_json(), "layers": [], "manifests": []}).encode(),
        json.dumps({"schemaVersion": 2, "config": CONFIG.to_json(), "layers": {"a": 1}}).encode(),
        json.dumps({"schemaVersion": 2, "config": {**CONFIG.to_json(), "size": -2}, "layers": []}).encode(),
        json.dumps({"schemaVersion": 2, "config": {**CONFIG.to_json(), "digest": "sha256:x"}, "layers": []}).encode(),
        json.dumps({"schemaVersion": 1, "fsLayers": [], "history": []}).encode(),
        b" " * (manifest.MAX_MANIFEST_SIZE + 1),
    ],
)  # fmt: skip
def test_what_is_no_manifest(value: bytes) -> None:
    with pytest.raises(Corrupted):
        parse_manifest(value)


def test_an_index_announced_as_a_manifest_is_refused() -> None:
    with pytest.raises(InvalidManifest):
        parse_manifest(manifest.build_index(mt.OCI_INDEX, []), mt.OCI_MANIFEST)


def test_the_digest_of_a_signed_v1_manifest_is_its_payloads() -> None:
    payload = b'{"schemaVersion":1,"fsLayers":[{"blobSum":"sha256:' + b"3" * 64 + b'"}],"history":[{}]}'

    def b64(data: bytes) -> str:
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    protected = b64(json.dumps({"formatLength": len(payload) - 1, "formatTail": b64(b"}")}).encode())
    signed = payload[:-1] + b',"signatures":[{"protected":"' + protected.encode() + b'"}]}'
    parsed = parse_manifest(signed)
    assert parsed.media_type == mt.DOCKER_V1_SIGNED
    assert parsed.digest == digest.from_bytes(payload)
