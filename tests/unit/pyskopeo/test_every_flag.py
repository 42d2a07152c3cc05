"""Every option of every command does its work; what test_commands and the comparisons with skopeo do not show is here."""

from __future__ import annotations

import json
import re
import ssl
import stat
import subprocess
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

import pytest

from pyskopeo.program import PROGRAM
from support.images import digest_of, listing, make_image, publish, publish_index
from support.keys import EncryptionKeys
from support.programs import ours
from support.pyskopeo import Pyskopeo
from support.registry_server import RegistryServer, registry_server
from support.tls_server import tls_registry

PLAIN = ("--src-tls-verify=false", "--dest-tls-verify=false")


@pytest.fixture
def server() -> Iterator[RegistryServer]:
    with registry_server() as running:
        yield running


@pytest.fixture
def skopeo(tmp_path: Path) -> Pyskopeo:
    return Pyskopeo(tmp_path)


def test_each_option_is_tried_somewhere() -> None:
    """The tests of pyskopeo name every option of every command as one types it."""
    tests = Path(__file__).parents[2]
    files = [
        *tests.glob("unit/pyskopeo/*.py"),
        *tests.glob("compat/skopeo/*.py"),
        *tests.glob("root/image/*.py"),
    ]
    text = "".join(path.read_text() for path in files)
    options = {option.long for option in PROGRAM.options}
    for entry in PROGRAM.commands.values():
        assert isinstance(entry, tuple)
        if entry[0].startswith("pyskopeo."):
            options |= {option.long for option in import_module(entry[0]).COMMAND.options}
    missing = {name for name in options if not re.search(rf"--{re.escape(name)}(?![\w-])", text)}
    assert not missing


# -- credentials ---------------------------------------------------------------------------

_REMOTE: dict[str, Callable[[str], tuple[str, ...]]] = {
    "inspect": lambda name: ("inspect", name),
    "layers": lambda name: ("layers", name),
    "list-tags": lambda name: ("list-tags", name.rpartition(":")[0]),
    "delete": lambda name: ("delete", name),
}


