"""Volumes: made on demand, filled from the image at first use, mounted when they have a device.

A volume is <volumes dir>/NAME/_data; options type, device and o make it a mount (podman's local driver). The image driver
is in `image_volumes`.
"""

from __future__ import annotations

import os
import time

from ocicore.engine import events, image_volumes, names
from ocicore.engine.records import Volume
from ocicore.errors import Conflict, Error, InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ocicore.engine.context import Engine
    from ocicore.engine.options.volumes import MountSpec
    from ocicore.linux.userns import IdMap

_OPTIONS = frozenset(("type", "device", "o", "size", "inodes", "timeout", "copy", "nocopy"))


def provide(engine: Engine, mounts: list[MountSpec], made: list[str]) -> list[str]:
    """Make the volumes that mounts name and that do not exist; anonymous ones get names.

    Args:
        mounts: changed in place: names and sources of volumes are filled in.
        made: receives the names of new volumes, so that a failure later can undo them.

    Returns:
        Names of all volumes used.
    """
    used = []
    for mount in mounts:
        if mount["type"] != "volume":
            continue
        name = mount.get("name") or ""
        volume = engine.state.volumes.get(name) if name else None
        if volume is None:
            anonymous = not name
            volume = create(
                engine,
                name,
                anonymous=anonymous,
                options={"nocopy": ""} if "nocopy" in mount.get("options", ()) else {},
            )
            made.append(volume.name)
        mount["name"] = volume.name
        mount["source"] = volume.mountpoint
        used.append(volume.name)
    return used


def create(
    engine: Engine,
    name: str = "",
    *,
    labels: dict[str, str] | None = None,
    options: dict[str, str] | None = None,
    driver: str = "local",
    anonymous: bool = False,
    uid: int | None = None,
    gid: int | None = None,
) -> Volume:
    """Make a volume.

    Args:
        uid, gid: its owner; without either it gets that of the directory it is first mounted on.

    Raises Conflict when the name is taken, InvalidInput for unknown options.
    """
    if driver not in ("", "local", image_volumes.DRIVER):
        raise InvalidInput(
            f"volume driver {driver!r}: only the drivers local and image are known: invalid argument"
        )
    options = options or {}
    name = names.check_name(name) if name else names.random_id()
    if engine.state.volumes.get(name) is not None:
        raise Conflict(f"volume with name {name} already exists: volume already exists")
    state = {}
    if driver == image_volumes.DRIVER:
        state = image_volumes.create(engine, name, options)
    else:
        _check_local(options)
    directory = f"{engine.paths.volumes_dir}/{name}"
    volume = Volume(
        name=name,
        created=time.time_ns(),
        driver=driver or "local",
        mountpoint=f"{directory}/_data",
        labels=labels,
        options={key: value for key, value in options.items() if key not in ("nocopy", "copy")},
        anonymous=anonymous,
        needs_copy_up="nocopy" not in options,
        needs_chown=uid is None and gid is None,
        state=state,
    )
    try:
        engine.state.volumes.add(volume)
    except BaseException:
        if state:
            image_volumes.delete(engine, state)
        raise
    try:
        os.makedirs(volume.mountpoint, mode=0o755, exist_ok=True)
        os.chmod(directory, 0o711)
        if uid is not None or gid is not None:
            os.chown(volume.mountpoint, -1 if uid is None else uid, -1 if gid is None else gid)
    except OSError as error:
        remove_record(engine, name)
        raise Error(
            f"creating volume {name}: {volume.mountpoint}: {(error.strerror or '').lower()}"
        ) from error
    events.write(engine, "volume", "create", Name=name)
    return volume


def _check_local(options: dict[str, str]) -> None:
    for key in options:
        if key not in _OPTIONS:
            raise InvalidInput(f"invalid mount option {key} for driver 'local': invalid argument")
    device = options.get("device", "")
    if options.get("type", "") in ("bind", "none") and device and not os.path.exists(device):
        raise InvalidInput(
            f"invalid volume option device for driver 'local': faccessat {device}: no such file or directory"
        )


def remove_record(engine: Engine, name: str) -> None:
    """Undo `create`: forget the volume and delete its directory."""
    volume = engine.state.volumes.get(name)
    if volume is not None:
        engine.state.volumes.remove(volume)
        if volume.driver == image_volumes.DRIVER:
            image_volumes.delete(engine, volume.state)
        delete_tree(f"{engine.paths.volumes_dir}/{name}")


def remove(engine: Engine, volume: Volume, *, force: bool = False, timeout: int | None = None) -> None:
    """Delete a volume; with `force` the containers that use it go first. Raises VolumeInUse."""
    with engine.lock("volume-" + volume.name):
        if force:
            from ocicore.engine import remove as container_removal

            for container_id in engine.state.volumes.users(volume.name):
                container = engine.state.containers.get(container_id)
                if container is not None:
                    container_removal.remove(engine, container, force=True, timeout=timeout)
        engine.state.volumes.remove(volume)
        unmount(engine, volume, force=True)
        if volume.driver == image_volumes.DRIVER:
            image_volumes.delete(engine, volume.state)
        delete_tree(f"{engine.paths.volumes_dir}/{volume.name}")
        engine.locks.discard("volume-" + volume.name)
    events.write(engine, "volume", "remove", Name=volume.name)


