"""From a working container to an image: the new layer, the history, the configuration, the record.

History entries and the order of layers are buildah's (image.go), because builds find their cache by them.
Times are reproducible unless somebody asks otherwise; see the package's README. On the hot path.
"""

from __future__ import annotations

import os

from ocicore.build.working import IDENTITY_LABEL
from ocicore.errors import Error
from ocicore.image import assemble

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, Literal

    from ocicore.build.working import WorkingContainer
    from ocicore.image.blob_cache import BlobCache
    from ocicore.image.local import LocalImage
    from ocicore.storage.records import IdMaps
    from ocicore.storage.staging import StagedLayer
    from ocicore.storage.store import Store
    from ocicore.storage.streams import PipeStream

EPOCH = "1970-01-01T00:00:00Z"
#: Version of buildah whose records and history this package writes.
COMPATIBLE_VERSION = "1.39.3"


class Times:
    """Which times an image gets.

    Attributes:
        created: RFC 3339, for the configuration and new history entries.
        seconds: the same as seconds since the epoch.
        rewrite: every modification time in new layers becomes `seconds` (--timestamp).
        clamp_after: files changed after this moment (nanoseconds) get `seconds`; None leaves them alone.
    """

    __slots__ = ("clamp_after", "created", "rewrite", "seconds")

    def __init__(
        self, seconds: int | None, created: str, *, rewrite: bool = False, clamp_after: int | None = None
    ) -> None:
        self.seconds = seconds
        self.created = created
        self.rewrite = rewrite
        self.clamp_after = clamp_after


def format_time(seconds: int) -> str:
    """Seconds since the epoch as RFC 3339."""
    from time import gmtime, strftime

    return strftime("%Y-%m-%dT%H:%M:%SZ", gmtime(seconds))