@pytest.mark.parametrize("command", _REMOTE)
def test_credentials_of_one_image(
    server: RegistryServer, skopeo: Pyskopeo, tmp_path: Path, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    server.basic = "user:secret"
    words = (*_REMOTE[command](f"docker://{server.address}/a:v1"), "--tls-verify=false")
    skopeo.ok(
        "login", "-u", "user", "-p", "secret", "--tls-verify=false", "--authfile", "x.json", server.address
    )
    for given in (
        ("--creds", "user:secret"),
        ("--username", "user", "--password", "secret"),
        ("--authfile", "x.json"),
    ):
        publish(server, "a", "v1", make_image())
        skopeo.ok(*words, *given)
    for given in ((), ("--creds", "user:wrong"), ("--authfile", "x.json", "--no-creds")):
        assert "unauthorized: authentication required" in skopeo(*words, *given).err
    assert "authentication required" in skopeo(*words, "--registry-token", "made-up").err
    assert server.log[-1][2]["Authorization"] == "Bearer made-up"


@pytest.mark.parametrize("command", ["copy", "sync"])
def test_credentials_of_both_sides(
    server: RegistryServer, skopeo: Pyskopeo, tmp_path: Path, command: str
) -> None:
    publish(server, "a", "v1", make_image())
    with registry_server() as other:
        server.basic, other.basic = "me:one", "you:two"
        source, target = f"{server.address}/a:v1", f"{other.address}/b"
        words = ("copy", f"docker://{source}", f"docker://{target}:v1")
        if command == "sync":
            words = ("sync", "--src", "docker", "--dest", "docker", source, target)
        files = []
        for address, pair in ((server.address, "me:one"), (other.address, "you:two")):
            path = tmp_path / f"{pair}.json"
            user, _, word = pair.partition(":")
            skopeo.ok("login", "-u", user, "-p", word, "--tls-verify=false", "--authfile", str(path), address)
            files.append(str(path))
        for given in (
            ("--src-creds", "me:one", "--dest-creds", "you:two"),
            ("--src-username=me", "--src-password=one", "--dest-username=you", "--dest-password=two"),
            ("--src-authfile", files[0], "--dest-authfile", files[1]),
        ):
            other.manifests.clear()
            other.tags.clear()
            skopeo.ok(*words, *PLAIN, *given)
            assert other.tags
        for given in (
            ("--src-no-creds", "--dest-creds", "you:two"),
            ("--src-creds", "me:one", "--dest-no-creds"),
            ("--src-registry-token", "x", "--dest-creds", "you:two"),
            ("--src-creds", "me:one", "--dest-registry-token", "x"),
        ):
            other.manifests.clear()
            other.tags.clear()
            assert ": authentication required" in skopeo(*words, *PLAIN, *given).err
            assert not other.tags


def test_one_authfile_for_both_sides_and_docker_s(
    server: RegistryServer, skopeo: Pyskopeo, tmp_path: Path
) -> None:
    server.basic = "me:one"
    config = tmp_path / "config.json"
    words = ("--tls-verify=false", "--compat-auth-file", str(config), server.address)
    assert "Login Succeeded" in skopeo.ok("login", "--verbose", "-u", "me", "-p", "one", *words)
    assert server.address in json.loads(config.read_text())["auths"]
    publish(server, "a", "v1", make_image())
    skopeo.ok(
        "copy",
        *PLAIN,
        "--authfile",
        str(config),
        f"docker://{server.address}/a:v1",
        f"docker://{server.address}/b:v1",
    )
    skopeo.ok("logout", "--compat-auth-file", str(config), server.address)
    assert not json.loads(config.read_text()).get("auths")


# -- TLS -----------------------------------------------------------------------------------


def test_certificates_of_a_directory(skopeo: Pyskopeo, tmp_path: Path) -> None:
    with tls_registry(tmp_path, client_certificates=True) as server:
        publish(server, "a", "v1", make_image())
        name, certs = f"docker://{server.address}/a:v1", str(tmp_path / "certs")
        skopeo.ok("inspect", "--cert-dir", certs, name)
        assert "tls:" in skopeo.fails("inspect", name)
        skopeo.ok(
            "copy", "--src-cert-dir", certs, "--dest-cert-dir", certs, name, f"docker://{server.address}/b:v1"
        )
        skopeo.ok("delete", "--cert-dir", certs, f"docker://{server.address}/b:v1")


@pytest.mark.parametrize(
    ("text", "accepted"),
    [
        ('minVersion: "1.2"', True),
        ('minVersion: "1.3"', False),
        ("cipherSuites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]", True),
        ("cipherSuites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]", False),
        ("cipherSuites: [TLS_AES_128_GCM_SHA256]", False),
        ("namedGroups: [secp256r1]", True),
        ("namedGroups: [secp521r1]", False),
    ],
)
def test_tls_details(skopeo: Pyskopeo, tmp_path: Path, text: str, accepted: bool) -> None:
    (tmp_path / "tls.yaml").write_text(text)
    with tls_registry(tmp_path, maximum=ssl.TLSVersion.TLSv1_2) as server:
        publish(server, "a", "v1", make_image())
        words = (
            "--tls-details",
            str(tmp_path / "tls.yaml"),
            "inspect",
            "--cert-dir",
            str(tmp_path / "certs"),
        )
        done = skopeo(*words, f"docker://{server.address}/a:v1")
        assert (done.status == 0) == accepted, done.err
        assert accepted or "tls:" in done.err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("minVersion: 1.2", "not a text"),
        ('minVersion: "0.9"', "unrecognized TLS minimum version"),
        ("cipherSuites: [ROT13]", "unrecognized TLS cipher suite"),
        ("namedGroups: [secp1r1]", "unrecognized TLS named group"),
        ("namedGroups: secp256r1", "not a list"),
        ("namedGroups: [x25519, secp256r1]", "exactly one"),
        ("cipherSuites: [TLS_ECDHE_RSA_WITH_NOTHING]", "none of the cipher suites"),
        ("what: 1", "unknown key"),
        ("}", "line 1"),
    ],
)
def test_tls_details_that_cannot_be_kept_to(
    skopeo: Pyskopeo, tmp_path: Path, text: str, message: str
) -> None:
    (tmp_path / "tls.yaml").write_text(text)
    with tls_registry(tmp_path) as server:
        line = skopeo.fails(
            "--tls-details", str(tmp_path / "tls.yaml"), "inspect", f"docker://{server.address}/a:v1"
        )
    assert message in line


# -- the whole program ---------------------------------------------------------------------


