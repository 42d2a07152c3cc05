"""The real podman with our conmon, as root and as an ordinary user: one container's life, end to end."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.monitor import CONMON, wait_until
from support.programs import PODMAN_RUN_FLAGS
from support.rootfs import make_busybox_root
from support.users import OrdinaryUser

pytestmark = [pytest.mark.root, pytest.mark.compat]

IMAGE = "localhost/conmon-test"


class Podman:
    """podman on a store of its own, with our monitor."""

    def __init__(self, folder: Path, user: OrdinaryUser | None) -> None:
        self.folder = folder
        self.environ = {**os.environ}
        become: list[str] = []
        if user is not None:
            self.environ = user.environment()
            become = ["setpriv", f"--reuid={user.uid}", f"--regid={user.gid}", "--init-groups", "--"]
        conmon = folder / "conmon"
        shutil.copy(CONMON, conmon)
        self.argv = [*become, "podman", "--root", f"{folder}/root", "--runroot", f"{folder}/run", "--tmpdir"]
        self.argv += [
            f"{folder}/tmp",
            "--conmon",
            str(conmon),
            "--runtime",
            "runc",
            "--events-backend",
            "file",
        ]
        self.argv += ["--cgroup-manager", "cgroupfs"]
        make_busybox_root(folder / "rootfs")
        subprocess.run(["tar", "-C", folder / "rootfs", "-cf", folder / "image.tar", "."], check=True)
        if user is not None:
            subprocess.run(["chown", "-R", f"{user.uid}:{user.gid}", str(folder)], check=True)
        self("import", f"{folder}/image.tar", IMAGE)

    def __call__(self, *args: str, status: int = 0, text: str = "", timeout: float = 60) -> str:
        done = subprocess.run(
            [*self.argv, *args],
            input=text.encode(),
            capture_output=True,
            env=self.environ,
            cwd="/",
            timeout=timeout,
        )
        output = done.stdout.decode() + done.stderr.decode()
        assert done.returncode == status, output
        return output

    def run(self, *args: str, options: tuple[str, ...] = (), status: int = 0, text: str = "") -> str:
        return self(
            "run", "--network", "none", *PODMAN_RUN_FLAGS, *options, IMAGE, *args, status=status, text=text
        )


@pytest.fixture(scope="module", params=["root", "rootless"])
def podman(request: pytest.FixtureRequest) -> Iterator[Podman]:
    user = None
    if request.param == "rootless":
        user = request.getfixturevalue("ordinary_user")
    folder = Path(tempfile.mkdtemp(prefix="conmon-podman-", dir="/var/tmp"))
    folder.chmod(0o755)
    try:
        made = Podman(folder, user)
        yield made
        made("rm", "--all", "--force", "--time", "0")
        made("rmi", "--all", "--force")
    finally:
        for mount in sorted((folder / "root").rglob("merged"), reverse=True):
            subprocess.run(["umount", "-l", str(mount)], check=False, capture_output=True)
        subprocess.run(["umount", "-l", f"{folder}/root/overlay"], check=False, capture_output=True)
        shutil.rmtree(folder, ignore_errors=True)


def test_foreground(podman: Podman) -> None:
    assert podman.run("sh", "-c", "echo out; exit 7", options=("--rm",), status=7) == "out\n"
    assert podman.run("cat", options=("--rm", "-i"), text="through\n") == "through\n"


def test_command_that_is_not_there(podman: Podman) -> None:
    assert "no such file or directory" in podman.run("/nothing", options=("--rm",), status=127)


@pytest.mark.parametrize("driver", ["k8s-file", "json-file"])
def test_detached_logs_exec_stop(podman: Podman, driver: str) -> None:
    name = f"life-{driver}"
    script = "trap 'echo bye; exit 9' TERM; echo one; echo two >&2; while :; do sleep 0.1; done"
    podman.run("sh", "-c", script, options=("-d", "--name", name, "--log-driver", driver))
    wait_until(lambda: "two" in podman("logs", name), "the log")
    assert podman("exec", name, "sh", "-c", "echo inside; exit 5", status=5) == "inside\n"
    assert podman("exec", "-i", name, "cat", text="echo\n") == "echo\n"
    assert "no such file or directory" in podman("exec", name, "/nothing", status=127)
    podman("stop", "--time", "10", name)
    assert podman("inspect", "--format", "{{.State.Status}} {{.State.ExitCode}}", name) == "exited 9\n"
    assert podman("logs", name).split() == ["one", "bye", "two"]
    podman("start", name)
    podman("kill", name)
    assert podman("wait", name) == "137\n"
    podman("rm", name)


def test_health_check(podman: Podman) -> None:
    """Run by hand: its timers are systemd's. Each is an exec session with a monitor of its own."""
    options = ("-d", "--name", "well", "--health-interval", "disable", "--health-retries", "1")
    podman.run("sleep", "100", options=(*options, "--health-cmd", "test ! -e /ill"))
    podman("healthcheck", "run", "well")
    podman("exec", "well", "touch", "/ill")
    podman("healthcheck", "run", "well", status=1)
    assert podman("inspect", "-f", "{{.State.Health.FailingStreak}}", "well") == "1\n"
    podman("rm", "-f", "-t", "0", "well")


