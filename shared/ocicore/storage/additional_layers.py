"""Layers that another program provides, unpacked already (additional layer stores).

A store is a directory, as a rule a FUSE mount that fetches files when they are read
(containers/storage drivers/overlay, stargz-store):

    <store>/[<base64 of the image's name>/]<digest of the table of contents>/
        diff    the layer's files
        info    the layer's record: one JSON object as in layers.json, without id and parent
        blob    the layer as it is in the registry

Creating `use` there counts one user more, and removing the directory one less; a store that counts answers
both with ENOENT. A store that is an ordinary directory counts nothing.

A layer made from one has a symbolic link as `diff`, and the path of its place in the file `additionallayer`.
"""

from __future__ import annotations

import os

from ocicore.errors import Corrupted, InvalidInput
from ocicore.storage.streams import PipeStream, write_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

_INFO_LIMIT = 16 << 20
_CHUNK = 1 << 18


class LayerSource:
    """One additional layer store.

    Attributes:
        path: its directory.
        by_reference: it has a directory for every image's name (option "ref").
    """

    __slots__ = ("by_reference", "path")

    def __init__(self, path: str, by_reference: bool = False) -> None:
        self.path = path
        self.by_reference = by_reference

    @classmethod
    def parse(cls, text: str) -> LayerSource:
        """Read "PATH" or "PATH:ref". Raises InvalidInput, also where there is no such directory."""
        path, *options = text.split(":")
        path = os.path.normpath(path)
        if not os.path.isabs(path):
            raise InvalidInput(
                f'overlay: additionallayerstore path "{path}" is not absolute.  Can not be relative'
            )
        for number, option in enumerate(options):
            if option != "ref":
                raise InvalidInput(
                    f'overlay: additionallayerstore config "{path}" contains unknown option "{option}"'
                )
            if number:
                raise InvalidInput(
                    f'overlay: additionallayerstore config of "{path}" contains "{option}" option twice'
                )
        try:
            folder = os.path.isdir(path)
            os.stat(path)
        except OSError as error:
            raise InvalidInput(
                f"overlay: can't stat additionallayerstore dir: {path}: {(error.strerror or str(error)).lower()}",
                hint="mount it, or correct additionallayerstores in storage.conf",
            ) from None
        if not folder:
            raise InvalidInput(f'overlay: additionallayerstore path "{path}" must be a directory')
        return cls(path, bool(options))


class AdditionalLayer:
    """A layer found in an additional store; counted as used until `release`.

    Attributes:
        path: its directory.
        raw: its record, as the store wrote it.
    """

    __slots__ = ("_held", "path", "raw")

    def __init__(self, path: str, raw: dict[str, Any]) -> None:
        self.path = path
        self.raw = raw
        self._held = True

    @property
    def toc_digest(self) -> str:
        """Digest of the table of contents it was made by, or ""."""
        return str(self.raw.get("toc-digest") or "")

    def release(self) -> None:
        """Count one user less. May be repeated."""
        if self._held:
            self._held = False
            release(self.path)


def find(stores: Sequence[LayerSource], toc_digest: str, reference: str) -> AdditionalLayer | None:
    """The layer with this table of contents, None when no store has it.

    Args:
        toc_digest: "sha256:…", validated.
        reference: the image's full name with tag or digest.

    Raises:
        Corrupted: the store's record of the layer is no JSON object.
    """
    import base64

    for store in stores:
        name = base64.b64encode(reference.encode()).decode() if store.by_reference else ""
        path = os.path.join(store.path, name, toc_digest)
        if all(os.path.exists(os.path.join(path, part)) for part in ("diff", "info", "blob")):
            use(path)
            try:
                return AdditionalLayer(path, read_info(path))
            except BaseException:
                release(path)
                raise
    return None


def read_info(path: str) -> dict[str, Any]:
    """The record beside a layer's files. Raises Corrupted."""
    import json

    name = os.path.join(path, "info")
    try:
        with open(name, "rb") as file:
            data = file.read(_INFO_LIMIT + 1)
        if len(data) > _INFO_LIMIT:
            raise ValueError("larger than 16 MiB")
        raw = json.loads(data)
        if not isinstance(raw, dict):
            raise ValueError("not an object")
    except (OSError, ValueError, RecursionError) as error:
        raise Corrupted(
            f"reading additional layer: {name}: {error}", hint="the additional layer store is at fault"
        ) from None
    return raw


def use(path: str) -> None:
    """Count one user more."""
    name = os.path.join(path, "use")
    try:
        os.close(os.open(name, os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC, 0o600))
        os.unlink(name)
    except OSError:
        pass  # ENOENT says it was counted; all others that this store does not count


def release(path: str) -> None:
    """Count one user less."""
    try:
        os.rmdir(path)
    except OSError:
        pass  # ENOENT says it was counted; the others that this store does not count


def blob(path: str) -> PipeStream:
    """The layer as an uncompressed tar, from the bytes the registry has. Raises Corrupted at the end."""

    def produce(out_fd: int) -> None:
        from ocicore.files import codec

        try:
            with open(os.path.join(path, "blob"), "rb") as file, codec.open_reader(file) as reader:
                while data := reader.read(_CHUNK):
                    write_all(out_fd, data)
        except FileNotFoundError as error:
            raise Corrupted(
                f"reading additional layer: {error.filename}: no such file",
                hint="mount the additional layer store",
            ) from None

    return PipeStream(produce)
