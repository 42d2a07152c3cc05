"""Containers of an ordinary user."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.programs import Tool
from support.pypod_completions import Completions
from support.pypod_health import HealthOnRequest
from support.pypod_life import IMAGE, NONET, Life, until
from support.pypod_scripts import Scripts, completions
from support.rootfs import busybox_tar
from support.users import OrdinaryUser

pytestmark = pytest.mark.rootless


@pytest.fixture
def pypod(ordinary_user: OrdinaryUser, tmp_path: Path) -> Iterator[Tool]:
    """pypod with a store of its own below the user's home."""
    place = ordinary_user.home / f"pypod-life-{os.getpid()}"
    volatile = ordinary_user.runtime_dir / place.name
    archive = tmp_path / "box.tar"
    archive.write_bytes(busybox_tar())
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.geteuid() and len(folder.parts) > 2:
            folder.chmod(folder.stat().st_mode | 0o055)
    options = ("--root", f"{place}/root", "--runroot", f"{volatile}/run", "--tmpdir", f"{volatile}/tmp")
    tool = ordinary_user.tool("pypod", *options)
    tool("import", "-c", 'CMD ["sh"]', str(archive), IMAGE)
    yield tool
    tool("rm", "-a", "-f", "-t", "0", "--depend", status=None)
    tool("unshare", "umount", "-l", f"{place}/root/overlay", status=None)
    tool("unshare", "rm", "-rf", str(place), str(volatile), status=None)
    shutil.rmtree(place, ignore_errors=True)


class TestLife(Life):
    """Everything that holds for root too."""

    def test_keep_id(self, pypod: Tool, ordinary_user: OrdinaryUser) -> None:
        text = pypod.out("run", "--rm", *NONET, "--userns", "keep-id", IMAGE, "id", "-u")
        assert text == str(ordinary_user.uid)

    @pytest.mark.parametrize(
        ("options", "uids", "gids"),
        [
            ("--uidmap 0:1:1000", ["0 1 1000"], ["0 1 1000"]),
            ("--uidmap 0:1:1000 --gidmap 0:0:1000", ["0 1 1000"], ["0 0 1", "1 1 999"]),
            ("--uidmap 0:0:1000 --gidmap 0:1:1000", ["0 0 1", "1 1 999"], ["0 1 1000"]),
        ],
    )
    def test_maps_over_own_and_subordinate_ids(
        self, pypod: Tool, options: str, uids: list[str], gids: list[str]
    ) -> None:
        """The user's own id and the subordinate ones are two extents of the namespace around; the kernel takes none over both."""
        files = ("/proc/self/uid_map", "/proc/self/gid_map")
        text = pypod.out("run", "--rm", *NONET, *options.split(), IMAGE, "cat", *files)
        assert [" ".join(line.split()) for line in text.splitlines()] == uids + gids

    def test_unshare_and_ids(self, pypod: Tool, ordinary_user: OrdinaryUser) -> None:
        assert pypod.out("unshare", "id", "-u") == "0"
        first = pypod.out("unshare", "cat", "/proc/self/uid_map").split()[:3]
        assert first == ["0", str(ordinary_user.uid), "1"]

    def test_namespaces_outlive_their_pause_process(self, pypod: Tool, ordinary_user: OrdinaryUser) -> None:
        """While a container runs, whoever comes next joins its monitor's namespaces; in others it could not even be removed."""
        runtime = ordinary_user.runtime_dir / f"pause-{os.getpid()}"
        runtime.mkdir(mode=0o700)
        os.chown(runtime, ordinary_user.uid, ordinary_user.gid)
        env = {"XDG_RUNTIME_DIR": str(runtime)}
        which = ("unshare", "readlink", "/proc/self/ns/user")
        try:
            pypod("run", "-d", "--name", "up", *NONET, IMAGE, "sleep", "1000", env=env)
            before = pypod.out(*which, env=env)
            file = runtime / "libpod/tmp/pause.pid"
            old = int(file.read_text())
            os.kill(old, signal.SIGKILL)
            until(lambda: not Path(f"/proc/{old}").exists(), "the end of the pause process")
            assert pypod.out(*which, env=env) == before
            assert int(file.read_text()) != old
            assert pypod.out(*which, env=env) == before
            assert pypod.out("exec", "up", "echo", "in", env=env) == "in"
        finally:
            pypod("rm", "-f", "-t", "0", "up", env=env)
            pypod("system", "migrate", env=env)
        assert not file.exists()
        shutil.rmtree(runtime)

    def test_host_network(self, pypod: Tool) -> None:
        assert pypod.out("run", "--rm", "--network", "host", IMAGE, "id", "-u") == "0"


class TestCompletions(Completions):
    """Everything that holds for root and ordinary users alike."""


class TestScripts(Scripts):
    """Everything that holds for root too."""

    def test_modules_of_the_user(self, pypod: Tool, ordinary_user: OrdinaryUser) -> None:
        """Found by name below XDG_CONFIG_HOME; what runs when the container has ended gets the path."""
        home = ordinary_user.home / f"config-{os.getpid()}"
        folder = home / "containers/containers.conf.modules"
        (folder / "more").mkdir(parents=True)
        (folder / "note.conf").write_text('[containers]\nannotations=["from=module"]\n')
        (folder / "more/other.conf").write_text("")
        env = {"XDG_CONFIG_HOME": str(home)}
        assert completions(pypod, "--module", "", env=env)[:2] == ["note.conf", "more/other.conf"]
        assert completions(pypod, "--module", "mo", env=env) == ["more/other.conf"]
        noting = pypod.with_options("--module", "note.conf")
        noting("run", "-d", "--name", "noted", *NONET, IMAGE, "sleep", "1000", env=env)
        fields = "{{.Config.Annotations.from}} {{.State.ConmonPid}}"
        value, monitor = pypod.out("inspect", "--format", fields, "noted").split()
        assert value == "module"
        words = Path(f"/proc/{monitor}/cmdline").read_text().split("\0")
        at = words.index("--module")
        assert words[at - 1 : at + 3] == [
            "--exit-command-arg",
            "--module",
            "--exit-command-arg",
            f"{folder}/note.conf",
        ]
        pypod("rm", "-f", "-t", "0", "noted")
        shutil.rmtree(home)


class TestHealth(HealthOnRequest):
    """With our own monitor."""
