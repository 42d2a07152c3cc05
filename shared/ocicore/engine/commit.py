"""commit: an image from a container – its changes as one layer on the container's image, its settings as configuration."""

from __future__ import annotations

import time

from ocicore.engine import events, liveness, records, stop
from ocicore.engine.quantities import rfc3339
from ocicore.errors import InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from ocicore.engine.context import Engine
    from ocicore.engine.records import Container
    from ocicore.image.local import LocalImage

    Json = dict[str, Any]


class CommitOptions:
    """author, message, changes (Containerfile instructions), format (oci, docker), pause, squash, include_volumes.

    config: from image.config_merge.read, laid over the container's before the changes are.
    """

    __slots__ = ("author", "changes", "config", "format", "include_volumes", "message", "pause", "squash")

    def __init__(
        self,
        *,
        author: str = "",
        message: str = "",
        changes: Sequence[str] = (),
        format: str = "oci",
        pause: bool = False,
        squash: bool = False,
        include_volumes: bool = False,
        config: Json | None = None,
    ) -> None:
        self.author = author
        if format not in ("oci", "docker"):
            raise InvalidInput(f'unrecognized image format "{format}"')
        if message and format != "docker":
            raise InvalidInput("messages are only compatible with the docker image format (-f docker)")
        self.message = message
        self.changes = list(changes)
        self.format = format
        self.pause = pause
        self.squash = squash
        self.include_volumes = include_volumes
        self.config = config


def commit(engine: Engine, container: Container, name: str, options: CommitOptions) -> LocalImage:
    """Make the image. Raises InvalidInput for a bad name, format or change, Error."""
    from ocicore.image import assemble, names

    if container.config.get("rootfs"):
        raise InvalidInput("cannot commit a container that uses an exploded rootfs")
    full = [names.normalise(name)] if name else []
    config = _configuration(engine, container, options)
    paused = False
    with engine.lock(container.id):
        liveness.sync(engine, container)
        running = container.status == records.RUNNING
    if options.pause and running:
        stop.pause(engine, container)
        paused = True
    try:
        layer_id = _layer(engine, container, options)
    finally:
        if paused:
            stop.unpause(engine, container)
    image = assemble.image_from_layer(
        engine.store,
        layer_id=layer_id,
        config=config,
        format=options.format,  # type: ignore[arg-type]
        names=full,
        parent="" if options.squash else container.image_id,
        container=container.id,
        created=time.time_ns(),
    )
    events.container(engine, "commit", container)
    return image


def _layer(engine: Engine, container: Container, options: CommitOptions) -> str:
    from ocicore.image import assemble

    store = engine.store
    base = store.layer(store.container(container.id).layer).parent
    if options.squash:
        mounted = store.mount(container.id)
        try:
            return _whole(engine, mounted)
        finally:
            store.unmount(container.id)
    staged = store.stage_container_diff(container.id)
    try:
        return store.commit_layer(staged, base, id=assemble.layer_id_for(base, staged.diff_id)).id
    except BaseException:
        staged.discard()
        raise


def _whole(engine: Engine, root: str) -> str:
    """The whole root as one layer."""
    import tempfile

    from ocicore.engine import tar_stream
    from ocicore.image import assemble

    with tempfile.TemporaryFile(dir=engine.config.engine.image_copy_tmp_dir) as file:
        tar_stream.write_tree(root, file.fileno())
        file.seek(0)
        staged = engine.store.stage_layer(file)
        try:
            return engine.store.commit_layer(staged, None, id=assemble.layer_id_for(None, staged.diff_id)).id
        except BaseException:
            staged.discard()
            raise


def _configuration(engine: Engine, container: Container, options: CommitOptions) -> Json:
    """The image's configuration with what the container says, then the changes, applied to it."""
    base: Json = {}
    if container.image_id:
        found = engine.images.by_id(container.image_id)
        if found is not None:
            base = dict(found.config().raw)
    kept = container.config
    runtime = kept["runtime"]
    settings: Json = dict(base.get("config") or {})
    settings["Env"] = [f"{key}={value}" for key, value in runtime["env"].items()]
    settings["Cmd"] = kept["cmd"] or None
    settings["Entrypoint"] = kept["entrypoint"] or None
    settings["User"] = runtime.get("user", "")
    settings["WorkingDir"] = runtime["cwd"]
    settings["Labels"] = dict(container.labels) or None
    if kept["stop_signal"] != 15:
        settings["StopSignal"] = str(kept["stop_signal"])
    if container.exposed:
        settings["ExposedPorts"] = {key: {} for key in container.exposed}
    if options.include_volumes:
        volumes = dict(settings.get("Volumes") or {})
        volumes.update({mount["destination"]: {} for mount in kept["mounts"] if mount["type"] == "volume"})
        settings["Volumes"] = volumes or None
    now = rfc3339(time.time_ns())
    if options.config:
        from ocicore.image import config_merge

        config_merge.merge(settings, options.config)
    if options.changes:
        from ocicore.engine import image_changes

        image_changes.apply(settings, options.changes)
    history: list[Json] = [] if options.squash else [dict(entry) for entry in base.get("history") or ()]
    words = [*kept["entrypoint"], *kept["cmd"]]
    entry: Json = {"created": now, "created_by": " ".join(words)}
    if options.author:
        entry["author"] = options.author
    if options.message:
        entry["comment"] = options.message
    history.append(entry)
    result = {
        **base,
        "created": now,
        "architecture": base.get("architecture") or engine.host.architecture,
        "os": base.get("os") or "linux",
        "config": {key: value for key, value in settings.items() if value},
        "history": history,
    }
    if options.author:
        result["author"] = options.author
    if options.message:
        result["comment"] = options.message
    return result
