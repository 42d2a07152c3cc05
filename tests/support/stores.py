"""Stores in temporary directories, and small images made of generated layers."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path

from ocicore.config.storage_conf import StorageConfig
from ocicore.storage.records import Image, Layer
from ocicore.storage.store import Store


def tar(files: dict[str, bytes | None], *, owner: tuple[int, int] = (0, 0)) -> bytes:
    """A tar of regular files; a name that ends in "/" (or None as content) is a directory."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.mtime = 1_700_000_000
            info.uid, info.gid = owner
            if data is None or name.endswith("/"):
                info.type, info.mode = tarfile.DIRTYPE, 0o755
                archive.addfile(info)
            else:
                info.mode, info.size = 0o644, len(data)
                archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def sha256(data: bytes) -> str:
    """ "sha256:…" of `data`."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def config(root: Path, driver: str = "overlay", **more: object) -> StorageConfig:
    """A configuration with its roots below `root`."""
    more.setdefault("driver_options", [f"{driver}.sync=none"] if driver == "overlay" else [])
    return StorageConfig(str(root / "graph"), str(root / "run"), driver=driver, **more)  # type: ignore[arg-type]


def add_layer(store: Store, blob: bytes, parent: Layer | None = None) -> Layer:
    """Stage and commit one layer from a blob, under the id that podman and buildah would give it."""
    staged = store.stage_layer(io.BytesIO(blob))
    layer_id = staged.diff_id[7:]
    if parent is not None:
        layer_id = sha256(f"{parent.id}+{layer_id}".encode())[7:]
    return store.commit_layer(staged, parent.id if parent else None, id=layer_id)


def add_image(store: Store, layers: list[bytes], *names: str) -> Image:
    """An OCI image of these uncompressed tars, complete enough for podman."""
    top: Layer | None = None
    descriptors = []
    for data in layers:
        blob = gzip.compress(data, 1, mtime=0)
        top = add_layer(store, blob, top)
        descriptors.append(
            {
                "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
                "digest": sha256(blob),
                "size": len(blob),
            }
        )
    image_config = json.dumps(
        {
            "created": "2024-01-02T03:04:05Z",
            "architecture": "amd64",
            "os": "linux",
            "config": {"Cmd": ["/bin/sh"], "Env": ["PATH=/bin"]},
            "rootfs": {"type": "layers", "diff_ids": [sha256(data) for data in layers]},
            "history": [{"created": "2024-01-02T03:04:05Z", "created_by": "test"} for _ in layers],
        }
    ).encode()
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {
                "mediaType": "application/vnd.oci.image.config.v1+json",
                "digest": sha256(image_config),
                "size": len(image_config),
            },
            "layers": descriptors,
        }
    ).encode()
    return store.create_image(
        id=sha256(image_config)[7:],
        names=names,
        layer=top.id if top else None,
        digest=sha256(manifest),
        big_data={
            sha256(image_config): image_config,
            "manifest": manifest,
            f"manifest-{sha256(manifest)}": manifest,
        },
    )
