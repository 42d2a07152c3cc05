"""Quadlet files in a real systemd: against podman's generator, started for each kind, and on the first connection."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import quadlet_files
from support.programs import Tool
from support.rootfs import busybox_tar
from system.test_generate_systemd import as_root, as_tester, eventually

THEIRS = Path("/usr/libexec/podman/quadlet")
OURS = Path("/usr/local/libexec/pypod/quadlet")
SEED = int(os.environ.get("PYPOD_QUADLET_SEED", "1"))
FILES = int(os.environ.get("PYPOD_QUADLET_FILES", "300"))
CONNECTIONS = int(os.environ.get("PYPOD_CONNECTIONS", "200"))


def generator(program: Path, files: Path, out: Path, *flags: str) -> None:
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": "/root",
        "PODMAN": "/usr/bin/true",
        "QUADLET_UNIT_DIRS": str(files),
    }
    out.mkdir(parents=True, exist_ok=True)
    done = Tool([str(program), "-no-kmsg-log", *flags, str(out)], environ)()
    assert done.stderr == ""


@pytest.mark.parametrize("flags", [(), ("-user",)], ids=["system", "user"])
def test_the_same_services_as_podmans_generator(tmp_path: Path, flags: tuple[str, ...]) -> None:
    files = tmp_path / "in"
    quadlet_files.make(files, FILES, SEED)
    generator(THEIRS, files, tmp_path / "theirs", *flags)
    generator(OURS, files, tmp_path / "ours", *flags)
    services = list((tmp_path / "ours").glob("*.service"))
    assert len([path for path in services if not path.is_symlink()]) == FILES
    assert quadlet_files.differences(tmp_path / "theirs", tmp_path / "ours") == []


def test_systemd_accepts_every_service(tmp_path: Path) -> None:
    files = tmp_path / "in"
    quadlet_files.make(files, FILES, SEED + 1)
    out = tmp_path / "out"
    generator(OURS, files, out)
    # A template is loaded as an instance; /usr/bin/true is the engine that must be there.
    for path in list(out.glob("*@.service")):
        if not path.is_symlink():
            path.with_name(path.name.replace("@.", "@one.")).write_text(path.read_text())
    names = [str(path) for path in out.glob("*.service") if "@." not in path.name and not path.is_symlink()]
    done = Tool(["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", *names], dict(os.environ))(
        status=None
    )
    ours = [
        line
        for line in done.stderr.splitlines()
        if str(out) in line or line.split(":")[0].endswith(".service")
    ]
    # What the random values of [Service] and others' units say of themselves is not ours.
    assert [
        line for line in ours if "bad-setting" in line or "Failed to parse" in line or "Unknown" in line
    ] == []


@pytest.fixture(params=["root", "user"])
def place(request: pytest.FixtureRequest) -> Iterator[tuple[Tool, Tool, Path]]:
    """(pypod, systemctl, folder for Quadlet files), podman's generator masked; everything is stopped afterwards."""
    is_root = request.param == "root"
    become = as_root if is_root else as_tester
    kind = "system" if is_root else "user"
    mask = Path(f"/etc/systemd/{kind}-generators/podman-{kind}-generator")
    mask.parent.mkdir(parents=True, exist_ok=True)
    if not mask.is_symlink():
        mask.symlink_to("/dev/null")
    folder = Path("/etc/containers/systemd" if is_root else "/home/tester/.config/containers/systemd")
    become("mkdir", "-p", str(folder))()
    pypod = become("/usr/local/bin/pypod")
    pybuildah = become("/usr/local/bin/pybuildah")
    systemctl = become("systemctl", *([] if is_root else ["--user"]))
    if pypod("image", "exists", "localhost/small", status=None).returncode != 0:
        archive = Path("/var/tmp/busybox.tar")
        archive.write_bytes(busybox_tar())
        archive.chmod(0o644)
        container = pybuildah.out("from", "scratch")
        pybuildah("add", "-q", container, str(archive), "/")
        pybuildah("commit", "-q", container, "localhost/small")
        pybuildah("rm", container)
    units = [
        "t-web", "t-pod-pod", "t-in-pod", "t-data-volume", "t-net-network", "t-image-image", "t-build-build", "t-kube",
        "t-tem@one", "t-act",
    ]  # fmt: skip
    try:
        yield pypod, systemctl, folder
    finally:
        systemctl("stop", "t-act.socket", *(f"{unit}.service" for unit in units), status=None)
        for path in [*folder.glob("t-*"), *Path("/etc/systemd/system").glob("t-act.*")]:
            path.unlink()
        (Path("/home/tester/.config/systemd/user") / "t-act.socket").unlink(missing_ok=True)
        systemctl("daemon-reload", status=None)
        systemctl("reset-failed", status=None)
        pypod("volume", "rm", "-f", "systemd-t-data", status=None)
        pypod("network", "rm", "-f", "systemd-t-net", status=None)
        mask.unlink()


