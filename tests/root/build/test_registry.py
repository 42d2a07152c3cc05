"""pybuildah and a registry: push, pull, from, build, commit, lists."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from support.docker_registry import docker_registry
from support.keys import private_pem, public_pem
from support.programs import Tool, ours, theirs

pytestmark = pytest.mark.root


def test_round_trip(own: Tool, tmp_path: Path) -> None:
    context = tmp_path / "context"
    context.mkdir()
    (context / "a").write_text("a\n")
    (context / "Containerfile").write_text("FROM scratch\nCOPY a /a\n")
    insecure = "--tls-verify=false"
    with docker_registry(tmp_path / "registry") as host:
        name = f"{host}/group/image:1"
        image = own.out("build", "-q", "-t", "local", str(context))
        own("push", insecure, "--digestfile", str(tmp_path / "digest"), "local", f"docker://{name}")
        own("rmi", "-a")
        assert own.out("pull", insecure, name) == image
        foreign = own("pull", insecure, "--arch", "s390x", name)
        assert foreign.stdout.strip() == image
        assert "does not match the expected platform (linux/s390x)" in foreign.stderr
        own("rmi", "-a")
        assert own.out("from", insecure, name) == "127.0.0.1-working-container"
        (context / "Containerfile").write_text(f"FROM {name}\nCOPY --from={name} /a /b\n")
        own("build", insecure, "--pull=always", "-t", "second", str(context))
        container = own.out("from", "second")
        own("commit", insecure, container, f"docker://{host}/third:x")
        own("manifest", "create", "list", name, "second")
        own("manifest", "push", insecure, "--all", "list", f"docker://{host}/list:1")
        assert len(json.loads(own.out("manifest", "inspect", insecure, f"{host}/list:1"))["manifests"]) == 2
        done = own("pull", insecure, f"{host}/none", status=125)
        assert done.stderr.splitlines()[-1].startswith("Error: ")
        assert own("from", "--pull=never", f"{host}/none", status=125).stderr.count("\n") == 1


def test_a_layer_is_compressed_and_sent_once(own: Tool, tmp_path: Path) -> None:
    """The second push, under another name, has the registry take the layer over from the first."""
    context = tmp_path / "context"
    context.mkdir()
    (context / "a").write_bytes(os.urandom(9000))
    (context / "Containerfile").write_text("FROM scratch\nCOPY a /a\n")
    with docker_registry(tmp_path / "registry") as host:
        own("build", "-q", "-t", "local", str(context))
        push = ("--log-level=debug", "push", "--tls-verify=false")
        assert "Skipping blob" not in own(*push, "local", f"docker://{host}/first").stderr
        assert "Skipping blob" in own(*push, "local", f"docker://{host}/second").stderr
        zstd = own(*push, "--compression-format=zstd", "local", f"docker://{host}/second:zstd")
        assert "Skipping blob" not in zstd.stderr
        any_will_do = ("--compression-format=zstd", "--force-compression=false")
        assert "Skipping blob" in own(*push, *any_will_do, "local", f"docker://{host}/third").stderr
        kinds = {}
        for name in ("first", "second", "second:zstd", "third"):
            raw = json.loads(
                ours("pyskopeo")("inspect", "--raw", "--tls-verify=false", f"docker://{host}/{name}").stdout
            )
            kinds[name] = raw["layers"][0]["mediaType"].rpartition("+")[2]
    assert kinds == {"first": "gzip", "second": "gzip", "second:zstd": "zstd", "third": "zstd"}


def test_blob_cache(own: Tool, tmp_path: Path) -> None:
    cache, context = tmp_path / "cache", tmp_path / "context"
    context.mkdir()
    (context / "a").write_bytes(b"a" * 9000)
    (context / "Containerfile").write_text("FROM scratch\nCOPY a /a\n")
    insecure, keep = "--tls-verify=false", f"--blob-cache={cache}"

    def known(folder: Path) -> tuple[int, int]:
        """How many files of an image's folder are in the cache, and how many are not."""
        kept = {path.read_bytes() for path in cache.iterdir()}
        found = [path.read_bytes() in kept for path in folder.iterdir()]
        return found.count(True), found.count(False)

    with docker_registry(tmp_path / "registry") as host:
        own("build", "-q", "-t", "local", str(context))
        own("push", insecure, "local", f"docker://{host}/base:1")
        own("rmi", "-a")
        (context / "Containerfile").write_text(f"FROM {host}/base:1\nCOPY a /b\n")
        own("build", insecure, keep, "-D=false", "-t", "second", str(context))
        own("push", keep, "second", f"dir:{tmp_path}/with")
        # All but "version": base and new layer, configuration, manifest.
        assert known(tmp_path / "with") == (4, 1)
        layers = json.loads((tmp_path / "with" / "manifest.json").read_text())["layers"]
        assert all(layer["mediaType"].endswith("+gzip") for layer in layers)
        own("push", "-D", keep, "second", f"dir:{tmp_path}/plain")
        layers = json.loads((tmp_path / "plain" / "manifest.json").read_text())["layers"]
        assert all(layer["mediaType"].endswith(".tar") for layer in layers)
        assert known(tmp_path / "plain")[0] >= 3
        container = own.out("from", insecure, keep, "--pull=always", f"{host}/base:1")
        own("copy", container, str(context / "a"), "/c")
        own("commit", keep, container, f"dir:{tmp_path}/sent")
        assert known(tmp_path / "sent") == (4, 1)
        own("rmi", "-a", "-f")
        # The registry's blobs are not needed any more.
        for blob in (tmp_path / "registry").rglob("blobs/sha256/*/*/data"):
            if blob.read_bytes()[:2] == b"\x1f\x8b":
                blob.unlink()
        own("pull", insecure, keep, f"{host}/base:1")
        failed = own("pull", insecure, f"--blob-cache={cache}/{'x' * 300}", f"{host}/base:1", status=125)
        assert "file name too long" in failed.stderr
        assert failed.stderr.count("\n") == 1


