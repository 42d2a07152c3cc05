"""Pods of root."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from support.programs import Tool
from support.pypod_life import IMAGE, until
from support.pypod_pods import LOOP, Pods, inspected

pytestmark = pytest.mark.root


class TestPods(Pods):
    """Everything that holds for an ordinary user too."""

    def test_a_port_of_the_pod_reaches_its_container(self, pypod: Tool) -> None:
        pypod("pod", "create", "--name", "p", "-p", "127.0.0.1:0:80")
        pypod(
            "run",
            "-d",
            "--pod",
            "p",
            "--name",
            "c",
            IMAGE,
            "sh",
            "-c",
            "while :; do echo hi | nc -l -p 80; done",
        )
        found = inspected(pypod, "p")["InfraConfig"]
        port = found["PortBindings"]["80/tcp"][0]["HostPort"]
        assert found["Networks"] == ["podman"]
        assert f"127.0.0.1:{port}->80/tcp" in pypod.out("ps", "--filter", "name=c", "--format", "{{.Ports}}")
        assert pypod.out("run", "--rm", "--pod", "p", IMAGE, "sh", "-c", "nc 127.0.0.1 80 </dev/null") == "hi"
        pypod("pod", "rm", "-f", "-t", "0", "p")

    def test_limits_hold_in_the_pods_group_and_go_with_it(self, pypod: Tool) -> None:
        pypod("pod", "create", "--name", "p", "--network", "none", "--memory", "256m", "--cpu-shares", "512")
        pypod("run", "-d", "--pod", "p", IMAGE, *LOOP)
        group = inspected(pypod, "p")["CgroupPath"]
        memory = Path(f"/sys/fs/cgroup/memory{group}/memory.limit_in_bytes")
        if not Path("/sys/fs/cgroup/memory").is_dir():
            memory = Path(f"/sys/fs/cgroup{group}/memory.max")
        assert memory.read_text().strip() == str(256 << 20)
        pypod("pod", "stop", "-t", "0", "p")
        assert not memory.exists()
        pypod("pod", "start", "p")
        assert memory.read_text().strip() == str(256 << 20)
        pypod("pod", "rm", "-f", "-t", "0", "p")
        assert not memory.exists()

    def test_pausing(self, pypod: Tool) -> None:
        pypod("run", "-d", "--network", "none", "--pod", "new:p", IMAGE, *LOOP)
        pypod("pod", "pause", "p")
        assert json.loads(pypod.out("pod", "ps", "--format", "json"))[0]["Status"] == "Paused"
        pypod("pod", "unpause", "p")
        assert json.loads(pypod.out("pod", "ps", "--format", "json"))[0]["Status"] == "Running"
        pypod("pod", "rm", "-f", "-t", "0", "p")

    def test_logs_of_all_containers(self, pypod: Tool) -> None:
        for name in ("one", "two"):
            pypod(
                "run",
                "--network",
                "none",
                "--pod",
                "new:p" if name == "one" else "p",
                "--name",
                name,
                IMAGE,
                "echo",
                name,
            )
        assert sorted(pypod.out("pod", "logs", "--names", "p").splitlines()) == ["one one", "two two"]
        assert pypod.out("pod", "logs", "-c", "two", "p") == "two"
        pypod("pod", "rm", "-f", "-t", "0", "p")

    def test_a_pod_that_a_service_manager_ends_stays_down(self, pypod: Tool) -> None:
        """Every conmon gets SIGTERM and passes it on; a restart policy does not bring the pod up again."""
        trap = ["sh", "-c", "trap 'exit 7' TERM; echo up; while :; do sleep 0.05; done"]
        pypod("pod", "create", "--name", "p", "--network", "none")
        pypod("run", "-d", "--pod", "p", "--name", "c", "--restart", "always", IMAGE, *trap)
        infra = pypod.out("pod", "inspect", "--format", "{{.InfraContainerID}}", "p")
        until(lambda: pypod.out("logs", "c") == "up", "its first line")
        state = ("inspect", "--format", "{{.State.Status}} {{.RestartCount}}")
        for name in (infra, "c"):
            os.kill(int(pypod.out("inspect", "--format", "{{.State.ConmonPid}}", name)), signal.SIGTERM)
            if name == infra:
                until(lambda: pypod.out(*state, infra) == "exited 0", "the end of the infra container")
        until(lambda: pypod.out(*state, "c") == "exited 0", "the end of the container")
        again = pypod("container", "cleanup", "c", status=None)
        assert (again.returncode, pypod.out(*state, "c")) == (0, "exited 0")
        pypod("pod", "rm", "-f", "-t", "0", "p")
