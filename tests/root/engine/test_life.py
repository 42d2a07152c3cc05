"""Containers of root."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.programs import Tool, ours
from support.pypod_life import IMAGE, NONET, Life
from support.pypod_scripts import Scripts
from support.rootfs import busybox_tar

pytestmark = pytest.mark.root


@pytest.fixture
def pypod(tmp_path: Path) -> Iterator[Tool]:
    """pypod with a store of its own that has one image."""
    options = (
        "--root",
        f"{tmp_path}/root",
        "--runroot",
        f"{tmp_path}/run",
        "--tmpdir",
        f"{tmp_path}/volatile",
    )
    tool = ours("pypod", *options)
    archive = tmp_path / "box.tar"
    archive.write_bytes(busybox_tar())
    tool("import", "-c", 'CMD ["sh"]', str(archive), IMAGE)
    yield tool
    tool("rm", "-a", "-f", "-t", "0", "--depend", status=None)
    left = [
        line.split(" ")[4]
        for line in Path("/proc/self/mountinfo").read_text().splitlines()
        if line.split(" ")[4].startswith(f"{tmp_path}/")
    ]
    for target in reversed(left):
        subprocess.run(["umount", "--lazy", target], check=True)
    # The driver's home is bound on itself, as with podman; a container's root must not stay.
    assert [path for path in left if "merged" in path or "shm" in path] == []


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
        assert "paused" in pypod("exec", "p", "true", status=125).stderr
        assert pypod.out("ps", "-a", "--format", "{{.Status}}") == "Paused"
        pypod("unpause", "p")
        pypod("exec", "p", "true")


class TestScripts(Scripts):
    """Everything that holds for an ordinary user too."""