def test_require_signed_and_policy(server: RegistryServer, skopeo: Pyskopeo, tmp_path: Path) -> None:
    publish(server, "a", "v1", make_image())
    words = ("copy", *PLAIN, f"docker://{server.address}/a:v1", f"dir:{tmp_path}/out")
    (tmp_path / "policy.json").write_text('{"default": [{"type": "insecureAcceptAnything"}]}')
    policy = ("--policy", str(tmp_path / "policy.json"))
    assert "--require-signed asks for one" in skopeo.fails(*policy, "--require-signed", *words, policy=True)
    assert not (tmp_path / "out").exists()
    assert skopeo(*policy, *words, policy=True).status == 0
    assert "mutually exclusive" in skopeo.fails("--require-signed", *words)
    (tmp_path / "policy.json").write_text('{"default": [{"type": "reject"}]}')
    assert "rejected by policy" in skopeo.fails(*policy, *words, policy=True)


def test_overrides_choose_from_a_list(server: RegistryServer, skopeo: Pyskopeo) -> None:
    images = {
        "arm64": make_image(seed=2, architecture="arm64"),
        "arm": make_image(seed=3, architecture="arm"),
    }
    publish_index(server, "a", "v1", images)
    name = f"docker://{server.address}/a:v1"
    words = ("inspect", "--tls-verify=false", name)
    chosen = json.loads(
        skopeo.ok("--override-arch=arm", "--override-variant=v7", "--override-os=linux", *words)
    )
    assert chosen["Layers"] == images["arm"].layers
    assert "no image found" in skopeo.fails("--override-os=plan9", "--override-arch=arm64", *words)


def test_registries_conf_and_user_agent(server: RegistryServer, skopeo: Pyskopeo, tmp_path: Path) -> None:
    publish(server, "a", "v1", make_image())
    conf = tmp_path / "other.conf"
    conf.write_text(f'[[registry]]\nprefix = "x.example"\nlocation = "{server.address}"\ninsecure = true\n')
    skopeo.ok(
        "--registries-conf", str(conf), "--user-agent-prefix", "mine/1", "inspect", "docker://x.example/a:v1"
    )
    assert server.log[-1][2]["User-Agent"].startswith("mine/1 pyskopeo/")


def test_debug_and_tmpdir(server: RegistryServer, skopeo: Pyskopeo, tmp_path: Path) -> None:
    image = make_image()
    publish(server, "a", "v1", image)
    archive = f"oci-archive:{tmp_path}/a.tar:1"
    skopeo.ok("copy", *PLAIN, f"docker://{server.address}/a:v1", archive)
    (tmp_path / "tmp").mkdir()
    skopeo.ok("--debug", "--tmpdir", str(tmp_path / "tmp"), "inspect", archive)
    assert not list((tmp_path / "tmp").iterdir())
    assert "none" in skopeo.fails("--tmpdir", str(tmp_path / "none"), "inspect", archive)


def test_help_and_completion(skopeo: Pyskopeo, tmp_path: Path) -> None:
    assert "SOURCE-IMAGE" in skopeo.ok("help", "copy")
    assert "--command-timeout" in skopeo.ok("help")
    assert "unrecognized command" in skopeo.fails("help", "dance")
    for shell in ("bash", "zsh", "fish"):
        assert "pyskopeo" in skopeo.ok("completion", shell)
        assert "__completeNoDesc" in skopeo.ok("completion", shell, "--no-descriptions")
    assert "unsupported shell" in skopeo.fails("completion", "powershell")


def test_exit_status_of_an_image_that_is_not_there(
    server: RegistryServer, skopeo: Pyskopeo, tmp_path: Path
) -> None:
    publish(server, "a", "v1", make_image())
    skopeo.ok("copy", *PLAIN, f"docker://{server.address}/a:v1", f"oci:{tmp_path}/layout:1")
    skopeo.fails("inspect", "--tls-verify=false", f"docker://{server.address}/a:none", status=2)
    skopeo.fails("inspect", f"oci:{tmp_path}/layout:none", status=2)
    skopeo.fails("inspect", f"oci:{tmp_path}/none:1", status=1)


# -- copy ----------------------------------------------------------------------------------


def _manifest(folder: Path) -> dict[str, list[dict[str, str]]]:
    value: dict[str, list[dict[str, str]]] = json.loads((folder / "manifest.json").read_text())
    return value


