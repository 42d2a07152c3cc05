"""Checkpoints as archives (or images) that another machine can restore.

The entries are podman's (checkpointctl's metadata): config.dump, spec.dump, network.status, checkpoint/ (pre-checkpoint/),
devshm-checkpoint.tar, stats-dump, ctr.log, rootfs-diff.tar, deleted.files, volumes/NAME.tar. config.dump has podman's keys
for what both know and, under "pypod", our whole configuration; without that (podman's own) the container is made from spec.dump.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
import tarfile
import tempfile
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

from ocicore.engine import checkpointing, create, names, tar_stream, volumes
from ocicore.engine.create_options import CreateOptions
from ocicore.engine.quantities import rfc3339
from ocicore.errors import Corrupted, Error, InvalidInput, NotFound
from ocicore.files import codec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ocicore.engine.checkpointing import CheckpointOptions
    from ocicore.engine.context import Engine
    from ocicore.engine.create import Resolve
    from ocicore.engine.pod_table import Pod
    from ocicore.engine.records import Container

    Json = dict[str, Any]

_PLAIN = ("spec.dump", "config.dump", "network.status")
_LIMIT = 16 * 1024 * 1024


def export(engine: Engine, container: Container, options: CheckpointOptions, network: Json) -> None:
    """Write the archive, or with `options.image` an image of what would be in it. Raises Error; nothing half-written stays."""
    static = engine.store.container_dir(container.id)
    with tempfile.TemporaryDirectory(prefix="checkpoint-", dir=static) as scratch:
        _collect(engine, container, options, network, static, scratch)
        target = options.archive or f"{scratch}.tar"
        compression = options.compression if options.archive else "none"
        temporary = f"{target}.part"
        try:
            with open(temporary, "wb") as file:
                _pack(static, scratch, file, compression, pre=options.pre)
            if options.archive:
                os.rename(temporary, target)
            else:
                _make_image(engine, options.image, temporary)
        except OSError as error:
            raise Error(
                f"creating checkpoint export file {target}: {(error.strerror or '').lower()}"
            ) from error
        finally:
            if os.path.exists(temporary):
                os.unlink(temporary)


def _collect(
    engine: Engine, container: Container, options: CheckpointOptions, network: Json, static: str, scratch: str
) -> None:
    """What is not a file of the static directory already."""
    config = container.config
    dump = {
        "id": container.id,
        "name": container.name,
        "rootfsImageID": config["image"]["id"],
        "rootfsImageName": config["image"]["name"],
        "rawImageName": config["image"]["name"],
        "createdTime": rfc3339(container.created),
        "labels": container.labels,
        "command": config["cmd"],
        "entrypoint": config["entrypoint"],
        "ociRuntime": engine.runtime(config["oci_runtime"]).name,
        "user": config["runtime"].get("user", ""),
        "logDriver": config["log"]["driver"],
        "stopSignal": config["stop_signal"],
        "stopTimeout": config["stop_timeout"],
        "checkpointedTime": rfc3339(container.finished),
        "pypod": {"config": config, "networks": container.networks, "ports": container.ports},
    }
    _write_json(f"{scratch}/config.dump", dump)
    shutil.copyfile(f"{static}/config.json", f"{scratch}/spec.dump")
    _write_json(f"{scratch}/network.status", network)
    if options.pre:
        return
    if not options.ignore_rootfs and not config.get("rootfs"):
        _root_changes(engine, container, scratch)
    if not options.ignore_volumes:
        _volumes(engine, container, scratch)


def _root_changes(engine: Engine, container: Container, scratch: str) -> None:
    """The files that the container changed, and the names of those it deleted."""
    layer = engine.store.container(container.id).layer
    deleted: list[str] = []
    changed: list[str] = []
    for change in engine.store.changes(layer):
        if change.kind == "D":
            deleted.append(change.path)
        else:
            changed.append(change.path)
    root = container.mountpoint or engine.store.mount(container.id)
    with tarfile.open(f"{scratch}/rootfs-diff.tar", "w", format=tarfile.PAX_FORMAT) as archive:
        for path in changed:
            # Only what is there: sockets have no form in a tar.
            archive.add(f"{root}{path}", arcname=path.lstrip("/"), recursive=False)
    if deleted:
        _write_json(f"{scratch}/deleted.files", deleted)


def _volumes(engine: Engine, container: Container, scratch: str) -> None:
    for mount in container.config["mounts"]:
        if mount["type"] != "volume":
            continue
        volume = engine.state.volumes.find(mount["name"])
        os.makedirs(f"{scratch}/volumes", exist_ok=True)
        descriptor = os.open(
            f"{scratch}/volumes/{volume.name}.tar", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600
        )
        try:
            tar_stream.write_tree(volume.mountpoint, descriptor)
        finally:
            os.close(descriptor)


def _pack(static: str, scratch: str, file: IO[bytes], compression: str, *, pre: bool) -> None:
    stream: Any = codec.open_writer(file, compression)
    with tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT) as archive:
        for name in sorted(os.listdir(scratch)):
            archive.add(f"{scratch}/{name}", arcname=name)
        kept = (
            (checkpointing.PRE_IMAGES,)
            if pre
            else (checkpointing.IMAGES, checkpointing.SHM, checkpointing.STATS, "dump.log", "ctr.log")
        )
        for name in kept:
            if os.path.exists(f"{static}/{name}"):
                archive.add(f"{static}/{name}", arcname=name)
    stream.close()


def _write_json(path: str, value: object) -> None:
    with open(path, "w", encoding="utf-8") as file:
        json.dump(value, file)


def _make_image(engine: Engine, name: str, path: str) -> None:
    from io import BytesIO

    from ocicore.engine import image_import

    image_import.import_tar(
        engine,
        path,
        name,
        changes=[],
        message="checkpoint",
        os_name="",
        architecture="",
        variant="",
        stdin=BytesIO(),
    )


class ImportOptions:
    """What may differ from the archive: name, pod, ports to publish, previous (archive of a pre-checkpoint) …"""

    __slots__ = ("ignore_rootfs", "ignore_volumes", "name", "pod", "previous", "publish")

    def __init__(
        self,
        *,
        name: str = "",
        pod: Pod | None = None,
        publish: list[str] | None = None,
        previous: str = "",
        ignore_rootfs: bool = False,
        ignore_volumes: bool = False,
    ) -> None:
        self.name = name
        self.pod = pod
        self.publish = publish or []
        self.previous = previous
        self.ignore_rootfs = ignore_rootfs
        self.ignore_volumes = ignore_volumes


@contextmanager
def opened(path: str, scratch: str) -> Iterator[str]:
    """The directory in which an archive lies unpacked, gone afterwards. Raises Error, Corrupted."""
    with tempfile.TemporaryDirectory(prefix="restore-", dir=scratch) as folder:
        _unpack(path, folder)
        yield folder


def _unpack(path: str, folder: str) -> None:
    try:
        with open(path, "rb") as file:
            stream: Any = codec.open_reader(file)
            with tarfile.open(fileobj=stream, mode="r|") as archive:
                for member in archive:
                    _unpack_member(archive, member, folder)
    except OSError as error:
        raise Error(f"open {path}: {(error.strerror or '').lower()}") from error
    except tarfile.TarError as error:
        raise Corrupted(f"reading checkpoint {path}: {error}") from error


def _unpack_member(archive: tarfile.TarFile, member: tarfile.TarInfo, folder: str) -> None:
    """What criu and we write are plain files and directories: anything else, or a name that leads out, has no place here."""
    name = member.name.removeprefix("./").rstrip("/")
    if name in ("", "."):
        return
    if not (member.isfile() or member.isdir()) or any(part in ("", "..") for part in name.split("/")):
        raise Corrupted(f"reading checkpoint: {member.name}: neither a file nor a directory of the archive")
    target = f"{folder}/{name}"
    if member.isdir():
        os.makedirs(target, mode=0o700, exist_ok=True)
        return
    os.makedirs(os.path.dirname(target), mode=0o700, exist_ok=True)
    source = archive.extractfile(member)
    if source is not None:
        with open(target, "wb") as file:
            shutil.copyfileobj(source, file, 1 << 20)


def _check_files(folder: str) -> None:
    """No links in a checkpoint: they would be followed."""
    for directory, folders, files in os.walk(folder):
        for name in (*folders, *files):
            mode = os.lstat(f"{directory}/{name}").st_mode
            if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
                raise Corrupted(f"reading checkpoint: {name}: neither a file nor a directory")


def is_checkpoint(folder: str) -> bool:
    """Whether a directory holds what an archive does."""
    return os.path.isfile(f"{folder}/config.dump") and os.path.isfile(f"{folder}/spec.dump")


def create_from(engine: Engine, folder: str, options: ImportOptions, *, resolve: Resolve) -> Container:
    """Make the container of an unpacked archive, ready to be restored. Raises NotFound, Corrupted, Error."""
    if not is_checkpoint(folder):
        raise InvalidInput(
            "this is no checkpoint: it has no config.dump", hint="make one with container checkpoint --export"
        )
    _check_files(folder)
    dump, spec = _read_json(f"{folder}/config.dump"), _read_json(f"{folder}/spec.dump")
    values, image, words = _options(dump, spec)
    values["name"] = options.name or str(dump.get("name") or "")
    names.check_name(values["name"])
    if options.publish:
        values["publish"] = options.publish
    target = CreateOptions(values)
    if options.pod is not None:
        from ocicore.engine import pod_joining

        target = pod_joining.options_in(engine, target, options.pod, made=False)
    if not options.ignore_volumes:
        _fill_volumes(engine, folder)
    container = create.create(
        engine, target, image, words, create_command=[], resolve=resolve, pod=options.pod
    )
    try:
        static = engine.store.container_dir(container.id)
        _place(folder, static, options)
        if not options.ignore_rootfs:
            _change_root(engine, container, folder)
        network = {} if options.name else _read_json(f"{folder}/network.status")
        marks = {"at": container.created, "network": network}
        engine.state.containers.update(container, state={**container.state, "checkpoint": marks})
    except BaseException:
        from ocicore.engine import remove

        remove.remove(engine, container, force=True, volumes=True)
        raise
    return container


def _options(dump: Json, spec: Json) -> tuple[Json, str, list[str]]:
    """(options of create, image, words)."""
    ours = dump.get("pypod")
    image = str(dump.get("rootfsImageName") or dump.get("rootfsImageID") or "")
    if isinstance(ours, dict):
        config = ours["config"]
        kept = {
            key: value
            for key, value in config["asked"].items()
            if key not in ("name", "cidfile", "pod", "pod_id_file")
        }
        return kept, image, list(config["cmd"])
    process = spec.get("process") or {}
    user = process.get("user") or {}
    args = [str(word) for word in process.get("args") or ()]
    values: Json = {
        "entrypoint": json.dumps(args[:1]),
        "env": [str(text) for text in process.get("env") or ()],
        "unsetenv_all": True,
        "workdir": str(process.get("cwd") or "/"),
        "user": f"{user.get('uid', 0)}:{user.get('gid', 0)}",
        "tty": bool(process.get("terminal")),
        "hostname": str(spec.get("hostname") or ""),
        "label": [f"{key}={value}" for key, value in (dump.get("labels") or {}).items()],
    }
    values["volume"] = [
        f"{item['volumeName']}:{item['dest']}"
        for item in dump.get("namedVolumes") or ()
        if "volumeName" in item
    ]
    if not any(
        item.get("type") == "network" and not item.get("path") for item in spec["linux"]["namespaces"]
    ) and not any(item.get("type") == "network" for item in spec["linux"]["namespaces"]):
        values["network"] = ["host"]
    return {key: value for key, value in values.items() if value}, image, args[1:]


def _read_json(path: str) -> Json:
    try:
        with open(path, "rb") as file:
            value = json.loads(file.read(_LIMIT))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise Corrupted(f"reading {os.path.basename(path)} of a checkpoint: {error}") from error
    return value if isinstance(value, dict) else {}


def _fill_volumes(engine: Engine, folder: str) -> None:
    directory = f"{folder}/volumes"
    for file_name in sorted(os.listdir(directory)) if os.path.isdir(directory) else ():
        name = names.check_name(file_name.removesuffix(".tar"))
        if engine.state.volumes.get(name) is not None:
            raise InvalidInput(
                f"volume with name {name} already exists. Use --ignore-volumes to not restore content of volumes"
            )
        volume = volumes.create(engine, name)
        descriptor = os.open(f"{directory}/{file_name}", os.O_RDONLY | os.O_CLOEXEC)
        try:
            tar_stream.read_tree(descriptor, volume.mountpoint, rootless=engine.rootless)
        finally:
            os.close(descriptor)
        engine.state.volumes.update(volume, needs_copy_up=False, needs_chown=False)


def _place(folder: str, static: str, options: ImportOptions) -> None:
    for name in (checkpointing.IMAGES, checkpointing.PRE_IMAGES, checkpointing.SHM, "ctr.log"):
        source = f"{folder}/{name}"
        if os.path.isdir(source):
            shutil.copytree(source, f"{static}/{name}")
        elif os.path.isfile(source):
            shutil.copyfile(source, f"{static}/{name}")
    if options.previous:
        with opened(options.previous, folder) as earlier:
            if not os.path.isdir(f"{earlier}/{checkpointing.PRE_IMAGES}"):
                raise NotFound(f"{options.previous} holds no pre-checkpoint")
            shutil.copytree(f"{earlier}/{checkpointing.PRE_IMAGES}", f"{static}/{checkpointing.PRE_IMAGES}")
    if not os.path.isdir(f"{static}/{checkpointing.IMAGES}"):
        raise NotFound(
            "the checkpoint holds no images of criu",
            hint="it is a pre-checkpoint: give it with --import-previous",
        )


def _change_root(engine: Engine, container: Container, folder: str) -> None:
    from ocicore.linux.resolve import resolve_in_root

    difference = f"{folder}/rootfs-diff.tar"
    deleted = f"{folder}/deleted.files"
    if not os.path.exists(difference) and not os.path.exists(deleted):
        return
    root = engine.store.mount(container.id)
    try:
        if os.path.exists(difference):
            descriptor = os.open(difference, os.O_RDONLY | os.O_CLOEXEC)
            try:
                tar_stream.read_tree(descriptor, root, rootless=engine.rootless)
            finally:
                os.close(descriptor)
        if os.path.exists(deleted):
            with open(deleted, "rb") as file:
                listed = json.loads(file.read(_LIMIT))
            for path in listed if isinstance(listed, list) else ():
                parent, _, name = str(path).rstrip("/").rpartition("/")
                target = f"{resolve_in_root(root, parent or '/')}/{name}"
                if name in ("", ".", ".."):
                    continue
                if os.path.isdir(target) and not os.path.islink(target):
                    shutil.rmtree(target)
                elif os.path.lexists(target):
                    os.unlink(target)
    finally:
        engine.store.unmount(container.id)
