"""Flags of the commands that are not `run`, each by what it does."""

from __future__ import annotations

import json
import os
import subprocess
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.programs import Tool
from support.pypod_life import IMAGE, NONET, until
from support.pypod_store import pypod_with_box
from support.rootfs import busybox_tar

pytestmark = pytest.mark.root


@pytest.fixture(scope="module")
def pypod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tool]:
    """One store for all of them; containers are removed at the end."""
    with pypod_with_box(tmp_path_factory.mktemp("store")) as tool:
        yield tool


# -- containers ----------------------------------------------------------------------------


def test_logs_of_a_container(pypod: Tool) -> None:
    pypod("run", "--name", "log", *NONET, IMAGE, "sh", "-c", "for i in 1 2 3; do echo $i; done")
    assert pypod.out("logs", "--tail", "2", "log") == "2\n3"
    line = pypod.out("logs", "--timestamps", "--tail", "1", "log")
    stamp, text = line.split(" ")
    assert text == "3"
    assert stamp.startswith(time.strftime("%Y-"))
    assert pypod.out("logs", "--until", "2020-01-01T00:00:00Z", "log") == ""
    assert pypod.out("logs", "--since", "2020-01-01T00:00:00Z", "log") == "1\n2\n3"
    assert pypod.out("logs", "--color", "--names", "--tail", "1", "log").startswith("\x1b[")
    assert pypod.out("logs", "--details", "--tail", "1", "log") == "3"
    pypod("rm", "log")


