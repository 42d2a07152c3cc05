"""What a layer adds to the one below: as a tar stream, as a list of changes, as a size.

Where the layer was made from a tar, its tar-split file gives the same bytes again; else the
directory is packed. containers/storage layers.go (`Diff`), drivers/fsdiff.go for layers whose
upper directory does not tell everything.
"""

from __future__ import annotations

import os

from ocicore.errors import Corrupted
from ocicore.storage.streams import CHUNK, PipeStream, make_pipe, write_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ocicore.linux.archive import Change
    from ocicore.storage.layers import LayerStore
    from ocicore.storage.records import IdMaps, Layer


def reassembled(tar_split: str, roots: Sequence[str]) -> PipeStream:
    """The original tar from its tar-split file and the unpacked files below `roots`.

    The stream raises Corrupted at the end when a file is not what it was. Raises FileNotFoundError.
    """
    split_fd = os.open(tar_split, os.O_RDONLY | os.O_CLOEXEC)
    fds: list[int] = []
    try:
        for root in roots:
            fds.append(os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
    except BaseException:
        for fd in (split_fd, *fds):
            os.close(fd)
        raise

    def produce(out_fd: int) -> None:
        try:
            write_reassembled(split_fd, fds, out_fd)
        finally:
            for fd in (split_fd, *fds):
                os.close(fd)

    return PipeStream(produce)


def write_reassembled(split_fd: int, roots: Sequence[int], out_fd: int) -> int:
    """Reassemble from a gzip-compressed tar-split file; `out_fd` -1 only checks. Returns the length."""
    import threading

    from ocicore.linux import archive

    lines_read, lines_write = make_pipe()
    problem: list[BaseException] = []

    def unzip() -> None:
        from ocicore.files import codec

        try:
            decoder = codec.decompressor("gzip")
            while data := os.read(split_fd, CHUNK):
                for piece in decoder.pieces(data):
                    write_all(lines_write, piece)
            decoder.finish()
        except BrokenPipeError:
            pass
        except BaseException as error:  # noqa: BLE001 – raised again below
            problem.append(error)
        finally:
            os.close(lines_write)

    thread = threading.Thread(target=unzip, name="tar-split", daemon=True)
    thread.start()
    try:
        length = archive.reassemble(lines_read, roots, out_fd)
    except BaseException:
        os.close(lines_read)
        thread.join()
        if problem:
            raise Corrupted(f"reading tar-split: {problem[0]}") from None
        raise
    os.close(lines_read)
    thread.join()
    if problem:
        raise Corrupted(f"reading tar-split: {problem[0]}")
    return length


def packed(
    layers: LayerStore,
    layer: Layer,
    parent: Layer | None,
    *,
    id_maps: IdMaps | None = None,
    timestamp: int | None = None,
    exclude: Sequence[str] = (),
) -> PipeStream:
    """The difference packed from the directories.

    Args:
        id_maps: mapping of the files' owners, to be undone.
        timestamp: seconds for every entry.
        exclude: absolute paths to leave out.
    """
    driver = layers.driver
    changes = driver.changes(layer.id, parent.id if parent else None)
    if changes is None:
        return _packed_by_comparison(layers, layer, parent, id_maps, timestamp, exclude)
    from ocicore.linux import archive

    uid_map, gid_map = id_maps or ([], [])
    # Deleted paths are named, too: in the upper directory a deletion is a file (a whiteout).
    include = [change.path.lstrip("/") for change in _without(changes, exclude)] if exclude else None
    paths = [driver.diff_path(layer.id), *driver.lower_paths(layer.id)]

    def produce(out_fd: int) -> None:
        fds = [os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC) for path in paths]
        try:
            archive.pack(
                fds[0],
                out_fd,
                whiteouts=driver.whiteouts,
                lower_fds=fds[1:],
                uid_map=uid_map,
                gid_map=gid_map,
                in_user_namespace=driver.in_user_namespace,
                include=include,
                mtime=timestamp,
            )
        finally:
            for fd in fds:
                os.close(fd)

    return PipeStream(produce)


def _packed_by_comparison(
    layers: LayerStore,
    layer: Layer,
    parent: Layer | None,
    id_maps: IdMaps | None,
    timestamp: int | None,
    exclude: Sequence[str],
) -> PipeStream:
    from ocicore.linux import archive

    uid_map, gid_map = id_maps or ([], [])

    def produce(out_fd: int) -> None:
        with _Trees(layers, layer, parent) as trees:
            changes = _without(archive.changes_between(trees.new_fd, trees.old_fd), exclude)
            archive.pack(
                trees.new_fd,
                out_fd,
                whiteouts="keep",
                uid_map=uid_map,
                gid_map=gid_map,
                in_user_namespace=layers.driver.in_user_namespace,
                include=[change.path.lstrip("/") for change in changes if change.kind != "D"],
                deleted=[change.path.lstrip("/") for change in changes if change.kind == "D"],
                mtime=timestamp,
            )

    return PipeStream(produce)


def changes(layers: LayerStore, layer: Layer, parent: Layer | None) -> list[Change]:
    """Paths that differ, sorted."""
    found = layers.driver.changes(layer.id, parent.id if parent else None)
    if found is None:
        from ocicore.linux import archive

        with _Trees(layers, layer, parent) as trees:
            found = archive.changes_between(trees.new_fd, trees.old_fd)
    return found


def size(layers: LayerStore, layer: Layer) -> int:
    """Bytes of the files in the layer itself."""
    from ocicore.linux import archive

    driver = layers.driver
    fd = os.open(driver.diff_path(layer.id), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        return archive.usage(fd).bytes
    finally:
        os.close(fd)


class _Trees:
    """Both layers' whole trees, mounted read-only for the time of a `with` block."""

    def __init__(self, layers: LayerStore, layer: Layer, parent: Layer | None) -> None:
        self._layers = layers
        self._ids = [layer.id] + ([parent.id] if parent else [])
        self._mounted: list[str] = []
        self.new_fd = -1
        self.old_fd = -1

    def __enter__(self) -> _Trees:
        fds = []
        try:
            for layer_id in self._ids:
                with self._layers.files.reading():
                    path, _ = self._layers.mounted(layer_id)
                    if path is None:
                        path = self._layers.mount(layer_id, read_only=True)
                    else:
                        self._layers.mount(layer_id)
                self._mounted.append(layer_id)
                fds.append(os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
        except BaseException:
            for fd in fds:
                os.close(fd)
            self._release()
            raise
        self.new_fd = fds[0]
        self.old_fd = fds[1] if len(fds) > 1 else -1
        return self

    def _release(self) -> None:
        for layer_id in self._mounted:
            with self._layers.files.reading():
                self._layers.unmount(layer_id, False)
        self._mounted = []

    def __exit__(self, *exception: object) -> None:
        for fd in (self.new_fd, self.old_fd):
            if fd >= 0:
                os.close(fd)
        self._release()


def _without(changes: Sequence[Change], exclude: Sequence[str]) -> list[Change]:
    """Leave out the excluded paths and what is below them."""
    if not exclude:
        return list(changes)
    gone = tuple("/" + path.strip("/") for path in exclude)
    return [
        change
        for change in changes
        if change.path not in gone and not change.path.startswith(tuple(path + "/" for path in gone))
    ]
