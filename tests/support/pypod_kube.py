"""Kubernetes YAML played, taken down and generated, as tests that hold for root and for an ordinary user alike.

A test module derives a class from `Kube` and gives the fixture `pypod`: the program with a store of its own that has
the image localhost/box.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from support.programs import Tool
from support.pypod_life import IMAGE, until
from support.pypod_pods import inspected, pod_state

SLEEP = ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.05; done"]


def pod(name: str, *containers: dict[str, Any], **spec: Any) -> dict[str, Any]:
    """A Pod object."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {"restartPolicy": "Never", "containers": list(containers), **spec},
    }


def container(name: str, *command: str, **more: Any) -> dict[str, Any]:
    """A container that runs a shell line."""
    words = ["sh", "-c", *command] if command else SLEEP
    return {"name": name, "image": IMAGE, "imagePullPolicy": "Never", "command": words, **more}


class Kube:
    """Tests; see the module."""

    #: Options of play: the network that everybody may have.
    options: tuple[str, ...] = ("--network", "none")

    def play(self, pypod: Tool, *objects: dict[str, Any], more: tuple[str, ...] = (), status: int = 0) -> Any:
        """kube play of objects, through standard input."""
        text = yaml.safe_dump_all(objects)
        return pypod("kube", "play", *self.options, *more, "-", stdin=text, status=status)

    def test_a_pod_up_and_down(self, pypod: Tool, tmp_path: Path) -> None:
        value = pod("web", container("a"), container("b"))
        done = self.play(pypod, value)
        found = inspected(pypod, "web")
        ids = [one["Id"] for one in found["Containers"] if not one["Name"].endswith("-infra")]
        assert done.stdout == f"Pod:\n{found['Id']}\nContainers:\n{ids[0]}\n{ids[1]}\n\n"
        assert (found["ExitPolicy"], found["State"], found["RestartPolicy"]) == ("stop", "Running", "no")
        assert (
            pypod.out("ps", "--format", "{{.Names}}", "--filter", "label=app=web").split().count("web-a") == 1
        )
        again = self.play(pypod, value, status=125)
        assert "is in use" in again.stderr
        assert pod_state(pypod, "web") == "Running"
        assert "Pods removed:" in self.play(pypod, value, more=("--replace",)).stdout
        tmp_path.chmod(0o755)
        (tmp_path / "web.yml").write_text(yaml.safe_dump(value))
        taken = pypod.out("kube", "down", f"{tmp_path}/web.yml")
        assert taken.startswith("Pods stopped:\n")
        assert "Secrets removed:\nVolumes removed:" in taken
        assert pypod.out("pod", "ps", "-q") == ""
        assert pypod.out("ps", "-aq") == ""

    def test_what_containers_get(self, pypod: Tool) -> None:
        config = {
            "kind": "ConfigMap",
            "apiVersion": "v1",
            "metadata": {"name": "conf"},
            "data": {"A": "1", "f": "text"},
        }
        secret = {
            "kind": "Secret",
            "apiVersion": "v1",
            "metadata": {"name": "sec"},
            "data": {"P": "c2VjcmV0"},
        }
        claim = {
            "kind": "PersistentVolumeClaim",
            "apiVersion": "v1",
            "metadata": {"name": "data"},
            "spec": {},
        }
        env = [
            {"name": "PLAIN", "value": "x y"},
            {"name": "FROM", "valueFrom": {"configMapKeyRef": {"name": "conf", "key": "A"}}},
            {"name": "SECRET", "valueFrom": {"secretKeyRef": {"name": "sec", "key": "P"}}},
            {"name": "GONE", "valueFrom": {"secretKeyRef": {"name": "no", "key": "P", "optional": True}}},
            {"name": "SELF", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        ]
        mounts = [
            {"name": "conf", "mountPath": "/conf", "readOnly": True},
            {"name": "sec", "mountPath": "/sec"},
            {"name": "data", "mountPath": "/data"},
            {"name": "scratch", "mountPath": "/scratch"},
            {"name": "memory", "mountPath": "/memory"},
        ]
        line = "echo $PLAIN,$FROM,$SECRET,$GONE,$SELF; cat /conf/f /sec/P; grep -c memory.*tmpfs /proc/mounts; id -u; pwd; touch /data/kept"
        done = pod(
            "env",
            container(
                "c", line, env=env, volumeMounts=mounts, workingDir="/tmp", securityContext={"runAsUser": 0}
            ),
            volumes=[
                {"name": "conf", "configMap": {"name": "conf"}},
                {"name": "sec", "secret": {"secretName": "sec"}},
                {"name": "data", "persistentVolumeClaim": {"claimName": "data"}},
                {"name": "scratch", "emptyDir": {}},
                {"name": "memory", "emptyDir": {"medium": "Memory"}},
            ],
        )
        said = self.play(pypod, done, config, secret, claim).stdout
        assert said.startswith("Volumes:\ndata\nSecrets:\n")
        until(lambda: pod_state(pypod, "env") == "Exited", "the pod's end")
        assert pypod.out("logs", "env-c") == "x y,1,secret,,env\ntextsecret1\n0\n/tmp"
        assert pypod.out("run", "--rm", "--network", "none", "-v", "data:/d", IMAGE, "ls", "/d") == "kept"
        text = yaml.safe_dump_all([done, config, secret, claim])
        taken = pypod("kube", "down", "--force", "-", stdin=text).stdout
        assert "Volumes removed:\ndata\n" in taken
        assert pypod.out("volume", "ls", "-q") == ""
        assert pypod.out("secret", "ls", "-q") == ""

    def test_images_as_volumes_and_files_with_commas(self, pypod: Tool, tmp_path: Path) -> None:
        tmp_path.chmod(0o777)
        (tmp_path / "Containerfile").write_text(
            f"FROM {IMAGE}\nRUN mkdir /inside && echo text > /inside/f\nVOLUME /inside\n"
        )
        pypod("build", "--network", "none", "-t", "localhost/vol", str(tmp_path))
        key = "io.podman.annotations.kube.image.volumes.mount/auto"
        line = "cat /inside/f; touch /inside/g 2>/dev/null || echo kept; grep -c ' /tmp tmpfs' /proc/mounts; echo $A"
        mounted = container(
            "by",
            "cat /v/inside/f; touch /v/g 2>/dev/null || echo kept",
            volumeMounts=[{"name": "v", "mountPath": "/v"}],
        )
        env = [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "conf", "key": "A"}}}]
        value = pod(
            "p",
            container("auto", line, env=env),
            mounted,
            volumes=[{"name": "v", "image": {"reference": "localhost/vol", "pullPolicy": "Never"}}],
        )
        config = {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "conf"}, "data": {"A": True}}
        path = tmp_path / "with,comma.yml"
        path.write_text(yaml.safe_dump(config))
        path.chmod(0o644)
        self.play(pypod, value, more=("--annotation", f"{key}=vol", "--configmap", str(path)))
        until(lambda: pod_state(pypod, "p") == "Exited", "the pod's end")
        assert pypod.out("logs", "p-auto").split() == ["text", "kept", "1", "true"]
        assert pypod.out("logs", "p-by").split() == ["text", "kept"]
        pypod("pod", "rm", "p")
        value["spec"]["volumes"][0]["image"]["reference"] = "localhost/gone"
        assert "image not known" in self.play(pypod, value, config, status=125).stderr

    def test_init_containers_and_deployments(self, pypod: Tool) -> None:
        first = container("first", "echo one > /dev/shm/x")
        value = pod("p", container("main", "cat /dev/shm/x; sleep 100"), initContainers=[first])
        template = {
            "metadata": {"labels": {"app": "d"}},
            "spec": {**value["spec"], "restartPolicy": "Always"},
        }
        deployment = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "d"},
            "spec": {"replicas": 3, "template": template},
        }
        done = self.play(pypod, deployment)
        assert "Limiting replica count to 1" in done.stderr
        until(lambda: pypod.out("logs", "d-pod-main") == "one", "what the init container left")
        pypod("container", "exists", "d-pod-first", status=1)
        pypod("pod", "rm", "-f", "-t", "0", "-a")

    def test_what_is_refused(self, pypod: Tool) -> None:
        def refused(*objects: dict[str, Any], more: tuple[str, ...] = ()) -> str:
            text: str = self.play(pypod, *objects, more=more, status=125).stderr
            return text

        assert "does not contain any supported kube kind" in refused({"kind": "Service", "apiVersion": "v1"})
        assert "not a standalone object" in refused({"kind": "ConfigMap", "metadata": {"name": "x"}})
        assert "pod does not have a name" in refused(pod("", container("c")))
        assert 'duplicate container name "c" detected' in refused(pod("p", container("c"), container("c")))
        assert "restartPolicy: 'x'" in refused(pod("p", container("c"), restartPolicy="x"))
        bad = container("c", resources={"limits": {"memory": "many"}})
        assert "is no quantity" in refused(pod("p", bad))
        missing = container("c", volumeMounts=[{"name": "v", "mountPath": "/v"}])
        assert "not configured in volumes" in refused(pod("p", missing))
        env = [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "no", "key": "A"}}}]
        assert "configmap no not found" in refused(pod("p", container("c", env=env)))
        assert pypod.out("pod", "ps", "-q") == ""
        broken = pypod("kube", "play", "-", stdin="a: [", status=125).stderr
        assert "line 1" in broken or "line 2" in broken
        assert "no such file" in pypod("kube", "play", "/nonexistent.yml", status=125).stderr

    def test_round_trip(self, pypod: Tool, tmp_path: Path) -> None:
        tmp_path.chmod(0o777)
        pypod("pod", "create", "--name", "orig", "--network", "none", "--hostname", "there")
        pypod("create", "--pod", "orig", "--name", "one", "-e", "A=1", "-v", "vol:/v", "--memory", "64m", "--read-only",
              "--cap-drop", "CAP_KILL", "--security-opt", "label=filetype:usr_t", IMAGE, "sh", "-c", "echo $A > /v/out; hostname; sleep 100")  # fmt: skip
        text = pypod.out("kube", "generate", "orig", "vol")
        assert text.startswith("# Save the output of this file and use kubectl create -f to import")
        claim, made = yaml.safe_load_all(text)
        assert (claim["kind"], claim["metadata"]["name"]) == ("PersistentVolumeClaim", "vol")
        (one,) = made["spec"]["containers"]
        assert one["command"] == ["sh", "-c", "echo $A > /v/out; hostname; sleep 100"]
        assert one["env"] == [{"name": "A", "value": "1"}]
        assert one["resources"] == {"limits": {"memory": "64Mi"}}
        assert one["securityContext"] == {
            "capabilities": {"drop": ["CAP_KILL"]},
            "readOnlyRootFilesystem": True,
            "seLinuxOptions": {"filetype": "usr_t"},
        }
        assert made["spec"]["hostname"] == "there"
        pypod("pod", "rm", "orig")
        pypod("kube", "play", *self.options, "-", stdin=text)
        until(lambda: pypod.out("logs", "orig-one") == "there", "the played container")
        assert pypod.out("exec", "orig-one", "cat", "/v/out") == "1"
        pypod("pod", "rm", "-f", "-t", "0", "-a")
        pypod("create", "--name", "alone", "--network", "none", IMAGE, "true")
        job = yaml.safe_load(pypod.out("generate", "kube", "--type", "job", "alone"))
        assert (job["kind"], job["spec"]["template"]["metadata"]["name"]) == ("Job", "alone-pod")
        assert job["spec"]["template"]["spec"]["restartPolicy"] == "Never"
        deployment = yaml.safe_load(pypod.out("kube", "generate", "-t", "deployment", "-r", "2", "alone"))
        assert deployment["spec"]["replicas"] == 2
        pypod("kube", "generate", "-f", f"{tmp_path}/x.yml", "alone")
        assert (
            "file exists" in pypod("kube", "generate", "-f", f"{tmp_path}/x.yml", "alone", status=125).stderr
        )
        assert "not found" in pypod("kube", "generate", "nothing", status=125).stderr
        assert json.loads(pypod.out("inspect", "alone"))[0]["Name"] == "alone"
