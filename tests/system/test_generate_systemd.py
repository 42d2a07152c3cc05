"""A generated unit in a real systemd, as root and as a lingering user. Runs inside the root that `make test-system` boots."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from support.programs import Tool
from support.rootfs import busybox_tar

TESTER = 1000


def as_root(*argv: str) -> Tool:
    return Tool(list(argv), {**os.environ, "XDG_RUNTIME_DIR": "/run"})


def as_tester(*argv: str) -> Tool:
    env = {
        "HOME": "/home/tester",
        "USER": "tester",
        "XDG_RUNTIME_DIR": f"/run/user/{TESTER}",
        "DBUS_SESSION_BUS_ADDRESS": f"unix:path=/run/user/{TESTER}/bus",
        "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
    }
    return Tool(
        ["setpriv", f"--reuid={TESTER}", f"--regid={TESTER}", "--init-groups", *argv], env, "/home/tester"
    )


def eventually(what: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for something that systemd does by itself."""
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.parametrize("who", ["root", "user"])
@pytest.mark.parametrize("new", [False, True], ids=["existing", "new"])
def test_unit_keeps_a_container_up(who: str, new: bool) -> None:
    become = as_root if who == "root" else as_tester
    user = [] if who == "root" else ["--user"]
    units = Path("/etc/systemd/system" if who == "root" else "/home/tester/.config/systemd/user")
    pypod, pybuildah, systemctl = (
        become("/usr/local/bin/pypod"),
        become("/usr/local/bin/pybuildah"),
        become("systemctl", *user),
    )
    archive = Path("/var/tmp/busybox.tar")
    archive.write_bytes(busybox_tar())
    container = pybuildah.out("from", "scratch")
    pybuildah("add", "-q", container, str(archive), "/")
    pybuildah("commit", "-q", container, "localhost/small")
    pybuildah("rm", container)
    name = f"keep-{who}-{'new' if new else 'existing'}"
    pypod("create", "--name", name, "--network", "none", "localhost/small", "sleep", "1000")
    text = pypod.out(
        "generate", "systemd", "--restart-policy", "always", "--name", name, *(["--new"] if new else [])
    )
    if new:
        pypod("rm", name)
    become("mkdir", "-p", str(units))()
    unit = units / f"{name}.service"
    become("sh", "-c", f"cat >{unit}")(stdin=text + "\n")
    become("systemd-analyze", *user, "verify", str(unit))()
    systemctl("daemon-reload")
    try:
        systemctl("enable", "--now", f"{name}.service")
        assert systemctl.out("is-active", name) == "active"

        def main_pid() -> int:
            found = json.loads(pypod("inspect", name, status=None).stdout or "[]")
            return int(found[0]["State"]["Pid"]) if found else 0

        first = main_pid()
        assert first > 0
        os.kill(first, 9)
        eventually(
            lambda: (
                main_pid() not in (0, first)
                and systemctl("is-active", name, status=None).stdout.strip() == "active"
            )
        )
    finally:
        systemctl("disable", "--now", f"{name}.service", status=None)
        unit.unlink()
        systemctl("daemon-reload", status=None)
        pypod("rm", "-f", "-t", "0", name, status=None)
    assert name not in pypod.out("ps", "-a", "--format", "{{.Names}}")
