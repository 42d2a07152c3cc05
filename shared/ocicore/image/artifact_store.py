"""OCI artifacts of the local machine: an OCI layout below the graph root (podman's pkg/libartifact, same place and form).

An artifact is a manifest whose layers are files; its name is the layout's `org.opencontainers.image.ref.name`.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any

from ocicore.errors import Conflict, Corrupted, Error, InvalidInput, NotFound
from ocicore.files import atomic
from ocicore.files.locks import FileLock
from ocicore.image import content_type, go_json
from ocicore.image.list_artifacts import EMPTY_TYPE, TITLE
from ocicore.image.oci_layout import REF_NAME, OciReference, read_index
from ocicore.oci import digest as digests
from ocicore.oci import media_types
from ocicore.oci.manifest import Manifest, parse_manifest

if TYPE_CHECKING:
    from ocicore.image.copy import CopyOptions, CopyResult
    from ocicore.image.progress import Progress
    from ocicore.image.types import SystemContext
    from ocicore.oci.descriptor import Descriptor

_EMPTY = b"{}"


class Artifact:
    """One artifact: name, digest of its manifest, the manifest (parsed)."""

    __slots__ = ("digest", "manifest", "name")

    def __init__(self, name: str, digest: str, manifest: Manifest) -> None:
        self.name = name
        self.digest = digest
        self.manifest = manifest

    @property
    def size(self) -> int:
        """Bytes of its files."""
        return sum(max(layer.size, 0) for layer in self.manifest.layers)


class ArtifactStore:
    """The artifacts below a graph root.

    Args:
        graph_root: of the container store; the layout is made when something is added.
    """

    def __init__(self, graph_root: str) -> None:
        self.path = f"{graph_root}/artifacts"

    def all(self) -> list[Artifact]:
        """All, in the layout's order. Raises Corrupted."""
        if not os.path.exists(f"{self.path}/index.json"):
            return []
        found = []
        for entry in read_index(self.path).get("manifests") or ():
            digest = str(entry.get("digest") or "")
            parsed = parse_manifest(self._read(digest))
            if not isinstance(parsed, Manifest):
                raise Corrupted(f'manifest "{digest}" is index list')
            name = str((entry.get("annotations") or {}).get(REF_NAME) or "")
            found.append(Artifact(name, digest, parsed))
        return found

    def find(self, name_or_digest: str) -> Artifact:
        """By name, or by a (beginning of a) digest without its algorithm. Raises NotFound, InvalidInput."""
        if not name_or_digest:
            raise InvalidInput("artifact name cannot be empty")
        everything = self.all()
        for artifact in everything:
            if artifact.name == name_or_digest:
                return artifact
        wanted = name_or_digest.removeprefix("sha256:")
        for artifact in everything:
            if digests.encoded(artifact.digest).startswith(wanted):
                return artifact
        raise NotFound(f"no artifact found with name or digest of {name_or_digest}")

    def add(
        self,
        name: str,
        paths: Sequence[str],
        *,
        artifact_type: str = "",
        annotations: Mapping[str, str] | None = None,
        file_type: str = "",
        append: bool = False,
        replace: bool = False,
    ) -> str:
        """Make an artifact of files; its digest.

        Args:
            annotations: of every file's layer.
            file_type: media type of the files, "" to find it out.
            append: add the files to an artifact that is there; replace: take its place.

        Raises:
            Conflict: the name is taken, or a file of that name is in it. Error: a file cannot be read.
        """
        if not name:
            raise InvalidInput("artifact name cannot be empty")
        if annotations and TITLE in annotations:
            raise InvalidInput(f"cannot override filename with {TITLE} annotation")
        with self._locked():
            layers: list[dict[str, Any]] = []
            kind = artifact_type
            old = next((artifact for artifact in self.all() if artifact.name == name), None)
            if old is not None and append:
                if artifact_type:
                    raise InvalidInput("append option is not compatible with type option")
                kind = old.manifest.artifact_type
                layers = [layer.to_json() for layer in old.manifest.layers]
            elif old is not None and not replace:
                raise Conflict(f"artifact {name} already exists")
            elif old is None and append:
                raise NotFound(f"no artifact found with name or digest of {name}")
            taken = {str((layer.get("annotations") or {}).get(TITLE)) for layer in layers}
            for path in paths:
                title = os.path.basename(os.path.abspath(path))
                if title in taken:
                    raise Conflict(f"file {title} already exists in artifact {name}")
                taken.add(title)
                layers.append(self._put_file(path, {**(annotations or {}), TITLE: title}, file_type))
            return self._write(name, kind, layers)

    def _write(self, name: str, kind: str, layers: list[dict[str, Any]]) -> str:
        config = {
            "mediaType": EMPTY_TYPE,
            "digest": digests.from_bytes(_EMPTY),
            "size": len(_EMPTY),
            "data": "e30=",
        }
        manifest: dict[str, Any] = {"schemaVersion": 2, "mediaType": media_types.OCI_MANIFEST}
        if kind:
            manifest["artifactType"] = kind
        manifest.update({"config": config, "layers": layers})
        data = go_json.dumps(manifest)
        destination = OciReference(self.path, name).destination(_no_context())
        destination.put_blob(
            BytesIO(_EMPTY),
            digest=str(config["digest"]),
            size=len(_EMPTY),
            layer_index=None,
            media_type=EMPTY_TYPE,
        )
        destination.put_manifest(data, media_types.OCI_MANIFEST)
        destination.commit()
        self._drop_unnamed()
        return digests.from_bytes(data)

    def _drop_unnamed(self) -> None:
        """What lost its name to a new artifact goes, with the files that no other has."""
        while True:
            entries = read_index(self.path).get("manifests") or ()
            unnamed = [
                n for n, entry in enumerate(entries) if not (entry.get("annotations") or {}).get(REF_NAME)
            ]
            if not unnamed:
                return
            OciReference(self.path, index=unnamed[0]).delete(_no_context())

    def _put_file(self, path: str, annotations: Mapping[str, str], file_type: str) -> dict[str, Any]:
        """Copy a file into the layout's blobs; its descriptor."""
        import hashlib
        import shutil
        import tempfile

        try:
            os.makedirs(f"{self.path}/blobs/sha256", mode=0o700, exist_ok=True)
            with (
                open(path, "rb") as source,
                tempfile.NamedTemporaryFile(
                    dir=f"{self.path}/blobs/sha256", prefix=".add-", delete=False
                ) as target,
            ):
                try:
                    shutil.copyfileobj(source, target, 1 << 20)
                    target.flush()
                    os.fsync(target.fileno())
                    source.seek(0)
                    start = source.read(512)
                    source.seek(0)
                    digest = f"sha256:{hashlib.file_digest(source, 'sha256').hexdigest()}"
                    size = target.tell()
                    os.chmod(target.name, 0o644)
                    os.rename(target.name, self._blob(digest))
                except BaseException:
                    with contextlib.suppress(OSError):
                        os.unlink(target.name)
                    raise
        except OSError as error:
            raise Error(f"open {path}: {(error.strerror or '').lower()}") from error
        ordered = dict(sorted(annotations.items()))
        kind = file_type or content_type.sniff(start)
        return {"mediaType": kind, "digest": digest, "size": size, "annotations": ordered}

    def remove(self, name_or_digest: str) -> Artifact:
        """Take an artifact away, with the files that no other has. Raises NotFound."""
        with self._locked():
            artifact = self.find(name_or_digest)
            OciReference(self.path, artifact.name).delete(_no_context())
        return artifact

    def extract(self, name: str, target: str, *, digest: str = "", title: str = "") -> list[str]:
        """Write the artifact's files into a directory, or its only one to a path; the paths written.

        Args:
            digest, title: only that file.

        Raises:
            NotFound: there is no such file. InvalidInput: several files, and no directory; a title that is no file name.
        """
        if digest and title:
            raise InvalidInput("cannot specify both digest and title")
        artifact = self.find(name)
        layers = artifact.manifest.layers
        if digest:
            layers = [layer for layer in layers if layer.digest.startswith((digest, f"sha256:{digest}"))]
        if title:
            layers = [layer for layer in layers if layer.annotations.get(TITLE) == title]
        if not layers:
            what = f"digest {digest!r}" if digest else f"title {title!r}" if title else "files"
            raise NotFound(f"no blob with the {what} in artifact {name}")
        if not os.path.isdir(target):
            if len(layers) > 1:
                raise InvalidInput(
                    f"the artifact consists of several blobs and the target {target!r} is not a directory",
                    hint="make the directory, or choose one with --digest or --title",
                )
            self._copy_out(layers[0], target)
            return [target]
        written = []
        for layer in layers:
            file_name = layer.annotations.get(TITLE) or layer.digest.replace(":", "-")
            if file_name in (".", "..") or "/" in file_name or "\0" in file_name:
                raise InvalidInput(
                    f"invalid name: {file_name!r} cannot contain a path",
                    hint="extract it by --digest to a file",
                )
            self._copy_out(layer, f"{target}/{file_name}")
            written.append(f"{target}/{file_name}")
        return written

    def _copy_out(self, layer: Descriptor, path: str) -> None:
        from ocicore.files.verified import VerifiedReader

        try:
            with open(self._blob(layer.digest), "rb") as source, atomic.AtomicFile(path, 0o644) as target:
                reader = VerifiedReader(source, layer.digest, layer.size)
                while chunk := reader.read(1 << 20):
                    target.write(chunk)
        except OSError as error:
            raise Error(f"extracting to {path}: {(error.strerror or '').lower()}") from error

    def copy_in(
        self, name: str, *, context: SystemContext, options: CopyOptions, progress: Progress
    ) -> CopyResult:
        """Fetch an artifact from a registry under its full name. Raises Error."""
        from ocicore.image import transport
        from ocicore.image.copy import copy

        source = transport.parse(f"docker://{name}")
        with self._locked():
            result = copy(
                source,
                OciReference(self.path, name),
                source_context=context,
                destination_context=context.with_(accept_uncompressed_layers=True),
                options=options,
                progress=progress,
            )
            self._drop_unnamed()
        return result

    def copy_out(
        self, name: str, destination: str, *, context: SystemContext, options: CopyOptions, progress: Progress
    ) -> CopyResult:
        """Push an artifact to a registry. Raises NotFound, Error."""
        from ocicore.image import transport
        from ocicore.image.copy import copy

        artifact = self.find(name)
        return copy(
            OciReference(self.path, artifact.name),
            transport.parse(f"docker://{destination}"),
            source_context=context.with_(insecure_policy=True),
            destination_context=context,
            options=options,
            progress=progress,
        )

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """podman's lock: one writer at a time."""
        try:
            os.makedirs(self.path, mode=0o700, exist_ok=True)
            with FileLock(f"{self.path}/index.lock").exclusive():
                yield
        except OSError as error:
            raise Error(f"locking {self.path}: {(error.strerror or '').lower()}") from error

    def _blob(self, digest: str) -> str:
        digests.validate(digest)
        return f"{self.path}/blobs/{digests.algorithm(digest)}/{digests.encoded(digest)}"

    def _read(self, digest: str) -> bytes:
        try:
            with open(self._blob(digest), "rb") as file:
                data = file.read()
        except OSError as error:
            raise Corrupted(f"reading artifact {digest}: {(error.strerror or '').lower()}") from error
        if digests.from_bytes(data) != digest:
            raise Corrupted(f"reading artifact {digest}: content has another digest")
        return data


def _no_context() -> Any:
    """A layout needs of its context only these."""
    from types import SimpleNamespace

    return SimpleNamespace(shared_blob_dir="", accept_uncompressed_layers=True)
