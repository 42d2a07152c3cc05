"""containers.conf: order of files, appending, types, defaults that depend on the host."""

from __future__ import annotations

from pathlib import Path

import pytest

from ocicore.config import containers_conf
from ocicore.config.paths import UserPaths
from ocicore.errors import InvalidInput, NotFound


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(containers_conf, "USR", str(tmp_path / "usr.conf"))
    monkeypatch.setattr(containers_conf, "ETC", str(tmp_path / "etc.conf"))
    monkeypatch.setattr(containers_conf, "_ROOTLESS", str(tmp_path / "rootless.conf"))
    (tmp_path / "home" / "containers").mkdir(parents=True)
    return tmp_path


def user(folder: Path, *, rootless: bool = True) -> UserPaths:
    return UserPaths(
        uid=1000 if rootless else 0,
        gid=0,
        username="u",
        home=str(folder),
        runtime_dir="/run/user/1000",
        config_home=str(folder / "home"),
        data_home="",
        tmp="",
        rootless=rootless,
    )


def load(
    folder: Path, *modules: str, rootless: bool = True, **environ: str
) -> containers_conf.ContainersConfig:
    return containers_conf.load(user(folder, rootless=rootless), environ, modules)


def test_defaults(system: Path) -> None:
    made = load(system)
    assert made.containers.pids_limit == 2048
    assert made.engine.tmp_dir == "/run/user/1000/libpod/tmp"
    assert made.network.default_subnet == "10.88.0.0/16"
    assert made.secrets.driver == "file"
    assert made.sources == []
    assert load(system, rootless=False).engine.tmp_dir == "/run/libpod"


def test_later_files_win(system: Path) -> None:
    (system / "usr.conf").write_text('[containers]\ntz = "a"\numask = "0077"\npids_limit = 1\n')
    (system / "etc.conf").write_text('[containers]\ntz = "b"\nunknown = "x"\n[unknown]\na = 1\n')
    (system / "etc.conf.d").mkdir()
    (system / "etc.conf.d" / "2.conf").write_text('[containers]\ntz = "d"\n')
    (system / "etc.conf.d" / "1.conf").write_text('[containers]\ntz = "c"\n')
    (system / "etc.conf.d" / "9.txt").write_text('[containers]\ntz = "z"\n')
    made = load(system, rootless=False)
    assert (made.containers.tz, made.containers.umask, made.containers.pids_limit) == ("d", "0077", 1)
    (system / "rootless.conf.d" / "1000").mkdir(parents=True)
    (system / "rootless.conf.d" / "1000" / "x.conf").write_text('[containers]\ntz = "e"\n')
    assert load(system).containers.tz == "e"
    assert load(system, rootless=False).containers.tz == "d"
    (system / "home" / "containers" / "containers.conf").write_text('[containers]\ntz = "f"\n')
    assert load(system).containers.tz == "f"
    override = system / "override"
    override.write_text('[containers]\ntz = "g"\n')
    assert load(system, CONTAINERS_CONF_OVERRIDE=str(override)).containers.tz == "g"
    assert load(system, CONTAINERS_CONF=str(override)).sources == [str(override)]


def test_arrays_are_replaced_or_appended(system: Path) -> None:
    (system / "usr.conf").write_text('[containers]\nenv = ["A=1"]\n')
    (system / "etc.conf").write_text('[containers]\nenv = ["B=2", {append=true}]\n')
    home = system / "home" / "containers" / "containers.conf"
    home.write_text('[containers]\nenv = ["C=3"]\n')
    assert load(system).containers.env == ["A=1", "B=2", "C=3"]
    home.write_text('[containers]\nenv = ["C=3", {append=false}]\n')
    assert load(system).containers.env == ["C=3"]


def test_tables_are_merged_by_key(system: Path) -> None:
    (system / "etc.conf").write_text('[engine.runtimes]\nmine = ["/opt/mine"]\n[secrets.opts]\npath = "/x"\n')
    made = load(system)
    assert made.engine.runtimes["mine"] == ["/opt/mine"]
    assert "/usr/bin/runc" in made.engine.runtimes["runc"]
    assert made.secrets.opts == {"path": "/x"}
    assert "mine" not in containers_conf.ENGINE["runtimes"]


def test_capabilities_get_their_prefix(system: Path) -> None:
    (system / "etc.conf").write_text('[containers]\ndefault_capabilities = ["chown", "CAP_KILL"]\n')
    assert load(system).containers.default_capabilities == ["CAP_CHOWN", "CAP_KILL"]


@pytest.mark.parametrize(
    "text",
    [
        "[containers]\ntz = 1\n",
        '[containers]\npids_limit = "many"\n',
        '[containers]\ninit = "yes"\n',
        "[containers]\nenv = [1]\n",
        "[containers]\nenv = [{prepend=true}]\n",
        "[containers]\nlog_size_max = 100\n",
        '[containers]\numask = "999"\n',
        '[engine]\nruntimes = "runc"\n',
        '[engine]\ncgroup_manager = "none"\n',
        '[engine]\nevents_logfile_max_size = "big"\n',
        "containers = 1\n",
        "[containers\n",
    ],
)
def test_malformed(system: Path, text: str) -> None:
    (system / "etc.conf").write_text(text)
    with pytest.raises(InvalidInput):
        load(system)


def test_sizes(system: Path) -> None:
    (system / "etc.conf").write_text('[engine]\nevents_logfile_max_size = "1.5m"\n')
    assert load(system).engine.events_logfile_max_size == 1_500_000
    assert containers_conf.parse_size("2kB", "") == 2000


def test_modules(system: Path) -> None:
    folder = system / "etc.conf.modules"
    folder.mkdir()
    (folder / "gpu.conf").write_text('[containers]\ntz = "module"\n')
    made = load(system, "gpu.conf")
    assert made.containers.tz == "module"
    assert made.modules == [str(folder / "gpu.conf")]
    assert load(system, str(folder / "gpu.conf")).modules == [str(folder / "gpu.conf")]
    for name in ("none.conf", "/none.conf"):
        with pytest.raises(NotFound, match="could not resolve module"):
            load(system, name)
    with pytest.raises(NotFound, match="CONTAINERS_CONF file"):
        load(system, CONTAINERS_CONF="/none")
