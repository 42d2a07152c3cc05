"""container checkpoint and restore, with a runtime that keeps no memory: what is ours of it needs no criu."""

from __future__ import annotations

import json
import os
import tarfile
from pathlib import Path

import pytest

from support.programs import Tool
from support.pypod_life import IMAGE, NONET, names, status_of, until

pytestmark = pytest.mark.root

#: runc, but its checkpoints are empty and its restore starts anew. A file `fail` beside it lets both fail as criu does.
RUNTIME = """#!/usr/bin/python3
import os, subprocess, sys
words = sys.argv[1:]
verb = next((w for w in words if w in ("checkpoint", "restore")), "")
if not verb:
    os.execvp("runc", ["runc", *words])
at = words.index(verb)
first, rest = words[:at], words[at + 1:]
folder = os.path.dirname(os.path.abspath(sys.argv[0]))
with open(folder + "/calls", "a") as file:
    file.write(" ".join([verb, *(w for w in rest[:-1] if w.startswith("--"))]) + "\\n")
images, work = rest[rest.index("--image-path") + 1], rest[rest.index("--work-path") + 1]
if os.path.exists(folder + "/fail"):
    with open(work + ("/dump.log" if verb == "checkpoint" else "/restore.log"), "w") as file:
        file.write("(00.01) fine\\n(00.02) Error (criu/x.c:1): cannot freeze\\n")
    sys.exit("criu failed")
if verb == "checkpoint":
    open(images + "/inventory.img", "w").close()
    with open(work + "/stats-dump", "wb") as file:
        file.write(b"\\0" * 12 + bytes([0x0a, 5, 0x08, 7, 0x10, 0x96, 0x01]))
    if "--leave-running" not in rest and "--pre-dump" not in rest:
        sys.exit(subprocess.call(["runc", *first, "kill", rest[-1], "KILL"]))
    sys.exit(0)
kept, skip = [], False
for word in rest:
    if word in ("--image-path", "--work-path"):
        skip = True
    elif skip:
        skip = False
    elif word not in ("--detach", "--tcp-established", "--tcp-close", "--file-locks"):
        kept.append(word)
subprocess.check_call(["runc", *first, "create", *kept])
os.execvp("runc", ["runc", *first, "start", rest[-1]])
"""


@pytest.fixture
def criu(pypod: Tool, tmp_path: Path) -> Tool:
    """pypod with the runtime, and a criu on its PATH."""
    folder = tmp_path / "criu"
    folder.mkdir()
    for name, text in (("keeper", RUNTIME), ("criu", "#!/bin/sh\n")):
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    env = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}
    return Tool([*pypod.argv, "--runtime", str(folder / "keeper")], env, pypod.cwd)


def _calls(tmp_path: Path) -> list[str]:
    return (tmp_path / "criu/calls").read_text().splitlines()


def test_a_checkpoint_here_and_back(criu: Tool, tmp_path: Path) -> None:
    criu("run", "-d", "--name", "web", *NONET, IMAGE, "sh", "-c", "echo kept > /dev/shm/x; exec sleep 1000")
    until(lambda: criu.out("exec", "web", "sh", "-c", "cat /dev/shm/x || true") != "", "the file")
    assert criu.out("container", "checkpoint", "--tcp-established", "web") == "web"
    shown = ("inspect", "--format", "{{.State.Status}} {{.State.Checkpointed}} {{.State.ExitCode}}", "web")
    assert criu.out(*shown) == "exited true 137"
    state = json.loads(criu.out("inspect", "web"))[0]["State"]
    assert not state["CheckpointedAt"].startswith("0001") and state["RestoredAt"].startswith("0001")
    assert os.path.exists(f"{_static(criu)}/checkpoint/inventory.img")
    assert not os.path.exists(f"{_static(criu)}/dump.log")
    # The restored process is a new one here: what is in /dev/shm is from the checkpoint all the same.
    assert criu.out("container", "restore", "--keep", "web") == "web"
    assert status_of(criu, "web") == "running"
    assert criu.out("exec", "web", "cat", "/dev/shm/x") == "kept"
    assert criu.out("inspect", "--format", "{{.State.Restored}}", "web") == "true"
    assert os.path.exists(f"{_static(criu)}/checkpoint/inventory.img")
    figures = json.loads(criu.out("container", "checkpoint", "--all", "--print-stats", "--keep"))
    assert figures["podman_checkpoint_duration"] > 0
    assert figures["container_statistics"][0]["criu_statistics"] == {"freezing_time": 7, "frozen_time": 150}
    assert os.path.exists(f"{_static(criu)}/stats-dump")
    criu("container", "restore", "--all", "--file-locks", "--tcp-close")
    assert not os.path.exists(f"{_static(criu)}/checkpoint")
    calls = [line.replace(" --image-path --work-path", "") for line in _calls(tmp_path)]
    assert calls[0] == "checkpoint --tcp-established" and calls[2] == "checkpoint"
    assert calls[3].endswith("--tcp-close --file-locks")