def test_compression(server: RegistryServer, skopeo: Pyskopeo, tmp_path: Path) -> None:
    image = make_image(size=60_000)
    publish(server, "a", "v1", image)
    name = f"docker://{server.address}/a:v1"
    sizes = {}
    for level in ("1", "19"):
        out = tmp_path / level
        compress = ("--dest-compress-format", "zstd", "--dest-compress-level", level)
        skopeo.ok("copy", *PLAIN, *compress, "--dest-force-compress-format", name, f"dir:{out}")
        manifest = _manifest(out)
        assert {layer["mediaType"].rpartition("+")[2] for layer in manifest["layers"]} == {"zstd"}
        sizes[level] = [layer["digest"] for layer in manifest["layers"]]
    assert sizes["1"] != sizes["19"]
    # Without force what is compressed stays as it is.
    skopeo.ok("copy", *PLAIN, "--dest-compress-format", "zstd", name, f"dir:{tmp_path}/kept")
    assert [layer["digest"] for layer in _manifest(tmp_path / "kept")["layers"]] == image.layers
    assert "needs --dest-compress-format" in skopeo.fails(
        "copy", "--dest-force-compress-format", name, "dir:x"
    )


def test_precomputed_digests_spare_uploads(server: RegistryServer, skopeo: Pyskopeo, tmp_path: Path) -> None:
    publish(server, "a", "v1", make_image(size=40_000))
    skopeo.ok("copy", *PLAIN, "--dest-decompress", f"docker://{server.address}/a:v1", f"dir:{tmp_path}/plain")
    words = (
        "copy",
        *PLAIN,
        "--dest-precompute-digests",
        f"dir:{tmp_path}/plain",
        f"docker://{server.address}/b:v1",
    )
    skopeo.ok(*words)
    before = server.count("POST", "upload")
    skopeo.ok(*words)
    assert server.count("POST", "upload") == before


def test_digests_preserved_or_refused(server: RegistryServer, skopeo: Pyskopeo, tmp_path: Path) -> None:
    image = make_image(docker=True)
    publish(server, "a", "v1", image)
    name = f"docker://{server.address}/a:v1"
    skopeo.ok(
        "copy", *PLAIN, "--preserve-digests", "--image-parallel-copies", "1", name, f"dir:{tmp_path}/out"
    )
    assert (tmp_path / "out/manifest.json").read_bytes() == image.manifest
    assert "preserve digests" in skopeo.fails(
        "copy", *PLAIN, "--preserve-digests", name, f"oci:{tmp_path}/l:1"
    )
    assert "preserve digests" in skopeo(
        "sync", "--src-tls-verify=false", "--src=docker", "--dest=dir", "--preserve-digests", "--format=oci",
        f"{server.address}/a", str(tmp_path),
    ).err  # fmt: skip


def test_shared_blobs(server: RegistryServer, skopeo: Pyskopeo, tmp_path: Path) -> None:
    publish(server, "a", "v1", make_image())
    shared, layout = str(tmp_path / "shared"), f"oci:{tmp_path}/layout:1"
    skopeo.ok("copy", *PLAIN, "--dest-shared-blob-dir", shared, f"docker://{server.address}/a:v1", layout)
    assert json.loads(skopeo.ok("inspect", "--shared-blob-dir", shared, layout))["Architecture"] == "amd64"
    skopeo.ok("copy", "--src-shared-blob-dir", shared, layout, f"dir:{tmp_path}/out")
    skopeo.fails("inspect", layout)
    skopeo.ok("delete", "--shared-blob-dir", shared, layout)


def test_encryption_options(server: RegistryServer, skopeo: Pyskopeo, tmp_path: Path) -> None:
    keys = EncryptionKeys(tmp_path)
    publish(server, "a", "v1", make_image(layers=2))
    name, sealed = f"docker://{server.address}/a:v1", f"oci:{tmp_path}/sealed:1"
    to, of = ("--encryption-key", keys.named("jwe:rsa.pub")), ("--decryption-key", keys.named("rsa.pem"))
    skopeo.ok("copy", *PLAIN, *to, "--encrypt-layer=-1", name, sealed)
    kinds = [
        layer["MIMEType"].endswith("+encrypted")
        for layer in json.loads(skopeo.ok("inspect", sealed))["LayersData"]
    ]
    assert kinds == [False, True]
    skopeo.ok("copy", *of, sealed, f"oci:{tmp_path}/opened:1")
    assert "cannot be specified together" in skopeo.fails("copy", *to, *of, name, sealed)
    assert "can only be used with --encryption-key" in skopeo.fails("copy", "--encrypt-layer=0", name, sealed)
    assert "open /none: no such file" in skopeo.fails("copy", "--encryption-key", "jwe:/none", name, sealed)


