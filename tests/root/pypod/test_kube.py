"""Kubernetes YAML of root."""

from __future__ import annotations

import os
import socket
import tempfile
from pathlib import Path

import pytest
import yaml

from support.programs import Tool
from support.pypod_kube import Kube, container, pod
from support.pypod_life import started, until
from support.pypod_pods import inspected, pod_state

pytestmark = pytest.mark.root


class TestKube(Kube):
    """Everything that holds for an ordinary user too."""

    def test_ports_on_the_default_network(self, pypod: Tool, tmp_path: Path) -> None:
        pypod = pypod.with_options("--network-config-dir", f"{tmp_path}/networks")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        line = "while :; do echo hi | nc -l -p 80; done"
        ports = [{"containerPort": 80, "hostPort": port, "hostIP": "127.0.0.1"}]
        value = pod("web", container("c", line, ports=ports), container("other"))
        pypod("kube", "play", "-", stdin=yaml.safe_dump(value))
        found = inspected(pypod, "web")["InfraConfig"]
        assert found["Networks"] == ["podman-default-kube-network"]
        assert found["PortBindings"] == {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(port)}]}

        def answers() -> bool:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
                return client.recv(10) == b"hi\n"

        until(answers, "the container's answer")
        made = yaml.safe_load(pypod.out("kube", "generate", "web"))
        assert made["spec"]["containers"][0]["ports"] == ports
        pypod("kube", "down", "-", stdin=yaml.safe_dump(value))
        pypod("network", "rm", "podman-default-kube-network")

    def test_a_service_container_ends_with_its_pods(self, pypod: Tool) -> None:
        value = pod("p", container("c", "sleep 1"))
        done = pypod("kube", "play", *self.options, "--service-container", "-", stdin=yaml.safe_dump(value))
        assert done.stdout.startswith("Pod:\n")
        name = pypod.out("ps", "--filter", "name=-service", "--format", "{{.Names}}")
        assert name.endswith("-service")
        until(lambda: pod_state(pypod, "p") == "Exited", "the pod's end")
        state = ("inspect", "--format", "{{.State.Status}}", name)
        until(lambda: pypod.out(*state) == "exited", "the service container's end")
        pypod("kube", "down", "-", stdin=yaml.safe_dump(value))
        pypod("container", "exists", name, status=1)
        waited = pypod("kube", "play", *self.options, "--wait", "-", stdin=yaml.safe_dump(value)).stdout
        assert "Cleaning up containers, pods, and volumes..." in waited
        assert pypod.out("ps", "-aq") == ""

    def test_a_service_container_belongs_to_its_pods(self, pypod: Tool) -> None:
        """It cannot be removed before them, starts again with them, and goes with the last of them."""
        text = yaml.safe_dump_all(
            [pod("p", container("c", "sleep 1000")), pod("q", container("c", "sleep 1000"))]
        )
        pypod("kube", "play", *self.options, "--service-container", "-", stdin=text)
        name = pypod.out("ps", "--filter", "name=-service", "--format", "{{.Names}}")
        assert pypod.out("inspect", "--format", "{{.IsService}}", name) == "true"
        refused = pypod("rm", "-f", "-t", "0", name, status=125).stderr
        assert "is the service container of pod(s)" in refused
        assert "and cannot be removed without removing the pod(s)" in refused
        pypod("pod", "stop", "-t", "0", "p")
        assert pypod.out("inspect", "--format", "{{.State.Status}}", name) == "running"
        pypod("pod", "stop", "-t", "0", "q")
        until(
            lambda: (
                pypod.out("inspect", "--format", "{{.State.Status}} {{.State.ExitCode}}", name) == "exited 0"
            ),
            "the service container's end",
        )
        pypod("pod", "start", "p")
        assert pypod.out("inspect", "--format", "{{.State.Status}}", name) == "running"
        pypod("pod", "rm", "-f", "-t", "0", "p")
        pypod("container", "exists", name)
        pypod("pod", "rm", "-f", "-t", "0", "q")
        pypod("container", "exists", name, status=1)
        pypod("kube", "play", *self.options, "--service-container", "-", stdin=text)
        pypod("rm", "-a", "-f", "-t", "0")
        assert pypod.out("pod", "ps", "-q") == ""
        assert pypod.out("ps", "-aq") == ""

    @pytest.mark.parametrize(
        ("policy", "codes", "ends_with"),
        [
            ("none", (0, 1), 0),
            ("any", (0, 1), 137),
            ("all", (0, 1), 0),
            ("all", (1, 2), 137),
        ],
    )
    def test_exit_codes_of_a_service(
        self, pypod: Tool, policy: str, codes: tuple[int, int], ends_with: int
    ) -> None:
        value = pod("p", *(container(f"c{number}", f"exit {code}") for number, code in enumerate(codes)))
        value["spec"]["restartPolicy"] = "Never"
        words = (
            "kube",
            "play",
            *self.options,
            "--service-container",
            f"--service-exit-code-propagation={policy}",
            "-",
        )
        pypod(*words, stdin=yaml.safe_dump(value))
        name = pypod.out("ps", "-a", "--filter", "name=-service", "--format", "{{.Names}}")
        state = ("inspect", "--format", "{{.State.Status}} {{.State.ExitCode}}", name)
        until(
            lambda: pypod.out(*state) == f"exited {ends_with}",
            f"the service container's end with {ends_with}",
        )
        pypod("kube", "down", "-", stdin=yaml.safe_dump(value))
        pypod("container", "exists", name, status=1)

    def test_an_unknown_policy_of_exit_codes(self, pypod: Tool) -> None:
        words = ("kube", "play", "--service-container", "--service-exit-code-propagation=some", "-")
        refused = pypod(*words, stdin=yaml.safe_dump(pod("p", container("c", "true"))), status=125).stderr
        assert refused == 'Error: unsupported exit-code propagation "some"\n'
        assert pypod.out("ps", "-aq") == ""

    def test_play_is_ready_when_its_containers_are(self, pypod: Tool, tmp_path: Path) -> None:
        """Each container with a policy has a socket of its own; the service manager hears of play alone."""
        manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        with tempfile.TemporaryDirectory() as folder, manager:
            manager.bind(f"{folder}/manager")
            manager.settimeout(30)
            value = pod(
                "p", container("a", "while ! test -e /end; do sleep 0.1; done"), container("b", "sleep 1000")
            )
            value["metadata"]["annotations"] = {
                "io.containers.sdnotify": "conmon",
                "io.containers.sdnotify/a": "container",
            }
            file = tmp_path / "p.yaml"
            file.write_text(yaml.safe_dump(value))
            told = Tool(
                pypod.argv, {**(pypod.env or os.environ), "NOTIFY_SOCKET": f"{folder}/manager"}, pypod.cwd
            )
            words = (
                "kube",
                "play",
                *self.options,
                "--service-container",
                "--service-exit-code-propagation",
                "any",
            )
            play = started(told, *words, str(file))
            until(lambda: pypod("container", "exists", "p-b", status=None).returncode == 0, "the containers")
            until(
                lambda: pypod.out("inspect", "-f", "{{.State.Running}}", "p-a", "p-b") == "true\ntrue",
                "their start",
            )
            modes = pypod.out("inspect", "-f", "{{.Config.SdNotifyMode}}", "p-a", "p-b")
            assert modes.split() == ["container", "conmon"]
            own = pypod.out("inspect", "-f", "{{.Config.SdNotifySocket}}", "p-a")
            assert own != f"{folder}/manager"
            manager.setblocking(False)
            with pytest.raises(BlockingIOError):
                manager.recv(1000)
            manager.settimeout(30)
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as inside:
                inside.sendto(b"READY=1", own)
            assert manager.recv(1000).decode() == f"MAINPID={play.pid}\nREADY=1"
            pypod("pod", "kill", "p")
            assert (play.communicate(timeout=30)[1], play.returncode) == (
                b"",
                137,
            )  # the service container's, for both were killed
            assert not os.path.exists(own)
            pypod("kube", "down", str(file))

    @pytest.mark.parametrize("restart", ["Never", "Always"])
    def test_a_container_that_is_never_ready(self, pypod: Tool, restart: str) -> None:
        value = pod("p", container("a", "sleep 0.2"))
        value["spec"]["restartPolicy"] = restart
        value["metadata"]["annotations"] = {"io.containers.sdnotify": "container"}
        failed = pypod("kube", "play", *self.options, "-", stdin=yaml.safe_dump(value), status=125).stderr
        assert failed.endswith(" exited before READY=1 came\n")
        value["metadata"]["annotations"] = {"io.containers.sdnotify": "loud"}
        refused = pypod(
            "kube", "play", *self.options, "--replace", "-", stdin=yaml.safe_dump(value), status=125
        ).stderr
        assert "unsupported sdnotify policy 'loud'" in refused
        assert pypod.out("pod", "ps", "-q") == ""
