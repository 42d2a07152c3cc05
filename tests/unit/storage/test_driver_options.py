"""Options of the drivers: each does its work, or is refused in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from ocicore.errors import Error, InvalidInput, Unsupported
from ocicore.storage.layers import LayerStore
from ocicore.storage.overlay import OverlayDriver
from ocicore.storage.vfs import VfsDriver
from support import stores


def _overlay(folder: Path, *options: str) -> OverlayDriver:
    return OverlayDriver(stores.config(folder, driver_options=options), rootless=False)


@pytest.mark.parametrize(
    ("option", "kind", "message"),
    [
        ("overlay.use_composefs=true", Unsupported, "composefs is not supported"),
        ("overlay.use_composefs=1", Unsupported, "composefs is not supported"),
        (".use_composefs=T", Unsupported, "composefs is not supported"),
        ("overlay.use_composefs=yes", InvalidInput, 'use_composefs: "yes" is neither true nor false'),
        ("overlay.skip_mount_home=on", InvalidInput, 'skip_mount_home: "on" is neither'),
        ("overlay.ignore_chown_errors=2", InvalidInput, 'ignore_chown_errors: "2" is neither'),
        ("overlay.size=10G", Unsupported, "size=10G: quotas are not supported"),
        ("overlay.inodes=5", Unsupported, "inodes=5: quotas are not supported"),
        ("overlay.mount_program=/none/at/all", InvalidInput, "can't stat program /none/at/all: no such file"),
        ("overlay.force_mask=rwx", InvalidInput, "force_mask rwx is not a mode"),
        ("overlay.nonsense=1", InvalidInput, "unknown option nonsense"),
        ("overlay.mountopt", InvalidInput, "unable to parse key/value option: overlay.mountopt"),
    ],
)
def test_overlay_refuses(tmp_path: Path, option: str, kind: type[Error], message: str) -> None:
    with pytest.raises(kind, match=message):
        _overlay(tmp_path, option)


def test_overlay_takes_every_spelling(tmp_path: Path) -> None:
    driver = _overlay(
        tmp_path,
        "overlay2.skip_mount_home=TRUE",
        ".ignore_chown_errors=t",
        "overlay.use_composefs=0",
        "overlay.size=0",
        "overlay.inodes=",
        "overlay.mountopt=nodev,metacopy=on",
        "overlay.override_kernel_check=true",
        "overlay.force_mask=shared",
        "vfs.nonsense=1",
    )
    assert (driver.skip_mount_home, driver.ignore_chown_errors) == (True, True)
    assert (driver.mount_options, driver.force_mask) == (["nodev", "metacopy=on"], 0o755)


def test_id_mapped_mounts_can_be_switched_off(tmp_path: Path) -> None:
    config = stores.config(tmp_path)
    config.disable_idmap = True
    driver = OverlayDriver(config, rootless=False)
    driver._chosen = True  # as on a machine whose kernel mounts overlay
    assert not driver.supports_shifting()


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("vfs.mountopt=nodev", "vfs driver does not support mount options"),
        ("vfs.size=10G", "vfs driver does not support size options"),
        ("vfs.ignore_chown_errors=maybe", "is neither true nor false"),
    ],
)
def test_vfs_refuses(tmp_path: Path, option: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        VfsDriver(stores.config(tmp_path, "vfs", driver_options=[option]), rootless=False)


def _nothing(*words: object) -> None:
    """Stands for the store's removal of a container's record."""


@pytest.mark.parametrize(
    ("option", "sync"), [("overlay.sync=none", False), ("overlay.sync=filesystem", True)]
)
def test_sync_modes(tmp_path: Path, option: str, sync: bool) -> None:
    config = stores.config(tmp_path, driver_options=[option])
    driver = OverlayDriver(config, rootless=False)
    assert (
        LayerStore(config, driver, in_use=lambda layer_id: False, discard_record=_nothing, warn=None).sync
        is sync
    )
    config.driver_options = ["overlay.sync=some"]
    with pytest.raises(InvalidInput, match='invalid sync mode: "some"'):
        LayerStore(config, driver, in_use=lambda layer_id: False, discard_record=_nothing, warn=None)
