"""Becoming root without being root: the pause process, shared with podman, raced for, replaced when it is gone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.users import OrdinaryUser, ordinary_user

pytestmark = pytest.mark.rootless

SHARED = str(Path(__file__).parents[3] / "shared")
HEAD = f"""
import json, os, sys
sys.path.insert(0, {SHARED!r})
from ocicore.linux import mount, namespaces, userns
warnings = []
def ensure(file):
    return userns.ensure(file, {{user!r}}, os.getuid(), os.getgid(), warnings.append)
file = {{file!r}}
"""


class Lab:
    """Runs Python as the ordinary user with a runtime directory of the test's own."""

    def __init__(self, user: OrdinaryUser, runtime: Path) -> None:
        self.user = user
        self.runtime = runtime
        self.pid_file = runtime / "libpod" / "tmp" / "pause.pid"

    def _command(self, script: str) -> list[str]:
        head = HEAD.format(user=self.user.name, file=str(self.pid_file))
        become = []
        if os.geteuid() != self.user.uid:
            become = [
                "setpriv",
                f"--reuid={self.user.uid}",
                f"--regid={self.user.gid}",
                "--init-groups",
                "--",
            ]
        return [*become, sys.executable, "-c", head + textwrap.dedent(script)]

    def start(self, script: str) -> subprocess.Popen[str]:
        environment = {**self.user.environment(), "XDG_RUNTIME_DIR": str(self.runtime)}
        return subprocess.Popen(
            self._command(script),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
            cwd=self.user.home,
        )

    def run(self, script: str) -> str:
        process = self.start(script)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        return out.strip()

    def podman(self, *argv: str) -> str:
        """The peer on a store of the test's own: the folder of pause.pid is written down in a store's database."""
        environment = {**self.user.environment(), "XDG_RUNTIME_DIR": str(self.runtime)}
        become = []
        if os.geteuid() != self.user.uid:
            become = [
                "setpriv",
                f"--reuid={self.user.uid}",
                f"--regid={self.user.gid}",
                "--init-groups",
                "--",
            ]
        done = subprocess.run(
            [
                *become,
                "podman",
                "--root",
                str(self.runtime / "store"),
                "--runroot",
                str(self.runtime / "run"),
                *argv,
            ],
            capture_output=True,
            text=True,
            env=environment,
            cwd=self.user.home,
            check=True,
        )
        return done.stdout.strip()

    def pause_pid(self) -> int:
        return int(self.pid_file.read_text())

    def end(self) -> None:
        if self.pid_file.exists():
            try:
                os.kill(self.pause_pid(), signal.SIGKILL)
            except (ProcessLookupError, ValueError):
                pass


@pytest.fixture(scope="module")
def user(tmp_path_factory: pytest.TempPathFactory) -> OrdinaryUser:
    return ordinary_user(tmp_path_factory.mktemp("user"))


@pytest.fixture
def lab(user: OrdinaryUser, request: pytest.FixtureRequest) -> Iterator[Lab]:
    runtime = user.runtime_dir / f"userns-{os.getpid()}-{abs(hash(request.node.name)) % 10000}"
    runtime.mkdir(mode=0o700)
    os.chown(runtime, user.uid, user.gid)
    lab = Lab(user, runtime)
    yield lab
    lab.end()
    subprocess.run(["rm", "-rf", str(runtime)], check=True)


def test_first_creates_second_joins(lab: Lab) -> None:
    script = """
        done = ensure(file)
        print(json.dumps([done.created, done.pause_pid, os.getresuid(), os.getresgid(), os.getcwd(), userns.own_maps()]))
    """
    first, second = json.loads(lab.run(script)), json.loads(lab.run(script))
    assert (first[0], second[0]) == (True, False)
    assert first[1:] == second[1:]
    assert first[2:4] == [[0, 0, 0], [0, 0, 0]]
    assert first[4] == str(lab.user.home)
    assert first[5][0][0] == [0, lab.user.uid, 1]
    assert first[5][0][1][2] >= 65536
    assert first[1] == lab.pause_pid()


def test_ended_from_within(lab: Lab) -> None:
    """What `system migrate` does, which has joined the namespaces of the process that it ends."""
    lab.run("ensure(file)")
    pid = lab.pause_pid()
    assert lab.run("ensure(file); userns.end_pause(file); print(os.path.exists(file))") == "False"
    assert not Path(f"/proc/{pid}").exists()
    assert lab.run("print(ensure(file).created)") == "True"
    assert lab.pause_pid() != pid