def test_without_a_log(podman: Podman) -> None:
    assert podman.run("echo", "seen", options=("--rm", "--log-driver", "none")) == "seen\n"
    assert podman.run("echo", "passed", options=("--rm", "--log-driver", "passthrough")) == "passed\n"


def test_restart_policy(podman: Podman) -> None:
    podman.run("sh", "-c", "exit 3", options=("-d", "--name", "again", "--restart", "on-failure:2"))
    wait_until(
        lambda: podman("inspect", "-f", "{{.RestartCount}} {{.State.Status}}", "again") == "2 exited\n",
        "restarts",
    )
    podman("rm", "again")


def test_timeout(podman: Podman) -> None:
    podman.run("sleep", "60", options=("--name", "late", "--timeout", "1"), status=255)
    podman("rm", "late")


@contextlib.contextmanager
def on_a_terminal(podman: Podman, *args: str) -> Iterator[int]:
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [*podman.argv, *args],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=podman.environ,
        cwd="/",
        start_new_session=True,
    )
    os.close(slave)
    try:
        yield master
        process.wait(20)
    finally:
        process.kill()
        process.wait()
        os.close(master)


def read_until(master: int, text: bytes) -> bytes:
    seen = b""
    deadline = time.monotonic() + 20
    while text not in seen:
        ready, _, _ = select.select([master], [], [], max(0.0, deadline - time.monotonic()))
        assert ready, seen
        seen += os.read(master, 4096)
    return seen


def test_interactive(podman: Podman) -> None:
    command = ("sh", "-c", "echo ready; read x; echo got $x; tty")
    with on_a_terminal(
        podman, "run", "--rm", "-it", "--network", "none", *PODMAN_RUN_FLAGS, IMAGE, *command
    ) as master:
        read_until(master, b"ready")
        os.write(master, b"word\n")
        read_until(master, b"got word\r\n/dev/pts/0\r\n")


def test_attach_and_detach(podman: Podman) -> None:
    podman.run("sh", "-c", "while read x; do echo got $x; done", options=("-dit", "--name", "shell"))
    for word in (b"first", b"second"):
        with on_a_terminal(podman, "attach", "shell") as master:
            os.write(master, word + b"\n")
            read_until(master, b"got " + word)
            for key in (b"\x10", b"\x11"):
                os.write(master, key)
                select.select([], [], [], 0.2)  # podman takes a key for one only if it is read alone
    assert podman("inspect", "-f", "{{.State.Status}}", "shell") == "running\n"
    podman("rm", "-f", "-t", "0", "shell")
