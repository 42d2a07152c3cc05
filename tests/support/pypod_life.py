"""The life of containers under pypod, as tests that hold for root and for an ordinary user alike.

A test module derives a class from `Life` and gives the fixture `pypod`: the program with a store of its own that has
the image localhost/box.
"""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import select
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from support.programs import Tool, ours
from support.rootfs import busybox_tar

IMAGE = "localhost/box"
NONET = ("--network", "none")
#: Long enough for a loaded machine; nothing here waits for it to pass.
PATIENCE = 60


@contextlib.contextmanager
def store_of_its_own(folder: Path, *options: str) -> Iterator[Tool]:
    """Root's pypod with a store below `folder` that has the image; everything is gone and unmounted afterwards."""
    places = ("--root", f"{folder}/root", "--runroot", f"{folder}/run", "--tmpdir", f"{folder}/volatile")
    tool = ours("pypod", *places, *options)
    archive = folder / "box.tar"
    archive.write_bytes(busybox_tar())
    tool("import", "-c", 'CMD ["sh"]', str(archive), IMAGE)
    yield tool
    tool("rm", "-a", "-f", "-t", "0", "--depend", status=None)
    left = mounts_below(folder)
    for target in reversed(left):
        subprocess.run(["umount", "--lazy", target], check=True)
    # The driver's home is bound on itself, as with podman; a container's root must not stay.
    assert [path for path in left if "merged" in path or "shm" in path] == []


