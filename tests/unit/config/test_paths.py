"""config.paths: who the user is, and where the files go."""

from __future__ import annotations

import os
from pathlib import Path

from ocicore.config import paths


def test_in_a_user_namespace_the_variable_tells_who_we_are() -> None:
    user = paths.user_paths(
        {
            "_CONTAINERS_ROOTLESS_UID": "1000",
            "_CONTAINERS_ROOTLESS_GID": "100",
            "HOME": "/home/x",
            "USER": "x",
            "XDG_RUNTIME_DIR": "/run/user/1000",
        }
    )
    assert (user.uid, user.gid, user.rootless, user.username) == (1000, 100, True, "x")
    assert user.runtime_dir == "/run/user/1000"
    assert user.data_home == "/home/x/.local/share"
    assert user.config_home == "/home/x/.config"


def test_xdg_variables_win() -> None:
    user = paths.user_paths(
        {
            "_CONTAINERS_ROOTLESS_UID": "1000",
            "HOME": "/home/x",
            "USER": "x",
            "XDG_RUNTIME_DIR": "/r",
            "XDG_CONFIG_HOME": "/c",
            "XDG_DATA_HOME": "/d",
            "TMPDIR": "/t",
        }
    )
    assert (user.config_home, user.data_home, user.runtime_dir, user.tmp) == ("/c", "/d", "/r", "/t")


def test_without_a_runtime_directory_a_private_one_is_made(tmp_path: Path) -> None:
    environ = {
        "_CONTAINERS_ROOTLESS_UID": "987654",
        "HOME": str(tmp_path),
        "USER": "x",
        "TMPDIR": str(tmp_path),
    }
    user = paths.user_paths(environ)
    assert user.runtime_dir == str(tmp_path / "storage-run-987654")
    assert os.stat(user.runtime_dir).st_mode & 0o777 == 0o700


def test_a_directory_others_may_write_to_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "storage-run-987654").mkdir()
    (tmp_path / "storage-run-987654").chmod(0o777)
    environ = {
        "_CONTAINERS_ROOTLESS_UID": "987654",
        "HOME": str(tmp_path),
        "USER": "x",
        "TMPDIR": str(tmp_path),
    }
    assert paths.user_paths(environ).runtime_dir == str(tmp_path / "rundir")


def test_an_unknown_user_has_its_number_for_a_name() -> None:
    user = paths.user_paths(
        {"_CONTAINERS_ROOTLESS_UID": "987654", "HOME": "relative", "XDG_RUNTIME_DIR": "/r"}
    )
    assert (user.username, user.home) == ("987654", "/")
