"""Real containers of an ordinary user: its user namespace, its networks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from support.programs import REPOSITORY
from support.users import OrdinaryUser, tun_for_everyone

pytestmark = pytest.mark.rootless

Scenario = Callable[..., dict[str, Any]]


@pytest.fixture
def scenario(ordinary_user: OrdinaryUser) -> Iterator[Scenario]:
    """Runs one of support.rootless_scenarios as the ordinary user, with a runtime directory of its own."""
    with tempfile.TemporaryDirectory(prefix="rootless", dir="/var/tmp", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        for part in ("run", "work"):
            (folder / part).mkdir()
            if os.geteuid() == 0:
                os.chown(folder / part, ordinary_user.uid, ordinary_user.gid)
            (folder / part).chmod(0o700 if part == "run" else 0o755)
        yield lambda kind, **more: run(ordinary_user, folder, kind, **more)


def run(user: OrdinaryUser, folder: Path, kind: str, *, status: int = 0) -> Any:
    python = [sys.executable, "-m", "support.rootless_scenarios", kind, str(folder / "work")]
    env = {
        **user.environment(),
        "XDG_RUNTIME_DIR": str(folder / "run"),
        "PYTHONPATH": f"{REPOSITORY / 'shared'}:{REPOSITORY / 'tests'}",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    argv = [*user.become, *python]
    if os.geteuid() == 0:
        argv = [*tun_for_everyone(folder), *argv]
    done = subprocess.run(argv, env=env, cwd="/", capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == status, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1]) if status == 0 else done.stderr


def test_output_status_and_identity(scenario: Scenario) -> None:
    for status, text in scenario("plain")["answers"]:
        assert status == 3
        lines = text.splitlines()
        assert lines[0] == "0"
        assert lines[1].split()[0] == "0"
        assert "CapEff:\t00000000800405fb" in text
        assert "proc on /proc type proc" in text
        assert "sysfs on /sys type sysfs (ro" in text


def test_host_network_binds_the_hosts_sys(scenario: Scenario) -> None:
    answer = scenario("host_network")
    assert answer["status"] == 0
    assert "sysfs on /sys type sysfs (ro" in answer["text"]
    # Masked: the folder is there and empty.
    assert len(answer["text"].splitlines()) == 1


def test_keep_id(scenario: Scenario) -> None:
    assert scenario("keep_id") == {"status": 0, "text": "1000\n1000\n"}


def test_pasta(scenario: Scenario) -> None:
    answer = scenario("network:pasta")
    assert (answer["reply"], answer["code"], answer["warnings"]) == ("reply\n", 0, [])
    block = answer["status"]["pasta"]
    address = next(iter(block["interfaces"].values()))["subnets"][0]["ipnet"]
    assert address in answer["text"]
    assert block["dns_server_ips"] == ["169.254.1.1"]


def test_slirp4netns(scenario: Scenario) -> None:
    answer = scenario("network:slirp4netns")
    assert (answer["reply"], answer["code"], answer["warnings"]) == ("reply\n", 0, [])
    assert "10.0.2.100/24" in answer["text"]


def test_bridge_in_a_namespace_of_the_users_own(scenario: Scenario) -> None:
    answer = scenario("network:bridge")
    assert (answer["reply"], answer["code"], answer["warnings"]) == ("reply\n", 0, [])
    subnet = answer["status"]["podman"]["interfaces"]["eth0"]["subnets"][0]
    assert subnet["ipnet"] in answer["text"]
    assert answer["left"] is False
