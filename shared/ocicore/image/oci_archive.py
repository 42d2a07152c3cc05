"""oci-archive: – an OCI image layout in one tar file; written deterministically, compressed ones are read too."""

from __future__ import annotations

import json
import os
import shutil
import tarfile
import tempfile

from ocicore.errors import Corrupted, Error, InvalidInput, NotFound
from ocicore.files import codec
from ocicore.image import directory
from ocicore.image.oci_layout import OciDestination, OciSource, name_of_only, split_path
from ocicore.image.tar_writer import DeterministicTar, written_in_place
from ocicore.image.types import ImageReference, SystemContext
from ocicore.oci.manifest import MAX_MANIFEST_SIZE


class OciArchiveReference(ImageReference):
    """FILE[:NAME]."""

    transport = "oci-archive"

    def __init__(self, path: str, image: str = "", index: int | None = None) -> None:
        self.path = path
        self.image = image
        self.index = index

    @classmethod
    def parse(cls, text: str) -> OciArchiveReference:
        """Parse what follows "oci-archive:"; raises InvalidInput."""
        return cls(*split_path(text, cls.transport))

    def within_transport(self) -> str:
        """FILE:NAME."""
        suffix = f"@{self.index}" if self.index is not None else self.image
        return f"{self.path}:{suffix}"

    def policy_scopes(self) -> list[str]:
        """Path with name, path, parents."""
        return [f"{os.path.realpath(self.path)}:{self.image}", *directory.path_scopes(self.path)]

    def source(self, context: SystemContext) -> OciArchiveSource:
        """Unpack the archive into a temporary directory and read that."""
        return OciArchiveSource(self, context)

    def destination(self, context: SystemContext) -> OciArchiveDestination:
        """Collect a layout in a temporary directory; the archive appears whole, at the end."""
        if self.index is not None:
            raise InvalidInput(f"oci-archive: {self.within_transport()}: an image to write has no index yet")
        return OciArchiveDestination(self, context)


class OciArchiveSource(OciSource):
    """An image of an archived layout."""

    def __init__(self, reference: OciArchiveReference, context: SystemContext) -> None:
        self._folder = make_folder(context.tmp)
        try:
            unpack_layout(reference.path, self._folder)
            super().__init__(reference, self._folder)
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise

    def close(self) -> None:
        """Remove the temporary directory."""
        shutil.rmtree(self._folder, ignore_errors=True)


class OciArchiveDestination(OciDestination):
    """An archive to write."""

    def __init__(self, reference: OciArchiveReference, context: SystemContext) -> None:
        if os.path.exists(reference.path) and os.path.getsize(reference.path) > 0:
            raise InvalidInput(
                f"writing {reference}: the archive exists", hint="remove it; images are not added to archives"
            )
        self._folder = make_folder(context.tmp)
        self._target = reference.path
        super().__init__(
            reference,
            self._folder,
            image=reference.image,
            accept_uncompressed=context.accept_uncompressed_layers,
        )

    def commit(self) -> None:
        """Write the archive beside its place, then rename it."""
        super().commit()
        temporary = f"{self._target}.{os.getpid()}.partial"
        try:
            in_place = written_in_place(self._target)
            with open(self._target if in_place else temporary, "wb") as file:
                archive = DeterministicTar(file)
                for name in _members(self._folder):
                    path = os.path.join(self._folder, name)
                    if os.path.isdir(path):
                        archive.add_directory(name)
                        continue
                    with open(path, "rb") as member:
                        archive.add_stream(name, os.fstat(member.fileno()).st_size, member)
                archive.close()
            if not in_place:
                os.rename(temporary, self._target)
        except OSError as exc:
            if os.path.exists(temporary):
                os.unlink(temporary)
            raise Error(f"writing {self._target}: {(exc.strerror or str(exc)).lower()}") from exc
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)

    def discard(self) -> None:
        """Remove the temporary directory."""
        shutil.rmtree(self._folder, ignore_errors=True)


def make_folder(tmp: str) -> str:
    """A private temporary directory below `tmp`."""
    try:
        return tempfile.mkdtemp(prefix="container_images_oci", dir=tmp)
    except OSError as exc:
        raise Error(
            f"creating a temporary directory in {tmp}: {(exc.strerror or str(exc)).lower()}",
            hint="use --tmpdir",
        ) from exc


def unpack_layout(path: str, folder: str) -> None:
    """Unpack the regular files of an archived layout; anything that points outside is refused.

    Raises:
        NotFound, Corrupted.
    """
    try:
        with (
            open(path, "rb") as file,
            codec.open_reader(file) as plain,
            tarfile.open(fileobj=plain, mode="r|") as archive,  # type: ignore[call-overload]
        ):
            for member in archive:
                _unpack(archive, member, folder)
    except FileNotFoundError:
        raise NotFound(f"open {path}: no such file or directory") from None
    except tarfile.TarError as exc:
        raise Corrupted(f"reading {path}: not an OCI archive: {exc}") from exc
    except OSError as exc:
        raise Error(f"reading {path}: {(exc.strerror or str(exc)).lower()}") from exc


def _unpack(archive: tarfile.TarFile, member: tarfile.TarInfo, folder: str) -> None:
    name = os.path.normpath(member.name)
    if name == "." or member.isdir():
        return
    if name.startswith(("/", "..")) or not member.isreg():
        raise Corrupted(f"OCI archive: unexpected member {member.name}")
    target = os.path.join(folder, name)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    source = archive.extractfile(member)
    assert source is not None
    with open(target, "wb") as file:
        shutil.copyfileobj(source, file, 1 << 18)


def _members(folder: str) -> list[str]:
    """Names below a folder, sorted, directories before what is in them."""
    found = []
    for parent, directories, files in os.walk(folder):
        relative = os.path.relpath(parent, folder)
        prefix = "" if relative == "." else relative + "/"
        found += [prefix + name for name in directories + files]
    return sorted(found)


def only_name(path: str) -> str:
    """The name of the single image of an archive, "" when it has none or there are several.

    Raises:
        NotFound, Corrupted.
    """
    try:
        with (
            open(path, "rb") as file,
            codec.open_reader(file) as plain,
            tarfile.open(fileobj=plain, mode="r|") as archive,  # type: ignore[call-overload]
        ):
            for member in archive:
                if os.path.normpath(member.name) == "index.json" and member.isreg():
                    source = archive.extractfile(member)
                    assert source is not None
                    return name_of_only(json.loads(source.read(MAX_MANIFEST_SIZE)))
    except FileNotFoundError:
        raise NotFound(f"open {path}: no such file or directory") from None
    except (tarfile.TarError, ValueError, AttributeError) as exc:
        raise Corrupted(f"reading {path}: not an OCI archive: {exc}") from exc
    raise Corrupted(f"reading {path}: not an OCI archive: it has no index.json")
