"""Bad input, each case by name: one line that says what, where and what to do; exit status 1; nothing half-written stays."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.images import OCI_INDEX, OCI_MANIFEST, digest_of, make_image, publish
from support.pyskopeo import Pyskopeo
from support.registry_server import RegistryServer, registry_server
from support.tls_server import tls_registry

PLAIN = ("--src-tls-verify=false", "--dest-tls-verify=false")
FAST = ("--retry-delay", "1ms")


@pytest.fixture
def server() -> Iterator[RegistryServer]:
    with registry_server() as running:
        yield running


@pytest.fixture
def skopeo(tmp_path: Path) -> Pyskopeo:
    return Pyskopeo(tmp_path)


class Copy:
    """Copies /a:v1 of a registry to every kind of destination and expects the same failure."""

    def __init__(self, skopeo: Pyskopeo, server: RegistryServer, folder: Path) -> None:
        self.skopeo, self.server, self.folder = skopeo, server, folder

    def fails(self, message: str, *more: str) -> None:
        source = f"docker://{self.server.address}/a:v1"
        for number, target in enumerate(
            ("dir:{}/dir", "oci:{}/oci:1", "oci-archive:{}/a.tar:1", "docker-archive:{}/d.tar")
        ):
            before = sorted(os.listdir(self.folder))
            line = self._one(source, target.format(self.folder), *more)
            assert message in line, (number, line)
            assert sorted(os.listdir(self.folder)) == before, target
        with registry_server() as other:
            assert message in self._one(source, f"docker://{other.address}/b:v1", *more)
            assert not other.tags
            assert not other.uploads

    def _one(self, source: str, target: str, *more: str) -> str:
        done = self.skopeo("copy", "-q", *PLAIN, *FAST, *more, source, target)
        assert done.status in (1, 2), done.err
        errors = [line for line in done.err.splitlines() if "level=fatal" in line]
        assert len(errors) == 1, done.err
        assert all("retrying in" in line or "level=fatal" in line for line in done.err.splitlines()), done.err
        return errors[0]


@pytest.fixture
def copy(skopeo: Pyskopeo, server: RegistryServer, tmp_path: Path) -> Copy:
    return Copy(skopeo, server, tmp_path)


def _manifest(server: RegistryServer, value: dict[str, object], media_type: str = OCI_MANIFEST) -> None:
    server.put_manifest("a", "v1", json.dumps(value).encode(), media_type)


def test_manifest_too_large(server: RegistryServer, copy: Copy) -> None:
    server.put_manifest("a", "v1", b" " * (5 << 20), OCI_MANIFEST)
    copy.fails("more than the 4194304 allowed")


def test_blob_longer_than_its_descriptor(server: RegistryServer, copy: Copy) -> None:
    image = make_image()
    publish(server, "a", "v1", image)
    server.blobs[image.layers[0]] += b"more"
    copy.fails("bytes")


def test_blob_shorter_than_its_descriptor(server: RegistryServer, copy: Copy) -> None:
    image = make_image()
    publish(server, "a", "v1", image)
    server.blobs[image.layers[0]] = server.blobs[image.layers[0]][:-4]
    copy.fails("bytes")


def test_blob_of_another_digest(server: RegistryServer, copy: Copy) -> None:
    image = make_image()
    publish(server, "a", "v1", image)
    data = server.blobs[image.layers[0]]
    server.blobs[image.layers[0]] = data[:-1] + bytes([data[-1] ^ 1])
    copy.fails("digest")


def test_configuration_of_another_digest(server: RegistryServer, copy: Copy) -> None:
    image = make_image()
    publish(server, "a", "v1", image)
    server.blobs[digest_of(image.config)] = image.config[:-1] + b" "
    copy.fails("digest")


def test_manifest_of_another_digest(server: RegistryServer, skopeo: Pyskopeo) -> None:
    image = make_image()
    publish(server, "a", "v1", image)
    server.manifests["a"][image.digest] = (image.manifest + b" ", image.media_type)
    line = skopeo.fails("inspect", "--tls-verify=false", f"docker://{server.address}/a@{image.digest}")
    assert f"content has digest {digest_of(image.manifest + b' ')}" in line


def test_list_that_names_itself_or_another_list(server: RegistryServer, copy: Copy) -> None:
    platform = {"architecture": "amd64", "os": "linux"}
    inner = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []}).encode()
    digest = server.put_manifest("a", "inner", inner, OCI_INDEX)
    entry = {"mediaType": OCI_INDEX, "digest": digest, "size": len(inner), "platform": platform}
    _manifest(server, {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry]}, OCI_INDEX)
    for more in (("--override-arch=amd64",), ("--override-arch=amd64", "--override-os=linux")):
        line = copy.skopeo.fails(
            *more, "copy", *PLAIN, f"docker://{server.address}/a:v1", f"dir:{copy.folder}/x"
        )
        assert "is itself a list" in line
    line = copy.skopeo.fails(
        "copy", "--all", *PLAIN, f"docker://{server.address}/a:v1", f"dir:{copy.folder}/x"
    )
    assert "is itself a list" in line
    assert not (copy.folder / "x").exists()


@pytest.mark.parametrize(
    ("value", "media_type", "message"),
    [
        ({"schemaVersion": 3}, "application/vnd.future", "unknown type"),
        ({"schemaVersion": 2, "layers": []}, OCI_MANIFEST, "no config"),
        (
            {"schemaVersion": 2, "config": {}, "layers": [], "manifests": []},
            OCI_MANIFEST,
            "both an image manifest and",
        ),
        ({"schemaVersion": 2, "config": {"digest": "md5:1"}, "layers": []}, OCI_MANIFEST, "digest"),
        ({"schemaVersion": 2, "manifests": [7]}, OCI_INDEX, "manifest"),
    ],
)
def test_manifests_that_are_none(
    server: RegistryServer, copy: Copy, value: dict[str, object], media_type: str, message: str
) -> None:
    _manifest(server, value, media_type)
    copy.fails(message)


def test_layer_of_an_unknown_media_type(server: RegistryServer, skopeo: Pyskopeo, tmp_path: Path) -> None:
    """It is carried over as it is where nothing has to be known of it, and refused where it has."""
    image = make_image(layers=1)
    publish(server, "a", "v1", image)
    value = json.loads(image.manifest)
    value["layers"][0]["mediaType"] = "application/vnd.example.thing"
    _manifest(server, value)
    source = f"docker://{server.address}/a:v1"
    skopeo.ok("copy", *PLAIN, source, f"dir:{tmp_path}/out")
    line = skopeo.fails("copy", *PLAIN, "--format", "v2s2", source, f"dir:{tmp_path}/no")
    assert "layer of unknown type application/vnd.example.thing" in line
    assert not (tmp_path / "no").exists()


@pytest.mark.parametrize("kind", ["long", "short"])
def test_registry_that_lies_about_content_length(server: RegistryServer, copy: Copy, kind: str) -> None:
    publish(server, "a", "v1", make_image())
    server.fail(kind, "blob", times=999)
    copy.fails("bytes")


def test_answers_that_are_no_http(skopeo: Pyskopeo) -> None:
    import socket
    import threading

    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            for answer in (
                b"220 mail.example ESMTP\r\n",
                b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 40_000 + b"\r\n",
            ):
                for _ in range(2):
                    connection, _ = listening.accept()
                    with connection:
                        connection.recv(4096)
                        connection.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        name = f"docker://127.0.0.1:{listening.getsockname()[1]}/a:v1"
        for message in ("not HTTP", "headers are too long"):
            assert message in skopeo.fails("inspect", "--tls-verify=false", name)


def test_redirect_to_another_host_takes_no_credentials_along(
    server: RegistryServer, skopeo: Pyskopeo, tmp_path: Path
) -> None:
    image = make_image(layers=1)
    publish(server, "a", "v1", image)
    server.basic = "me:secret"
    with registry_server() as elsewhere:
        elsewhere.blobs.update(image.blobs)
        server.fail(
            "redirect", "blob", location=f"http://{elsewhere.address}/elsewhere/{digest_of(image.config)}"
        )
        skopeo.ok(
            "copy", *PLAIN, "--src-creds=me:secret", f"docker://{server.address}/a:v1", f"dir:{tmp_path}/out"
        )
        assert elsewhere.log
        assert all("Authorization" not in headers for _, _, headers in elsewhere.log)


def test_redirect_to_something_that_is_no_web_address(server: RegistryServer, skopeo: Pyskopeo) -> None:
    publish(server, "a", "v1", make_image())
    server.fail("redirect", "manifest", location="file:///etc/passwd")
    line = skopeo.fails("inspect", "--tls-verify=false", f"docker://{server.address}/a:v1")
    assert "redirect from" in line
    assert "unacceptable address" in line


def test_token_endpoint_down(server: RegistryServer, copy: Copy) -> None:
    publish(server, "a", "v1", make_image())
    server.token_for = "me:secret"
    server.fail("status", "token", times=999)
    copy.fails("requesting a token from 127.0.0.1", "--src-creds=me:secret")
    server.faults.clear()
    server.fail("status", "token", status=200, body=b"{}", times=999)
    copy.fails("the answer has no token", "--src-creds=me:secret")


def test_token_that_expires_in_the_middle_of_an_upload(skopeo: Pyskopeo, tmp_path: Path) -> None:
    with registry_server() as source, registry_server() as target:
        image = make_image(layers=2, size=3_000_000)
        publish(source, "a", "v1", image)
        target.token_for = "me:secret"
        challenge = (
            f'Bearer realm="http://{target.address}/token",service="test",scope="repository:b:push,pull"'
        )
        target.fail(
            "status", "upload", method="PATCH", status=401, headers={"WWW-Authenticate": challenge}, times=1
        )
        skopeo.ok(
            "copy", *PLAIN, *FAST, "--dest-creds=me:secret", "--image-parallel-copies=1",
            f"docker://{source.address}/a:v1", f"docker://{target.address}/b:v1",
        )  # fmt: skip
        assert target.tags["b"]["v1"] == image.digest
        assert target.count("GET", "token") >= 2


def test_certificate_for_another_name(skopeo: Pyskopeo, tmp_path: Path) -> None:
    with tls_registry(tmp_path) as server:
        port = server.address.rpartition(":")[2]
        line = skopeo.fails(
            "inspect", "--cert-dir", str(tmp_path / "certs"), f"docker://localhost:{port}/a:v1"
        )
    assert "x509: Hostname mismatch" in line
    assert "--tls-verify=false" in line


def test_registry_without_tls(server: RegistryServer, skopeo: Pyskopeo) -> None:
    line = skopeo.fails("inspect", f"docker://{server.address}/a:v1")
    assert "server gave HTTP response to HTTPS client (use --tls-verify=false" in line


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "auth.json"),
        ("[]", "auth.json"),
        ('{"auths": 7}', "auths is not an object"),
        ('{"auths": {"%s": {"auth": "!"}}}', "auth is not base64"),
        ('{"auths": {"%s": {"auth": "YQ=="}}}', "auth is not USER:PASSWORD"),
        ('{"credHelpers": {"%s": "no-such-helper"}}', "no-such-helper"),
    ],
)
def test_unreadable_authfile(
    server: RegistryServer, skopeo: Pyskopeo, tmp_path: Path, text: str, message: str
) -> None:
    path = tmp_path / "auth.json"
    path.write_text(text.replace("%s", server.address))
    line = skopeo.fails(
        "inspect", "--tls-verify=false", "--authfile", str(path), f"docker://{server.address}/a:v1"
    )
    assert message in line


def test_authfile_that_is_a_directory(server: RegistryServer, skopeo: Pyskopeo, tmp_path: Path) -> None:
    line = skopeo.fails(
        "inspect", "--tls-verify=false", "--authfile", str(tmp_path), f"docker://{server.address}/a:v1"
    )
    assert f"{tmp_path}: is a directory" in line


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{\n "default": [}\n', "line 2"),
        ("{}", "default policy is missing"),
        ('{"default": []}', "must not be empty"),
        ('{"default": [{"type": "magic"}]}', 'unknown policy requirement type \\"magic\\"'),
        ('{"default": [{"type": "signedBy", "keyType": "GPGKeys"}]}', "exactly one of keyPath"),
    ],
)
def test_malformed_policy(
    server: RegistryServer, skopeo: Pyskopeo, tmp_path: Path, text: str, message: str
) -> None:
    publish(server, "a", "v1", make_image())
    path = tmp_path / "policy.json"
    path.write_text(text)
    words = ("--policy", str(path), "copy", *PLAIN, f"docker://{server.address}/a:v1", f"dir:{tmp_path}/out")
    line = skopeo.fails(*words, policy=True)
    assert str(path) in line
    assert message in line
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[registry]\n", "line 1"),
        ('[[registry]]\nprefix = "a"\nlocation = 7\n', "location"),
        ('unqualified-search-registries = "a"\n', "unqualified-search-registries"),
        ('short-name-mode = "magic"\n', "short-name mode"),
    ],
)
def test_malformed_registries_conf(
    server: RegistryServer, skopeo: Pyskopeo, tmp_path: Path, text: str, message: str
) -> None:
    path = tmp_path / "mine.conf"
    path.write_text(text)
    line = skopeo.fails("--registries-conf", str(path), "inspect", f"docker://{server.address}/a:v1")
    assert str(path) in line
    assert message in line


def test_half_of_a_batch_fails(server: RegistryServer, skopeo: Pyskopeo, tmp_path: Path) -> None:
    images = [make_image(seed=number) for number in range(6)]
    for number, image in enumerate(images):
        publish(server, "a", f"v{number}", image)
        if number % 2:
            server.blobs[image.layers[0]] = b"not what it was"
    words = (
        "sync",
        *PLAIN,
        "--src=docker",
        "--dest=dir",
        "--report=json",
        f"{server.address}/a",
        str(tmp_path / "out"),
    )
    done = skopeo(*words, "--keep-going")
    assert done.status == 1
    assert json.loads(done.out)["Counts"] == {"copied": 3, "failed": 3}
    assert done.err.count("Error copying ref") == 3
    assert sorted(os.listdir(tmp_path / "out")) == ["a:v0", "a:v2", "a:v4"]
    assert "failed due to previous reported error" in done.err.splitlines()[-1]