def _static(pypod: Tool, name: str = "web") -> str:
    return os.path.dirname(pypod.out("inspect", "--format", "{{.OCIConfigPath}}", name))


def test_a_checkpoint_leaves_a_container_running(criu: Tool) -> None:
    criu("run", "-d", "--name", "web", *NONET, IMAGE, "sleep", "1000")
    criu("container", "checkpoint", "--pre-checkpoint", "web")
    assert os.path.exists(f"{_static(criu)}/pre-checkpoint/inventory.img")
    criu("container", "checkpoint", "--leave-running", "--with-previous", "web")
    assert status_of(criu, "web") == "running"
    missing = criu("container", "restore", "web", status=125).stderr
    assert "is running or paused, cannot restore" in missing
    criu("rm", "-f", "-t", "0", "web")


def test_an_archive_makes_a_container_elsewhere(criu: Tool, tmp_path: Path) -> None:
    path = str(tmp_path / "web.tar")
    script = "touch /dev/shm/ran; echo new > /made; rm /etc/passwd; echo data > /data/x; echo said; exec sleep 1000"
    criu("run", "-d", "--rm", "--name", "web", *NONET, "-e", "A=1", "-l", "x=y", "-v", "data:/data", IMAGE, "sh",
         "-c", f"[ -e /dev/shm/ran ] && exec sleep 1000; {script}")  # fmt: skip
    until(lambda: "said" in criu.out("logs", "web"), "what it says")
    export = ("container", "checkpoint", "--export", path)
    for words, start in (((), b"\x28\xb5\x2f\xfd"), (("--compress", "gzip"), b"\x1f\x8b")):
        criu(*export, "--leave-running", *words, "web")
        assert Path(path).read_bytes().startswith(start)
    criu(*export, "--compress", "none", "web")
    assert names(criu, "-a") == []
    with tarfile.open(path) as archive:
        found = set(archive.getnames())
    assert {"config.dump", "spec.dump", "network.status", "checkpoint", "checkpoint/inventory.img", "ctr.log",
            "rootfs-diff.tar", "deleted.files", "devshm-checkpoint.tar", "stats-dump",
            "volumes/data.tar"} <= found  # fmt: skip
    taken = criu("container", "restore", "--import", path, status=125).stderr
    assert "volume with name data already exists" in taken
    assert names(criu, "-a") == []
    criu("volume", "rm", "data")
    first = criu.out("container", "restore", "--import", path)
    assert criu.out("inspect", "--format", "{{.Id}} {{.State.Status}}", "web") == f"{first} running"
    run = ("exec", "web", "sh", "-c", "cat /made /data/x; ls /etc/passwd 2>/dev/null; echo $A")
    assert criu.out(*run).split() == ["new", "data", "1"]
    assert "said" in criu.out("logs", "web")
    criu("container", "restore", "--import", path, "--ignore-volumes", "--ignore-rootfs", "--name", "web2")
    assert sorted(names(criu)) == ["web", "web2"]
    assert criu.out("inspect", "--format", '{{index .Config.Labels "x"}}', "web2") == "y"
    criu("exec", "web2", "ls", "/etc/passwd")
    criu("rm", "-f", "-t", "0", "-a")


def test_addresses_that_another_may_have_by_now(criu: Tool, tmp_path: Path) -> None:
    criu = criu.with_options("--network-config-dir", f"{tmp_path}/networks")
    name = f"criu-{os.getpid()}"
    criu("network", "create", "--subnet", "10.76.0.0/24", name)
    fixed = ("10.76.0.50", "02:00:00:00:76:50")
    criu(
        "run",
        "-d",
        "--name",
        "web",
        "--network",
        name,
        "--ip",
        fixed[0],
        "--mac-address",
        fixed[1],
        IMAGE,
        "sleep",
        "1000",
    )

    def addresses() -> tuple[str, ...]:
        template = "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{.MacAddress}}{{end}}"
        return tuple(criu.out("inspect", "--format", template, "web").split())

    assert addresses() == fixed
    for words, same in (((), (True, True)), (("--ignore-static-ip", "--ignore-static-mac"), (False, False))):
        criu("container", "checkpoint", "web")
        criu("container", "restore", *words, "web")
        assert tuple(now == then for now, then in zip(addresses(), fixed, strict=True)) == same
    criu("rm", "-f", "-t", "0", "web")
    criu("network", "rm", name)


