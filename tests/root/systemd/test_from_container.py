"""`pypod-systemd from-container`: a real container -> its file -> what the generator makes of that -> the same container."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ocicore.systemd.quoting import split
from ocicore.systemd.unit_file import parse
from support.programs import BIN, Tool, ours
from support.rootfs import busybox_tar

pytestmark = pytest.mark.root
GENERATOR = BIN.parent / "libexec/pypod/quadlet"
#: What the service adds by itself, and what no two containers have in common.
OTHERS = {
    "Config": ("CreateCommand", "Hostname", "sdNotifyMode", "Annotations"),
    "HostConfig": (
        "AutoRemove",
        "Cgroups",
        "CgroupParent",
        "ContainerIDFile",
        "Annotations",
        "RestartPolicy",
    ),
}


class Desk:
    """A store, a folder of Quadlet files, and the programs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files = folder / "files"
        self.files.mkdir()
        store = (
            "--root",
            str(folder / "root"),
            "--runroot",
            str(folder / "run"),
            "--tmpdir",
            str(folder / "tmp"),
        )
        self.pypod = ours("pypod", *store, "--runtime", "runc")
        self.systemd = ours("pypod-systemd", *store)
        # The services' engine is a program's path: this one knows the store.
        self.program = folder / "engine"
        self.program.write_text(f'#!/bin/sh\nexec {shlex.join(self.pypod.argv)} "$@"\n')
        self.program.chmod(0o755)

    def inspect(self, name: str) -> dict[str, Any]:
        """What both containers must have in common."""
        found = json.loads(self.pypod.out("inspect", name))[0]
        result = {
            section: {key: value for key, value in found[section].items() if key not in OTHERS[section]}
            for section in OTHERS
        }
        result["HostConfig"]["LogConfig"].pop("Path")
        labels = result["Config"].get("Labels") or {}
        result["Config"]["Labels"] = {
            key: value for key, value in labels.items() if key != "PODMAN_SYSTEMD_UNIT"
        }
        result["Config"]["Env"] = sorted(
            text for text in result["Config"]["Env"] if not text.startswith("HOSTNAME=")
        )
        result.update({key: found[key] for key in ("Args", "Path", "ImageName", "Mounts", "Pod", "Name")})
        return result

    def write(self, name: str, *, notes: str = "") -> Path:
        """The file of a container; `check` finds nothing wrong with it."""
        done = self.systemd("from-container", name)
        assert notes in done.stderr
        if not notes:
            assert done.stderr == ""
        path = self.files / f"{name}.container"
        path.write_text(done.stdout)
        assert "error" not in self.systemd("check", str(path), status=None).stdout
        return path

    def start_words(self, name: str) -> list[str]:
        """The command line of ExecStart=, as systemd would run it."""
        out = self.folder / "services"
        Tool(
            [str(GENERATOR), "-no-kmsg-log", str(out)],
            {"PODMAN": str(self.program), "QUADLET_UNIT_DIRS": str(self.files), "PATH": "/usr/bin:/bin"},
        )()
        unit = parse((out / f"{name}.service").read_text(), name)
        line = unit.get("Service", "ExecStart")
        assert line is not None
        values = {"%%": "%", "%t": str(self.folder), "%N": name, "%n": f"{name}.service"}
        words = [re.sub("%.", lambda found: values[found[0]], word) for word in split(line)]
        return [word.replace("$$", "$") for word in words]

    def make_again(self, name: str) -> None:
        """In place of the one there is."""
        program, *words = self.start_words(name)
        at = words.index("run")
        # Without a unit's group there is nothing to split.
        rest = [word for word in words[at + 1 :] if word not in ("-d", "--cgroups=split")]
        Tool([program])(*words[:at], "create", *rest)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    found = Desk(tmp_path)
    archive = tmp_path / "busybox.tar"
    archive.write_bytes(busybox_tar())
    found.pypod("import", "-c", 'CMD ["sh"]', "-c", "ENV FROM=image", str(archive), "localhost/small")
    yield found
    found.pypod("rm", "-a", "-f", "-t", "0", "--depend", status=None)
    found.pypod("pod", "rm", "-a", "-f", "-t", "0", status=None)


