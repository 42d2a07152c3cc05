"""Right before start: the files and mounts that a container gets from its host.

Files (hosts, resolv.conf, hostname, .containerenv, secrets) are written into the container's run directory and
bound in; passwd and group entries into its static directory, as podman does. Mounts of the configuration (MountSpec)
become mounts for the runtime. Nothing here must be undone by hand: `release` takes it all down.
"""

from __future__ import annotations

import os

from ocicore.engine import create_mounts, volumes
from ocicore.errors import Error, InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from ocicore.engine.context import Engine
    from ocicore.engine.options.volumes import MountSpec
    from ocicore.engine.records import Container, Volume
    from ocicore.linux.userns import IdMap
    from ocicore.runtime.types import Mount

#: What /run/.containerenv of a privileged container calls us: programs look for podman there.
ENGINE_NAME = "podman-5.4.2"

_OWN_WORDS = frozenset(("z", "Z", "U", "O", "copy", "nocopy", "no-dereference"))
_OWN_PREFIXES = ("idmap", "upperdir=", "workdir=")
_PROPAGATION = frozenset(
    ("shared", "rshared", "private", "rprivate", "slave", "rslave", "unbindable", "runbindable")
)
#: statvfs flags of the source that a bind in a user namespace must keep (mount_namespaces(7), locked flags).
_LOCKED = ((os.ST_NOSUID, "nosuid", "suid"), (os.ST_NODEV, "nodev", "dev"), (os.ST_NOEXEC, "noexec", "exec"))
_TMPFS_DEFAULTS = (
    ("rw", "ro"),
    ("rprivate",),
    ("nosuid", "suid"),
    ("nodev", "dev"),
    ("tmpcopyup", "notmpcopyup"),
)


class Prepared:
    """mounts for the runtime, and what must be taken down afterwards (kept in the container's state).

    Slots: mounts; overlays (mount points of :O and writable image mounts); image_mounts (image ids); volumes (names
    of mounted ones).
    """

    __slots__ = ("image_mounts", "mounts", "overlays", "volumes")

    def __init__(self) -> None:
        self.mounts: list[Mount] = []
        self.overlays: list[str] = []
        self.image_mounts: list[str] = []
        self.volumes: list[str] = []


