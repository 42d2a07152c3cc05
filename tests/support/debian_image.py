"""A realistic image: a Debian root of more than 100 MB, then a layer of everything that is hard, then one that deletes.

Written as an OCI layout by plain Python, so that neither our programs nor the peers' have touched it.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import struct
import subprocess
import tarfile
from pathlib import Path

OCI = "application/vnd.oci.image"
HIGH_ID = 60_000


def debian_tar(folder: Path) -> Path:
    """A bookworm root made by mmdebstrap from whatever archive this machine uses; kept in `folder`."""
    target = folder / "debian.tar"
    if not target.exists():
        lines = subprocess.run(
            ["apt-get", "indextargets", "--format", "$(SITE)", "Created-By: Packages"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        mirror = next(line for line in lines if "security" not in line)
        subprocess.run(
            [
                "mmdebstrap",
                "--quiet",
                "--variant=minbase",
                "--include=adduser,passwd,iputils-ping,perl",
                "stable",
                str(target),
                mirror,
            ],
            check=True,
            timeout=600,
        )
    return target


def hard_layer() -> bytes:
    """Setuid, hard links, device nodes, FIFOs, xattrs, capabilities, non-ASCII and non-UTF-8 names, high ids, long names, odd times."""
    buffer = io.BytesIO()
    with tarfile.open(
        fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT, encoding="utf-8", errors="surrogateescape"
    ) as archive:

        def add(
            name: str, kind: bytes = tarfile.REGTYPE, mode: int = 0o644, data: bytes = b"", **more: object
        ) -> None:
            info = tarfile.TarInfo(name)
            info.type, info.mode, info.size = kind, mode, len(data)
            info.mtime = 1_600_000_000.123456789
            for key, value in more.items():
                setattr(info, key, value)
            archive.addfile(info, io.BytesIO(data))

        add("hard", tarfile.DIRTYPE, 0o755)
        add("hard/setuid", mode=0o4755, data=b"#!/bin/sh\n")
        add("hard/setgid", mode=0o2755, data=b"#!/bin/sh\n", gid=50)
        add("hard/sticky", tarfile.DIRTYPE, 0o1777)
        add("hard/one", data=b"linked")
        add("hard/two", tarfile.LNKTYPE, linkname="hard/one")
        add("hard/three", tarfile.LNKTYPE, linkname="hard/one")
        add("hard/dangling", tarfile.SYMTYPE, 0o777, linkname="/nowhere/at/all")
        add("hard/fifo", tarfile.FIFOTYPE, 0o600)
        add("hard/grüße – ☃", data="ü".encode())
        add("hard/latin1-\udce9", data=b"e")
        add("hard/" + "d" * 120, tarfile.DIRTYPE, 0o755)
        add("hard/" + "d" * 120 + "/" + "f" * 200, data=b"long")
        add("hard/owned", data=b"x", uid=HIGH_ID, gid=HIGH_ID)
        add("hard/old", data=b"x", mtime=0)
        add("hard/empty", data=b"")
        add("hard/attribute", data=b"x", pax_headers={"SCHILY.xattr.user.colour": "blue"})
        capability = struct.pack("<IIIII", 0x02000001, 1 << 10, 0, 0, 0).decode("latin-1")
        add("hard/ping", mode=0o755, data=b"x", pax_headers={"SCHILY.xattr.security.capability": capability})
        add("hard/delete-me", data=b"x")
        add("hard/opaque", tarfile.DIRTYPE, 0o755)
        add("hard/opaque/below", data=b"x")
    return buffer.getvalue()


def device_layer() -> bytes:
    """Device nodes: only root may make them."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, kind, numbers in (("null", tarfile.CHRTYPE, (1, 3)), ("loop9", tarfile.BLKTYPE, (7, 9))):
            info = tarfile.TarInfo("devices-" + name)
            info.type, info.mode, info.devmajor, info.devminor = kind, 0o666, *numbers
            archive.addfile(info)
    return buffer.getvalue()


def deleting_layer() -> bytes:
    """A whiteout, an opaque directory, and a file that replaces a directory."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name in (
            "hard",
            "hard/opaque",
        ):  # named, so that their times are the archive's and not the clock's
            folder = tarfile.TarInfo(name)
            folder.type, folder.mode, folder.mtime = tarfile.DIRTYPE, 0o755, 1_500_000_000
            archive.addfile(folder)
        for name in ("hard/.wh.delete-me", "hard/opaque/.wh..wh..opq", "hard/opaque/above", "hard/sticky"):
            archive.addfile(tarfile.TarInfo(name))
    return buffer.getvalue()


def write_layout(folder: Path, layers: list[bytes], *, tag: str = "1") -> list[str]:
    """An OCI layout with one image of these (uncompressed) layers, stored gzipped. Returns the diff IDs."""
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def blob(data: bytes, media_type: str) -> dict[str, object]:
        value = hashlib.sha256(data).hexdigest()
        (blobs / value).write_bytes(data)
        return {"mediaType": media_type, "digest": f"sha256:{value}", "size": len(data)}

    diff_ids = ["sha256:" + hashlib.sha256(layer).hexdigest() for layer in layers]
    descriptors = [blob(gzip.compress(layer, 1, mtime=0), f"{OCI}.layer.v1.tar+gzip") for layer in layers]
    config = {
        "created": "2024-01-01T00:00:00Z",
        "architecture": {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine),
        "os": "linux",
        "config": {
            "Cmd": ["/bin/sh"],
            "Env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"],
            "Labels": {"kind": "real"},
        },
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
        "history": [
            {"created": "2024-01-01T00:00:00Z", "created_by": f"layer {number}"}
            for number in range(len(layers))
        ],
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{OCI}.manifest.v1+json",
        "config": blob(json.dumps(config).encode(), f"{OCI}.config.v1+json"),
        "layers": descriptors,
    }
    entry = blob(json.dumps(manifest).encode(), f"{OCI}.manifest.v1+json")
    entry["annotations"] = {"org.opencontainers.image.ref.name": tag}
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    return diff_ids
