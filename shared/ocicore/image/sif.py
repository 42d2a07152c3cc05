"""sif: – a Singularity image file, read as an image of one layer (its primary squashfs partition, SIF 1).

unsquashfs and tar do the conversion; for an ordinary user under fakeroot, so that owners and devices survive.
"""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import tempfile
import time
import uuid
from typing import TYPE_CHECKING, NamedTuple

from ocicore.errors import Corrupted, Error, MissingProgram, NotFound, Unsupported
from ocicore.image import directory, go_json
from ocicore.image.types import ImageReference, ImageSource
from ocicore.image.watched_blob import MemoryBlob
from ocicore.linux import spawn
from ocicore.oci import digest as digests
from ocicore.oci import media_types
from ocicore.oci.descriptor import Descriptor

if TYPE_CHECKING:
    from ocicore.image.types import BlobReader, SystemContext

_HEADER = struct.Struct("<32s10s3s3s16s8q")
_OBJECT = struct.Struct("<iBIII7q128s384s")
_DEFINITION, _PARTITION = 0x4001, 0x4004
_SQUASHFS, _PRIMARY = 1, 2
_MAX_OBJECTS, _MAX_DEFINITION = 1024, 1 << 20
_SCRIPT = "podman/runscript"
_ARCHITECTURES = "unknown 386 amd64 arm arm64 ppc64 ppc64le mips mipsle mips64 mips64le s390x riscv64".split()


class SifReference(ImageReference):
    """FILE."""

    transport = "sif"

    def __init__(self, path: str) -> None:
        self.path = path

    @classmethod
    def parse(cls, text: str) -> SifReference:
        """What follows "sif:"."""
        return cls(text)

    def within_transport(self) -> str:
        """FILE."""
        return self.path

    def policy_scopes(self) -> list[str]:
        """Path and parents."""
        return directory.path_scopes(self.path)

    def source(self, context: SystemContext) -> SifSource:
        """Convert the file system into a layer, in a temporary directory."""
        return SifSource(self, context)


class SifSource(ImageSource):
    """The image a SIF file stands for."""

    def __init__(self, reference: SifReference, context: SystemContext) -> None:
        self.reference: SifReference = reference
        header, objects = _read(reference.path)
        self._folder = tempfile.mkdtemp(prefix="sif-", dir=context.tmp)
        try:
            self._layer_file, command = _convert(reference.path, objects, self._folder, context)
            self._layer = _described(self._layer_file)
        except BaseException:
            self.close()
            raise
        created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(header.modified))
        self._config = go_json.dumps(
            {
                "created": created,
                "architecture": header.architecture,
                "os": "linux",
                "config": {"Cmd": [command]},
                "rootfs": {"type": "layers", "diff_ids": [self._layer.digest]},
                "history": [
                    {
                        "created": created,
                        "created_by": f"/bin/sh -c #(nop) ADD file:{digests.encoded(self._layer.digest)} in /",
                        "comment": f"imported from SIF, uuid: {header.id}",
                    },
                    {
                        "created": created,
                        "created_by": '/bin/sh -c #(nop) CMD ["bash"]',
                        "empty_layer": True,
                    },
                ],
            }
        )
        config = Descriptor(media_types.OCI_CONFIG, digests.from_bytes(self._config), len(self._config))
        self._config_digest = config.digest
        self._manifest = go_json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": media_types.OCI_MANIFEST,
                "config": config.to_json(),
                "layers": [self._layer.to_json()],
            }
        )

    def manifest(self, instance: str | None = None) -> tuple[bytes, str]:
        """The manifest made up."""
        if instance is not None:
            raise Unsupported("manifest lists are not supported by the sif transport")
        return self._manifest, media_types.OCI_MANIFEST

    def open_blob(self, descriptor: Descriptor, offset: int = 0) -> BlobReader:
        """The layer's file, or the configuration."""
        if descriptor.digest == self._config_digest:
            return MemoryBlob(self._config[offset:])
        if descriptor.digest != self._layer.digest:
            raise NotFound(f'no blob with digest "{descriptor.digest}" found')
        return directory.open_file(self._layer_file, offset)

    def close(self) -> None:
        """Remove the temporary directory."""
        shutil.rmtree(self._folder, ignore_errors=True)


class _Header(NamedTuple):
    architecture: str
    id: uuid.UUID
    modified: int


class _Object(NamedTuple):
    kind: int
    offset: int
    size: int
    extra: bytes


def _read(path: str) -> tuple[_Header, list[_Object]]:
    """Header and objects of a file; raises NotFound, Corrupted."""
    try:
        with open(path, "rb") as file:
            whole = os.fstat(file.fileno()).st_size
            raw = file.read(_HEADER.size)
            if len(raw) < _HEADER.size or raw[32:42] != b"SIF_MAGIC\0":
                raise Corrupted(f"loading SIF file {path}: not a SIF file")
            _, _, _, code, identity, _, modified, _, total, offset, *_ = _HEADER.unpack(raw)
            if not 0 <= total <= _MAX_OBJECTS or not 0 <= offset <= whole:
                raise Corrupted(f"loading SIF file {path}: malformed header")
            file.seek(offset)
            table = file.read(total * _OBJECT.size)
    except FileNotFoundError:
        raise NotFound(f"loading SIF file: open {path}: no such file or directory") from None
    except OSError as exc:
        raise Error(f"loading SIF file {path}: {(exc.strerror or str(exc)).lower()}") from exc
    if len(table) < total * _OBJECT.size:
        raise Corrupted(f"loading SIF file {path}: it ends before its table of objects does")
    objects = []
    for values in _OBJECT.iter_unpack(table):
        kind, used, begin, size, extra = values[0], values[1], values[5], values[6], values[13]
        if not used:
            continue
        if begin < 0 or size < 0 or begin + size > whole:
            raise Corrupted(f"loading SIF file {path}: an object lies outside of the file")
        objects.append(_Object(kind, begin, size, extra))
    return _Header(_architecture(code), uuid.UUID(bytes=identity), modified), objects