COMPLICATED = [
    "-e", "A=1 'x' $y %z \"q\"", "-e", "EMPTY=", "-e", "GIVEN", "--env", "LINES=a\\nb", "-v", "/tmp:/data:ro", "-v", "data:/vol:nocopy",
    "-l", "a=b c", "--label", "quote=\"x\" 'y' \\ $HOME %i", "-u", "1:2", "-w", "/work dir", "--read-only", "--security-opt",
    "no-new-privileges", "--memory", "64m", "--cpus", "0.5", "-it", "--health-cmd", '["CMD","true","a b"]', "--health-interval",
    "1m", "--health-on-failure", "kill", "--mount", "type=tmpfs,dst=/x,tmpfs-size=1m", "--cap-add", "NET_ADMIN", "--cap-drop",
    "CHOWN", "--ulimit", "nofile=100:100", "--stop-signal", "SIGUSR1", "--stop-timeout", "7", "--tmpfs", "/t:size=1m",
    "--pids-limit", "50", "--shm-size", "32m", "--sysctl", "net.ipv4.ip_forward=1", "--add-host", "h:1.2.3.4",
    "--annotation", "k=v w", "--log-opt", "max-size=1m", "--entrypoint", '["sh","-c"]', "--oom-score-adj", "100", "--group-add", "5",
    "--uts", "private", "--device", "/dev/null:/dev/nul2:rw", "--init=false",
]  # fmt: skip


@pytest.mark.parametrize(
    ("options", "command"),
    [
        ([], []),
        (["--restart", "unless-stopped", "--rm=false"], ["sleep", "100"]),
        (COMPLICATED, ["echo 'a b' \"c\" $HOME %n \\n ; \t x", "", "ä"]),
    ],
    ids=["plain", "restart", "complicated"],
)
def test_the_same_container_again(desk: Desk, options: list[str], command: list[str]) -> None:
    desk.pypod(
        "create",
        "--name",
        "web",
        "--network",
        "none",
        *options,
        "localhost/small",
        *command,
        env={"GIVEN": "by %h"},
    )
    before = desk.inspect("web")
    first = desk.pypod.out("inspect", "--format", "{{.Id}}", "web")
    desk.write("web")
    desk.make_again("web")
    assert desk.pypod.out("inspect", "--format", "{{.Id}}", "web") != first
    assert desk.inspect("web") == before


def test_one_on_a_root_directory(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "rootfs").mkdir()
    desk.pypod("create", "--name", "web", "--network", "none", "--rootfs", str(tmp_path / "rootfs"), "/x")
    before = desk.inspect("web")
    desk.write("web")
    desk.make_again("web")
    assert desk.inspect("web") == before


def test_a_member_of_a_pod(desk: Desk) -> None:
    desk.pypod("pod", "create", "--name", "group", "--network", "none", "--hostname", "both")
    desk.pypod("create", "--name", "web", "--pod", "group", "-e", "A=b", "localhost/small", "sleep", "9")
    before = desk.inspect("web")
    (desk.files / "group.pod").write_text("[Pod]\nPodName=group\nNetwork=none\nHostName=both\n")
    path = desk.write("web", notes="the container was in the pod group")
    assert "Pod=group.pod\n" in path.read_text()
    words = desk.start_words("web")
    # Its service names the pod by the file that the pod's service writes.
    at = words.index("--pod-id-file") if "--pod-id-file" in words else words.index("--pod")
    words[at : at + 2] = ["--pod", "group"]
    start = words.index("run")
    rest = [word for word in words[start + 1 :] if word not in ("-d", "--cgroups=split")]
    Tool([words[0]])("create", *rest)
    assert desk.inspect("web") == before


def test_containers_that_no_command_line_made(desk: Desk) -> None:
    desk.pypod("pod", "create", "--name", "group", "--network", "none")
    infra = desk.pypod.out("ps", "-aq", "--filter", "pod=group")
    desk.systemd("from-container", "none", status=125)
    text = desk.systemd("from-container", infra, status=None)
    assert "Traceback" not in text.stderr