class Preparation:
    """The work for one start of one container."""

    def __init__(self, engine: Engine, container: Container, root: str) -> None:
        self.engine = engine
        self.container = container
        self.config = container.config
        self.root = root
        self.run_dir = engine.store.container_run_dir(container.id)
        self.static_dir = engine.store.container_dir(container.id)
        self.result = Prepared()
        self.destinations = {mount["destination"] for mount in self.config["mounts"]}

    def mounts(self) -> Prepared:
        """Mount what is a mount of its own, and list everything for the runtime. Raises NotFound, Error."""
        for mount in self.config["mounts"]:
            self._add(mount)
        self._time_zone()
        self._configured_mounts()
        self._secrets()
        return self.result

    def _add(self, mount: MountSpec) -> None:
        kind = mount["type"]
        options = mount.get("options", [])
        destination = mount["destination"]
        if kind == "bind":
            create_mounts.source_exists(mount)
            self._bind(mount["source"], destination, options)
        elif kind == "volume":
            self._volume(mount)
        elif kind in ("tmpfs", "ramfs"):
            self._tmpfs(kind, destination, options)
        elif kind == "devpts":
            words = options or ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]
            self.result.mounts.append(
                {"type": "devpts", "source": "devpts", "destination": destination, "options": list(words)}
            )
        elif kind == "overlay":
            self._bind(self._overlay(mount["source"], destination, options), destination, ["bind", "private"])
        elif kind == "image":
            self._image(mount)

    def _bind(self, source: str, destination: str, options: Sequence[str]) -> None:
        words = bind_options(options, source)
        entry: Mount = {"type": "bind", "source": source, "destination": destination, "options": words}
        runtime = self.config["runtime"]
        for word in options:
            if word == "U":
                self._chown(source)
            elif word.startswith("idmap"):
                entry["uid_mappings"], entry["gid_mappings"] = id_map(word, runtime)
        self.result.mounts.append(entry)

    def fill_volume(self, mount: MountSpec) -> Volume:
        """The mount's volume, mounted where it is a mount of its own, with what the image has at its place."""
        volume = self.engine.state.volumes.find(mount["name"])
        volumes.mount(self.engine, volume)
        if volumes.needs_mount(volume):
            self.result.volumes.append(volume.name)
        options = mount.get("options", [])
        if "nocopy" not in options:
            maps = self._maps() if "idmap" in options else None
            volumes.copy_up(self.engine, volume, self.root, mount["destination"], maps=maps)
        return volume

    def _volume(self, mount: MountSpec) -> None:
        volume = self.fill_volume(mount)
        options = mount.get("options", [])
        source = volume.mountpoint
        if mount.get("sub_path"):
            from ocicore.linux.resolve import resolve_in_root

            source = resolve_in_root(volume.mountpoint, mount["sub_path"])
            if not os.path.exists(source):
                raise Error(f"volume {volume.name}: sub path {mount['sub_path']}: no such file or directory")
        if "O" in options:
            merged = self._overlay(source, mount["destination"], options)
            self._bind(merged, mount["destination"], ["bind", "private"])
        else:
            self._bind(source, mount["destination"], options)

    def _maps(self) -> tuple[list[IdMap], list[IdMap]] | None:
        """The container's user and group ids, None when it has no namespace of its own."""
        runtime = self.config["runtime"]
        uids, gids = (
            [(one["container_id"], one["host_id"], one["size"]) for one in runtime.get(key) or ()]
            for key in ("uid_mappings", "gid_mappings")
        )
        return (uids, gids) if uids and gids else None

    def _tmpfs(self, kind: str, destination: str, options: Sequence[str]) -> None:
        words = [word for word in options if word != "U"]
        for group in _TMPFS_DEFAULTS:
            if not any(word in group for word in words) and not (
                group[0] == "rprivate" and _PROPAGATION.intersection(words)
            ):
                words.append(group[0])
        if kind == "ramfs":
            words = [word for word in words if word not in ("tmpcopyup", "notmpcopyup")]
        words = [word for word in words if word not in ("notmpcopyup", "copy", "nocopy")]
        self.result.mounts.append(
            {"type": kind, "source": kind, "destination": destination, "options": words}
        )

    def _overlay(self, source: str, destination: str, options: Sequence[str]) -> str:
        """A throw-away copy-on-write view of a directory; returns where it is mounted."""
        from ocicore.linux import mount as mounts

        place = f"{self.static_dir}/overlay/{destination.strip('/').replace('/', '_') or 'root'}"
        merged, upper, work = f"{place}/merge", f"{place}/upper", f"{place}/work"
        for word in options:
            if word.startswith("upperdir="):
                upper = word.removeprefix("upperdir=")
            elif word.startswith("workdir="):
                work = word.removeprefix("workdir=")
        for path in (merged, upper, work):
            os.makedirs(path, mode=0o700, exist_ok=True)
        info = os.stat(source)
        os.chmod(upper, info.st_mode & 0o7777)
        os.chown(upper, info.st_uid, info.st_gid)
        if not mounts.is_mount_point(merged):
            mounts.overlay(merged, [source], upper, work, ["userxattr"] if self.engine.rootless else [])
        self.result.overlays.append(merged)
        return merged

    def _image(self, mount: MountSpec) -> None:
        path = self.engine.store.mount_image(mount["source"])
        self.result.image_mounts.append(mount["source"])
        if mount.get("sub_path"):
            from ocicore.linux.resolve import resolve_in_root

            path = resolve_in_root(path, mount["sub_path"])
        if mount.get("read_write"):
            path = self._overlay(path, mount["destination"], [])
            self._bind(path, mount["destination"], ["bind", "private"])
        else:
            self._bind(path, mount["destination"], ["ro"])

    def _chown(self, path: str) -> None:
        """Option U: everything below belongs to the container's user."""
        from ocicore.runtime import users

        runtime = self.config["runtime"]
        user = users.resolve(runtime.get("user", ""), self.root)
        uid = map_id(user.uid, runtime.get("uid_mappings"))
        gid = map_id(user.gid, runtime.get("gid_mappings"))
        info = os.stat(path)
        if (info.st_uid, info.st_gid) == (uid, gid):
            return  # done at an earlier start; what has changed since is meant so
        os.chown(path, uid, gid, follow_symlinks=False)
        for folder, directories, files in os.walk(path):
            for name in (*directories, *files):
                os.chown(f"{folder}/{name}", uid, gid, follow_symlinks=False)

    def _time_zone(self) -> None:
        zone = self.config["tz"]
        if not zone or "/etc/localtime" in self.destinations:
            return
        from ocicore.engine import root_files

        root_files.time_zone(self, zone)

    def _secrets(self) -> None:
        if not self.config["secrets"]:
            return
        from ocicore.engine import secret_options

        secret_options.mount(self)

    def _configured_mounts(self) -> None:
        """Copies of the directories that mounts.conf gives to every container."""
        from ocicore.config import mounts_conf

        given = self.engine.options.default_mounts_file
        for number, (source, target) in enumerate(
            mounts_conf.load(mounts_conf.files(self.engine.user, given))
        ):
            if not os.path.isdir(source):
                self.engine.debug(f"mounts.conf: {source} is not there")
                continue
            copy = f"{self.run_dir}/mounts-{number}"
            self._copy_tree(source, copy)
            self.bind_file(copy, target)

    def _copy_tree(self, source: str, target: str) -> None:
        """A directory's regular files, owned by the container's root."""
        os.makedirs(target, mode=0o755, exist_ok=True)
        os.chown(target, *self.root_ids())
        for entry in os.scandir(source):
            if entry.is_dir():
                self._copy_tree(entry.path, f"{target}/{entry.name}")
            elif entry.is_file():
                with open(entry.path, "rb") as file:
                    self._write(f"{target}/{entry.name}", file.read(), entry.stat().st_mode & 0o777)

    def root_ids(self) -> tuple[int, int]:
        """The host's ids of the container's root."""
        runtime = self.config["runtime"]
        return map_id(0, runtime.get("uid_mappings")), map_id(0, runtime.get("gid_mappings"))

    def bind_file(self, path: str, destination: str) -> None:
        """Bind one of our files, unless the user has mounted something there; below every --chrootdirs as well."""
        for folder in self.config["asked"].get("chrootdirs", ()):
            self.result.mounts.append(
                {
                    "type": "bind",
                    "source": path,
                    "destination": os.path.normpath(f"{folder}/{destination}"),
                    "options": ["bind", "rprivate"],
                }
            )
        if destination not in self.destinations:
            self.result.mounts.append(
                {"type": "bind", "source": path, "destination": destination, "options": ["bind", "rprivate"]}
            )

    def _write(self, path: str, data: bytes, mode: int = 0o644) -> None:
        """A file the container's root owns."""
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, mode)
        try:
            os.fchmod(descriptor, mode)
            if self.config["runtime"].get("uid_mappings"):
                os.fchown(descriptor, *self.root_ids())
            os.write(descriptor, data)
        finally:
            os.close(descriptor)

    def write_file(self, name: str, data: bytes, destination: str, mode: int = 0o644) -> None:
        """Write a file of the run directory and bind it."""
        path = f"{self.run_dir}/{name}"
        self._write(path, data, mode)
        self.bind_file(path, destination)

    def environment_file(self) -> None:
        """/run/.containerenv, by which programs see that they are in a container."""
        config = self.config
        text = ""
        if config["runtime"]["security"].get("privileged"):
            image = config["image"]
            text = (
                f'engine="{ENGINE_NAME}"\n'
                f'name="{self.container.name}"\n'
                f'id="{self.container.id}"\n'
                f'image="{image["name"]}"\n'
                f'imageid="{image["id"]}"\n'
                f"rootless={int(self.engine.rootless)}\n"
            )
        for mount in config["mounts"]:
            if mount["destination"] == "/run" and mount["type"] != "tmpfs":
                return  # the user's own directory: nothing of ours appears there
        self.write_file(".containerenv", text.encode(), "/run/.containerenv")

    def user_files(self) -> None:
        """passwd and group entries for a user that the image does not know, so that $HOME and names work."""
        if not self.config["passwd"] or {"/etc/passwd", "/etc"} & self.destinations:
            return
        asked = self.config["asked"]
        user = self.config["runtime"].get("user", "")
        keep_id = self.config["namespaces"]["user"].startswith("keep-id")
        if not (
            user or asked.get("passwd_entry") or asked.get("group_entry") or asked.get("hostuser") or keep_id
        ):
            return
        from ocicore.engine import user_files

        user_files.add(self)

    def working_directory(self) -> None:
        """Make the image's working directory; one the user named must exist. Raises Error."""
        path = self.config["runtime"].get("cwd") or "/"
        if path == "/" or any(
            path == place or path.startswith(place + "/") or place.startswith(path + "/")
            for place in self.destinations
        ):
            return
        if os.path.isdir(self.root + path) and not os.path.islink(self.root + path):
            return
        from ocicore.linux.resolve import resolve_in_root

        found = resolve_in_root(self.root, path, missing_ok=True)
        if os.path.isdir(found):
            return
        if self.config["workdir_given"]:
            raise Error(f'workdir "{path}" does not exist on container {self.container.id}', status=126)
        runtime = self.config["runtime"]
        from ocicore.runtime import users

        user = users.resolve(runtime.get("user", ""), self.root)
        os.makedirs(found, mode=0o755, exist_ok=True)
        os.chown(
            found,
            map_id(user.uid, runtime.get("uid_mappings")),
            map_id(user.gid, runtime.get("gid_mappings")),
        )