def test_logs_of_both_streams_keep_their_order(pypod: Tool) -> None:
    script = "for i in 1 2 3; do echo o$i; sleep 0.1; echo e$i >&2; sleep 0.1; done"
    pypod("run", "--name", "both", *NONET, IMAGE, "sh", "-c", script)
    done = subprocess.run(
        [*pypod.argv, "logs", "both"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True
    )
    assert done.stdout.split() == ["o1", "e1", "o2", "e2", "o3", "e3"]
    pypod("rm", "both")


def test_started_again_under_its_own_cgroup_manager(pypod: Tool) -> None:
    """What a container was made with counts, not what its starter prefers."""
    pypod("--cgroup-manager", "cgroupfs", "create", "--name", "own", *NONET, IMAGE, "true")
    pypod("--cgroup-manager", "systemd", "start", "-a", "own")
    assert pypod.out("inspect", "--format", "{{.HostConfig.CgroupManager}}", "own") == "cgroupfs"
    pypod("rm", "own")


def test_logs_are_followed(pypod: Tool) -> None:
    pypod("run", "-d", "--name", "long", *NONET, IMAGE, "sh", "-c", "echo a; sleep 1; echo b")
    assert pypod.out("logs", "--follow", "long") == "a\nb"
    pypod("rm", "-f", "long")


def test_copies_keep_or_lose_their_owner(pypod: Tool, tmp_path: Path) -> None:
    """--archive gives what is copied in to the container's user."""
    (tmp_path / "f").write_text("x")
    os.chown(tmp_path / "f", 7, 7)
    pypod("run", "-d", "--name", "cp", "--user", "9:9", *NONET, IMAGE, "sleep", "1000")
    for archive, owner in (("true", "9"), ("false", "7")):
        pypod("cp", f"--archive={archive}", f"{tmp_path}/f", f"cp:/{archive}")
        assert pypod.out("exec", "-u", "0", "cp", "stat", "-c", "%u", f"/{archive}") == owner
    for word in ("--extract", "--pause=false"):
        assert "has been deprecated" in pypod("cp", word, f"{tmp_path}/f", "cp:/x").stderr
    pypod("rm", "-f", "-t", "0", "cp")


def test_a_commit_says_who_and_what(pypod: Tool, tmp_path: Path) -> None:
    pypod("run", "-d", "--name", "com", "-v", "/vol", *NONET, IMAGE, "sleep", "1000")
    pypod("commit", "-q", "--author", "Me", "--include-volumes", "--pause=false", "com", "committed")
    shown = json.loads(pypod.out("image", "inspect", "committed"))[0]
    assert shown["Author"] == "Me"
    assert list(shown["Config"]["Volumes"]) == ["/vol"]
    events = pypod.out("events", "--stream=false", "--filter", "container=com", "--format", "{{.Status}}")
    assert "pause" not in events.split()
    pypod("commit", "-q", "--pause", "com", "committed")
    events = pypod.out("events", "--stream=false", "--filter", "container=com", "--format", "{{.Status}}")
    assert "commit" in events.split()
    (tmp_path / "over.json").write_text(
        '{"Env": ["NEW=1"], "Labels": {"a": "b"}, "Cmd": ["ls"], "User": "7"}'
    )
    pypod("commit", "-q", "--config", f"{tmp_path}/over.json", "--change", "USER 8", "com", "committed")
    merged = json.loads(pypod.out("image", "inspect", "committed"))[0]["Config"]
    assert (merged["Cmd"], merged["User"], merged["Labels"]["a"]) == (["ls"], "8", "b")
    assert merged["Env"][-1] == "NEW=1"
    assert len(merged["Env"]) > 1
    pypod("rm", "-f", "-t", "0", "com")


def test_restart_only_what_runs(pypod: Tool) -> None:
    pypod("run", "-d", "--name", "on", *NONET, IMAGE, "sleep", "1000")
    pypod("create", "--name", "off", *NONET, IMAGE, "true")
    started = ("inspect", "--format", "{{.State.StartedAt}}")
    before = pypod.out(*started, "on")
    pypod("restart", "--running", "-t", "0")
    assert pypod.out(*started, "on") != before
    assert pypod.out("inspect", "--format", "{{.State.Status}}", "off") == "created"
    namespaces = pypod.out("ps", "--ns", "--filter", "name=on").splitlines()
    assert namespaces[0].split() == "CONTAINER ID NAMES PID CGROUPNS IPC MNT NET PIDNS USERNS UTS".split()
    pid = pypod.out("inspect", "--format", "{{.State.Pid}}", "on")
    assert os.readlink(f"/proc/{pid}/ns/mnt")[5:-1] in namespaces[1]
    with subprocess.Popen([*pypod.argv, "ps", "--watch", "1", "-q"], stdout=subprocess.PIPE) as watching:
        assert watching.stdout is not None
        first = [watching.stdout.readline() for _ in range(3)]
        watching.terminate()
    assert any(pypod.out("ps", "-q").encode() in line for line in first)
    shown = pypod.out("stats", "--no-stream", "--no-reset", "--format", "{{.Name}}", "on")
    assert shown == "on"
    assert pypod.out("wait", "--condition", "running", "on") == "-1"
    assert "pid" in pypod.out("top", "--list-descriptors").split()
    mapped = ("--user", "33:34", "--group-add", "5", "--uidmap", "0:100000:65536")
    pypod("run", "-d", "--name", "mapped", *NONET, *mapped, IMAGE, "sleep", "1000")
    assert pypod.out("top", "mapped", "uid", "huid").split() == ["UID", "HUID", "33", "100033"]
    heading, groups = pypod.out("top", "mapped", "hgroups").splitlines()
    assert (heading.strip(), set(groups.split(","))) == ("HGROUPS", {"100005", "100034"})
    pypod("rm", "-f", "-t", "0", "on", "off")


def test_attached_without_its_input(pypod: Tool) -> None:
    script = "until [ -e /go ]; do echo tick; sleep 0.1; done; if read -t 1 line; then echo got $line; fi; echo end"
    pypod("run", "-d", "-i", "--name", "in", *NONET, IMAGE, "sh", "-c", script)
    with subprocess.Popen(
        [*pypod.argv, "attach", "--no-stdin", "in"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as attached:
        assert attached.stdin is not None
        assert attached.stdout is not None
        attached.stdin.write(b"no\n")
        attached.stdin.close()
        assert attached.stdout.readline() == b"tick\n"
        pypod("exec", "in", "touch", "/go")
        assert [line for line in attached.stdout if line != b"tick\n"] == [b"end\n"]
    pypod("rm", "in")


def test_detach_keys(pypod: Tool) -> None:
    """A terminal is left by the keys that were named."""
    import pty

    pypod("run", "-d", "-i", "-t", "--name", "tty", *NONET, IMAGE, "sh")
    main, other = pty.openpty()
    with subprocess.Popen(
        [*pypod.argv, "attach", "--detach-keys", "x,y", "tty"], stdin=other, stdout=other, stderr=other
    ) as attached:
        os.close(other)
        # What is typed before the terminal is raw is thrown away.
        until = time.monotonic() + 60
        while attached.poll() is None and time.monotonic() < until:
            os.write(main, b"xy")
            time.sleep(0.2)
        assert attached.wait(1) == 0
    os.close(main)
    assert pypod.out("inspect", "--format", "{{.State.Status}}", "tty") == "running"
    pypod("rm", "-f", "-t", "0", "tty")


def test_a_check_whose_result_does_not_matter(pypod: Tool) -> None:
    check = ("--health-cmd", "false", "--health-interval", "disable")
    pypod("run", "-d", "--name", "ill", *check, *NONET, IMAGE, "sleep", "1000")
    assert pypod("healthcheck", "run", "ill", status=1).returncode == 1
    pypod("healthcheck", "run", "--ignore-result", "ill")
    until(lambda: pypod.out("inspect", "--format", "{{.State.Health.FailingStreak}}", "ill") == "2", "both")
    pypod("rm", "-f", "-t", "0", "ill")


def test_migration_to_another_runtime(pypod: Tool) -> None:
    pypod("create", "--name", "mig", *NONET, IMAGE, "true")
    pypod("system", "migrate", "--new-runtime", "runc")
    assert pypod.out("inspect", "--format", "{{.OCIRuntime}}", "mig") == "runc"
    assert (
        "no-such-runtime" in pypod("system", "migrate", "--new-runtime", "no-such-runtime", status=125).stderr
    )
    pypod("rm", "mig")


# -- images --------------------------------------------------------------------------------


def test_images_and_their_history(pypod: Tool, tmp_path: Path) -> None:
    (tmp_path / "Containerfile").write_text(
        f"FROM {IMAGE}\nLABEL a=b\nRUN --mount=type=cache,target=/c echo x >/c/x\n"
    )
    pypod("build", "-q", *NONET, "-t", "localhost/built:1", str(tmp_path))
    assert "localhost/built:1" in pypod.out("image", "tree", "--whatrequires", IMAGE)
    raw = pypod.out("history", "--human=false", "--format", "{{.Size}} {{.CreatedAt}}", "localhost/built:1")
    assert raw.splitlines()[0].split(" ")[0].isdigit()
    pypod("tag", "localhost/built:1", "localhost/built:2")
    pypod("untag", "localhost/built:1", "localhost/built:1")
    assert "localhost/built:1" in pypod.out(
        "images", "--history", "--format", "{{.History}}", "localhost/built"
    )
    pypod("image", "prune", "-f", "--build-cache")
    parents = len(pypod.out("images", "-a", "-q").splitlines())
    pypod("rmi", "--no-prune", "localhost/built:2")
    assert len(pypod.out("images", "-a", "-q").splitlines()) == parents - 1
    pypod("system", "prune", "-f", "--build")


def test_archives_of_several_images(pypod: Tool, tmp_path: Path) -> None:
    (tmp_path / "box.tar").write_bytes(busybox_tar())
    pypod("import", "-m", "another", "-c", "LABEL x=y", f"{tmp_path}/box.tar", "localhost/second:1")
    pypod("save", "--multi-image-archive", "-o", f"{tmp_path}/two.tar", IMAGE, "localhost/second:1")
    with tarfile.open(tmp_path / "two.tar") as archive:
        member = archive.extractfile("manifest.json")
        assert member is not None
        names = [entry["RepoTags"] for entry in json.load(member)]
    assert names == [["localhost/box:latest"], ["localhost/second:1"]]
    pypod("rmi", "localhost/second:1")
    assert "localhost/second:1" in pypod.out("load", "--input", f"{tmp_path}/two.tar")
    for flags, kind in (((), "gzip"), (("--uncompressed",), "tar")):
        target = tmp_path / f"oci-{kind}"
        pypod("save", *flags, "--format", "oci-dir", "-o", str(target), IMAGE)
        digest = json.loads((target / "index.json").read_text())["manifests"][0]["digest"]
        manifest = json.loads((target / "blobs" / digest.replace(":", "/")).read_text())
        assert [layer["mediaType"].endswith(kind) for layer in manifest["layers"]] == [True]


def test_pushes_compress_as_told(pypod: Tool, tmp_path: Path) -> None:
    sizes = {}
    for level in ("1", "19"):
        target = tmp_path / f"level-{level}"
        words = ("--compression-format", "zstd", "--compression-level", level, "--force-compression")
        pypod("push", "-q", *words, IMAGE, f"oci:{target}")
        blobs = (target / "blobs/sha256").iterdir()
        sizes[level] = sum(blob.stat().st_size for blob in blobs)
    assert sizes["19"] < sizes["1"]


# -- the rest ------------------------------------------------------------------------------


def test_secrets_of_another_driver(pypod: Tool, tmp_path: Path) -> None:
    (tmp_path / "s").write_text("word")
    folder = tmp_path / "kept"
    folder.mkdir()
    scripts = (
        f"store=cat >{folder}/$SECRET_ID", f"lookup=cat {folder}/$SECRET_ID",
        f"delete=rm {folder}/$SECRET_ID", f"list=ls {folder}",
    )  # fmt: skip
    options = [word for script in scripts for word in ("--driver-opts", script)]
    made = pypod.out("secret", "create", "--driver", "shell", *options, "sh", f"{tmp_path}/s")
    assert (folder / made).read_text() == "word"
    assert pypod.out("secret", "inspect", "--showsecret", "--format", "{{.SecretData}}", "sh") == "word"
    pypod("secret", "rm", "sh")
    assert list(folder.iterdir()) == []


def test_networks_as_asked(pypod: Tool, tmp_path: Path) -> None:
    pypod = pypod.with_options("--network-config-dir", f"{tmp_path}/networks")
    words = ("--driver", "bridge", "--ipam-driver", "dhcp")
    pypod("network", "create", *words, "leased")
    words = ("--driver", "bridge", "--interface-name", "lifebr77", "--dns", "192.0.2.7")
    pypod("network", "create", *words, "net")
    shown = json.loads(pypod.out("network", "inspect", "net"))[0]
    assert (shown["driver"], shown["network_interface"]) == ("bridge", "lifebr77")
    leased = json.loads(pypod.out("network", "inspect", "leased"))[0]
    assert leased["ipam_options"] == {"driver": "dhcp"}
    pypod("network", "update", "--dns-drop", "192.0.2.7", "net")
    assert not json.loads(pypod.out("network", "inspect", "net"))[0].get("network_dns_servers")
    route = "10.9.0.0/16,10.77.0.2,5"
    pypod("network", "create", "--subnet", "10.77.0.0/24", "--route", route, "routed")
    shown = json.loads(pypod.out("network", "inspect", "routed"))[0]
    pypod("network", "create", "--ipv6", "--subnet", "fd77:5::/64", "six")
    words = (
        "run",
        "--rm",
        "--network",
        "six",
        "--ip6",
        "fd77:5::33",
        IMAGE,
        "ip",
        "-o",
        "-6",
        "addr",
        "show",
        "eth0",
    )
    assert " fd77:5::33/64 " in pypod.out(*words)
    assert shown["routes"] == [{"destination": "10.9.0.0/16", "gateway": "10.77.0.2", "metric": 5}]


def test_artifacts_by_type_and_digest(pypod: Tool, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).write_text(name)
    pypod(
        "artifact", "add", "--file-type", "text/life", "localhost/art:1", f"{tmp_path}/one", f"{tmp_path}/two"
    )
    layers = json.loads(pypod.out("artifact", "inspect", "localhost/art:1"))["Manifest"]["layers"]
    assert [layer["mediaType"] for layer in layers] == ["text/life"] * 2
    out = tmp_path / "out"
    pypod("artifact", "extract", "--digest", layers[1]["digest"], "localhost/art:1", str(out))
    assert out.read_text() == "two"


def test_lists_that_name_artifacts(pypod: Tool, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("data")
    (tmp_path / "config").write_text("{}")
    pypod("manifest", "create", "lists")
    words = (
        "--artifact-type", "x/life", "--artifact-layer-type", "x/layer", "--artifact-config-type", "x/config",
        "--artifact-config", f"{tmp_path}/config", "--artifact-subject", IMAGE,
    )  # fmt: skip
    pypod("manifest", "add", "--artifact", *words, "lists", f"{tmp_path}/data")
    entry = json.loads(pypod.out("manifest", "inspect", "lists"))["manifests"][0]
    assert entry["artifactType"] == "x/life"
    pypod("manifest", "annotate", "--index", "--subject", IMAGE, "lists")
    subject = json.loads(pypod.out("manifest", "inspect", "lists"))["subject"]["digest"]
    # The manifest stored last; builds of other tests may have stored several for one configuration.
    names = json.loads(pypod.out("image", "inspect", "--format", "{{json .RepoDigests}}", IMAGE))
    assert subject in {name.partition("@")[2] for name in names}
    pypod("manifest", "push", "--purge", "-q", "lists", f"oci:{tmp_path}/pushed")
    pypod("manifest", "exists", "lists", status=1)


def test_kubernetes_yaml_as_asked(pypod: Tool, tmp_path: Path) -> None:
    pypod("create", "--name", "kube", "--rm", "-p", "7777:80", IMAGE, "sleep", "1000")
    file = tmp_path / "pod.yaml"
    pypod("kube", "generate", "--service", "--podman-only", "--filename", str(file), "kube")
    text = file.read_text()
    assert "kind: Service" in text
    assert "io.podman.annotations.autoremove" in text
    replicas = pypod.out("kube", "generate", "--type", "deployment", "--replicas", "3", "kube")
    assert "replicas: 3" in replicas
    pypod("rm", "kube")
    pypod("kube", "play", "--no-pod-prefix", "--start=false", "--network", "none", str(file))
    assert pypod.out("inspect", "--format", "{{.State.Status}}", "kube") == "created"
    shown = pypod.out("pod", "ps", "--ctr-ids", "--ns", "--filter", "name=kube-pod").splitlines()
    assert "IDS" in shown[0].split()
    assert pypod.out("inspect", "--format", "{{.Id}}", "kube")[:12] in shown[1]
    pypod("kube", "play", "--down", str(file))
    pypod("container", "exists", "kube", status=1)


def test_layers_that_nothing_refers_to(pypod: Tool) -> None:
    """--max is how old they may be; `system check` takes those that are older for damage."""
    layer = pypod.out("info", "--format", "{{.Store.GraphRoot}}")
    container = pypod.out("create", *NONET, IMAGE, "true")
    top = json.loads(Path(f"{layer}/overlay-containers/containers.json").read_text())[-1]["layer"]
    records = Path(f"{layer}/overlay-containers/containers.json")
    kept = records.read_text()
    records.write_text("[]")
    try:
        assert "unreferenced" not in pypod.out("system", "check", "--quick")
        seen = pypod("system", "check", "--quick", "--max", "0s", status=None).stdout
        assert top in seen
    finally:
        records.write_text(kept)
    pypod("rm", container)


def test_pods_and_their_cgroup(pypod: Tool) -> None:
    pypod("pod", "create", "--name", "alone", "--share-parent=false", "--infra-conmon-pidfile", "/run/none/x",
          "--network", "none")  # fmt: skip
    assert pypod.out("pod", "inspect", "--format", "{{.CreateCgroup}}", "alone") == "false"
    pypod("pod", "rm", "-f", "alone")
    pypod("pod", "create", "--name", "two", "--network", "none")
    for name in ("a", "b"):
        pypod("run", "-d", "--pod", "two", "--name", name, IMAGE, "sh", "-c", f"echo {name}; sleep 1000")
    until(lambda: pypod.out("logs", "a") == "a" and pypod.out("logs", "b") == "b", "both lines")
    assert pypod.out("pod", "logs", "--container", "b", "two") == "b"
    pypod("pod", "rm", "-f", "-t", "0", "two")


def test_specification_in_a_file(pypod: Tool, tmp_path: Path) -> None:
    pypod("create", "--name", "spec", *NONET, IMAGE, "true")
    pypod("generate", "spec", "--compact", "--filename", f"{tmp_path}/spec.json", "spec")
    text = (tmp_path / "spec.json").read_text()
    assert "\n" not in text.strip()
    assert json.loads(text)["command"] == ["true"]
    pypod("rm", "spec")