def test_retries(server: RegistryServer, skopeo: Pyskopeo, tmp_path: Path) -> None:
    publish(server, "a", "v1", make_image())
    server.fail("status", "manifest", times=6)
    words = ("inspect", "--tls-verify=false", "--retry-delay", "1ms", f"docker://{server.address}/a:v1")
    assert "HTTP status 503" in skopeo(*words).err
    server.faults.clear()
    server.fail("status", "manifest", times=6)
    skopeo.ok(*words, "--retry-times", "6")


# -- signing -------------------------------------------------------------------------------


def test_sign_by_sigstore_parameter_file(server: RegistryServer, skopeo: Pyskopeo, tmp_path: Path) -> None:
    (tmp_path / "phrase").write_text("p\n")
    phrase = ("--passphrase-file", str(tmp_path / "phrase"))
    skopeo.ok("generate-sigstore-key", "--output-prefix", str(tmp_path / "k"), *phrase)
    (tmp_path / "registries.d").mkdir()
    (tmp_path / "registries.d/x.yaml").write_text("default-docker:\n  use-sigstore-attachments: true\n")
    parameters = {"privateKeyFile": f"{tmp_path}/k.private", "privateKeyPassphraseFile": f"{tmp_path}/phrase"}
    (tmp_path / "params.yaml").write_text(json.dumps(parameters))
    publish(server, "a", "v1", make_image())
    requirement = {
        "type": "sigstoreSigned",
        "keyPath": f"{tmp_path}/k.pub",
        "signedIdentity": {"type": "matchRepository"},
    }
    (tmp_path / "policy.json").write_text(json.dumps({"default": [requirement]}))
    places = ("--registries.d", str(tmp_path / "registries.d"))
    strict = (*places, "--policy", str(tmp_path / "policy.json"), "--require-signed")
    sign = ("--sign-by-sigstore", str(tmp_path / "params.yaml"))
    target = f"docker://{server.address}/b:v1"
    skopeo.ok(*places, "copy", *PLAIN, *sign, f"docker://{server.address}/a:v1", target)
    out = ("copy", *PLAIN, "--remove-signatures", target, f"dir:{tmp_path}/out")
    assert skopeo(*strict, *out, policy=True).status == 0
    skopeo.ok(
        *places,
        "sync",
        *PLAIN,
        *sign,
        "--src=docker",
        "--dest=docker",
        f"{server.address}/a",
        f"{server.address}/m",
    )
    assert [name for name in server.tags["m/a"] if name.endswith(".sig")]
    assert "parsing" in skopeo.fails("copy", "--sign-by-sigstore", str(tmp_path / "phrase"), target, "dir:x")


def test_sign_by_sequoia(server: RegistryServer, skopeo: Pyskopeo, tmp_path: Path) -> None:
    """sq is asked for a message over the statement; where it is not installed one line says so."""
    image = make_image()
    publish(server, "a", "v1", image)
    words = ("copy", *PLAIN, "--sign-by-sq-fingerprint", "ABC", "--sign-identity", "x.example/a:v1")
    line = (f"docker://{server.address}/a:v1", f"dir:{tmp_path}/out")
    skopeo.environ["PATH"] = str(tmp_path / "bin")
    assert "sq is not installed (install the package sq)" in skopeo.fails(*words, *line)
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin/sq"
    program.write_text('#!/bin/sh\n/bin/echo "$@"\n/bin/cat\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    # The program looks for sq in its own process's PATH, so this one is started for it.
    tool = ours("pyskopeo", "--insecure-policy")
    tool(
        *words,
        "--sign-passphrase-file",
        str(tmp_path / "p"),
        *line,
        env={"PATH": f"{tmp_path}/bin:/usr/bin:/bin"},
    )
    said, _, statement = (tmp_path / "out/signature-1").read_text().partition("\n")
    assert said == f"--batch --password-file {tmp_path}/p sign --binary --signer ABC --message"
    critical = json.loads(statement)["critical"]
    assert critical["image"]["docker-manifest-digest"] == image.digest
    assert critical["identity"]["docker-reference"] == "x.example/a:v1"


def test_sign_by_gpg_and_standalone(skopeo: Pyskopeo, tmp_path: Path, server: RegistryServer) -> None:
    home = tmp_path / "gnupg"
    home.mkdir(mode=0o700)
    environ = {"GNUPGHOME": str(home)}
    gpg = ("gpg", "--homedir", str(home), "--batch", "--quiet")
    subprocess.run(
        [*gpg, "--passphrase", "", "--quick-generate-key", "t@example.com", "ed25519", "sign"], check=True
    )
    listed = subprocess.run(
        [*gpg, "--list-keys", "--with-colons"], check=True, capture_output=True
    ).stdout.decode()
    key = next(line.split(":")[9] for line in listed.splitlines() if line.startswith("fpr"))
    public = tmp_path / "public"
    public.write_bytes(subprocess.run([*gpg, "--export", key], check=True, capture_output=True).stdout)
    image = make_image()
    publish(server, "a", "v1", image)
    (tmp_path / "m").write_bytes(image.manifest)
    tool, name = ours("pyskopeo", "--insecure-policy"), "x.example/a:v1"
    try:
        tool("standalone-sign", str(tmp_path / "m"), name, key, "--output", str(tmp_path / "s"), env=environ)
        words = ("standalone-verify", "--public-key-file", str(public), str(tmp_path / "m"), name, "any")
        assert digest_of(image.manifest) in tool.out(*words, str(tmp_path / "s"))
        source = f"docker://{server.address}/a:v1"
        signing = ("--sign-by", key, "--sign-identity", name)
        tool("copy", *PLAIN, *signing, source, f"dir:{tmp_path}/out", env=environ)
        assert digest_of(image.manifest) in tool.out(*words, str(tmp_path / "out/signature-1"))
        tool("copy", f"dir:{tmp_path}/out", f"dir:{tmp_path}/again")
        assert "signature-1" in listing(tmp_path / "again")
        tool("copy", "--remove-signatures", f"dir:{tmp_path}/out", f"dir:{tmp_path}/bare")
        assert "signature-1" not in listing(tmp_path / "bare")
    finally:
        subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=False)