def test_an_image_of_a_checkpoint(criu: Tool) -> None:
    criu("run", "-d", "--name", "web", *NONET, IMAGE, "sleep", "1000")
    criu("container", "checkpoint", "--create-image", "localhost/saved", "web")
    criu("rm", "web")
    criu("container", "restore", "localhost/saved")
    assert status_of(criu, "web") == "running"
    criu("container", "restore", "--name", "web2", "localhost/saved")
    assert sorted(names(criu)) == ["web", "web2"]
    criu("rm", "-f", "-t", "0", "-a")


def test_failures_leave_everything_as_it_was(criu: Tool, tmp_path: Path) -> None:
    criu("run", "-d", "--name", "web", *NONET, IMAGE, "sleep", "1000")
    fail = tmp_path / "criu/fail"
    fail.touch()
    said = criu("container", "checkpoint", "web", status=125).stderr
    assert "checkpointing container web: (00.02) Error (criu/x.c:1): cannot freeze" in said
    assert status_of(criu, "web") == "running" and not os.path.exists(f"{_static(criu)}/checkpoint")
    fail.unlink()
    path = str(tmp_path / "web.tar.zst")
    criu("container", "checkpoint", "-e", path, "--leave-running", "web")
    criu("container", "checkpoint", "web")
    fail.touch()
    said = criu("container", "restore", "web", status=125).stderr
    assert "restoring container web: (00.02) Error (criu/x.c:1): cannot freeze" in said
    assert status_of(criu, "web") == "exited" and os.path.exists(f"{_static(criu)}/checkpoint/inventory.img")
    # By its full ID, too: only what the restore itself made goes away.
    criu("container", "restore", criu.out("inspect", "--format", "{{.Id}}", "web"), status=125)
    criu("container", "restore", "--import", path, "--name", "other", status=125)
    assert names(criu, "-a") == ["web"]
    fail.unlink()
    criu("container", "restore", "web")
    criu("rm", "-f", "-t", "0", "web")


def test_what_is_refused(criu: Tool, tmp_path: Path) -> None:
    criu("create", "--name", "web", *NONET, "--rm", IMAGE, "sleep", "1000")
    for words, reason in (
        (("checkpoint", "web"), "is not running, cannot checkpoint"),
        (("checkpoint",), "you must provide at least one name or id"),
        (("checkpoint", "--compress", "gzip", "web"), "--compress can only be used with --export"),
        (("checkpoint", "--export", "x", "--compress", "lz4", "web"), 'algorithm ("lz4") not supported'),
        (("checkpoint", "--ignore-rootfs", "web"), "--ignore-rootfs can only be used with --export"),
        (("restore",), "you must provide at least one name or id"),
        (("restore", "--name", "x", "--tcp-established", "web"), "cannot be used with --name"),
        (
            ("restore", "--import-previous", "x", "web"),
            "--import-previous can only be used with image or --import",
        ),
        (("restore", "--name", "x", "web"), "--name can only be used with image or --import"),
        (("restore", "--import", "x", "web"), "cannot use --import with positional arguments"),
        (("restore", "--import", str(tmp_path / "missing")), "no such file or directory"),
        (("restore", "web"), "a complete checkpoint for this container cannot be found"),
        (("restore", "nothing"), 'no container with name or ID "nothing" found'),
    ):
        assert reason in criu("container", *words, status=125).stderr, words
    criu("start", "web")
    said = criu("container", "checkpoint", "web", status=125).stderr
    assert "started with '--rm' unless '--export' is used" in said
    with tarfile.open(tmp_path / "bad.tar", "w") as archive:
        link = tarfile.TarInfo("checkpoint")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc"
        archive.addfile(link)
    said = criu("container", "restore", "--import", str(tmp_path / "bad.tar"), status=125).stderr
    assert "neither a file nor a directory" in said
    criu("rm", "-f", "-t", "0", "web")


def test_without_criu_the_reason_is_said(pypod: Tool, tmp_path: Path) -> None:
    runtime = tmp_path / "crun"
    runtime.write_text('#!/bin/sh\nexec runc "$@"\n')
    runtime.chmod(0o755)
    pypod = pypod.with_options("--runtime", str(runtime))
    pypod("run", "-d", "--name", "web", *NONET, IMAGE, "sleep", "1000")
    said = pypod("container", "checkpoint", "web", status=125).stderr
    assert "configured runtime does not support checkpoint/restore" in said
    pypod("rm", "-f", "-t", "0", "web")