def test_pause_process_is_small_and_alone(lab: Lab) -> None:
    lab.run("ensure(file)")
    pid = lab.pause_pid()
    os.kill(pid, signal.SIGHUP)
    os.kill(pid, signal.SIGINT)
    status = Path(f"/proc/{pid}/status").read_text()
    facts = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert int(facts["VmRSS"].split()[0]) < 200
    assert facts["Name"] == "podman pause"
    assert facts["NSsid"] != str(os.getsid(0))
    assert {os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")} == {"/dev/null"}
    assert b"_PODMAN_PAUSE=1" in Path(f"/proc/{pid}/environ").read_bytes()
    assert os.readlink(f"/proc/{pid}/cwd") == "/"


def test_many_at_once_share_one(lab: Lab) -> None:
    script = 'print(ensure(file).pause_pid, os.readlink("/proc/self/ns/user"))'
    running = [lab.start(script) for _ in range(12)]
    answers = {process.communicate(timeout=60)[0] for process in running}
    assert len(answers) == 1
    assert [process.returncode for process in running] == [0] * 12


def test_recorded_means_recognised(lab: Lab) -> None:
    """Whoever comes right after the creator must not take the pause process for a recycled pid."""
    script = """
        import signal
        uids, gids = userns.read_subids({user!r}, os.getuid())
        os.makedirs(os.path.dirname(file), exist_ok=True)
        missed = 0
        for _ in range(100):
            pid = userns.create_pause(file, uids, gids)
            missed += userns.pause_pid(file) != pid
            os.kill(pid, signal.SIGKILL)
            os.unlink(file)
        print(missed)
    """
    assert lab.run(script.replace("{user!r}", repr(lab.user.name))) == "0"


def _wait_for_death(pid: int) -> None:
    """Until a process is gone, or a zombie: not every container's PID 1 collects orphans."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return
        except (FileNotFoundError, ProcessLookupError):
            return
        time.sleep(0.01)
    raise AssertionError(f"process {pid} is still alive")


def test_a_dead_pause_process_is_replaced(lab: Lab) -> None:
    lab.run("ensure(file)")
    dead = lab.pause_pid()
    os.kill(dead, signal.SIGKILL)
    _wait_for_death(dead)
    lab.run("ensure(file)")
    assert lab.pause_pid() != dead


def test_podman_joins_ours(lab: Lab) -> None:
    ours = lab.run('ensure(file); print(os.readlink("/proc/self/ns/user"), os.readlink("/proc/self/ns/mnt"))')
    theirs = lab.podman("unshare", "readlink", "/proc/self/ns/user", "/proc/self/ns/mnt")
    assert theirs.split() == ours.split()


def test_ours_joins_podmans(lab: Lab) -> None:
    theirs = lab.podman("unshare", "readlink", "/proc/self/ns/user", "/proc/self/ns/mnt")
    ours = lab.run(
        'print(ensure(file).created, os.readlink("/proc/self/ns/user"), os.readlink("/proc/self/ns/mnt"))'
    )
    assert ours.split() == ["False", *theirs.split()]


def test_a_single_id_when_there_are_no_ranges(lab: Lab) -> None:
    out = lab.run(
        """
        userns.read_subids = lambda user, uid: ([], [])
        ensure(file)
        print(json.dumps([userns.own_maps(), len(warnings), open("/proc/self/setgroups").read().strip()]))
        """
    )
    maps = [[[0, lab.user.uid, 1]], [[0, lab.user.gid, 1]]]
    assert json.loads(out) == [maps, 1, "deny"]


def test_missing_newuidmap_says_what_to_install(lab: Lab) -> None:
    out = lab.run(
        """
        userns._PROGRAM_DIRS = ("/nonexistent",)
        try:
            ensure(file)
        except userns.MissingProgram as error:
            print(error, "|", error.hint, "|", os.path.exists(file))
        """
    )
    assert out == "creating user namespace: newuidmap not found | install uidmap | False"


def test_ranges_that_are_not_the_users(lab: Lab) -> None:
    out = lab.run(
        """
        userns.read_subids = lambda user, uid: ([(1, 1, 100)], [(1, 1, 100)])
        try:
            ensure(file)
        except userns.UserNamespaceError as error:
            print(error, "|", error.hint)
        """
    )
    assert out.startswith("creating user namespace: newuidmap: ")
    assert out.endswith("| the ranges must be the user's in /etc/subuid")


def test_a_recycled_pid_is_not_joined(lab: Lab) -> None:
    """Another process in a namespace of its own, as browsers have, is not the pause process."""
    out = lab.run(
        """
        os.makedirs(os.path.dirname(file))
        reader, writer = os.pipe()
        stranger = os.fork()
        if stranger == 0:
            namespaces.unshare(namespaces.CLONE_NEWUSER)
            os.write(writer, b"x")
            import signal
            signal.pause()
        os.read(reader, 1)
        with open(file, "w") as out:
            out.write(str(stranger))
        done = ensure(file)
        print(done.created, done.pause_pid != stranger)
        os.kill(stranger, 9)
        """
    )
    assert out == "True True"


def test_runtime_folder_of_somebody_else(lab: Lab) -> None:
    out = lab.run(
        """
        try:
            ensure("/proc/none/pause.pid")
        except userns.UserNamespaceError as error:
            print(error, "|", error.hint)
        """
    )
    assert out.startswith("creating user namespace: /proc/none: no such file or directory | XDG_RUNTIME_DIR")


def test_forbidden_user_namespaces(lab: Lab) -> None:
    out = lab.run(
        """
        lib = userns.lib
        class Refusing:
            def __getattr__(self, name):
                return getattr(lib, name)
            def oci_namespace_child(self, flags, sync, error):
                error.kind, error.number = 1, 1
                return -1
        userns.lib = Refusing()
        try:
            ensure(file)
        except userns.UserNamespaceError as error:
            print(error, "|", error.hint)
        """
    )
    assert "operation not permitted" in out
    assert "kernel.apparmor_restrict_unprivileged_userns" in out


def test_layers_and_overlays_inside(lab: Lab) -> None:
    """What rootless storage does: unpack with whiteouts and owners, mount, change, look at the changes, remove."""
    out = lab.run(
        f"""
        sys.path.insert(0, {str(Path(__file__).parents[2])!r})
        ensure(file)
        from ocicore.linux import archive
        from support.malicious_layers import END, directory, entry
        base = {str(lab.runtime)!r} + "/lab"
        for name in ("lower", "upper", "work", "merged", "copy"):
            os.makedirs(base + "/" + name)
        def unpack(data, name):
            with open(base + "/layer.tar", "wb") as out:
                out.write(data)
            stream, root = os.open(base + "/layer.tar", os.O_RDONLY), os.open(base + "/" + name, os.O_RDONLY)
            return archive.unpack(stream, root, in_user_namespace=True)
        unpack(directory("d", uid=0, gid=0) + entry("d/old", uid=1, gid=1) + entry("gone", uid=0, gid=0) + END, "lower")
        result = unpack(
            entry(".wh.gone", uid=0, gid=0) + directory("d", uid=0, gid=0) + entry("d/.wh..wh..opq", uid=0, gid=0)
            + entry("d/new", uid=1000, gid=65000) + entry("null", b"3", device=(1, 3), uid=0, gid=0) + END,
            "upper",
        )
        mount.overlay(base + "/merged", [base + "/lower"], base + "/upper", base + "/work")
        print(sorted(os.listdir(base + "/merged")), os.listdir(base + "/merged/d"), result.skipped_devices)
        facts = os.stat(base + "/merged/d/new")
        print(facts.st_uid, facts.st_gid)
        os.unlink(base + "/merged/d/new")
        mount.umount(base + "/merged")
        fds = [os.open(base + "/" + name, os.O_RDONLY) for name in ("upper", "lower", "copy")]
        print(archive.changes_overlay(fds[0], fds[1:2], in_user_namespace=True))
        archive.copy_tree(fds[1], fds[2], in_user_namespace=True)
        print(archive.changes_between(fds[2], fds[1]))
        parent = os.open(os.path.dirname(base), os.O_RDONLY)
        archive.remove_tree(parent, "lab")
        print(os.path.exists(base))
        """
    )
    assert out.splitlines() == [
        "['d'] ['new'] 1",
        "1000 65000",
        "[C /d, D /d/old, D /gone]",
        "[]",
        "False",
    ]


def test_owner_beyond_the_ranges_has_podmans_hint(lab: Lab) -> None:
    out = lab.run(
        f"""
        sys.path.insert(0, {str(Path(__file__).parents[2])!r})
        ensure(file)
        from ocicore.linux import archive
        from support.malicious_layers import END, entry
        base = {str(lab.runtime)!r}
        with open(base + "/layer.tar", "wb") as out:
            out.write(entry("f", uid=2000000, gid=0) + END)
        os.mkdir(base + "/root")
        try:
            archive.unpack(os.open(base + "/layer.tar", os.O_RDONLY), os.open(base + "/root", os.O_RDONLY), in_user_namespace=True)
        except archive.ArchiveError as error:
            print(error, "|", error.hint)
        """
    )
    assert "f: changing its owner to 2000000:0: invalid argument" in out
    assert "/etc/subuid" in out
