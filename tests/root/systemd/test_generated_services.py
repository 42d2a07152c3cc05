"""Generated units end to end: what systemd would run, run here with its specifiers, socket and order."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ocicore.cli.generate_systemd import DEPRECATION
from ocicore.systemd.quoting import split
from ocicore.systemd.unit_file import UnitFile, parse
from support.programs import Tool, ours
from support.rootfs import busybox_tar

pytestmark = pytest.mark.root


@pytest.fixture
def pypod(tmp_path: Path) -> Iterator[Tool]:
    store = (
        "--root",
        str(tmp_path / "root"),
        "--runroot",
        str(tmp_path / "run"),
        "--tmpdir",
        str(tmp_path / "tmp"),
    )
    tool = ours("pypod", *store, "--runtime", "runc")
    (tmp_path / "busybox.tar").write_bytes(busybox_tar())
    (tmp_path / "Containerfile").write_text("FROM scratch\nADD busybox.tar /\n")
    tool("build", "-q", "-t", "localhost/small", "-f", str(tmp_path / "Containerfile"), str(tmp_path))
    yield tool
    tool("rm", "--all", "--force", "--time", "0", status=None)


class Manager:
    """As much of systemd as a service of type notify or forking needs."""

    def __init__(self, unit: UnitFile, name: str, folder: Path) -> None:
        self.unit = unit
        self.name = name
        self.folder = folder
        folder.mkdir(exist_ok=True)
        self.notified = b""

    def _expanded(self, text: str) -> str:
        values = {"%%": "%", "%t": str(self.folder), "%n": self.name}
        return re.sub("%.", lambda found: values[found[0]], text)

    def run(self, key: str) -> list[subprocess.CompletedProcess[str]]:
        """Run the commands of a key, one after the other."""
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}
        for line in self.unit.get_all("Service", "Environment"):
            for word in split(line):
                name, _, value = self._expanded(word).partition("=")
                environment[name] = value
        notify = self.folder / "notify.sock"
        notify.unlink(missing_ok=True)
        done = []
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
            listener.bind(str(notify))
            listener.settimeout(20)
            if self.unit.get("Service", "Type") == "notify" and key == "ExecStart":
                environment["NOTIFY_SOCKET"] = str(notify)
            for line in self.unit.get_all("Service", key):
                words = [self._expanded(word).replace("$$", "$") for word in split(line)]
                done.append(
                    subprocess.run(words, env=environment, capture_output=True, text=True, timeout=60)
                )
            while "NOTIFY_SOCKET" in environment and b"READY=1" not in self.notified:
                self.notified += listener.recv(4096) + b"\n"
        return done


def _running(pypod: Tool, name: str) -> bool:
    return pypod.out("inspect", "--format", "{{.State.Running}}", name) == "true"


def test_new_container_as_a_service(pypod: Tool, tmp_path: Path) -> None:
    nasty = ["two words", "it's", "$HOME %n", "new\nline", ""]
    pypod(
        "create",
        "--name",
        "web",
        "--label",
        "note=a b",
        "localhost/small",
        "sh",
        "-c",
        'printf "<%s>" "$@"; sleep 60',
        "x",
        *nasty,
    )
    text = pypod("generate", "systemd", "--new", "--name", "--stop-timeout", "1", "web").stdout
    manager = Manager(parse(text), "container-web.service", tmp_path / "t")
    cid_file = tmp_path / "t" / "container-web.service.ctr-id"
    assert [(step.returncode, step.stderr) for step in manager.run("ExecStart")] == [(0, "")]
    assert b"MAINPID=" in manager.notified
    main = int(manager.notified.partition(b"MAINPID=")[2].split()[0])
    assert Path(f"/proc/{main}/comm").read_text().strip() == "conmon"
    assert _running(pypod, "web")
    (facts,) = json.loads(pypod.out("inspect", "web"))
    assert cid_file.read_text().strip() == facts["Id"]
    assert facts["Config"]["Labels"]["note"] == "a b"
    assert facts["Config"]["Labels"]["PODMAN_SYSTEMD_UNIT"] == "container-web.service"
    assert facts["Config"]["Cmd"][-5:] == nasty
    # A crash of the manager's host: started again, the unit replaces what is left.
    manager.notified = b""
    assert [step.returncode for step in manager.run("ExecStart")] == [0]
    assert _running(pypod, "web")
    for key in ("ExecStop", "ExecStopPost"):  # a shell as process 1 ignores SIGTERM, which is worth a warning
        assert [step.returncode for step in manager.run(key)] == [0]
    assert pypod("container", "exists", "web", status=None).returncode == 1
    assert not cid_file.exists()


def test_existing_container_as_a_service(pypod: Tool, tmp_path: Path) -> None:
    pypod("create", "--name", "db", "localhost/small", "sleep", "60")
    text = pypod("generate", "systemd", "--name", "--stop-timeout", "1", "db").stdout
    unit = parse(text)
    manager = Manager(unit, "container-db.service", tmp_path / "t")
    assert [(step.returncode, step.stderr) for step in manager.run("ExecStart")] == [(0, "")]
    assert _running(pypod, "db")
    main = int(Path(unit.get("Service", "PIDFile") or "").read_text())
    assert Path(f"/proc/{main}/comm").read_text().strip() == "conmon"
    for key in ("ExecStop", "ExecStopPost"):
        assert [step.returncode for step in manager.run(key)] == [0]
    assert not _running(pypod, "db")


def test_both_programs_say_the_same(pypod: Tool, tmp_path: Path) -> None:
    pypod("create", "--name", "web", "localhost/small", "true")
    options = [word for word in pypod.argv[1:] if word not in ("--runtime", "runc")]
    other = ours("pypod-systemd", *options)
    flags = ("--new", "--name", "--no-header", "--restart-policy", "always")
    # The global options of the container's own command line are repeated by both.
    assert other("generate", *flags, "web").stdout == pypod("generate", "systemd", *flags, "web").stdout


def test_files_and_json(pypod: Tool, tmp_path: Path) -> None:
    pypod("create", "--name", "web", "localhost/small", "true")
    folder = tmp_path / "units"
    folder.mkdir()
    inside = Tool(pypod.argv, pypod.env, str(folder))
    assert inside.out("generate", "systemd", "--name", "--files", "web") == f"{folder}/container-web.service"
    path = folder / "container-web.service"
    assert path.stat().st_mode & 0o777 == 0o644
    assert inside.out("generate", "systemd", "--name", "--files", "--template", "web").endswith(
        "/container-web.service"
    )
    assert path.read_text().startswith("# container-web@.service\n")
    found = json.loads(inside.out("generate", "systemd", "--name", "--format", "json", "web"))
    assert list(found) == ["container-web"] and found["container-web"].startswith("# container-web.service\n")
    assert sorted(os.listdir(folder)) == ["container-web.service"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["nope"],
            'Error: nope does not refer to a container or pod: no container with name or ID "nope" found',
        ),
        (["--restart-policy", "foo", "web"], "Error: foo is not a valid restart policy"),
        (["--format", "yaml", "web"], "Error: unknown --format argument: yaml"),
        ([], "Error: accepts 1 arg(s), received 0"),
    ],
)
def test_bad_input(pypod: Tool, words: list[str], message: str) -> None:
    pypod("create", "--name", "web", "localhost/small", "true")
    done = pypod("generate", "systemd", *words, status=125)
    # The command line is looked at before anything is said.
    assert done.stderr.startswith(DEPRECATION) or not words
    complaint = done.stderr.removeprefix(DEPRECATION)
    assert complaint.startswith(message) and complaint.count("\n") == 1
    assert done.stdout == ""
