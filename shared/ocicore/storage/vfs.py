"""The vfs driver: every layer is a complete directory, made by copying its parent (drivers/vfs).

    <home>/dir/<id>       all files of the layer and of those below it

Slow and large, but it works on every file system and needs no mount: the last resort.
"""

from __future__ import annotations

import os

from ocicore.errors import InvalidInput, NotFound, Unsupported
from ocicore.files import atomic
from ocicore.storage.driver import parse_flag, parse_options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ocicore.config.storage_conf import StorageConfig
    from ocicore.linux.archive import Change
    from ocicore.storage.additional_layers import LayerSource
    from ocicore.storage.records import IdMaps


class VfsDriver:
    """Layers as copies."""

    name = "vfs"
    needs_parent = True
    whiteouts = "apply"
    force_mask: int | None = None
    layer_stores: list[LayerSource]

    def __init__(self, config: StorageConfig, *, rootless: bool) -> None:
        self.home = os.path.join(config.graph_root, "vfs")
        self.in_user_namespace = rootless
        stores = ([config.image_store] if config.image_store else []) + config.image_stores
        self.other_homes = [os.path.join(store, "vfs") for store in stores]
        self.layer_stores = []
        if config.layer_stores:
            raise InvalidInput("vfs driver does not support additionallayerstore options")
        given = parse_options("vfs", config.driver_options)
        self.ignore_chown_errors = parse_flag(
            "vfs", "ignore_chown_errors", given.pop("ignore_chown_errors", "")
        )
        if "mountopt" in given:
            raise InvalidInput("vfs driver does not support mount options")
        for key in given:
            if key != "sync":
                raise InvalidInput(f"vfs driver does not support {key} options")

    def prepare(self) -> None:
        """Make the home's directories."""
        os.makedirs(self.home + "/dir", 0o700, exist_ok=True)

    def diff_path(self, layer_id: str) -> str:
        """The directory with all files."""
        own = os.path.join(self.home, "dir", layer_id)
        if not os.path.isdir(own):
            for home in self.other_homes:
                if os.path.isdir(f"{home}/dir/{layer_id}"):
                    return f"{home}/dir/{layer_id}"
        return own

    def is_composefs(self, layer_id: str) -> bool:
        """No."""
        return False

    def elsewhere(self, layer_id: str) -> str | None:
        """None: there are no additional layer stores."""
        return None

    def forget(self, layer_id: str) -> None:
        """Nothing: there are no additional layer stores."""

    def lower_paths(self, layer_id: str) -> list[str]:
        """None: a layer has everything."""
        return []

    def exists(self, layer_id: str) -> bool:
        """Is there a directory for the layer?"""
        return os.path.isdir(self.diff_path(layer_id))

    def layer_ids(self) -> list[str]:
        """Layers that have a directory here."""
        try:
            with os.scandir(self.home + "/dir") as entries:
                return [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
        except FileNotFoundError:
            return []

    def create(
        self,
        layer_id: str,
        parent: str | None,
        *,
        writable: bool,
        id_maps: IdMaps | None = None,
        options: Mapping[str, str] | None = None,
        staged: str | None = None,
        elsewhere: str | None = None,
        durable: bool = False,
    ) -> None:
        """Copy the parent; `staged` holds all files already."""
        from ocicore.linux import archive
        from ocicore.storage.overlay import root_of

        if options:
            raise Unsupported("--storage-opt is not supported for vfs")
        path = os.path.join(self.home, "dir", layer_id)
        if staged is not None:
            os.rename(staged, path)
            if durable:
                atomic.fsync_dir(os.path.dirname(path))
            return
        owner = root_of(id_maps)
        os.mkdir(path, 0o700)
        os.chown(path, *owner)
        os.chmod(path, 0o555)
        if parent:
            source = os.open(self.diff_path(parent), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            target = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                archive.copy_tree(source, target, in_user_namespace=self.in_user_namespace)
            finally:
                os.close(source)
                os.close(target)

    def owned_paths(self, layer_id: str) -> list[str]:
        """The directory."""
        path = os.path.join(self.home, "dir", layer_id)
        return [path] if os.path.lexists(path) else []

    def stage_dir(self, folder: str) -> str:
        """A directory to unpack or copy into."""
        path = os.path.join(folder, "diff")
        os.mkdir(path, 0o700)
        os.chmod(path, 0o555)
        return path

    def mount_path(self, layer_id: str) -> str:
        """The directory itself."""
        return self.diff_path(layer_id)

    def mount(
        self,
        layer_id: str,
        *,
        id_maps: IdMaps | None = None,
        options: Sequence[str] = (),
        label: str = "",
        volatile: bool = False,
        read_only: bool = False,
    ) -> str:
        """The directory itself: there is nothing to mount."""
        for option in options:
            if option not in ("ro", "rw", "nodev", "nosuid", ""):
                raise InvalidInput(f"vfs driver does not support {option} options")
        path = self.diff_path(layer_id)
        if not os.path.isdir(path):
            raise NotFound(f"vfs: layer {layer_id} has no directory", hint="run the check command")
        return path

    def unmount(self, layer_id: str) -> None:
        """Nothing to do."""

    def supports_shifting(self) -> bool:
        """No: there is no mount that could do it."""
        return False

    def shift(self, layer_id: str, old: IdMaps | None, new: IdMaps | None) -> None:
        """Change the owners in the layer's copy."""
        from ocicore.linux import archive

        empty: IdMaps = ([], [])
        before, after = old or empty, new or empty
        fd = os.open(self.diff_path(layer_id), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            archive.chown_tree(fd, uid_map=(before[0], after[0]), gid_map=(before[1], after[1]))
        finally:
            os.close(fd)

    def changes(self, layer_id: str, parent: str | None) -> list[Change] | None:
        """Trees must be compared."""
        return None

    def cleanup(self) -> None:
        """Nothing is held."""
