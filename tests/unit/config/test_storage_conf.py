"""config.storage_conf: search order, options, environment, expansion."""

from __future__ import annotations

from pathlib import Path

import pytest

from ocicore.config import storage_conf
from ocicore.config.paths import UserPaths
from ocicore.errors import InvalidInput


def _user(home: Path, uid: int = 0) -> UserPaths:
    return UserPaths(
        uid=uid,
        gid=uid,
        username="someone",
        home=str(home),
        runtime_dir=str(home / "run"),
        config_home=str(home / ".config"),
        data_home=str(home / "data"),
        tmp="/tmp",
        rootless=uid != 0,
    )


@pytest.fixture(autouse=True)
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stands for /etc/containers."""
    folder = tmp_path / "etc"
    folder.mkdir()
    monkeypatch.setattr(storage_conf, "OVERRIDE_FILE", str(folder / "storage.conf"))
    monkeypatch.setattr(storage_conf, "SYSTEM_FILE", str(tmp_path / "usr" / "storage.conf"))
    return folder


def test_defaults(tmp_path: Path) -> None:
    root = storage_conf.load(_user(tmp_path), {})
    assert (root.graph_root, root.run_root) == ("/var/lib/containers/storage", "/run/containers/storage")
    user = storage_conf.load(_user(tmp_path, 1000), {})
    assert user.graph_root == str(tmp_path / "data/containers/storage")
    assert user.run_root == str(tmp_path / "run/containers")
    assert (root.driver, root.driver_options, root.transient) == ("", [], False)


def test_a_complete_file(tmp_path: Path, system: Path) -> None:
    (system / "storage.conf").write_text(
        f"""
[storage]
driver = "overlay2"
graphroot = "{tmp_path}/g"
runroot = "{tmp_path}/r"
transient_store = true
[storage.options]
additionalimagestores = ["/ro/one", "/ro/two"]
additionallayerstores = ["/lazy/one:ref", "/lazy/two"]
size = "10G"
disable-volatile = true
root-auto-userns-user = "containers"
auto-userns-min-size = 2048
pull_options = {{enable_partial_images = "true"}}
[storage.options.overlay]
mountopt = "nodev,metacopy=on"
mount_program = "/usr/bin/fuse-overlayfs"
"""
    )
    config = storage_conf.load(_user(tmp_path), {})
    assert config.driver == "overlay"
    assert config.driver_options == [
        "overlay.mount_program=/usr/bin/fuse-overlayfs",
        "overlay.mountopt=nodev,metacopy=on",
        "overlay.size=10G",
    ]
    assert config.image_stores == ["/ro/one", "/ro/two"]
    assert config.layer_stores == ["/lazy/one:ref", "/lazy/two"]
    assert (config.transient, config.disable_volatile) == (True, True)
    assert (config.auto_userns_user, config.auto_userns_min_size) == ("containers", 2048)
    assert config.graph_root == f"{tmp_path}/g"


def test_search_order(tmp_path: Path, system: Path) -> None:
    (tmp_path / "usr").mkdir()
    (tmp_path / "usr/storage.conf").write_text('[storage]\ngraphroot = "/usr-graph"\n')
    assert storage_conf.load(_user(tmp_path), {}).graph_root == "/usr-graph"
    (system / "storage.conf").write_text('[storage]\ngraphroot = "/etc-graph"\n')
    assert storage_conf.load(_user(tmp_path), {}).graph_root == "/etc-graph"
    own = tmp_path / "own.conf"
    own.write_text('[storage]\ngraphroot = "/own-graph"\n')
    environ = {"CONTAINERS_STORAGE_CONF": str(own)}
    assert storage_conf.load(_user(tmp_path), environ).graph_root == "/own-graph"
    assert storage_conf.load(_user(tmp_path, 1000), environ).graph_root == "/own-graph"


def test_an_ordinary_user_takes_only_what_is_safe_from_the_system(tmp_path: Path, system: Path) -> None:
    (system / "storage.conf").write_text(
        """
