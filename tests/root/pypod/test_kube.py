"""Kubernetes YAML of root."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
import yaml

from support.programs import Tool
from support.pypod_kube import Kube, container, pod
from support.pypod_life import until
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
        assert refused == 'Error: unsupported exit-code propagation "some" (known are none, any, all)\n'
        assert pypod.out("ps", "-aq") == ""
