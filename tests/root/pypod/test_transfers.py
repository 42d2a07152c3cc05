"""What goes out signed or encrypted, and what the signature policy lets in."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.keys import EncryptionKeys
from support.programs import Tool
from support.pypod_life import IMAGE
from support.registry_server import RegistryServer, registry_server

pytestmark = pytest.mark.root

PLAIN = "--tls-verify=false"


@pytest.fixture
def server() -> Iterator[RegistryServer]:
    with registry_server() as running:
        yield running


def test_push_encrypts_for_a_key(pypod: Tool, server: RegistryServer, tmp_path: Path) -> None:
    keys = EncryptionKeys(tmp_path)
    name = f"{server.address}/sealed:1"
    to = ("--encryption-key", keys.named("jwe:rsa.pub"))
    pypod("push", PLAIN, *to, "--encrypt-layer", "0", IMAGE, name)
    pypod("push", PLAIN, *to, "--encrypt-layer=-1", IMAGE, f"oci:{tmp_path}/sealed")
    index = json.loads((tmp_path / "sealed/index.json").read_text())
    digest = index["manifests"][0]["digest"].replace(":", "/")
    layers = json.loads((tmp_path / f"sealed/blobs/{digest}").read_text())["layers"]
    assert [layer["mediaType"].endswith("+encrypted") for layer in layers] == [True]
    pypod("rmi", "-f", IMAGE)
    assert "give --decryption-key" in pypod("pull", PLAIN, name, status=125).stderr
    key = ("--decryption-key", keys.named("rsa.pem"))
    pypod("pull", "-q", PLAIN, *key, name)
    assert pypod.out("run", "--rm", "--network", "none", name, "echo", "open") == "open"
    needs = pypod("push", PLAIN, "--encrypt-layer", "0", name, status=125).stderr
    assert "--encrypt-layer can only be used with --encryption-key" in needs


def test_push_signs_for_sigstore(pypod: Tool, server: RegistryServer, tmp_path: Path) -> None:
    from support.programs import ours

    (tmp_path / "phrase").write_text("word\n")
    phrase = ("--sign-passphrase-file", f"{tmp_path}/phrase")
    ours("pyskopeo")(
        "generate-sigstore-key", "--output-prefix", f"{tmp_path}/k", "--passphrase-file", f"{tmp_path}/phrase"
    )
    config = tmp_path / "home/.config/containers"
    (config / "registries.d").mkdir(parents=True)
    (config / "registries.d/x.yaml").write_text("default-docker:\n  use-sigstore-attachments: true\n")
    wants = {
        "type": "sigstoreSigned",
        "keyPath": f"{tmp_path}/k.pub",
        "signedIdentity": {"type": "matchRepository"},
    }
    accept = [{"type": "insecureAcceptAnything"}]
    policy = tmp_path / "strict.json"
    policy.write_text(json.dumps({"default": accept, "transports": {"docker": {server.address: [wants]}}}))
    env = {"HOME": f"{tmp_path}/home"}
    name, bare = f"{server.address}/signed:1", f"{server.address}/bare:1"
    key = ("--sign-by-sigstore-private-key", f"{tmp_path}/k.private")
    pypod("push", PLAIN, *key, *phrase, IMAGE, name, env=env)
    assert [tag for tag in server.tags["signed"] if tag.endswith(".sig")]
    parameters = {"privateKeyFile": f"{tmp_path}/k.private", "privateKeyPassphraseFile": f"{tmp_path}/phrase"}
    (tmp_path / "params.yaml").write_text(json.dumps(parameters))
    again = f"{server.address}/again:1"
    pypod("push", PLAIN, "--sign-by-sigstore", f"{tmp_path}/params.yaml", IMAGE, again, env=env)
    pypod("push", PLAIN, IMAGE, bare, env=env)
    strict = ("pull", "-q", PLAIN, "--signature-policy", str(policy))
    for good in (name, again):
        pypod(*strict, good, env=env)
    assert "Source image rejected" in pypod(*strict, bare, env=env, status=125).stderr
    pypod("rmi", "-f", name, again)
    run = ("run", "--rm", "--network", "none", PLAIN, "--signature-policy", str(policy))
    assert pypod.out(*run, name, "echo", "trusted", env=env) == "trusted"
    pypod("create", *run[2:], bare, env=env, status=125)
    nowhere = pypod("push", *key, *phrase, IMAGE, f"dir:{tmp_path}/out", env=env, status=125).stderr
    assert "Cannot determine canonical Docker reference for destination" in nowhere
    assert not (tmp_path / "out").exists()


def test_push_signs_with_gnupg(pypod: Tool, server: RegistryServer, tmp_path: Path) -> None:
    """--sign-by is the key of the user's keyring; its signatures go to the lookaside that registries.d names."""
    home = tmp_path / "gnupg"
    home.mkdir(mode=0o700)
    key = "Key-Type: RSA\nKey-Length: 2048\n%no-protection\nName-Email: me@example.com\n%commit\n"
    environ = {"GNUPGHOME": str(home), "HOME": f"{tmp_path}/home"}
    subprocess.run(
        ["gpg", "--batch", "--gen-key"],
        input=key.encode(),
        env={**os.environ, **environ},
        check=True,
        capture_output=True,
    )
    folder = tmp_path / "home/.config/containers/registries.d"
    folder.mkdir(parents=True)
    (folder / "x.yaml").write_text(f"default-docker:\n  lookaside-staging: file://{tmp_path}/lookaside\n")
    try:
        words = ("push", PLAIN, "--sign-by", "me@example.com", IMAGE, f"{server.address}/signed:1")
        pypod(*words, env=environ)
        assert [path.name for path in (tmp_path / "lookaside").glob("signed@*/*")] == ["signature-1"]
    finally:
        subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=False)
    missing = pypod(
        "push", PLAIN, "--sign-by-sq-fingerprint", "A", *words[-2:], env={"PATH": "/nowhere"}, status=125
    ).stderr
    assert "sq is not installed" in missing


def test_archives_under_a_policy(pypod: Tool, tmp_path: Path) -> None:
    """What comes from a file is let in by the policy of its transport; what goes out needs only a sound policy."""
    pypod("save", "-q", "-o", f"{tmp_path}/a.tar", IMAGE)
    for text, word in (('{"default": [{"type": "reject"}]}', "rejected"), ("{", "loading trust policy")):
        (tmp_path / "policy.json").write_text(text)
        policy = ("--signature-policy", f"{tmp_path}/policy.json")
        assert word in pypod("load", *policy, "-i", f"{tmp_path}/a.tar", status=125).stderr
        assert word in pypod("import", *policy, f"{tmp_path}/box.tar", status=125).stderr
    assert word in pypod("save", *policy, "-o", f"{tmp_path}/b.tar", IMAGE, status=125).stderr
    assert word in pypod("push", *policy, IMAGE, f"dir:{tmp_path}/b", status=125).stderr
    assert not (tmp_path / "b").exists() and not (tmp_path / "b.tar").exists()
    (tmp_path / "policy.json").write_text('{"default": [{"type": "insecureAcceptAnything"}]}')
    pypod("load", *policy, "-i", f"{tmp_path}/a.tar")
    pypod("import", *policy, f"{tmp_path}/box.tar")