def mounts_below(folder: Path) -> list[str]:
    """Mount points below a folder, in the order of their mounting."""
    targets = [line.split(" ")[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return [target for target in targets if target.startswith(f"{folder}/")]


def until(what: Callable[[], bool], why: str) -> None:
    """Wait for a condition."""
    end = time.monotonic() + PATIENCE
    while not what():
        if time.monotonic() > end:
            raise AssertionError(f"waited in vain: {why}")
        time.sleep(0.02)


@contextlib.contextmanager
def changing(path: str) -> Iterator[sqlite3.Connection]:
    """A database to change behind the program's back: one transaction, and closed after it."""
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        yield database


def names(pypod: Tool, *options: str) -> list[str]:
    """Names that ps prints."""
    return pypod.out("ps", *options, "--format", "{{.Names}}").split()


def status_of(pypod: Tool, name: str) -> str:
    """State.Status of a container."""
    return pypod.out("inspect", "--format", "{{.State.Status}}", name)


def started(pypod: Tool, *args: str) -> subprocess.Popen[bytes]:
    """pypod in the background."""
    return subprocess.Popen(
        [*pypod.argv, *args],
        env=pypod.env,
        cwd=pypod.cwd,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


@contextlib.contextmanager
def terminal(pypod: Tool, *args: str) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """pypod on a terminal of its own of 33 rows and 77 columns: (master, process)."""
    import fcntl
    import struct
    import termios

    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 77, 0, 0))
    process = subprocess.Popen(
        [*pypod.argv, *args], env=pypod.env, cwd=pypod.cwd, stdin=slave, stdout=slave, stderr=slave
    )
    os.close(slave)
    try:
        yield master, process
    finally:
        process.kill()
        process.wait()
        os.close(master)


def read_until(master: int, wanted: bytes) -> bytes:
    """Output of a terminal up to and with `wanted`."""
    seen = b""
    end = time.monotonic() + PATIENCE
    while wanted not in seen:
        if not select.select([master], [], [], max(end - time.monotonic(), 0))[0]:
            raise AssertionError(f"{wanted!r} did not come: {seen!r}")
        try:
            data = os.read(master, 4096)
        except OSError:
            data = b""
        if not data:
            raise AssertionError(f"the terminal ended without {wanted!r}: {seen!r}")
        seen += data
    return seen


class Life:
    """Tests; see the module."""

    def test_exit_statuses(self, pypod: Tool) -> None:
        assert pypod.out("run", "--rm", *NONET, IMAGE, "echo", "hi") == "hi"
        pypod("run", "--rm", *NONET, IMAGE, "sh", "-c", "exit 7", status=7)
        found = pypod("run", "--rm", *NONET, IMAGE, "/nosuch", status=127)
        assert "OCI runtime attempted to invoke a command that was not found" in found.stderr
        refused = pypod("run", "--rm", *NONET, IMAGE, "/etc", status=126).stderr
        # runc before and since 1.1.6
        assert "OCI permission denied" in refused or "is a directory" in refused
        pypod("run", "--rm", *NONET, IMAGE, "sh", "-c", "sh -c 'kill -9 $$'; exit $?", status=137)
        pypod("run", "--rm", *NONET, "-w", "/nosuch", IMAGE, "true", status=126)
        assert names(pypod, "-a") == []

    def test_streams_and_input(self, pypod: Tool) -> None:
        done = pypod("run", "--rm", "-i", *NONET, IMAGE, "sh", "-c", "cat; echo err >&2", stdin="in\n")
        assert (done.stdout, done.stderr) == ("in\n", "err\n")
        assert pypod.out("run", "--rm", *NONET, IMAGE, "cat", stdin="not read") == ""
        only = pypod("run", "--rm", "-a", "stderr", *NONET, IMAGE, "sh", "-c", "echo out; echo err >&2")
        assert (only.stdout, only.stderr) == ("", "err\n")

    def test_detached_container(self, pypod: Tool) -> None:
        script = "trap 'echo bye; exit 3' TERM; echo up; while :; do sleep 0.05; done"
        identifier = pypod.out("run", "-d", "--name", "web", *NONET, IMAGE, "sh", "-c", script)
        assert re.fullmatch("[0-9a-f]{64}", identifier)
        until(lambda: pypod.out("logs", "web") == "up", "its first line")
        assert names(pypod) == ["web"]
        pypod("exec", "web", "sh", "-c", "exit 4", status=4)
        assert pypod.out("exec", "-e", "A=b", "-w", "/tmp", "web", "sh", "-c", "echo $A $PWD") == "b /tmp"
        assert pypod.out("exec", "-u", "1000", "web", "id", "-u") == "1000"
        assert pypod.out("exec", "-i", "web", "cat", stdin="x") == "x"
        assert "not found" in pypod("exec", "web", "nosuch", status=127).stderr
        assert "cannot be removed without force" in pypod("rm", "web", status=2).stderr
        assert pypod.out("stop", "web") == "web"
        assert pypod.out("wait", "web") == "3"
        assert status_of(pypod, "web") == "exited"
        assert pypod.out("logs", "web") == "up\nbye"
        pypod("start", "web")
        assert names(pypod) == ["web"]
        assert pypod.out("rm", "-f", "-t", "0", "web") == "web"
        assert "no such container" in pypod("rm", "web", status=1).stderr
        assert pypod.out("rm", "-f", "web") == ""

    def test_stop_escalates(self, pypod: Tool) -> None:
        pypod("run", "-d", "--name", "deaf", *NONET, IMAGE, "sleep", "1000")
        done = pypod("stop", "-t", "1", "deaf")
        assert "resorting to SIGKILL" in done.stderr
        assert (
            pypod.out("inspect", "--format", "{{.State.ExitCode}} {{.State.Status}}", "deaf") == "137 exited"
        )
        pypod("start", "deaf")
        pypod("kill", "deaf")
        assert pypod.out("wait", "deaf") == "137"

    def test_killed_pypod_leaves_the_container(self, pypod: Tool) -> None:
        for remove in ([], ["--rm"]):
            process = started(pypod, "run", *remove, "--name", "orphan", *NONET, IMAGE, "sleep", "1000")
            until(lambda: names(pypod) == ["orphan"], "it runs")
            process.kill()
            process.communicate()
            assert names(pypod) == ["orphan"]
            pypod("exec", "orphan", "true")
            pypod("kill", "-s", "KILL", "orphan")
            if remove:
                until(lambda: names(pypod, "-a") == [], "conmon has it removed")
            else:
                until(lambda: status_of(pypod, "orphan") == "exited", "conmon has it cleaned up")
                assert pypod.out("wait", "orphan") == "137"
                pypod("rm", "orphan")

    def test_restart_policy(self, pypod: Tool) -> None:
        script = "echo x; exit 1"
        pypod("run", "-d", "--name", "again", "--restart", "on-failure:2", *NONET, IMAGE, "sh", "-c", script)
        until(lambda: pypod.out("logs", "again") == "x\nx\nx", "two restarts")
        until(lambda: status_of(pypod, "again") == "exited", "its end")
        assert pypod.out("inspect", "--format", "{{.RestartCount}}", "again") == "2"
        pypod("run", "-d", "--name", "ever", "--restart", "always", *NONET, IMAGE, "sleep", "1000")
        pypod("stop", "-t", "0", "ever")
        assert status_of(pypod, "ever") == "exited"
        pypod("run", "--rm", "--restart", "always", *NONET, IMAGE, "true", status=125)

    def test_signals_are_passed_on(self, pypod: Tool) -> None:
        script = "trap 'echo got; exit 9' USR1; echo ready; while :; do sleep 0.05; done"
        process = started(pypod, "run", "--rm", *NONET, IMAGE, "sh", "-c", script)
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        child = _own(process.pid)
        os.kill(child, signal.SIGUSR1)
        out, _ = process.communicate(timeout=PATIENCE)
        assert (out, process.returncode) == (b"got\n", 9)

    def test_terminal_detach_and_attach(self, pypod: Tool) -> None:
        with terminal(pypod, "run", "-it", "--name", "tty", *NONET, IMAGE, "sh") as (master, process):
            os.write(master, b"stty size; tty\n")
            assert b"33 77" in read_until(master, b"/dev/pts/0")
            os.write(master, b"\x10\x11")
            assert process.wait(PATIENCE) == 0
        assert names(pypod) == ["tty"]
        with terminal(pypod, "attach", "tty") as (master, process):
            os.write(master, b"\necho again; exit 6\n")
            read_until(master, b"again\r\n")
            assert process.wait(PATIENCE) == 6
        assert pypod.out("wait", "tty") == "6"

    def test_terminal_has_its_size_from_the_first_instruction(self, pypod: Tool) -> None:
        """Without -i too: the container asks once, and nobody could send the size later."""
        with terminal(pypod, "run", "--rm", "-t", *NONET, IMAGE, "stty", "size") as (master, process):
            read_until(master, b"33 77")
            assert process.wait(PATIENCE) == 0
        pypod("run", "-d", "--name", "sized", *NONET, IMAGE, "sleep", "100")
        with terminal(pypod, "exec", "-t", "sized", "stty", "size") as (master, process):
            read_until(master, b"33 77")
            assert process.wait(PATIENCE) == 0
        pypod("rm", "-f", "-t", "0", "sized")

    def test_exec_on_a_terminal(self, pypod: Tool) -> None:
        pypod("run", "-d", "--name", "host", *NONET, IMAGE, "sleep", "1000")
        with terminal(pypod, "exec", "-it", "host", "sh") as (master, process):
            os.write(master, b"tty; exit 8\n")
            read_until(master, b"/dev/pts/")
            assert process.wait(PATIENCE) == 8
        session = pypod.out("exec", "-d", "host", "sh", "-c", "echo done > /tmp/mark")
        assert re.fullmatch("[0-9a-f]{64}", session)
        until(
            lambda: pypod("exec", "host", "cat", "/tmp/mark", status=None).stdout == "done\n", "the session"
        )
        until(
            lambda: pypod.out("inspect", "--format", "{{.ExecIDs}}", "host") == "[]",
            "the session is forgotten",
        )

    def test_names(self, pypod: Tool) -> None:
        first = pypod.out("create", "--name", "one", *NONET, IMAGE, "true")
        taken = pypod("create", "--name", "one", *NONET, IMAGE, "true", status=125).stderr
        assert f'the container name "one" is already in use by {first}' in taken
        second = pypod.out("create", "--name", "one", "--replace", *NONET, IMAGE, "true")
        assert second != first
        pypod("rename", "one", "two")
        assert names(pypod, "-a") == ["two"]
        pypod("create", "--name", "a b", *NONET, IMAGE, "true", status=125)
        assert re.fullmatch(
            "[a-z]+_[a-z]+", pypod.out("inspect", "--format", "{{.Name}}", pypod.out("create", IMAGE))
        )

    def test_process_settings(self, pypod: Tool, tmp_path: Path) -> None:
        (tmp_path / "env").write_text("FROM_FILE=1\n")
        (tmp_path / "env").chmod(0o644)
        script = "echo $A $FROM_FILE $(hostname) $(id -u):$(id -g) $PWD $(umask); cat /proc/self/status"
        text = pypod.out(
            "run", "--rm", *NONET, "-e", "A=x", "--env-file", str(tmp_path / "env"), "--hostname", "named",
            "-u", "user", "-w", "/tmp", "--umask", "0077", "--security-opt", "no-new-privileges",
            IMAGE, "sh", "-c", script,
        )  # fmt: skip
        assert text.startswith("x 1 named 1000:1000 /tmp 0077\n")
        assert "NoNewPrivs:\t1" in text
        assert "CapEff:\t0000000000000000" in text
        caps = pypod.out("run", "--rm", *NONET, IMAGE, "grep", "CapEff", "/proc/self/status").split()[1]
        assert int(caps, 16) == 0x800405FB  # podman's eleven
        dropped = pypod.out(
            "run",
            "--rm",
            *NONET,
            "--cap-drop",
            "all",
            "--cap-add",
            "chown",
            IMAGE,
            "grep",
            "CapEff",
            "/proc/self/status",
        )
        assert int(dropped.split()[1], 16) == 1
        assert pypod.out("run", "--rm", *NONET, "--entrypoint", '["echo", "a b"]', IMAGE, "c") == "a b c"
        assert pypod.out("run", "--rm", *NONET, "--tz", "UTC", "--read-only", IMAGE, "touch", "/tmp/x") == ""
        pypod("run", "--rm", *NONET, "--read-only", IMAGE, "touch", "/x", status=1)

    def test_mounts(self, pypod: Tool, tmp_path: Path) -> None:
        shared = tmp_path / "shared"
        shared.mkdir()
        (shared / "f").write_text("host\n")
        shared.chmod(0o777)
        (shared / "f").chmod(0o644)
        assert pypod.out("run", "--rm", *NONET, "-v", f"{shared}:/m:ro", IMAGE, "cat", "/m/f") == "host"
        pypod("run", "--rm", *NONET, "-v", f"{shared}:/m:ro", IMAGE, "touch", "/m/g", status=1)
        pypod("run", "--rm", *NONET, "--mount", f"type=bind,src={shared},dst=/m", IMAGE, "touch", "/m/g")
        assert (shared / "g").exists()
        pypod("run", "--rm", *NONET, "-v", f"{shared}:/m:O", IMAGE, "sh", "-c", "rm /m/f; touch /m/h")
        assert sorted(path.name for path in shared.iterdir()) == ["f", "g"]
        text = pypod.out("run", "--rm", *NONET, "--tmpfs", "/t:size=1m,mode=700", IMAGE, "mount")
        assert re.search(r"tmpfs on /t type tmpfs \(rw,nosuid,nodev,relatime,size=1024k,mode=700[,)]", text)
        missing = pypod("run", "--rm", *NONET, "-v", f"{tmp_path}/none:/m", IMAGE, "true", status=125)
        assert "no such file or directory" in missing.stderr
        twice = pypod("run", "--rm", *NONET, "--tmpfs", "/m", "-v", f"{shared}:/m", IMAGE, "true", status=125)
        assert "/m: duplicate mount destination" in twice.stderr

    def test_volumes(self, pypod: Tool) -> None:
        pypod("run", "--rm", *NONET, "-v", "data:/etc", IMAGE, "sh", "-c", "echo more >> /etc/passwd")
        assert "user:x:1000" in pypod.out("run", "--rm", *NONET, "-v", "data:/d", IMAGE, "cat", "/d/passwd")
        assert pypod.out("volume", "ls", "-q") == "data"
        pypod("create", "--name", "user", *NONET, "-v", "data:/d", "-v", "/anonymous", IMAGE)
        assert len(pypod.out("volume", "ls", "-q").split()) == 2
        assert "is being used" in pypod("volume", "rm", "data", status=2).stderr
        pypod("create", "--name", "borrower", *NONET, "--volumes-from", "user:ro", IMAGE)
        assert "/anonymous" in pypod.out(
            "inspect", "--format", "{{range .Mounts}}{{.Destination}} {{end}}", "borrower"
        )
        pypod("rm", "borrower")
        pypod("rm", "-v", "user")
        assert pypod.out("volume", "ls", "-q") == "data"
        assert pypod.out("volume", "prune", "-f") == "data"
        pypod("run", "--rm", *NONET, "-v", "/anonymous", IMAGE, "true")
        assert pypod.out("volume", "ls", "-q") == ""

    def test_shared_namespaces(self, pypod: Tool) -> None:
        pypod("run", "-d", "--name", "first", *NONET, "--ipc", "shareable", IMAGE, "sleep", "1000")
        pypod(
            "run", "-d", "--name", "second", "--network", "container:first", "--pid", "container:first",
            IMAGE, "sleep", "1001",
        )  # fmt: skip
        assert "sleep 1000" in pypod.out("exec", "second", "ps")
        links = [pypod.out("exec", name, "readlink", "/proc/self/ns/net") for name in ("first", "second")]
        assert links[0] == links[1]
        assert "dependent containers" in pypod("rm", "-f", "-t", "0", "first", status=125).stderr
        pypod("rm", "-f", "-t", "0", "--depend", "first")
        assert names(pypod, "-a") == []

    def test_files(self, pypod: Tool, tmp_path: Path) -> None:
        cid, pid, monitor = (tmp_path / name for name in ("cid", "pid", "conmon"))
        tmp_path.chmod(0o777)
        for folder in tmp_path.parents:
            if folder.stat().st_uid == os.geteuid() and len(folder.parts) > 2:
                folder.chmod(folder.stat().st_mode | 0o055)
        identifier = pypod.out(
            "run", "-d", "--cidfile", str(cid), "--pidfile", str(pid), "--conmon-pidfile", str(monitor),
            *NONET, IMAGE, "sleep", "1000",
        )  # fmt: skip
        assert cid.read_text() == identifier
        assert os.path.isdir(f"/proc/{int(pid.read_text())}")
        assert "conmon" in Path(f"/proc/{int(monitor.read_text())}/cmdline").read_text()
        later = pypod.out("create", "--cidfile", str(cid), *NONET, IMAGE, "true")
        assert cid.read_text() == later
        pypod("rm", "-f", "-t", "0", identifier)
        assert cid.read_text() == later
        pypod("rm", "--cidfile", str(cid))
        assert not cid.exists()

    def test_copy_and_images(self, pypod: Tool, tmp_path: Path) -> None:
        pypod("create", "--name", "c", *NONET, IMAGE, "cat", "/new/f")
        source = tmp_path / "new"
        source.mkdir()
        (source / "f").write_text("content\n")
        for path in (source, source / "f"):
            path.chmod(0o755)
        pypod("cp", str(source), "c:/")
        assert "A /new/f" in pypod.out("diff", "c")
        assert pypod.out("start", "-a", "c") == "content"
        streamed = subprocess.run(
            [*pypod.argv, "cp", "c:/new", "-"], env=pypod.env, cwd=pypod.cwd, capture_output=True, check=True
        ).stdout
        assert b"new/f" in streamed
        image = pypod.out("commit", "-q", "-c", 'CMD ["cat", "/new/f"]', "c", "snapshot")
        assert pypod.out("run", "--rm", *NONET, "snapshot") == "content"
        assert pypod.out("images", "-q", "--no-trunc", "snapshot") == f"sha256:{image}"
        in_use = pypod("rmi", IMAGE, status=2).stderr
        assert "image is in use by a container" in in_use
        pypod("tag", "snapshot", "other")
        assert pypod.out("rmi", "other") == "Untagged: localhost/other:latest"
        pypod("rmi", "snapshot")
        assert "image not known" in pypod("rmi", "snapshot", status=1).stderr

    def test_secrets(self, pypod: Tool) -> None:
        pypod("secret", "create", "word", "-", stdin="hush")
        script = 'cat /run/secrets/word; echo " $V"; stat -c %a /run/secrets/word'
        text = pypod.out(
            "run",
            "--rm",
            *NONET,
            "--secret",
            "word",
            "--secret",
            "word,type=env,target=V",
            IMAGE,
            "sh",
            "-c",
            script,
        )
        assert text == "hush hush\n444"
        assert "hush" not in json.dumps(json.loads(pypod.out("secret", "inspect", "word")))
        pypod("secret", "rm", "word")
        assert "no such secret" in pypod("create", "--secret", "word", IMAGE, status=125).stderr

    def test_the_first_health_check_comes_at_once(self, pypod: Tool) -> None:
        """As with podman's timers: who waits for a container to be healthy does not wait for the interval. What fails in
        the start period does not count."""
        hours = ("--health-interval", "2h", "--health-start-period", "1h", "--health-retries", "1")
        pypod("run", "-d", "--name", "well", *NONET, *hours, "--health-cmd", "true", IMAGE, "sleep", "1000")
        pypod("wait", "--condition", "healthy", "well")
        startup = ("--health-startup-cmd", "true", "--health-startup-interval", "2h")
        up = ("run", "-d", "--name", "up", *NONET, *hours, *startup, "--health-cmd", "true", IMAGE)
        pypod(*up, "sleep", "1000")
        pypod("wait", "--condition", "healthy", "up")
        ill = ("run", "-d", "--name", "ill", *NONET, *hours, "--health-cmd", "false", IMAGE)
        pypod(*ill, "sleep", "1000")
        health = (
            "{{range .State.Health.Log}}x{{end}} {{.State.Health.Status}} {{.State.Health.FailingStreak}}"
        )
        state = ("inspect", "--format", health, "ill")
        until(lambda: pypod.out(*state) == "x starting 0", "the first failure")
        pypod("update", "--health-interval", "3h", "ill")
        until(lambda: pypod.out(*state) == "xx starting 0", "another with the new interval")
        pypod("restart", "-t", "0", "well")
        pypod("wait", "--condition", "healthy", "well")

    def test_health(self, pypod: Tool) -> None:
        pypod(
            "run", "-d", "--name", "h", *NONET, "--health-cmd", "test -f /ok", "--health-interval", "1s",
            "--health-retries", "1", IMAGE, "sleep", "1000",
        )  # fmt: skip
        until(lambda: "(unhealthy)" in pypod.out("ps"), "the first failure")
        pypod("healthcheck", "run", "h", status=1)
        pypod("exec", "h", "touch", "/ok")
        pypod("healthcheck", "run", "h")
        until(
            lambda: pypod.out("inspect", "--format", "{{.State.Health.Status}}", "h") == "healthy", "success"
        )

    def test_ps_and_inspect(self, pypod: Tool) -> None:
        identifier = pypod.out(
            "create", "--name", "p", "--label", "k=v", "-e", "A=b", *NONET, IMAGE, "sh", "-c", "true"
        )
        row = json.loads(pypod.out("ps", "-a", "--format", "json"))[0]
        assert (row["Id"], row["Names"], row["Labels"], row["State"]) == (
            identifier,
            ["p"],
            {"k": "v"},
            "created",
        )
        assert (
            pypod.out("ps", "-a", "--format", '{{.ID}} {{.Command}} {{.Label "k"}}')
            == f"{identifier[:12]} sh -c true v"
        )
        assert (
            pypod.out("ps", "-aq", "--no-trunc", "--filter", "label=k=v", "--filter", "status=created")
            == identifier
        )
        assert names(pypod, "-a", "--filter", "name=^x") == []
        assert "is an invalid filter" in pypod("ps", "--filter", "bogus=1", status=125).stderr
        found = json.loads(pypod.out("inspect", "p"))[0]
        assert found["Config"]["Cmd"] == ["sh", "-c", "true"]
        assert "A=b" in found["Config"]["Env"]
        assert found["Config"]["CreateCommand"][-4:] == [IMAGE, "sh", "-c", "true"]
        assert found["HostConfig"]["NetworkMode"] == "none"
        missing = pypod("inspect", "nothing", status=125)
        assert 'no such object: "nothing"' in missing.stderr
        assert missing.stdout.strip() == "[]"

    def test_after_a_reboot(self, pypod: Tool) -> None:
        pypod("run", "-d", "--name", "r", *NONET, IMAGE, "sleep", "1000")
        graph = pypod.out("info", "--format", "{{.Store.GraphRoot}}")
        pid = int(pypod.out("inspect", "--format", "{{.State.Pid}}", "r"))
        with changing(f"{graph}/pypod/state.sqlite") as database:
            database.execute("UPDATE containers SET boot_id = 'another', pid_start = 1")
        assert status_of(pypod, "r") == "exited"
        # The process of this boot was never meant.
        os.kill(pid, 0) if os.geteuid() == 0 else os.stat(f"/proc/{pid}")
        subprocess.run(["kill", "-9", str(pid)], check=os.geteuid() == 0)

    def test_a_reused_pid_is_not_the_container(self, pypod: Tool) -> None:
        pypod("run", "-d", "--name", "r", *NONET, IMAGE, "sleep", "1000")
        graph = pypod.out("info", "--format", "{{.Store.GraphRoot}}")
        pypod("kill", "r")
        with changing(f"{graph}/pypod/state.sqlite") as database:
            database.execute(
                "UPDATE containers SET status = 'running', pid = ?, pid_start = 1", (os.getpid(),)
            )
        until(lambda: status_of(pypod, "r") in ("exited", "stopped"), "it is seen to have ended")

    def test_many_at_once(self, pypod: Tool) -> None:
        runs = [started(pypod, "run", "--rm", *NONET, IMAGE, "echo", str(number)) for number in range(12)]
        answers = [process.communicate(timeout=120) for process in runs]
        assert [(out, process.returncode) for (out, _), process in zip(answers, runs, strict=True)] == [
            (f"{number}\n".encode(), 0) for number in range(12)
        ], [err for _, err in answers]
        assert names(pypod, "-a") == []


def _own(pid: int) -> int:
    """pypod itself: behind setpriv, which execs, it is the process that was started."""
    return pid