def write(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.write_text(text)
    os.chown(path, folder.stat().st_uid, folder.stat().st_gid)


def test_what_was_made_outlives_a_boot(place: tuple[Tool, Tool, Path]) -> None:
    """The next boot finds /run empty: a service has put a copy of what the generator left there on the disk."""
    _, systemctl, folder = place
    is_root = folder.is_relative_to("/etc")
    kept = Path("/run/pypod-systemd/quadlet" if is_root else "/run/user/1000/pypod-systemd/quadlet")
    copy = Path(
        "/var/lib/pypod-systemd/quadlet" if is_root else "/home/tester/.local/state/pypod-systemd/quadlet"
    )
    systemctl("stop", "pypod-quadlet-keep.service")
    write(folder, "t-web.container", "[Container]\nImage=localhost/small\n")
    systemctl("daemon-reload")
    service = kept.parents[1] / "systemd/generator/t-web.service"
    made = service.read_text()
    systemctl("start", "pypod-quadlet-keep.service")
    assert copy.read_bytes() == kept.read_bytes()
    kept.unlink()
    systemctl("daemon-reload")
    assert service.read_text() == made
    assert not kept.exists()  # the generator itself, which would have left it there, was not started
    write(folder, "t-web.container", "[Container]\nImage=localhost/small\nHostName=other\n")
    systemctl("daemon-reload")
    assert "--hostname other" in service.read_text()
    systemctl("stop", "pypod-quadlet-keep.service")
    assert copy.read_bytes() == kept.read_bytes()


def test_every_kind_is_started(place: tuple[Tool, Tool, Path]) -> None:
    pypod, systemctl, folder = place
    small = "Image=localhost/small\nPull=never\nNetwork=none\nExec=sleep 1000\n"
    write(folder, "t-data.volume", "[Volume]\nLabel=made=here\n")
    write(folder, "t-net.network", "[Network]\nSubnet=10.99.7.0/24\n")
    write(folder, "t-image.image", "[Image]\nImage=localhost/small\nPodmanArgs=--policy=missing\n")
    write(
        folder,
        "t-build.build",
        "[Build]\nImageTag=localhost/t-built\nSetWorkingDirectory=unit\nFile=t-containerfile\nNetwork=none\n",
    )
    write(folder, "t-containerfile", "FROM localhost/small\nLABEL built=yes\n")
    write(
        folder,
        "t-web.container",
        f"[Container]\n{small}Volume=t-data.volume:/data\n[Install]\nWantedBy=default.target\n",
    )
    write(folder, "t-tem@.container", f"[Container]\n{small}Environment=WHO=%i\n")
    write(folder, "t-pod.pod", "[Pod]\nNetwork=none\n")
    write(
        folder,
        "t-in-pod.container",
        "[Container]\nImage=localhost/small\nPull=never\nExec=sleep 1000\nPod=t-pod.pod\n",
    )
    write(folder, "t-kube.kube", "[Kube]\nYaml=t-kube.yml\nNetwork=none\n")
    write(
        folder,
        "t-kube.yml",
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: t-kube\nspec:\n  containers:\n"
        "  - name: one\n    image: localhost/small\n    imagePullPolicy: Never\n    command: [sleep, '1000']\n",
    )
    systemctl("daemon-reload")
    wants = systemctl.out("show", "--property=Wants", "--value", "default.target")
    assert "t-web.service" in wants
    for unit in (
        "t-data-volume",
        "t-net-network",
        "t-image-image",
        "t-build-build",
        "t-web",
        "t-tem@one",
        "t-pod-pod",
        "t-kube",
    ):
        systemctl("start", f"{unit}.service")
        assert systemctl.out("show", "--property=Result", "--value", f"{unit}.service") == "success"
    assert (
        systemctl.out(
            "is-active",
            "t-web.service",
            "t-tem@one.service",
            "t-pod-pod.service",
            "t-in-pod.service",
            "t-kube.service",
        ).split()
        == ["active"] * 5
    )
    assert pypod.out("volume", "inspect", "--format", "{{.Labels.made}}", "systemd-t-data") == "here"
    (network,) = json.loads(pypod.out("network", "inspect", "systemd-t-net"))
    assert network["subnets"][0]["subnet"] == "10.99.7.0/24"
    assert pypod.out("image", "inspect", "--format", "{{.Labels.built}}", "localhost/t-built") == "yes"
    assert "WHO=one" in pypod.out("inspect", "--format", "{{.Config.Env}}", "systemd-t-tem_one")
    assert "systemd-t-web" in pypod.out("ps", "--format", "{{.Names}}")
    row = pypod.out(
        "quadlet",
        "list",
        "--noheading",
        "--filter",
        "name=t-web",
        "--format",
        "{{.Name}} {{.UnitName}} {{.Status}}",
    )
    assert row == "t-web.container t-web.service active/running"
    # Killed, the service comes to its end, and nothing is left of the container.
    pid = int(pypod.out("inspect", "--format", "{{.State.Pid}}", "systemd-t-web"))
    os.kill(pid, 9)
    eventually(lambda: systemctl("is-active", "t-web.service", status=None).stdout.strip() == "failed")
    assert "systemd-t-web" not in pypod.out("ps", "-a", "--format", "{{.Names}}")
    systemctl("stop", "t-tem@one.service", "t-kube.service", "t-pod-pod.service")
    eventually(lambda: "t-" not in pypod.out("ps", "-a", "--format", "{{.Names}}"))


def test_the_first_connection_starts_the_container(place: tuple[Tool, Tool, Path]) -> None:
    """Each connection is answered, also those made while the container starts; the container has no network but the socket."""
    pypod, systemctl, folder = place
    is_root = folder.parts[1] == "etc"
    runtime = "/run" if is_root else "/run/user/1000"
    units = Path("/etc/systemd/system" if is_root else "/home/tester/.config/systemd/user")
    (as_root if is_root else as_tester)("mkdir", "-p", str(units))()
    write(units, "t-act.socket", f"[Socket]\nListenStream={runtime}/t-act.sock\nBacklog=4096\n")
    write(
        folder,
        "t-act.container",
        "[Unit]\nRequires=t-act.socket\nAfter=t-act.socket\n"
        "[Container]\nImage=localhost/answering\nPull=never\nNetwork=none\n"
        'Exec=/usr/bin/python3 -c \'import socket,os\\nassert os.environ["LISTEN_PID"]=="1" and os.environ["LISTEN_FDS"]=="1"\\n'
        "s=socket.socket(fileno=3)\\nwhile True:\\n c,_=s.accept()\\n c.sendall(c.recv(64))\\n c.close()\\n'\n"
        "Volume=/usr:/usr:ro\nVolume=/lib64:/lib64:ro\nVolume=/lib:/lib:ro\n",
    )
    pypod("tag", "localhost/small", "localhost/answering")
    systemctl("daemon-reload")
    systemctl("start", "t-act.socket")
    assert systemctl("is-active", "t-act.service", status=None).stdout.strip() == "inactive"
    begin = time.monotonic()
    pending = []
    answered = 0
    for number in range(CONNECTIONS):
        one = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        one.settimeout(60)
        one.connect(f"{runtime}/t-act.sock")
        one.sendall(b"%d" % number)
        pending.append((number, one))
    for number, one in pending:
        answered += one.recv(64) == b"%d" % number
        one.close()
    print(f"{answered} of {CONNECTIONS} answered in {time.monotonic() - begin:.1f} s")
    assert answered == CONNECTIONS
    assert systemctl.out("is-active", "t-act.service") == "active"
    pypod("untag", "localhost/answering", status=None)


def test_reloads_without_changes_write_what_was_kept(place: tuple[Tool, Tool, Path]) -> None:
    """The manager's generators may write below /run alone; what ours leaves there serves until a file changes."""
    _, systemctl, folder = place
    is_root = os.access(folder, os.W_OK) and folder.stat().st_uid == 0
    kept = Path("/run/pypod-systemd/quadlet" if is_root else "/run/user/1000/pypod-systemd/quadlet")
    text = "[Container]\nImage=localhost/small\nNetwork=none\nExec=sleep 1000\n[Unit]\nDescription={}\n"
    write(folder, "t-web.container", text.format("one"))
    systemctl("daemon-reload")
    first = kept.stat()
    assert (first.st_uid, first.st_mode & 0o777) == (folder.stat().st_uid, 0o600)
    assert "Description=one" in systemctl.out("cat", "t-web.service")
    systemctl("daemon-reload")
    assert kept.stat().st_ino == first.st_ino
    assert "Description=one" in systemctl.out("cat", "t-web.service")
    write(folder, "t-web.container", text.format("two"))
    systemctl("daemon-reload")
    assert kept.stat().st_ino != first.st_ino
    assert "Description=two" in systemctl.out("cat", "t-web.service")


def test_the_generator_is_as_quick_as_podmans(tmp_path: Path) -> None:
    """Nothing to do: the shell in front answers in no time. (How long files take: `make bench`'s business, not a test's.)"""
    front = Path("/usr/local/lib/systemd/system-generators/pypod-system-generator")
    words = {
        "front": [str(front), str(tmp_path), str(tmp_path), str(tmp_path)],
        "shell": ["/bin/sh", "-c", ":"],
    }
    times: dict[str, list[float]] = {name: [] for name in words}
    for _ in range(30):
        for name, argv in words.items():
            begin = time.monotonic()
            Tool(argv, {"PATH": "/usr/bin:/bin"})()
            times[name].append(time.monotonic() - begin)
    # Beside a shell that does nothing, so that it holds on a busy machine, too. Python would take ten times as long.
    assert sorted(times["front"])[10] < 3 * sorted(times["shell"])[10] + 0.005
    assert list(tmp_path.iterdir()) == []
