"""What a driver must offer, and choosing one for a store.

A driver lays the files of layers out on disk and mounts them (containers/storage `drivers`).
It knows nothing of records, counts and locks: callers hold the layers' lock.
"""

from __future__ import annotations

import os

from ocicore.errors import InvalidInput, Unsupported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Protocol

    from ocicore.config.storage_conf import StorageConfig
    from ocicore.linux.archive import Change
    from ocicore.storage.additional_layers import LayerSource
    from ocicore.storage.records import IdMaps

    class Driver(Protocol):
        """The layout of one store.

        Attributes:
            name: also the prefix of the store's other directories.
            home: <graph root>/<name>.
            whiteouts: how deletions are kept inside a layer's directory, as `linux.archive` names it.
            needs_parent: a layer's directory holds its parent's files too (vfs).
            layer_stores: additional layer stores.
        """

        name: str
        home: str
        needs_parent: bool
        in_user_namespace: bool
        ignore_chown_errors: bool
        force_mask: int | None
        layer_stores: list[LayerSource]

        @property
        def whiteouts(self) -> str:
            """See above."""

        def prepare(self) -> None:
            """Make the home's directories."""

        def exists(self, layer_id: str) -> bool:
            """Is there a directory for the layer, here or in an additional store?"""

        def layer_ids(self) -> list[str]:
            """Layers that have a directory here (not in additional stores)."""

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
            """Make the layer's directories; `staged` is a filled directory to rename into place.

            `elsewhere` is the place in an additional layer store that has the files (only where `layer_stores`).
            With `durable` what was made is on disk on return (the files in `staged` must be before).
            """

        def owned_paths(self, layer_id: str) -> list[str]:
            """Everything on disk that is this layer's and no other's, to be removed."""

        def diff_path(self, layer_id: str) -> str:
            """The directory with the layer's own files."""

        def is_composefs(self, layer_id: str) -> bool:
            """Is the layer in a form that only a program with composefs can read?"""

        def elsewhere(self, layer_id: str) -> str | None:
            """The place in an additional layer store that the layer's files come from, None for all others."""

        def forget(self, layer_id: str) -> None:
            """The layer goes: tell the additional layer store it comes from, if any."""

        def lower_paths(self, layer_id: str) -> list[str]:
            """Directories below it, topmost first."""

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
            """Make the layer's root visible; returns where. Raises NotFound, MountError."""

        def unmount(self, layer_id: str) -> None:
            """Undo `mount`; fine when nothing is mounted."""

        def mount_path(self, layer_id: str) -> str:
            """Where `mount` puts it."""

        def supports_shifting(self) -> bool:
            """Can `mount` map ids, so that layers need no copies with other owners?"""

        def shift(self, layer_id: str, old: IdMaps | None, new: IdMaps | None) -> None:
            """Change the owners of everything visible in a new layer from one mapping to another."""

        def stage_dir(self, folder: str) -> str:
            """Make the directory inside a private one that a layer is unpacked to."""

        def changes(self, layer_id: str, parent: str | None) -> list[Change] | None:
            """Differences to the parent found without mounting; None when that takes a comparison of trees."""

        def cleanup(self) -> None:
            """Release what the driver holds between mounts (nothing is mounted any more)."""


def parse_options(driver: str, options: Sequence[str]) -> dict[str, str]:
    """{"mountopt": "nodev"} for ["overlay.mountopt=nodev"]; options of other drivers are left out.

    Raises InvalidInput for what has no "=".
    """
    found: dict[str, str] = {}
    for option in options:
        key, equals, value = option.partition("=")
        if not equals:
            raise InvalidInput(f"unable to parse key/value option: {option}")
        prefix, dot, name = key.strip().lower().rpartition(".")
        if not dot or prefix in ("", driver, driver + "2"):
            found[name] = value.strip()
    return found


_TRUE = frozenset(("1", "t", "T", "true", "TRUE", "True"))
_FALSE = frozenset(("0", "f", "F", "false", "FALSE", "False", ""))


def parse_flag(driver: str, key: str, text: str) -> bool:
    """The value of a switch, in the spellings of Go's ParseBool. Raises InvalidInput."""
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise InvalidInput(f'{driver}: {key}: "{text}" is neither true nor false')


def choose(config: StorageConfig, *, rootless: bool, warn: Callable[[str], None] | None = None) -> Driver:
    """The driver of the store: the one named, else the one the store has, else the best that works.

    Raises Unsupported for a driver we do not have, or when the store has layers of several.
    """
    name = config.driver or _present(config) or _preferred(config, rootless=rootless)
    if name == "overlay":
        from ocicore.storage.overlay import OverlayDriver

        return OverlayDriver(config, rootless=rootless, warn=warn)
    if name == "vfs":
        from ocicore.storage.vfs import VfsDriver

        return VfsDriver(config, rootless=rootless)
    raise Unsupported(
        f"storage driver {name} is not supported", hint="set driver to overlay or vfs in storage.conf"
    )


def _present(config: StorageConfig) -> str | None:
    names = [
        name
        for name in ("overlay", "vfs", "btrfs", "zfs")
        if os.path.isdir(f"{config.graph_root}/{name}-layers")
    ]
    if config.driver_priority:
        names = [name for name in config.driver_priority if name in names]
        return names[0] if names else None
    if len(names) > 1 and "overlay" not in names:
        raise Unsupported(
            f"{config.graph_root} contains several valid graphdrivers: {', '.join(names)}; "
            "please cleanup or explicitly choose storage driver (-s <DRIVER>)"
        )
    return "overlay" if "overlay" in names else (names[0] if names else None)


def _preferred(config: StorageConfig, *, rootless: bool) -> str:
    from ocicore.storage import overlay_support

    for name in config.driver_priority or ("overlay", "vfs"):
        if name == "vfs":
            return name
        if name == "overlay":
            options = parse_options("overlay", config.driver_options)
            if options.get("mount_program") or overlay_support.usable(config.graph_root, rootless=rootless):
                return name
    return "vfs" if not config.driver_priority else config.driver_priority[0]
