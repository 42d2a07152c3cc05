"""Pods under pypod, as tests that hold for root and for an ordinary user alike.

A test module derives a class from `Pods` and gives the fixture `pypod`: the program with a store of its own that has
the image localhost/box.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from support.programs import Tool
from support.pypod_life import IMAGE, until

LOOP = ("sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.05; done")


def pod_state(pypod: Tool, name: str) -> str:
    """State of a pod."""
    return pypod.out("pod", "inspect", "--format", "{{.State}}", name)


def inspected(pypod: Tool, name: str) -> dict[str, Any]:
    """pod inspect."""
    found: list[dict[str, Any]] = json.loads(pypod.out("pod", "inspect", name))
    return found[0]


class Pods:
    """Tests; see the module."""

    #: Network of the pods: what an ordinary user on any host may have.
    network: tuple[str, ...] = ("--network", "none")

    def test_a_pod_from_create_to_rm(self, pypod: Tool, tmp_path: Path) -> None:
        tmp_path.chmod(0o777)
        id_file = f"{tmp_path}/pod.id"
        pypod("pod", "exists", "web", status=1)
        options = (*self.network, "--label", "a=b", "--pod-id-file", id_file)
        pod_id = pypod.out("pod", "create", "--name", "web", *options)
        assert re.fullmatch("[0-9a-f]{64}", pod_id)
        assert Path(id_file).read_text() == pod_id
        pypod("pod", "exists", "web")
        assert pod_state(pypod, "web") == "Created"
        assert "is in use" in pypod("pod", "create", "--name", "web", status=125).stderr
        assert pypod.out("pod", "start", "web") == "web"
        pypod("run", "-d", "--pod", "web", "--name", "one", IMAGE, *LOOP)
        pypod("run", "-d", "--pod-id-file", id_file, "--name", "two", IMAGE, *LOOP)
        found = inspected(pypod, pod_id[:10])
        assert (found["State"], found["NumContainers"], found["Labels"]) == ("Running", 3, {"a": "b"})
        assert found["SharedNamespaces"] == ["ipc", "net", "uts"]
        shown = pypod.out(
            "pod", "ps", "--format", "{{.Id}} {{.Name}} {{.Status}} {{.NumberOfContainers}} {{.Labels}}"
        )
        assert shown == f"{pod_id[:12]} web Running 3 map[a:b]"
        assert pypod.out("ps", "--format", "{{.Pod}} {{.PodName}}").splitlines() == [f"{pod_id[:12]} web"] * 3
        assert pypod.out("ps", "--filter", "pod=web", "--filter", "name=one", "-q") != ""
        assert "sleep" in pypod.out("pod", "top", "web")
        rows = json.loads(pypod.out("pod", "stats", "--no-stream", "--format", "json", "web"))
        assert {row["Name"] for row in rows} == {f"{pod_id[:12]}-infra", "one", "two"}
        refused = pypod("pod", "rm", "web", status=125).stderr
        assert f"not all containers could be removed from pod {pod_id}" in refused
        assert refused.count("running or paused containers cannot be removed without force") == 2
        pypod("pod", "stop", "-t", "5", "web")
        assert pod_state(pypod, "web") == "Exited"
        pypod("pod", "restart", "web")
        pypod("pod", "kill", "--signal", "KILL", "web")
        until(lambda: pod_state(pypod, "web") == "Exited", "the killed containers")
        assert pypod.out("pod", "rm", "--pod-id-file", id_file) == pod_id
        assert pypod.out("ps", "-aq") == ""
        assert not Path(id_file).exists()
        assert "no such pod" in pypod("pod", "rm", "web", status=1).stderr
        assert pypod("pod", "rm", "--force", "web").stdout == ""

    def test_what_a_pod_shares(self, pypod: Tool) -> None:
        pypod("pod", "create", "--name", "p", *self.network, "--hostname", "podhost", "--share", "+pid")
        run = ("run", "--rm", "--pod", "p")
        assert pypod.out(*run, IMAGE, "hostname") == "podhost"
        pypod(*run, IMAGE, "touch", "/dev/shm/left")
        assert pypod.out(*run, IMAGE, "ls", "/dev/shm") == "left"
        assert "catatonit" in pypod.out(*run, IMAGE, "ps")
        spaces = ("sh", "-c", "for n in ipc net uts pid; do readlink /proc/self/ns/$n; done")
        assert pypod.out(*run, IMAGE, *spaces) == pypod.out(*run, IMAGE, *spaces)
        refused = pypod(*run, "--hostname", "other", IMAGE, "true", status=125).stderr
        assert "cannot set hostname when joining the pod UTS namespace: invalid configuration" in refused
        refused = pypod(*run, "-p", "80:80", IMAGE, "true", status=125).stderr
        assert "network cannot be configured when it is shared with a pod" in refused
        pypod("pod", "create", "--name", "alone", "--infra=false")
        assert (
            pypod.out(
                "run", "--rm", "--pod", "alone", "--network", "none", "--hostname", "own", IMAGE, "hostname"
            )
            == "own"
        )
        assert inspected(pypod, "alone")["CreateInfra"] is False
        refused = pypod("pod", "create", "--share", "bogus", status=125).stderr
        assert "invalid kernel namespace to share: bogus" in refused
        assert "invalid pod exit policy" in pypod("pod", "create", "--exit-policy", "x", status=125).stderr
        pypod("pod", "rm", "-f", "-t", "0", "-a")

    def test_mounts_and_restart_policy_come_from_the_pod(self, pypod: Tool, tmp_path: Path) -> None:
        (tmp_path / "shared").mkdir()
        (tmp_path / "shared").chmod(0o755)
        (tmp_path / "shared" / "file").write_text("here")
        pypod(
            "pod",
            "create",
            "--name",
            "p",
            *self.network,
            "--restart",
            "on-failure",
            "-v",
            f"{tmp_path}/shared:/data:ro",
        )
        assert pypod.out("run", "--rm", "--pod", "p", IMAGE, "cat", "/data/file") == "here"
        pypod("create", "--pod", "p", "--name", "c", IMAGE)
        policy = ("inspect", "--format", "{{.HostConfig.RestartPolicy.Name}}")
        assert pypod.out(*policy, "c") == "on-failure"
        pypod("create", "--replace", "--restart", "always", "--pod", "p", "--name", "c", IMAGE)
        assert pypod.out(*policy, "c") == "always"
        pypod("pod", "rm", "-f", "-t", "0", "p")

    def test_a_pod_made_with_its_first_container(self, pypod: Tool) -> None:
        assert pypod.out("run", "--rm", *self.network, "--pod", "new:fresh", IMAGE, "hostname") == "fresh"
        infra = inspected(pypod, "fresh")["InfraContainerID"]
        for force in ((), ("--force",)):
            refused = pypod("rm", *force, infra, status=125).stderr
            assert "and cannot be removed without removing the pod" in refused
        pypod("create", "--pod", "fresh", "--name", "member", IMAGE)
        removed = pypod.out("rm", "--force", "-t", "0", "--depend", infra)
        assert infra in removed
        pypod("pod", "exists", "fresh", status=1)
        assert pypod.out("ps", "-aq") == ""
        # A container that cannot be made takes the pod that was made for it along.
        pypod("create", "--pod", "new:gone", "--cap-add", "nonsense", IMAGE, status=125)
        pypod("pod", "exists", "gone", status=1)

    def test_exit_policies(self, pypod: Tool) -> None:
        for policy, wanted in (("continue", "Degraded"), ("stop", "Exited")):
            pypod("pod", "create", "--name", policy, *self.network, "--exit-policy", policy)
            pypod("run", "--pod", policy, IMAGE, "true")
            until(
                lambda name=policy, state=wanted: pod_state(pypod, name) == state, f"{policy} to be {wanted}"
            )
        pypod("run", "-d", "--pod", "stop", IMAGE, "true")
        until(lambda: pod_state(pypod, "stop") == "Exited", "the pod of a detached container")
        pypod("pod", "rm", "-f", "-t", "0", "-a")

    def test_init_containers(self, pypod: Tool) -> None:
        pypod("pod", "create", "--name", "p", *self.network)
        for name, kind in (("first", "once"), ("every", "always")):
            pypod(
                "create",
                "--pod",
                "p",
                "--name",
                name,
                "--init-ctr",
                kind,
                IMAGE,
                "sh",
                "-c",
                f"echo {name} >> /dev/shm/log",
            )
        pypod("create", "--pod", "p", "--name", "main", IMAGE, "sh", "-c", "cat /dev/shm/log; sleep 100")
        pypod("pod", "start", "p")
        until(lambda: pypod.out("logs", "main") == "first\nevery", "what the init containers wrote")
        pypod("container", "exists", "first", status=1)
        assert pod_state(pypod, "p") == "Running"
        refused = pypod("create", "--init-ctr", "always", IMAGE, status=125).stderr
        assert "must specify pod value with init-ctr" in refused
        assert (
            "init-ctr value must be"
            in pypod("create", "--init-ctr", "x", "--pod", "p", IMAGE, status=125).stderr
        )
        pypod("pod", "rm", "-f", "-t", "0", "p")

    def test_clones(self, pypod: Tool) -> None:
        pypod("pod", "create", "--name", "p", *self.network, "--hostname", "here")
        pypod("create", "--pod", "p", "--name", "c", "-e", "A=1", IMAGE, "sh", "-c", "echo $A $(hostname)")
        pypod("pod", "clone", "p")
        assert pypod.out("start", "-a", "c-clone") == "1 here"
        assert inspected(pypod, "p-clone")["NumContainers"] == 2
        pypod("pod", "clone", "--destroy", "--hostname", "there", "p", "q")
        pypod("pod", "exists", "p", status=1)
        assert pypod.out("start", "-a", "c-clone1") == "1 there"
        pypod("pod", "rm", "-f", "-t", "0", "-a")

    def test_filters_and_order(self, pypod: Tool) -> None:
        ids = {name: pypod.out("pod", "create", "--infra=false", "--name", name) for name in ("b", "a")}
        pypod("create", "--pod", "a", "--name", "in-a", "--network", "none", IMAGE)
        names = ("pod", "ps", "--format", "{{.Name}}")
        assert pypod.out(*names, "--sort", "name").split() == ["a", "b"]
        assert pypod.out(*names).split() == ["a", "b"]
        for one in (f"id={ids['b'][:8]}", f"id=^{ids['b'][:8]}", "name=^b$", "ctr-number=0"):
            assert pypod.out(*names, "--filter", one) == "b", one
        for one in ("ctr-names=in-", "ctr-status=created", "ctr-number=1"):
            assert pypod.out(*names, "--filter", one) == "a", one
        assert "is an invalid filter" in pypod(*names, "--filter", "x=y", status=125).stderr
        assert pypod.out("pod", "ps", "-n", "--ctr-names", "--ctr-status", "--filter", "name=a").split()[
            -2:
        ] == ["in-a", "created"]
        assert pypod.out("pod", "prune", "-f") == ""
        pypod("pod", "rm", "-a")