def parse_time(text: str) -> int:
    """RFC 3339 as whole seconds since the epoch; 0 for nothing usable."""
    from ocicore.storage import timestamps

    return max(timestamps.from_text(text) // 1_000_000_000, 0) if text else 0


def now_text() -> str:
    """This moment as RFC 3339 with nanoseconds."""
    from time import time_ns

    from ocicore.storage import timestamps

    return timestamps.to_text(time_ns())


def choose_times(
    *,
    timestamp: int | None,
    source_date_epoch: int | None,
    reproducible: bool,
    base_created: str,
    started: int,
    rewrite: bool = False,
) -> Times:
    """The times of one image.

    Args:
        timestamp: --timestamp: for everything, files included.
        source_date_epoch: --source-date-epoch or the variable: for records; files changed later are clamped.
        reproducible: without either, take the base image's creation (the epoch without a base).
        base_created: `created` of the base image, "" for scratch.
        started: nanoseconds; what changed later in the root was changed by the build.
        rewrite: --rewrite-timestamp: with source_date_epoch, later files of any origin are clamped.
    """
    # Copies between stages have whole seconds only: a file of the build's first second may seem older than it.
    started = started // 1_000_000_000 * 1_000_000_000
    if timestamp is not None:
        return Times(timestamp, format_time(timestamp), rewrite=True)
    if source_date_epoch is not None:
        after = source_date_epoch * 1_000_000_000 if rewrite else started
        return Times(source_date_epoch, format_time(source_date_epoch), clamp_after=after)
    if not reproducible:
        return Times(None, now_text())
    seconds = parse_time(base_created)
    return Times(seconds, base_created or EPOCH, clamp_after=started)


class CommitOptions:
    """What to write.

    Attributes:
        names: full names for the image.
        format: "oci" or "docker".
        squash: one layer with everything.
        empty_layer: no layer at all; only the configuration changed.
        consume: the container is deleted next and may give its files away.
        blob_cache: gets the new layers, the configuration and the manifest.
        compress: name the new layer in its gzip form, as whoever will send it away wants it.
        created_by: of the history entry, "" for the container's own.
        exclude: absolute paths in the root to leave out.
        identity_label: add io.buildah.version.
        extra_files: (host path, absolute path in the image) of files the image gets in one more layer.
        only_extra: nothing but those is new; the container's own layer is its base's.
        container_id: what Docker's configuration names as its container; "" for none, as builds that repeat want it.
        configuration: applied to the draft's copy last (--change, --config).
    """

    __slots__ = (
        "blob_cache",
        "compress",
        "consume",
        "container_id",
        "created_by",
        "empty_layer",
        "exclude",
        "extra_files",
        "format",
        "identity_label",
        "layer_labels",
        "names",
        "omit_history",
        "only_extra",
        "parent",
        "squash",
        "times",
        "unset_annotations",
        "unset_env",
        "unset_labels",
    )

    def __init__(self, times: Times, *, format: Literal["oci", "docker"] = "oci") -> None:
        self.times = times
        self.format: Literal["oci", "docker"] = format
        self.names: Sequence[str] = ()
        self.squash = False
        self.empty_layer = False
        self.consume = False
        self.compress = False
        self.blob_cache: BlobCache | None = None
        self.omit_history = False
        self.created_by = ""
        self.exclude: Sequence[str] = ()
        self.identity_label = True
        self.layer_labels: Mapping[str, str] = {}
        self.unset_env: Sequence[str] = ()
        self.unset_labels: Sequence[str] = ()
        self.unset_annotations: Sequence[str] = ()
        self.parent = ""
        self.container_id = ""
        self.only_extra = False
        self.extra_files: Sequence[tuple[str, str]] = ()


def commit(container: WorkingContainer, options: CommitOptions) -> LocalImage:
    """Write the container as an image of its store; the container stays as it is.

    Raises:
        Error: a layer cannot be packed or recorded; nothing is left behind.
    """
    store = container.store
    draft = container.draft.copy()
    labels = draft.config.get("Labels")
    if options.identity_label:
        labels = draft.mapping("Labels")
        labels[IDENTITY_LABEL] = COMPATIBLE_VERSION
    for key, value in options.layer_labels.items():
        draft.mapping("Labels").setdefault(key, value)
    for name in options.unset_labels:
        draft.drop("Labels", name)
    if not draft.config.get("Labels"):
        draft.config.pop("Labels", None)
    for name in options.unset_env:
        draft.unset_env(name)
    annotations = {
        key: value for key, value in container.annotations.items() if key not in options.unset_annotations
    }
    base_layer = container.top_layer or None
    layers = _NewLayers(store, options, base_layer)
    if options.squash:
        layer_id: str | None = layers.record(
            _stage_whole(container, options.times, options.extra_files), None
        )
        draft.diff_ids = []
    elif options.empty_layer or options.only_extra:
        layer_id = base_layer
    else:
        normalise_times(container, options.times)
        if options.consume and container.store.mounted(container.id):
            store.unmount(container.id, force=True)
        staged = store.stage_container_diff(
            container.id,
            timestamp=options.times.seconds if options.times.rewrite else None,
            exclude=list(options.exclude),
            consume=options.consume,
        )
        layer_id = layers.record(staged, base_layer)
    history = (
        ([] if options.omit_history else [dict(entry) for entry in draft.history])
        if options.only_extra and not options.squash
        else make_history(container, draft.history, options)
    )
    for path, created_by in _linked(container) if not options.squash and not options.only_extra else ():
        layer_id = layers.record(_stage_folder(store, path, options.times), layer_id)
        if not options.omit_history:
            history.append({"created": options.times.created, "created_by": created_by})
    if options.extra_files and not options.squash:
        layer_id, entry = _extra_layer(container, layer_id, options, layers)
        if not options.omit_history:
            history.append(entry)
    raw = draft.to_raw(options.times.created, history)
    if options.format == "docker":
        raw["container"] = options.container_id
    image = assemble.image_from_layer(
        store,
        layer_id=layer_id,
        config=raw,
        format=options.format,
        names=options.names,
        history=history,
        annotations=annotations,
        parent=options.parent,
        # The configuration's date is the content's; lists show when it came to be here, unless a time was asked for.
        created=(options.times.seconds or 0) * 1_000_000_000 if options.times.rewrite else _now_ns(),
        compressed=layers.compressed,
    )
    if options.blob_cache is not None:
        options.blob_cache.keep_config(image.config_bytes())
        options.blob_cache.keep_manifest(image.manifest_bytes())
    return image


def _linked(container: WorkingContainer) -> list[tuple[str, str]]:
    """Layers that `copy --link` left beside the container: (folder, history entry)."""
    if not container.raw.get("LinkedLayers"):
        return []
    from ocicore.build import linked

    return linked.roots(container.raw, container.store.container_dir(container.id))


def _stage_folder(store: Store, path: str, times: Times) -> StagedLayer:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        return stage_packed(store, descriptor, mtime=times.seconds)
    finally:
        os.close(descriptor)


def _extra_layer(
    container: WorkingContainer, parent: str | None, options: CommitOptions, layers: _NewLayers
) -> tuple[str, dict[str, Any]]:
    """One more layer with `extra_files`, and its history entry."""
    from ocicore.build import extra_files
    from ocicore.build.scratch import Scratch

    store = container.store
    with Scratch(store.run_root) as scratch:
        folder = os.path.join(scratch, "added")
        extra_files.place(folder, options.extra_files, options.times)
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        os.fchmod(descriptor, 0o755)
        try:
            staged = stage_packed(store, descriptor, mtime=options.times.seconds)
        finally:
            os.close(descriptor)
    entry = {
        "created": options.times.created,
        "created_by": f"/bin/sh -c #(nop) ADD dir:{staged.diff_id.partition(':')[2]} in /",
    }
    return layers.record(staged, parent), entry


def _now_ns() -> int:
    from time import time_ns

    return time_ns()


def _reproducible(times: Times) -> bool:
    return times.seconds is not None


def make_history(
    container: WorkingContainer, base: list[dict[str, Any]], options: CommitOptions
) -> list[dict[str, Any]]:
    """The whole history of the image, oldest first."""
    if options.omit_history:
        return []
    entries = [] if options.squash else [dict(entry) for entry in base]
    first = len(entries)
    raw = container.raw
    fixed = options.times.created if _reproducible(options.times) else ""

    def extra(key: str) -> None:
        for entry in raw.get(key) or ():
            copied = dict(entry)
            if fixed:
                copied["created"] = fixed
            copied["empty_layer"] = True
            entries.append(copied)

    extra("PrependedEmptyLayers")
    own: dict[str, Any] = {
        "created": options.times.created,
        "created_by": options.created_by
        or str(raw.get("created-by") or "")
        or _default_created_by(container),
    }
    if container.draft.top.get("author"):
        own["author"] = container.draft.top["author"]
    if raw.get("history-comment"):
        own["comment"] = raw["history-comment"]
    if options.empty_layer and not options.squash:
        own["empty_layer"] = True
    entries.append(own)
    extra("AppendedEmptyLayers")
    name, image_id = container.image_name, container.image_id
    if image_id and name and not image_id.startswith(name):
        comment = str(entries[first].get("comment") or "")
        entries[first]["comment"] = (comment + " " if comment else "") + f"FROM {name}"
    return entries


def _default_created_by(container: WorkingContainer) -> str:
    return " ".join(container.draft.command("Shell")) or "/bin/sh"


class _NewLayers:
    """Makes staged layers the store's, and what else the options want of them.

    Attributes:
        compressed: with `compress`, by layer id the (digest, size) of the gzip form; of the base's layers, what the
            blob cache knows.
    """

    def __init__(self, store: Store, options: CommitOptions, base_layer: str | None) -> None:
        self._store = store
        self._cache = options.blob_cache
        self.compressed: dict[str, tuple[str, int]] | None = {} if options.compress else None
        while self.compressed is not None and self._cache is not None and base_layer:
            layer = store.layer(base_layer)
            found = self._cache.gzip_form(layer.diff_id) if layer.diff_id else None
            if found is not None:
                self.compressed[layer.id] = found
            base_layer = layer.parent

    def record(self, staged: StagedLayer, parent: str | None) -> str:
        """Record a layer; its id."""
        try:
            layer_id = assemble.layer_id_for(parent, staged.diff_id)
            if self.compressed is None:
                if self._cache is not None:
                    with staged.open_blob() as blob:
                        self._cache.keep_blob(blob)
                return self._store.commit_layer(staged, parent, id=layer_id).id
            with staged.open_blob("gzip") as blob:
                digest, size = _sum(blob) if self._cache is None else self._cache.keep_blob(blob)
            made = self._store.commit_layer(
                staged, parent, id=layer_id, compressed_digest=digest, compressed_size=size
            )
            self.compressed[made.id] = (digest, size)
            return made.id
        except BaseException:
            staged.discard()
            raise


def _sum(blob: PipeStream) -> tuple[str, int]:
    """Digest and size of a stream."""
    import hashlib

    found = hashlib.sha256()
    size = 0
    while chunk := blob.read(1 << 20):
        found.update(chunk)
        size += len(chunk)
    return f"sha256:{found.hexdigest()}", size


def normalise_times(container: WorkingContainer, times: Times) -> None:
    """Give what the build changed (modification time after its start) the image's own time.

    The clock of the build must not reach the layer. Content that brought a time of its own – an unpacked
    archive, files of another stage – keeps it.
    """
    if times.clamp_after is None or times.seconds is None or times.rewrite:
        return
    store = container.store
    # Whiteouts cannot be seen in the mounted root, but they have times too.
    upper = store.driver.diff_path(store.container(container.id).layer)
    # An upper directory nobody has mounted may be changed directly, which spares a mount.
    mounted = store.mounted(container.id) > 0
    root = container.mount() if mounted else upper
    try:
        when = times.seconds * 1_000_000_000
        root_fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for change in store.changes(container.id):
                if change.kind == "D":
                    _set_whiteout_time(upper + change.path, when)
                    continue
                path = change.path.lstrip("/") or "."
                try:
                    status = os.stat(path, dir_fd=root_fd, follow_symlinks=False)
                    if status.st_mtime_ns >= times.clamp_after:
                        os.utime(path, ns=(when, when), dir_fd=root_fd, follow_symlinks=False)
                except FileNotFoundError:
                    continue
                except OSError as error:
                    raise Error(f"setting times in the new layer: /{path}: {error.strerror}") from error
        finally:
            os.close(root_fd)
    finally:
        if mounted:
            container.unmount()


def _set_whiteout_time(path: str, when: int) -> None:
    folder, _, name = path.rpartition("/")
    for candidate in (path, f"{folder}/.wh.{name}"):
        try:
            os.utime(candidate, ns=(when, when), follow_symlinks=False)
        except OSError:
            continue  # a driver without whiteouts, or a folder that is gone as a whole


def _stage_whole(
    container: WorkingContainer, times: Times, extra: Sequence[tuple[str, str]] = ()
) -> StagedLayer:
    """The whole root file system, with the extra files, as one layer (--squash)."""
    import contextlib

    normalise_times(container, times)
    root = container.mount()
    with contextlib.ExitStack() as undo:
        undo.callback(container.unmount)
        above = [path for path, _ in _linked(container)]
        if extra or above:
            from ocicore.build import extra_files

            root = undo.enter_context(extra_files.view(container.store, root, extra, times, above))
        root_fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        undo.callback(os.close, root_fd)
        return stage_packed(
            container.store,
            root_fd,
            maps=container.id_maps(),
            mtime=times.seconds if times.rewrite else None,
        )


def stage_packed(
    store: Store, root_fd: int, *, maps: IdMaps | None = None, mtime: int | None = None
) -> StagedLayer:
    """Everything below a folder as a layer."""
    import threading

    from ocicore.linux import archive

    problem: list[BaseException] = []
    read_end, write_end = archive.make_pipe()

    def pack() -> None:
        try:
            archive.pack(
                root_fd,
                write_end,
                whiteouts="keep",
                uid_map=maps[0] if maps else (),
                gid_map=maps[1] if maps else (),
                mtime=mtime,
            )
        except Exception as error:  # noqa: BLE001 – handed to the thread that waits
            problem.append(error)
        finally:
            os.close(write_end)

    thread = threading.Thread(target=pack, name="pack", daemon=True)
    thread.start()
    try:
        staged = store.stage_layer(read_end)
    except Error:
        if problem:
            raise problem[0] from None
        raise
    finally:
        os.close(read_end)
        thread.join()
    if problem:
        staged.discard()
        raise problem[0]
    return staged