def _architecture(code: bytes) -> str:
    text = code.rstrip(b"\0").decode("ascii", "replace")
    number = int(text) if text.isascii() and text.isdigit() else 0
    return _ARCHITECTURES[number] if number < len(_ARCHITECTURES) else _ARCHITECTURES[0]


def _convert(path: str, objects: list[_Object], folder: str, context: SystemContext) -> tuple[str, str]:
    """(tar file of the root file system, command to run)."""
    found = None
    for item in objects:
        if item.kind == _PARTITION and struct.unpack_from("<ii", item.extra)[1] == _PRIMARY:
            found = item
    if found is None:
        raise Corrupted(f"looking up rootfs from SIF file {path}: it has no primary partition")
    if struct.unpack_from("<ii", found.extra)[0] != _SQUASHFS:
        raise Unsupported(f"reading {path}: its primary partition is not a plain squashfs")
    command, script = _definition(path, objects)
    root, squashfs, tar = (os.path.join(folder, name) for name in ("rootfs", "squashfs", "layer.tar"))
    _extract(path, found, squashfs)
    added = os.path.join(folder, "added")
    if script:
        os.makedirs(os.path.join(added, os.path.dirname(_SCRIPT)))
        with open(os.path.join(added, _SCRIPT), "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(script)
        os.chmod(os.path.join(added, _SCRIPT), 0o755)
    # One shell, so that under fakeroot unsquashfs and tar see the same pretended owners.
    steps = 'unsquashfs -no-progress -d "$1" -f "$2" >&2 && rm -f "$2" && { [ ! -d "$4" ] || cp -a "$4/." "$1/"; } && '
    steps += 'tar --acls --xattrs --sort=name -C "$1" -cpf "$3" ./'
    _run(["sh", "-c", steps, "sh", root, squashfs, tar, added], context)
    shutil.rmtree(root, ignore_errors=True)
    return tar, command


def _definition(path: str, objects: list[_Object]) -> tuple[str, str]:
    """(command, script to add) from the file's definition: its sections %environment and %runscript."""
    item = next((item for item in objects if item.kind == _DEFINITION), None)
    sections: dict[str, list[str]] = {"%environment": [], "%runscript": []}
    if item is not None:
        with open(path, "rb") as file:
            file.seek(item.offset)
            text = file.read(min(item.size, _MAX_DEFINITION)).decode("utf-8", "surrogateescape")
        current: list[str] | None = None
        for line in text.splitlines():
            line = line.strip()
            if line.startswith("%"):
                current = sections.get(line)
            elif current is not None and (current is sections["%runscript"] or (line and line[0] != "#")):
                current.append(line)
    lines = [*sections["%environment"], *sections["%runscript"]]
    if not lines:
        return "bash", ""
    return f"/{_SCRIPT}", "\n".join(
        ("#!/bin/bash", "\n".join(sections["%environment"]), "\n".join(sections["%runscript"]), "")
    )


def _extract(path: str, item: _Object, target: str) -> None:
    try:
        with open(path, "rb") as source, open(target, "wb") as file:
            source.seek(item.offset)
            left = item.size
            while left > 0:
                data = source.read(min(left, 1 << 20))
                if not data:
                    raise Corrupted(f"reading {path}: it ends in the middle of its partition")
                file.write(data)
                left -= len(data)
    except OSError as exc:
        raise Error(f"extracting {path}: {(exc.strerror or str(exc)).lower()}") from exc


def _run(command: list[str], context: SystemContext) -> None:
    folders = context.environ.get("PATH", "/usr/bin:/bin").split(os.pathsep)
    needed = ["unsquashfs", "tar"]
    if os.geteuid() != 0:
        needed.append("fakeroot")
        command = ["fakeroot", "--", *command]
    for program in needed:
        if not spawn.find(program, folders):
            package = {"unsquashfs": "squashfs-tools"}.get(program, program)
            raise MissingProgram(
                f"converting a SIF file: {program} is not installed", hint=f"install the package {package}"
            )
    done = subprocess.run(command, capture_output=True, env=dict(context.environ), check=False)
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines() or [f"status {done.returncode}"]
        raise Error(f"converting rootfs from SquashFS to Tarball: {lines[-1].strip()}")


def _described(path: str) -> Descriptor:
    hasher = digests.new_hash("sha256")
    with open(path, "rb") as file:
        while data := file.read(1 << 20):
            hasher.update(data)
    return Descriptor(media_types.OCI_LAYER, "sha256:" + hasher.hexdigest(), os.stat(path).st_size)
