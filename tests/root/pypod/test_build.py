"""`pypod build` where it needs registries: caches of steps, and the platforms of base images."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from pathlib import Path

import pytest

from support.docker_registry import docker_registry
from support.programs import Tool
from support.pypod_store import IMAGE

pytestmark = pytest.mark.root


def test_caches_and_platforms_at_a_registry(pypod: Tool, tmp_path: Path) -> None:
    context = tmp_path / "context"
    context.mkdir()
    (context / "Containerfile").write_text(f"FROM {IMAGE}\nCOPY Containerfile /\nENV A=1\n")
    with docker_registry(tmp_path / "registry") as host:
        cache = f"{host}/cache"
        first = pypod.out("build", "--tls-verify=false", "--cache-to", cache, "-t", "made", str(context))
        assert first.count(f"--> Pushing cache [{cache}]:") == 2
        pypod("rmi", "-f", "made")
        pypod("image", "prune", "-f")
        second = pypod.out("build", "--tls-verify=false", "--cache-from", cache, "-t", "made", str(context))
        assert second.count(f"--> Cache pulled from remote {cache}:") == 2
        assert second.split()[-1] == first.split()[-1]
        pypod("push", "-q", "--tls-verify=false", IMAGE, f"{host}/single")
        (context / "Containerfile").write_text(f"FROM {host}/single\n")
        refused = pypod("build", "--tls-verify=false", "--all-platforms", str(context), status=125).stderr
        assert "didn't resolve to a manifest list" in refused
        assert refused.count("\n") == 1


def test_namespaces_devices_signatures_and_squash_all(pypod: Tool, tmp_path: Path) -> None:
    context = tmp_path / "context"
    context.mkdir()
    build = ("build", "--network", "none")
    text = f"FROM {IMAGE}\nRUN cat /proc/self/uid_map\nRUN ls /dev/of-cdi 2>&1 || true\n"
    (context / "Containerfile").write_text(text)
    maps = ("--userns-uid-map", "0:100000:65536", "--userns-gid-map", "0:100000:65536")
    out = pypod.out(*build, "--no-cache", *maps, str(context))
    assert any(line.split() == ["0", "100000", "65536"] for line in out.splitlines())
    cdi = tmp_path / "cdi"
    cdi.mkdir()
    device = {
        "name": "one",
        "containerEdits": {"deviceNodes": [{"path": "/dev/of-cdi", "hostPath": "/dev/null"}]},
    }
    (cdi / "one.json").write_text(
        json.dumps({"cdiVersion": "0.6.0", "kind": "example.com/null", "devices": [device]})
    )
    given = ("--cdi-config-dir", str(cdi), "--device", "example.com/null=one")
    assert "\n/dev/of-cdi\n" in pypod.out(*build, "--no-cache", *given, str(context))
    pypod(*build, "--squash-all", "-t", "flat", str(context))
    assert pypod.out("image", "inspect", "--format", "{{len .RootFS.Layers}}", "flat") == "1"
    refused = pypod(*build, "--sign-by", "nobody@example.com", "-t", "flat", str(context), status=125)
    assert refused.stderr.count("\n") == 1
    assert "nobody@example.com" in refused.stderr
    policy = tmp_path / "policy.json"
    policy.write_text('{"default": [{"type": "reject"}]}')
    with docker_registry(tmp_path / "registry") as host:
        pypod("push", "-q", "--tls-verify=false", IMAGE, f"{host}/base")
        (context / "Containerfile").write_text(f"FROM {host}/base\n")
        denied = pypod(
            *(
                "build",
                "--tls-verify=false",
                "--pull=always",
                "--signature-policy",
                str(policy),
                str(context),
            ),
            status=125,
        )
    assert "rejected" in denied.stderr


def test_signed_builds(pypod: Tool, tmp_path: Path) -> None:
    """--sign-by signs the image for each of its names; the signatures go along to where signatures have a place."""
    context = tmp_path / "context"
    context.mkdir()
    home = tmp_path / "gnupg"
    home.mkdir(mode=0o700)
    env = {"GNUPGHOME": str(home)}
    key = "Key-Type: RSA\nKey-Length: 2048\n%no-protection\nName-Email: me@example.com\n%commit\n"
    everything = {**os.environ, **env}
    subprocess.run(
        ["gpg", "--batch", "--gen-key"], input=key.encode(), env=everything, check=True, capture_output=True
    )
    try:
        (context / "Containerfile").write_text(f"FROM {IMAGE}\nLABEL signed=yes\n")
        names = ("-t", "example.com/one:1", "-t", "example.com/two:2")
        pypod("build", "--sign-by", "me@example.com", *names, str(context), env=env)
        pypod("push", "-q", "example.com/one:1", f"dir:{tmp_path}/out", env=env)
        manifest = (tmp_path / "out" / "manifest.json").read_bytes()
        signed = []
        for path in sorted((tmp_path / "out").glob("signature-*")):
            done = subprocess.run(["gpg", "-d", str(path)], env=everything, capture_output=True, check=True)
            critical = json.loads(done.stdout)["critical"]
            assert (
                critical["image"]["docker-manifest-digest"]
                == "sha256:" + hashlib.sha256(manifest).hexdigest()
            )
            signed.append(critical["identity"]["docker-reference"])
        assert sorted(signed) == ["example.com/one:1", "example.com/two:2"]
    finally:
        subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=False)


def test_what_the_engine_gives_a_build(pypod: Tool, tmp_path: Path) -> None:
    """Global options and variables that reach the build, and refusals in podman's words."""
    context = tmp_path / "context"
    context.mkdir()
    build = ("build", "--network", "none")
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "one").write_text("told\n")
    (tmp_path / "mounts.conf").write_text(f"{secrets}:/run/secrets\n")
    (context / "Containerfile").write_text(f"FROM {IMAGE}\nRUN cat /run/secrets/one\n")
    told = pypod.out(f"--default-mounts-file={tmp_path}/mounts.conf", *build, str(context))
    assert "told" in told.splitlines()
    assert "Using cache" in pypod.out(*build, str(context))
    without = {"BUILDAH_LAYERS": "false"}
    (context / "Containerfile").write_text(f"FROM {IMAGE}\nRUN true\n")
    pypod(*build, str(context))
    assert "Using cache" not in pypod(*build, str(context), env=without).stdout
    assert "Using cache" in pypod(*build, "--layers", str(context), env=without).stdout
    missing = pypod("--runtime=idonotexist", *build, str(context), status=125)
    assert missing.stderr == 'Error: default OCI runtime "idonotexist" not found: invalid argument\n'
    assert "STEP" not in missing.stdout
    (tmp_path / "containers.conf").write_text('[engine]\nruntime = "idonotexist"\n')
    configured = {"CONTAINERS_CONF_OVERRIDE": str(tmp_path / "containers.conf")}
    for words in ((*build, str(context)), ("run", "--rm", IMAGE, "true")):
        missing = pypod(*words, status=125, env=configured)
        assert missing.stderr.startswith(
            'Error: default OCI runtime "idonotexist" not found: invalid argument'
        )
        assert (missing.stdout, missing.stderr.count("\n")) == ("", 1)
    both = pypod(*build, "--squash-all", "--squash", str(context), status=125)
    assert both.stderr == "Error: cannot specify --squash-all with --squash\n"
    (context / "Containerfile").unlink()
    none = pypod(*build, str(context), status=125)
    assert none.stderr == (
        f"Error: no Containerfile or Dockerfile specified or found in context directory, {context}: "
        "no such file or directory\n"
    )
