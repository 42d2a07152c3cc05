"""Verbs of one line each: clones, labels that are commands, networks joined and left, documents, trust, search, scp."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from support.images import make_image, publish
from support.programs import Tool
from support.pypod_life import IMAGE, NONET, until
from support.registry_server import registry_server

pytestmark = pytest.mark.root


def test_a_clone_is_the_container_with_other_limits(pypod: Tool) -> None:
    pypod("create", "--name", "web", *NONET, "-e", "A=1", "--memory", "64m", IMAGE, "sh", "-c", "echo $A")
    first = pypod.out("container", "clone", "--memory", "128m", "web")
    assert pypod.out("start", "-a", "web-clone") == "1"
    shown = ("inspect", "--format", "{{.Name}} {{.HostConfig.Memory}} {{.Id}}")
    assert pypod.out(*shown, "web-clone") == f"web-clone {128 << 20} {first}"
    pypod("container", "clone", "web")
    assert pypod.out(*shown, "web-clone1").startswith(f"web-clone1 {64 << 20}")
    assert (
        "cannot set --force without --destroy" in pypod("container", "clone", "-f", "web", status=125).stderr
    )
    pypod("container", "clone", "--destroy", "--name", "new", "web")
    pypod("container", "exists", "web", status=1)
    pypod("container", "clone", "--destroy", "new", "new")
    assert pypod.out("start", "-a", "new") == "1"
    pypod("container", "clone", "--run", "new", "running", IMAGE)
    state = ("inspect", "--format", "{{.State.Status}}", "running")
    until(lambda: pypod.out(*state) == "exited", "the end of the clone")


def test_the_command_of_a_label(pypod: Tool, tmp_path: Path) -> None:
    label = "podman run --rm --network none ${OPT1} --name NAME -e IMAGE=IMAGE -e H=$HOME ${IMAGE} echo ${NAME} ${OPT2}$OPT3"
    pypod("import", "-c", f"LABEL RUN={json.dumps(label)}", f"{tmp_path}/box.tar", "localhost/labelled")
    image = "localhost/labelled:latest"
    shown = pypod.out(
        "container",
        "runlabel",
        "--display",
        "--opt1=--init",
        "--opt2",
        "b c",
        "--opt3",
        "d",
        "run",
        "labelled",
        "more",
    )
    assert shown == (
        f"command: {pypod.argv[0]} run --rm --network none --init --name labelled -e IMAGE={image} "
        f"-e H={Path.home()} {image} echo labelled b cd more"
    )
    assert pypod.out("container", "runlabel", "--name", "one", "RUN", "labelled", "more") == "one more"
    missing = pypod("container", "runlabel", "install", "labelled", status=125).stderr
    assert "cannot find the value of label: install in image: labelled" in missing


def test_networks_joined_and_left_while_it_runs(pypod: Tool, tmp_path: Path) -> None:
    pypod = pypod.with_options("--network-config-dir", f"{tmp_path}/networks")
    for name in ("one", "two"):
        pypod("network", "create", f"{name}-{os.getpid()}")
    one, two = f"one-{os.getpid()}", f"two-{os.getpid()}"
    pypod("run", "-d", "--name", "c", "--network", one, IMAGE, "sleep", "1000")
    addresses = ("exec", "c", "sh", "-c", "ip -4 addr | grep -c 'scope global'")
    assert pypod.out(*addresses) == "1"
    pypod("network", "connect", "--alias", "other", two, "c")
    assert pypod.out(*addresses) == "2"
    found = json.loads(pypod.out("inspect", "c"))[0]["NetworkSettings"]["Networks"]
    assert sorted(found) == [one, two]
    assert found[two]["IPAddress"] in pypod.out("exec", "c", "cat", "/etc/hosts")
    assert "network is already connected" in pypod("network", "connect", two, "c", status=125).stderr
    assert pypod.out("network", "reload", "c") == pypod.out("inspect", "--format", "{{.Id}}", "c")
    assert (
        json.loads(pypod.out("inspect", "c"))[0]["NetworkSettings"]["Networks"][two]["IPAddress"]
        == found[two]["IPAddress"]
    )
    pypod("network", "update", "--dns-add", "192.0.2.53", one)
    assert json.loads(pypod.out("network", "inspect", one))[0]["network_dns_servers"] == ["192.0.2.53"]
    pypod("network", "disconnect", one, "c")
    assert pypod.out(*addresses) == "1"
    assert "is not connected to network" in pypod("network", "disconnect", one, "c", status=125).stderr
    pypod("restart", "-t", "0", "c")
    assert pypod.out("exec", "c", "sh", "-c", "ip -4 addr show eth1 | grep -c inet") == "1"
    pypod("rm", "-f", "-t", "0", "c")
    pypod("network", "rm", one, two)
    pypod("create", "--name", "n", *NONET, IMAGE)
    assert (
        '"none" is not supported: invalid network mode'
        in pypod("network", "connect", "podman", "n", status=125).stderr
    )


def test_generated_specs(pypod: Tool, tmp_path: Path) -> None:
    pypod("create", "--name", "c", *NONET, "--memory", "64m", "-e", "A=1", "-l", "x=y", IMAGE, "echo", "hi")
    value = json.loads(pypod.out("generate", "spec", "c"))
    assert (value["name"], value["command"], value["env"]["A"]) == ("c-clone", ["echo", "hi"], "1")
    assert value["resource_limits"]["memory"]["limit"] == 64 << 20
    assert value["labels"] == {"x": "y"}
    assert (
        pypod.out("generate", "spec", "-c", "--name=false", "-f", f"{tmp_path}/c.json", "c")
        == f"{tmp_path}/c.json"
    )
    assert json.loads((tmp_path / "c.json").read_text())["name"] == "c"
    pypod("pod", "create", "--name", "p", *NONET)
    assert json.loads(pypod.out("generate", "spec", "--name=false", "p"))["shared_namespaces"] == [
        "ipc",
        "net",
        "uts",
    ]
    pypod("generate", "spec", "nothing", status=125)
    pypod("pod", "rm", "p")


def test_trust_is_shown_and_set(pypod: Tool, tmp_path: Path) -> None:
    policy = tmp_path / "policy.json"
    at = ("--policypath", str(policy))
    trust = ("image", "trust")
    assert (
        "default trust policy must be set"
        in pypod(*trust, "set", *at, "-t", "reject", "quay.io", status=125).stderr
    )
    pypod(*trust, "set", *at, "-t", "accept", "default")
    pypod(*trust, "set", *at, "-t", "reject", "quay.io/me")
    pypod(
        *trust, "set", *at, "-t", "sigstoreSigned", "--pubkeysfile", "/a.pub", "-f", "/b.pub", "example.com"
    )
    assert "at least one public key must be defined" in pypod(*trust, "set", *at, "x.y", status=125).stderr
    entries = json.loads(pypod.out(*trust, "show", *at, "--registrypath", str(tmp_path / "none"), "--json"))
    assert [(e["transport"], e["name"], e["type"]) for e in entries] == [
        ("all", "* (default)", "accept"),
        ("repository", "example.com", "sigstoreSigned"),
        ("repository", "example.com", "sigstoreSigned"),
        ("repository", "quay.io/me", "reject"),
    ]
    assert json.loads(pypod.out(*trust, "show", *at, "--raw")) == json.loads(policy.read_text())
    lines = pypod.out(*trust, "show", *at, "--registrypath", str(tmp_path / "none")).splitlines()
    assert lines[0].split() == ["TRANSPORT", "NAME", "TYPE", "ID", "STORE"]
    assert (
        "unable to read policy file"
        in pypod(*trust, "show", "--policypath", "/nonexistent", status=125).stderr
    )


def test_search_and_tags(pypod: Tool) -> None:
    with registry_server() as server:
        for name, tag in (("team/app", "1"), ("team/app", "2"), ("app", "x"), ("other", "1")):
            publish(server, name, tag, make_image(seed=3))
        plain = "--tls-verify=false"
        names = pypod.out("search", plain, "--format", "{{.Name}}", f"{server.address}/app").splitlines()
        assert names == [f"{server.address}/app", f"{server.address}/team/app"]
        everything = pypod.out("search", plain, f"{server.address}/").splitlines()
        assert everything[0].split() == ["NAME", "DESCRIPTION"]
        assert len(everything) == 4
        columns = pypod.out("search", plain, "--compatible", f"{server.address}/").splitlines()[0].split()
        assert columns == ["NAME", "DESCRIPTION", "STARS", "OFFICIAL", "AUTOMATED"]
        assert (
            len(
                pypod.out(
                    "search", plain, "--limit", "1", "--format", "json", f"{server.address}/"
                ).splitlines()
            )
            > 3
        )
        tags = json.loads(
            pypod.out(
                "image", "search", plain, "--list-tags", "--format", "json", f"{server.address}/team/app"
            )
        )
        assert tags == [{"Name": f"{server.address}/team/app", "Tags": ["1", "2"]}]
        refused = pypod(
            "search", "--list-tags", "--filter", "stars=1", f"{server.address}/a", status=125
        ).stderr
        assert "filters are not applicable to list tags result" in refused
        pypod("search", plain, f"{server.address}1/app", status=125)


def test_signing(pypod: Tool, tmp_path: Path) -> None:
    home = tmp_path / "gnupg"
    home.mkdir(mode=0o700)
    env = {"GNUPGHOME": str(home)}
    key = "Key-Type: RSA\nKey-Length: 2048\n%no-protection\nName-Email: me@example.com\n%commit\n"
    subprocess.run(
        ["gpg", "--batch", "--gen-key"],
        input=key.encode(),
        env={**os.environ, **env},
        check=True,
        capture_output=True,
    )
    try:
        (tmp_path / "signatures").mkdir()
        reference = f"containers-storage:{IMAGE}"
        assert "no identity provided" in pypod("image", "sign", reference, status=125).stderr
        sign = ("image", "sign", "--sign-by", "me@example.com", "--directory", f"{tmp_path}/signatures")
        for _ in range(2):
            pypod(*sign, reference, env=env)
        digest = pypod.out("image", "inspect", "--format", "{{.Digest}}", IMAGE)
        folder = tmp_path / "signatures" / f"box@{digest.replace(':', '=')}"
        assert sorted(path.name for path in folder.iterdir()) == ["signature-1", "signature-2"]
        pypod(*sign, "containers-storage:nonexistent", env=env, status=125)
    finally:
        subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=False)


def test_help_renumber_and_reload(pypod: Tool, tmp_path: Path) -> None:
    assert pypod.out("help", "pod", "create") == pypod.out("pod", "create", "--help")
    pypod("create", "--name", "c", *NONET, IMAGE)
    pypod("init", "c")
    locks = tmp_path / "volatile" / "locks"
    stale = locks / ("0" * 64)
    stale.touch()
    before = set(os.listdir(locks)) - {stale.name}
    pypod("system", "renumber")
    assert set(os.listdir(locks)) == before
    assert pypod.out("volume", "reload") == ""


def test_logs_of_both_streams_are_in_their_order(pypod: Tool) -> None:
    script = "for i in 1 2 3; do echo out $i; sleep 0.05; echo err $i >&2; sleep 0.05; done"
    pypod("run", "--name", "c", *NONET, IMAGE, "sh", "-c", script)
    both = subprocess.run(
        [*pypod.argv, "logs", "c"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True
    )
    assert both.stdout.splitlines() == ["out 1", "err 1", "out 2", "err 2", "out 3", "err 3"]
