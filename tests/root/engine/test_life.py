"""Containers of root."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.programs import Tool
from support.pypod_completions import Completions
from support.pypod_health import HealthOnRequest
from support.pypod_life import IMAGE, NONET, Life, names, store_of_its_own
from support.pypod_scripts import Scripts

pytestmark = pytest.mark.root


@pytest.fixture
def pypod(tmp_path: Path) -> Iterator[Tool]:
    """pypod with a store of its own that has one image."""
    with store_of_its_own(tmp_path) as tool:
        yield tool


class TestLife(Life):
    """Everything that holds for an ordinary user too."""

    def test_bridge_with_a_published_port(self, pypod: Tool) -> None:
        pypod(
            "run",
            "-d",
            "--name",
            "net",
            "-p",
            "127.0.0.1:0:80",
            IMAGE,
            "sh",
            "-c",
            "while :; do echo hi | nc -l -p 80; done",
        )
        address = pypod.out("port", "net", "80")
        host, _, port = address.rpartition(":")
        script = f"exec 3<>/dev/tcp/{host}/{port}; cat <&3"
        assert (
            subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True).stdout
            == "hi\n"
        )
        ip = pypod.out("inspect", "--format", "{{.NetworkSettings.IPAddress}}", "net")
        assert ip.startswith("10.88.")
        assert ip in pypod.out("exec", "net", "cat", "/etc/hosts")

    def test_limits_reach_the_cgroup(self, pypod: Tool) -> None:
        pypod(
            "run",
            "-d",
            "--name",
            "small",
            *NONET,
            "--memory",
            "16m",
            "--pids-limit",
            "20",
            "--cpus",
            "0.5",
            IMAGE,
            "sleep",
            "1000",
        )
        rows = pypod.out("stats", "--no-stream", "--format", "{{.MemLimit}} {{.PIDs}}", "small")
        assert rows == f"{16 << 20} 1"

    def test_pause(self, pypod: Tool) -> None:
        pypod("run", "-d", "--name", "p", *NONET, IMAGE, "sleep", "1000")
        pypod("pause", "p")
        refused = pypod("exec", "p", "true", status=255).stderr
        assert "can only create exec sessions on running containers" in refused
        assert pypod.out("ps", "-a", "--format", "{{.Status}}") == "Paused"
        pypod("unpause", "p")
        pypod("exec", "p", "true")


class TestCompletions(Completions):
    """Everything that holds for root and ordinary users alike."""


class TestScripts(Scripts):
    """Everything that holds for an ordinary user too."""

    def test_user_namespaces_own_their_network(self, pypod: Tool) -> None:
        mounts = pypod.out("run", "--rm", "--uidmap", "0:100000:5000", IMAGE, "cat", "/proc/mounts")
        assert "sysfs /sys sysfs" in mounts and "/sys/kernel" not in mounts
        done = pypod.out(
            "run", "--rm", "--uidmap", "0:100000:5000", IMAGE, "sh", "-c", "ip -4 -o addr; hostname -i"
        )
        assert "eth0" in done

    def test_published_ports_are_held(self, pypod: Tool) -> None:
        pypod("run", "-d", "--name", "one", "-p", "127.0.0.1:0:80", IMAGE, "sleep", "1000")
        port = pypod.out("port", "one", "80/tcp").rpartition(":")[2]
        taken = pypod("run", "--rm", "-p", f"127.0.0.1:{port}:80", IMAGE, "true", status=126).stderr
        assert "address already in use" in taken
        assert names(pypod, "-a") == ["one"]

    def test_idmapped_root(self, pypod: Tool, tmp_path: Path) -> None:
        root = tmp_path / "rootfs"
        pypod("create", *NONET, "--name", "box", IMAGE)
        root.mkdir()
        export = subprocess.run([*pypod.argv, "export", "box"], check=True, capture_output=True).stdout
        subprocess.run(["tar", "-C", str(root), "-xf", "-"], input=export, check=True)
        tmp_path.chmod(0o755)
        maps = ("--uidmap", "0:1000:10000")
        show = ("stat", "-c", "%u:%g", "/bin")
        assert pypod.out("run", "--rm", *NONET, *maps, "--rootfs", f"{root}:idmap", *show) == "0:0"
        shifted = f"{root}:idmap=uids=0-1001-10000;gids=0-1002-10000"
        assert pypod.out("run", "--rm", *NONET, *maps, "--rootfs", shifted, *show) == "1:2"
        relative = f"{root}:idmap=uids=@0-3-1;gids=@0-4-1"
        assert pypod.out("run", "--rm", *NONET, *maps, "--rootfs", relative, *show) == "3:4"
        assert str(root) not in Path("/proc/self/mountinfo").read_text()

    def test_images_with_lost_items(self, pypod: Tool, tmp_path: Path) -> None:
        image = pypod.out("images", "-q", "--no-trunc").removeprefix("sha256:")
        folder = tmp_path / "root" / "overlay-images" / image
        (folder / "manifest").unlink()
        said = pypod("images", status=125).stderr
        assert f'locating item named "manifest" for image with ID "{image}" (consider removing' in said
        assert "Failed to determine if an image is a parent" in pypod("rmi", "-f", image).stderr
        assert pypod.out("images", "-aq") == ""


def test_copy_up_into_a_volume_that_is_mapped_again(pypod: Tool) -> None:
    """What the image has keeps its owners as the container sees them, on disk, so that other maps show the same."""
    pypod("volume", "create", "mapped")
    make = "mkdir -p /data/sub && touch /data/sub/file && chown 7:8 /data/sub/file"
    pypod("run", "--name", "made", *NONET, IMAGE, "sh", "-c", make)
    image = pypod.out("commit", "-q", "made")
    point = pypod.out("volume", "inspect", "--format", "{{.Mountpoint}}", "mapped")
    pypod(
        "create",
        "--name",
        "user",
        *NONET,
        "--uidmap",
        "0:1000:5000",
        "-v",
        "mapped:/data:idmap",
        image,
        "true",
    )
    pypod(
        "init", "user", status=None
    )  # the runtime of this host may not know id-mapped mounts: the copy is made before
    for path, owner in ((f"{point}", (0, 0)), (f"{point}/sub", (0, 0)), (f"{point}/sub/file", (7, 8))):
        info = os.stat(path)
        assert (info.st_uid, info.st_gid) == owner, path


def test_a_pod_of_root_that_keeps_its_id(pypod: Tool) -> None:
    """keep-id means nothing to root: the pod has no user namespace that its containers could join."""
    pypod("pod", "create", "--name", "kept", "--userns", "keep-id")
    assert pypod.out("run", "--rm", "--pod", "kept", IMAGE, "id", "-u") == "0"


class TestHealth(HealthOnRequest):
    """With our own monitor."""