def map_id(inside: int, extents: Any) -> int:
    """An id of the container as we see it; unmapped ids stay."""
    for extent in extents or ():
        if extent["container_id"] <= inside < extent["container_id"] + extent["size"]:
            return int(extent["host_id"] + inside - extent["container_id"])
    return inside


def bind_options(options: Sequence[str], source: str) -> list[str]:
    """Words for the runtime: our own taken out, podman's defaults (rbind, rprivate) and locked flags added."""
    words = [word for word in options if word not in _OWN_WORDS and not word.startswith(_OWN_PREFIXES)]
    if "no-dereference" in options:
        words.append("copy-symlink")  # crun's word for a link that is bound as a link
    if not _PROPAGATION.intersection(words):
        words.append("rprivate")
    if "bind" not in words and "rbind" not in words:
        words.append("rbind")
    try:
        flags = os.statvfs(source).f_flag
    except OSError:
        return words
    for flag, word, opposite in _LOCKED:
        if flags & flag and word not in words and opposite not in words:
            words.append(word)
    return words


def id_map(word: str, runtime: dict[str, Any]) -> tuple[list[Any], list[Any]]:
    """Maps of an idmap[=uids=A-B-N;gids=…] option; without a value the container's own user namespace."""
    _, _, text = word.partition("=")
    if not text:
        if not runtime.get("uid_mappings"):
            raise InvalidInput("mount option idmap needs a user namespace, or maps: idmap=uids=0-1000-1")
        return runtime["uid_mappings"], runtime["gid_mappings"]
    found: dict[str, list[Any]] = {"uids": [], "gids": []}
    for part in text.split(";"):
        kind, _, extents = part.partition("=")
        if kind not in found:
            raise InvalidInput(f"invalid idmap option {part!r}: must be uids=… or gids=…")
        for extent in extents.split("#"):
            relative = extent.startswith("@")
            numbers = extent.lstrip("@+").split("-")
            if len(numbers) != 3 or not all(number.isdigit() for number in numbers):
                raise InvalidInput(f"invalid idmap extent {extent!r}: must be CONTAINER-HOST-SIZE")
            inside, outside, size = map(int, numbers)
            if relative:  # the second number is one of the container's ids
                outside = map_id(outside, runtime.get("uid_mappings" if kind == "uids" else "gid_mappings"))
            found[kind].append({"container_id": inside, "host_id": outside, "size": size})
    return found["uids"] or found["gids"], found["gids"] or found["uids"]


def fill_volumes(engine: Engine, container: Container) -> None:
    """Copy what the image has at their places into the container's new volumes, as its first start would. Raises Error."""
    wanted = [mount for mount in container.config["mounts"] if mount["type"] == "volume"]
    if not wanted or container.config.get("rootfs"):
        return
    preparation = Preparation(engine, container, engine.store.mount(container.id))
    try:
        for mount in wanted:
            preparation.fill_volume(mount)
    finally:
        for name in preparation.result.volumes:
            volumes.unmount(engine, engine.state.volumes.find(name))
        engine.store.unmount(container.id)


def release(engine: Engine, container: Container) -> None:
    """Take down what `Preparation.mounts` put up, after the container has ended."""
    state = container.state
    if state.get("overlays"):
        from ocicore.linux import mount as mounts

        for path in reversed(state["overlays"]):
            if mounts.is_mount_point(path):
                mounts.umount(path, mounts.MNT_DETACH)
        volumes.delete_tree(f"{engine.store.container_dir(container.id)}/overlay")
    for image_id in state.get("image_mounts", ()):
        engine.store.unmount_image(image_id)
    for name in state.get("volumes", ()):
        volume = engine.state.volumes.get(name)
        if volume is not None:
            volumes.unmount(engine, volume)
