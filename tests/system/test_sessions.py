"""Containers from a login session, whose control group is root's: ssh and consoles, unlike the services of other tests."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from support.rootfs import busybox_tar

SCRIPT = """
set -e
grep -o '0::.*' /proc/self/cgroup
pybuildah images -q localhost/small >/dev/null 2>&1 || {
    container=$(pybuildah from scratch); pybuildah add -q $container /var/tmp/busybox.tar /
    pybuildah commit -q $container localhost/small >/dev/null; pybuildah rm $container >/dev/null; }
place() { grep -o '0::.*' /proc/$(pypod inspect session --format "{{.State.$1}}")/cgroup; }
pypod run -d --replace --name session --network none localhost/small sleep 1000 >/dev/null
place ConmonPid
place Pid
pypod exec session echo run
pypod exec -t session echo terminal
pypod restart -t 0 session >/dev/null
place ConmonPid
"""


def in_session(user: str, script: str) -> list[str]:
    """Lines that a script prints in a session of its own, as pam_systemd makes it."""
    words = ["systemd-run", "--quiet", "--wait", "--collect", "--pipe", "-p", f"User={user}"]
    words += [
        "-p",
        "PAMName=login",
        "-p",
        "WorkingDirectory=/tmp",
        "env",
        "-u",
        "INVOCATION_ID",
        "-u",
        "JOURNAL_STREAM",
    ]
    if user == "root":
        words += ["-u", "XDG_RUNTIME_DIR", "-u", "DBUS_SESSION_BUS_ADDRESS"]
    words += ["PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "sh", "-c", script]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    return done.stdout.replace("\r", "").splitlines()


@pytest.mark.parametrize("user", ["root", "tester"])
def test_from_a_login_session(user: str) -> None:
    archive = Path("/var/tmp/busybox.tar")
    archive.write_bytes(busybox_tar())
    own, conmon, container, *said, again = in_session(user, SCRIPT)
    assert re.search(r"/session-\w+\.scope$", own)
    top = "/machine.slice" if user == "root" else "/user.slice/user-1000.slice/user@1000.service/user.slice"
    assert re.fullmatch(rf"0::{top}/libpod-conmon-[0-9a-f]{{64}}\.scope", conmon)
    assert container.startswith(f"0::{top}/libpod-{conmon[-70:-6]}.scope")
    assert said == ["run", "terminal"]
    assert again == conmon
    # The session is over; the container is not.
    assert in_session(user, "pypod exec session echo still; pypod rm -f -t 0 session") == ["still", "session"]


def test_the_namespace_outlives_the_session_that_made_it() -> None:
    in_session(
        "tester", "kill $(cat /run/user/1000/libpod/tmp/pause.pid) 2>/dev/null; sleep 0.5; pypod ps -q"
    )
    pause = Path("/run/user/1000/libpod/tmp/pause.pid").read_text()
    assert os.path.exists(f"/proc/{pause}")
    group = Path(f"/proc/{pause}/cgroup").read_text()
    assert re.search(r"user@1000\.service/user\.slice/podman-pause-[0-9a-f]{8}\.scope$", group, re.M)