def test_decrypted_images_are_usable(own: Tool, tmp_path: Path) -> None:
    context, key, public = tmp_path / "context", tmp_path / "key.pem", tmp_path / "public.pem"
    context.mkdir()
    (context / "a").write_text("a\n")
    (context / "Containerfile").write_text("FROM scratch\nCOPY a /a\n")
    theirs("openssl", "genrsa", "-out", str(key), "2048")()
    theirs("openssl", "rsa", "-in", str(key), "-pubout", "-out", str(public))()
    own("build", "-q", "-t", "local", str(context))
    own("push", "--encryption-key", f"jwe:{public}", "local", f"oci:{tmp_path}/sealed:1")
    own("rmi", "-a")
    refused = own("pull", f"oci:{tmp_path}/sealed:1", status=125)
    assert "give --decryption-key" in refused.stderr
    image = own.out("pull", "--decryption-key", str(key), f"oci:{tmp_path}/sealed:1").splitlines()[-1]
    container = own.out("from", image)
    assert (Path(own.out("mount", container)) / "a").read_text() == "a\n"
    own("umount", container)
    own("push", image, f"dir:{tmp_path}/open")


def test_options_for_images_that_have_to_be_pulled(own: Tool, tmp_path: Path) -> None:
    """The hidden options of add, copy, commit and manifest create."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public, private = tmp_path / "key.pub", tmp_path / "key.pem"
    public.write_bytes(public_pem(key))
    private.write_bytes(private_pem(key))
    context = tmp_path / "context"
    context.mkdir()
    (context / "a").write_text("a\n")
    (context / "Containerfile").write_text("FROM scratch\nCOPY a /a\n")
    insecure = "--tls-verify=false"
    with docker_registry(tmp_path / "registry") as host:
        platforms = "linux/amd64,linux/s390x"
        own("build", "-q", f"--platform={platforms}", "--manifest", "both", str(context))
        own("manifest", "push", "--all", insecure, "both", f"docker://{host}/both")
        own("build", "-q", "-t", "local", str(context))
        own("push", insecure, f"--encryption-key=jwe:{public}", "local", f"docker://{host}/sealed")
        own("rmi", "-a", "-f")
        own("manifest", "create", insecure, "--arch=s390x", "--os=linux", "chosen", f"{host}/both")
        entries = json.loads(own.out("manifest", "inspect", "chosen"))["manifests"]
        assert [entry["platform"]["architecture"] for entry in entries] == ["s390x"]
        container = own.out("from", "scratch")
        for verb in ("add", "copy"):
            words = (verb, insecure, "--from", f"{host}/sealed")
            assert own(*words, container, "/a", f"/{verb}", status=125).stderr.count("\n") == 1
            own(*words, f"--decryption-key={private}", "--remove-signatures", container, "/a", f"/{verb}")
            assert (Path(own.out("mount", container)) / verb).read_text() == "a\n"
            own("umount", container)
            own("rmi", "-f", f"{host}/sealed")
        sbom = (
            "--sbom-merge-strategy=cat",
            "--sbom-scanner-image",
            f"{host}/both",
            "--sbom-scanner-command",
            "x",
        )
        refused = own("commit", "--pull-never", *sbom, "--sbom-output=/x", container, "made", status=125)
        assert f"{host}/both" in refused.stderr
        assert "pulling" not in refused.stderr
        both = own("commit", "--pull-never", "--pull-always", container, "made", status=125)
        assert "pull-always" in both.stderr