def delete_tree(path: str) -> None:
    """Remove a directory with everything in it; missing ones are no error. Raises Error."""
    import shutil

    def refuse(_function: object, name: str, error: BaseException) -> None:
        if not isinstance(error, FileNotFoundError):
            raise Error(f"removing volume: {name}: {error}")

    def refused(function: object, name: str, info: tuple[type[BaseException], BaseException, object]) -> None:
        refuse(function, name, info[1])

    shutil.rmtree(path, onerror=refused)


def needs_mount(volume: Volume) -> bool:
    """Whether it is a mount of its own rather than a directory."""
    return volume.driver == image_volumes.DRIVER or bool(
        volume.options.get("device") or volume.options.get("type")
    )


def mount(engine: Engine, volume: Volume) -> None:
    """Count one user more of a mounted volume, and mount it for the first. Raises Error."""
    if not needs_mount(volume):
        return
    from ocicore.linux import mount as mounts

    with engine.lock("volume-" + volume.name):
        volume = engine.state.volumes.find(volume.name)
        count = volume.mount_count if volume.boot_id == engine.boot_id else 0
        if count and not mounts.is_mount_point(volume.mountpoint):
            count = 0
        if not count and volume.driver == image_volumes.DRIVER:
            image_volumes.mount(engine, volume)
        elif not count:
            device = volume.options.get("device", "")
            words = [word for word in volume.options.get("o", "").split(",") if word]
            fstype = volume.options.get("type", "")
            if fstype == "bind":  # no file system, but a way of mounting
                fstype = ""
                words = words if {"bind", "rbind"}.intersection(words) else ["bind", *words]
            _mount_device(device, volume.mountpoint, fstype, words)
        engine.state.volumes.update(volume, mount_count=count + 1, boot_id=engine.boot_id)


def _mount_device(device: str, target: str, fstype: str, words: Sequence[str]) -> None:
    """mount(8) knows every helper (nfs, cifs) and option there is; the kernel call alone does not."""
    import subprocess

    from ocicore.errors import MissingProgram

    argv = ["mount"]
    if words:
        argv += ["-o", ",".join(words)]
    if fstype:
        argv += ["-t", fstype]
    argv += [device or fstype, target]
    try:
        result = subprocess.run(argv, capture_output=True, text=True, errors="replace", check=False)
    except FileNotFoundError:
        raise MissingProgram(
            "mounting a volume: mount: not found", hint="install the package mount"
        ) from None
    if result.returncode:
        why = (result.stderr.strip().splitlines() or ["failed"])[0]
        raise Error(f"mounting volume at {target}: {why}")


def unmount(engine: Engine, volume: Volume, *, force: bool = False) -> None:
    """Count one user less, and unmount at none."""
    if not needs_mount(volume):
        return
    from ocicore.linux import mount as mounts

    with engine.lock("volume-" + volume.name):
        current = engine.state.volumes.get(volume.name)
        count = 0 if force or current is None else max(current.mount_count - 1, 0)
        if current is not None:
            engine.state.volumes.update(current, mount_count=count)
        if not count and mounts.is_mount_point(volume.mountpoint):
            mounts.umount(volume.mountpoint, mounts.MNT_DETACH)
        if not count and volume.driver == image_volumes.DRIVER:
            image_volumes.unmount(engine, volume)


def copy_up(
    engine: Engine,
    volume: Volume,
    root: str,
    destination: str,
    *,
    maps: tuple[Sequence[IdMap], Sequence[IdMap]] | None = None,
) -> None:
    """Fill a new volume with what the image has at the destination, once (Docker's copy-up).

    `maps` are the user and group ids of the container, where the volume's mount maps them again: what is copied gets
    the owners as the container sees them.
    """
    if not volume.needs_copy_up and not volume.needs_chown:
        return
    from ocicore.linux.resolve import resolve_in_root

    with engine.lock("volume-" + volume.name):
        volume = engine.state.volumes.find(volume.name)
        if not volume.needs_copy_up and not volume.needs_chown:
            return
        try:
            source = resolve_in_root(root, destination)
            is_directory = os.path.isdir(source)
        except (OSError, Error):
            is_directory = False
        if not is_directory or os.listdir(volume.mountpoint):
            return  # a later container may have something there
        if volume.needs_copy_up and os.listdir(source):
            copy_tree(engine, source, volume.mountpoint)
            if maps is not None:
                _unmap(volume.mountpoint, maps)
            engine.state.volumes.update(volume, needs_copy_up=False, needs_chown=False)
        elif volume.needs_chown:
            info = os.stat(source)
            os.chown(volume.mountpoint, info.st_uid, info.st_gid)
            os.chmod(volume.mountpoint, info.st_mode & 0o7777)
            if maps is not None:
                _unmap(volume.mountpoint, maps)
            engine.state.volumes.update(volume, needs_chown=False)


def _unmap(directory: str, maps: tuple[Sequence[IdMap], Sequence[IdMap]]) -> None:
    """Give a directory and what is in it the owners that a container with these maps sees. Raises ArchiveError."""
    from ocicore.linux import archive

    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        same = [(0, 0, 1 << 31)]
        archive.chown_tree(descriptor, uid_map=(maps[0], same), gid_map=(maps[1], same))
    finally:
        os.close(descriptor)


def copy_tree(engine: Engine, source: str, target: str, owner: tuple[int, int] | None = None) -> None:
    """Copy the content of one directory into another, with all attributes. Raises ArchiveError."""
    from ocicore.linux import archive

    source_fd = os.open(source, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        target_fd = os.open(target, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            archive.copy_tree(source_fd, target_fd, owner=owner, in_user_namespace=engine.rootless)
        finally:
            os.close(target_fd)
    finally:
        os.close(source_fd)