[storage]
driver = "overlay"
graphroot = "/root-graph"
runroot = "/root-run"
rootless_storage_path = "$HOME/$UID/$USER/store"
[storage.options]
additionalimagestores = ["/ro"]
[storage.options.overlay]
mountopt = "nodev"
ignore_chown_errors = "true"
"""
    )
    config = storage_conf.load(_user(tmp_path, 1000), {})
    assert config.graph_root == f"{tmp_path}/1000/someone/store"
    assert config.run_root == f"{tmp_path}/run/containers"
    assert config.driver_options == ["overlay.ignore_chown_errors=true"]
    assert config.image_stores == []


def test_the_users_own_file(tmp_path: Path, system: Path) -> None:
    (system / "storage.conf").write_text('[storage]\ndriver = "vfs"\n')
    folder = tmp_path / ".config/containers"
    folder.mkdir(parents=True)
    (folder / "storage.conf").write_text(
        '[storage]\ndriver = "overlay"\n[storage.options.overlay]\nmountopt = "x"\n'
    )
    config = storage_conf.load(_user(tmp_path, 1000), {})
    assert (config.driver, config.driver_options) == ("overlay", ["overlay.mountopt=x"])
    assert config.graph_root == str(tmp_path / "data/containers/storage")


def test_drop_ins_in_the_order_of_their_names(tmp_path: Path, system: Path) -> None:
    (system / "storage.conf").write_text('[storage]\ndriver = "overlay"\ngraphroot = "/a"\n')
    (system / "storage.conf.d").mkdir()
    (system / "storage.conf.d/20.conf").write_text('[storage]\ngraphroot = "/c"\n')
    (system / "storage.conf.d/10.conf").write_text(
        '[storage]\ngraphroot = "/b"\n[storage.options.overlay]\nmountopt = "nodev"\n'
    )
    (system / "storage.conf.d/ignored").write_text("not toml")
    config = storage_conf.load(_user(tmp_path), {})
    assert (config.graph_root, config.driver_options) == ("/c", ["overlay.mountopt=nodev"])


def test_environment_and_command_line(tmp_path: Path, system: Path) -> None:
    (system / "storage.conf").write_text(
        '[storage]\ndriver = "overlay"\n[storage.options.overlay]\nmountopt = "a"\n'
    )
    environ = {"STORAGE_DRIVER": "vfs", "STORAGE_OPTS": "vfs.ignore_chown_errors=true,"}
    config = storage_conf.load(_user(tmp_path), environ)
    assert (config.driver, config.driver_options) == ("vfs", ["vfs.ignore_chown_errors=true"])
    config = storage_conf.load(_user(tmp_path), {}, driver="vfs", root=str(tmp_path / "x"), transient=True)
    assert (config.driver, config.driver_options, config.transient) == ("vfs", [], True)
    assert config.graph_root == str(tmp_path / "x")
    config = storage_conf.load(
        _user(tmp_path), {}, options=["overlay.imagestore=/one,/two", "overlay.mountopt=b"]
    )
    assert (config.driver_options, config.image_stores) == (["overlay.mountopt=b"], ["/one", "/two"])


@pytest.mark.parametrize(
    "text",
    [
        "storage = 1",
        "[storage]\ndriver = 1.5",
        "[storage.options]\nadditionalimagestores = 'x'",
        "[storage",
        "[storage.options]\nadditionalimagestores = ['relative']",
    ],
)
def test_malformed_files_are_named(tmp_path: Path, system: Path, text: str) -> None:
    (system / "storage.conf").write_text(text)
    with pytest.raises(InvalidInput):
        storage_conf.load(_user(tmp_path), {})


def test_image_store_must_be_elsewhere(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="imagestore"):
        storage_conf.load(_user(tmp_path), {}, root=str(tmp_path), imagestore=str(tmp_path))


@pytest.mark.parametrize("key", ["remap-uids", "remap-gids", "remap-user", "remap-group"])
def test_a_mapping_for_the_whole_store_is_refused_not_ignored(tmp_path: Path, system: Path, key: str) -> None:
    (system / "storage.conf").write_text(f'[storage]\n[storage.options]\n{key} = "0:1000:100"\n')
    with pytest.raises(InvalidInput, match=f"{key} is not supported"):
        storage_conf.load(_user(tmp_path), {})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[storage]\ntransient_store = "true"\n', "transient_store is not a boolean"),
        ('[storage.options]\ndisable-volatile = "true"\n', "disable-volatile is not a boolean"),
        ('[storage.options]\nauto-userns-min-size = "1024"\n', "auto-userns-min-size is not a number of ids"),
        ("[storage.options]\nauto-userns-max-size = -1\n", "auto-userns-max-size is not a number of ids"),
        (
            '[storage.options.pull_options]\nconvert_images = "true"\n',
            "pull_options: convert_images is not supported",
        ),
        (
            '[storage.options.pull_options]\nuse_hard_links = "1"\n',
            "pull_options: use_hard_links is not supported",
        ),
        (
            '[storage.options.pull_options]\nostree_repos = "/o"\n',
            "pull_options: ostree_repos is not supported",
        ),
    ],
)
def test_what_would_be_ignored_is_refused(tmp_path: Path, system: Path, text: str, message: str) -> None:
    (system / "storage.conf").write_text(text)
    with pytest.raises(InvalidInput, match=message):
        storage_conf.load(_user(tmp_path), {})


def test_distributions_pull_options_change_nothing(tmp_path: Path, system: Path) -> None:
    (system / "storage.conf").write_text(
        "[storage.options]\npull_options = {enable_partial_images = "
        '"true", use_hard_links = "false", ostree_repos = "", convert_images = "false"}\n'
    )
    assert storage_conf.load(_user(tmp_path), {}).source == str(system / "storage.conf")


def test_keys_nobody_knows_are_named(tmp_path: Path, system: Path) -> None:
    (system / "storage.conf").write_text(
        """
[storage]
driver = "overlay"
grahproot = "/x"
[storage.options]
muontopt = "nodev"
[storage.options.overlay]
use_compsefs = "true"
[storage.options.thinpool]
anything = "goes"
"""
    )
    said: list[str] = []
    storage_conf.load(_user(tmp_path), {}, warn=said.append)
    assert said == [
        'Failed to decode the keys ["storage.grahproot" "storage.options.muontopt" '
        f'"storage.options.overlay.use_compsefs"] from {system}/storage.conf'
    ]


def test_the_file_of_root_in_its_own_configuration(tmp_path: Path, system: Path) -> None:
    (system / "storage.conf").write_text('[storage]\ngraphroot = "/etc-graph"\n')
    own = tmp_path / "xdg/containers/storage.conf"
    environ = {"XDG_CONFIG_HOME": str(tmp_path / "xdg")}
    assert storage_conf.load(_user(tmp_path), environ).graph_root == "/etc-graph"
    own.parent.mkdir(parents=True)
    own.write_text('[storage]\ngraphroot = "/xdg-graph"\n')
    assert storage_conf.load(_user(tmp_path), environ).graph_root == "/xdg-graph"


def test_owners_may_be_shifted_by_copying(tmp_path: Path, system: Path) -> None:
    assert not storage_conf.load(_user(tmp_path), {}).disable_idmap
    assert storage_conf.load(_user(tmp_path), {"_CONTAINERS_OVERLAY_DISABLE_IDMAP": "yes"}).disable_idmap