# -- inspect, sync, proxy ------------------------------------------------------------------


def test_other_digest_of_the_manifest(server: RegistryServer, skopeo: Pyskopeo) -> None:
    image = make_image()
    publish(server, "a", "v1", image)
    words = ("inspect", "--tls-verify=false", f"docker://{server.address}/a:v1")
    assert json.loads(skopeo.ok(*words, "--manifest-digest", "sha512"))["Digest"].startswith("sha512:")
    assert json.loads(skopeo.ok(*words, "--manifest-digest", "sha256"))["Digest"] == image.digest


def test_sync_suffix_jobs_and_removed_signatures(
    server: RegistryServer, skopeo: Pyskopeo, tmp_path: Path
) -> None:
    for tag in ("v1", "v2", "v3"):
        publish(server, "a", tag, make_image())
    words = ("sync", *PLAIN, "--src=docker", "--dest=docker", "--append-suffix", "-mirror", "--jobs", "2")
    skopeo.ok(*words, "--remove-signatures", f"{server.address}/a", f"{server.address}/m")
    assert sorted(server.tags["m/a"]) == ["v1-mirror", "v2-mirror", "v3-mirror"]


def test_the_proxy_serves_a_descriptor(skopeo: Pyskopeo) -> None:
    import socket

    parent, child = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    argv = [*ours("pyskopeo").argv, "experimental-image-proxy", "--sockfd", str(child.fileno())]
    with parent, subprocess.Popen(argv, pass_fds=(child.fileno(),)) as process:
        child.close()
        parent.send(b'{"method": "Initialize", "args": []}')
        assert json.loads(parent.recv(1000))["value"] == "0.2.6"
        parent.send(b'{"method": "Shutdown"}')
        assert process.wait(10) == 0
    assert "serving descriptor 99" in skopeo.fails("experimental-image-proxy", "--sockfd", "99")


def test_older_names(server: RegistryServer, skopeo: Pyskopeo) -> None:
    publish(server, "a", "v1", make_image())
    server.basic = "me:one"
    words = ("copy", f"docker://{server.address}/a:v1", f"docker://{server.address}/b:v1")
    done = skopeo(*words, "--tls-verify=false", "--screds=me:one", "--dcreds=me:one")
    assert done.status == 0
    assert "--tls-verify' is deprecated" in done.err


def test_root_s_credentials_of_a_login_session(
    server: RegistryServer, skopeo: Pyskopeo, tmp_path: Path
) -> None:
    publish(server, "a", "v1", make_image())
    server.basic = "me:one"
    del skopeo.environ["REGISTRY_AUTH_FILE"]
    skopeo.ok("login", "-u", "me", "-p", "one", "--tls-verify=false", server.address)
    assert (tmp_path / "home/containers/auth.json").is_file()
    skopeo.ok("inspect", "--tls-verify=false", f"docker://{server.address}/a:v1")
