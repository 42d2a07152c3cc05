"""pyskopeo's commands against a registry in memory: output, files, exit statuses, one line for every failure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.images import digest_of, make_image, publish, publish_index
from support.pyskopeo import Pyskopeo
from support.registry_server import RegistryServer, registry_server


@pytest.fixture
def server() -> Iterator[RegistryServer]:
    with registry_server() as running:
        yield running


@pytest.fixture
def skopeo(tmp_path: Path) -> Pyskopeo:
    return Pyskopeo(tmp_path)


def test_inspect(server: RegistryServer, skopeo: Pyskopeo) -> None:
    image = make_image()
    publish(server, "a", "v1", image)
    publish(server, "a", "v2", image)
    name = f"docker://{server.address}/a:v1"
    value = json.loads(skopeo.ok("inspect", "--tls-verify=false", name))
    assert list(value) == [
        "Name",
        "Digest",
        "RepoTags",
        "Created",
        "DockerVersion",
        "Labels",
        "Architecture",
        "Os",
        "Layers",
        "LayersData",
        "Env",
    ]
    assert value["Name"] == f"{server.address}/a"
    assert value["Digest"] == image.digest
    assert value["RepoTags"] == ["v1", "v2"]
    assert value["Layers"] == image.layers
    assert json.loads(skopeo.ok("inspect", "--no-tags", "--tls-verify=false", name))["RepoTags"] == []
    assert skopeo.ok("inspect", "--raw", "--tls-verify=false", name) == image.manifest.decode()
    assert skopeo.ok("inspect", "--config", "--raw", "--tls-verify=false", name) == image.config.decode()
    assert json.loads(skopeo.ok("inspect", "--config", "--tls-verify=false", name))["config"]["Cmd"] == ["sh"]
    assert (
        skopeo.ok("inspect", "-f", "{{.Digest}} {{.Os}}", "--tls-verify=false", name)
        == f"{image.digest} linux\n"
    )
    assert "raw output does not support format" in skopeo.fails("inspect", "--raw", "-f", "x", name)


def test_inspect_of_a_list(server: RegistryServer, skopeo: Pyskopeo) -> None:
    images = {"amd64": make_image(), "arm64": make_image(seed=2, architecture="arm64")}
    index = publish_index(server, "a", "v1", images)
    name = f"docker://{server.address}/a:v1"
    value = json.loads(skopeo.ok("--override-arch", "arm64", "inspect", "--tls-verify=false", name))
    assert (value["Digest"], value["Architecture"]) == (digest_of(index), "arm64")
    assert skopeo.ok("inspect", "--raw", "--tls-verify=false", name) == index.decode()


def test_copy_says_what_skopeo_says(server: RegistryServer, skopeo: Pyskopeo, tmp_path: Path) -> None:
    image = make_image()
    publish(server, "a", "v1", image)
    place = f"dir:{tmp_path / 'd'}"
    source = f"docker://{server.address}/a:v1"
    out = skopeo.ok("copy", "--src-tls-verify=false", "--digestfile", str(tmp_path / "digest"), source, place)
    assert out.splitlines() == [
        "Getting image source signatures",
        *[f"Copying blob {digest}" for digest in image.layers],
        f"Copying config {digest_of(image.config)}",
        "Writing manifest to image destination",
    ]
    assert (tmp_path / "digest").read_text() == image.digest
    assert skopeo.ok("copy", "-q", "--src-tls-verify=false", source, place) == ""
    for line in skopeo.ok("copy", "--progress=json", "--src-tls-verify=false", source, place).splitlines():
        json.loads(line)


def test_copy_options(server: RegistryServer, skopeo: Pyskopeo, tmp_path: Path) -> None:
    publish(server, "a", "v1", make_image())
    source = f"docker://{server.address}/a:v1"
    common = ("copy", "--src-tls-verify=false")
    skopeo.ok(*common, "--dest-decompress", source, f"dir:{tmp_path / 'plain'}")
    manifest = json.loads((tmp_path / "plain/manifest.json").read_text())
    assert manifest["layers"][0]["mediaType"] == "application/vnd.oci.image.layer.v1.tar"
    skopeo.ok(*common, "--dest-compress", f"dir:{tmp_path / 'plain'}", f"dir:{tmp_path / 'packed'}")
    manifest = json.loads((tmp_path / "packed/manifest.json").read_text())
    assert manifest["layers"][0]["mediaType"] == "application/vnd.oci.image.layer.v1.tar+gzip"
    skopeo.ok(
        *common, "--dest-oci-accept-uncompressed-layers", f"dir:{tmp_path / 'plain'}", f"oci:{tmp_path / 'o'}"
    )
    skopeo.ok(*common, "-f", "v2s2", source, f"dir:{tmp_path / 'docker'}")
    assert "docker" in json.loads((tmp_path / "docker/manifest.json").read_text())["mediaType"]
    skopeo.ok(
        *common, "--dest-shared-blob-dir", str(tmp_path / "shared"), source, f"oci:{tmp_path / 'thin'}:x"
    )
    assert (
        not list((tmp_path / "thin/blobs").glob("sha256/*")) if (tmp_path / "thin/blobs").exists() else True
    )
    skopeo.ok(
        "copy",
        "--src-shared-blob-dir",
        str(tmp_path / "shared"),
        f"oci:{tmp_path / 'thin'}:x",
        f"dir:{tmp_path / 'back'}",
    )
    skopeo.ok(*common, "--additional-tag", "b:2", source, f"docker-archive:{tmp_path / 'x.tar'}:a:1")
    assert json.loads(skopeo.ok("list-tags", f"docker-archive:{tmp_path / 'x.tar'}"))["Tags"] == [
        "docker.io/library/a:1",
        "docker.io/library/b:2",
    ]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("copy", "x"), "Exactly two arguments expected"),
        (("copy", "x", "dir:y"), "Invalid source name x"),
        (("copy", "dir:x", "y"), "Invalid destination name y"),
        (("copy", "--all", "--multi-arch", "all", "dir:x", "dir:y"), "Cannot use --all and --multi-arch flags together"),
        (("copy", "--multi-arch", "some", "dir:x", "dir:y"), "unknown multi-arch option"),
        (("copy", "--format", "v9", "dir:x", "dir:y"), "unknown format"),
        (("copy", "--encryption-key=", "dir:x", "dir:y"), "--encryption-key: invalid recipient format"),
        (("copy", "--dest-compress-format", "lz4", "dir:x", "dir:y"), "unknown compression format"),
        (("copy", "--dest-compress", "--dest-decompress", "dir:x", "dir:y"), "Cannot compress and decompress"),
        (("copy", "--src-creds", "a:b", "--src-no-creds", "docker://localhost:1/x", "dir:y"), "cannot be specified at the same time"),
        (("copy", "--src-username", "a", "docker://localhost:1/x", "dir:y"), "password cannot be empty"),
        (("copy", "--additional-tag", "a", "dir:x", "dir:y"), "must be a tagged reference"),
        (("copy", "--src-authfile", "/etc/hostname", "docker://localhost:1/x", "dir:y"), "unmarshaling JSON"),
        (("inspect", "docker://localhost:1/x"), "connection refused"),
        (("inspect", "oci:/nonexistent"), "no such file or directory"),
        (("list-tags", "docker://localhost:1/x:tag"), "No tag or digest allowed"),
        (("list-tags", "dir:x"), "Unsupported transport 'dir' for tag listing"),
        (("copy", "dir:x", "dir:/nonexistent/deep/x"), "Invalid destination name dir:/nonexistent/deep/x: lstat /nonexistent: no such"),
        (("copy", "dir:x", "oci:/nonexistent/deep/x:y"), "Invalid destination name oci:/nonexistent/deep/x:y: lstat /nonexistent: no such"),
        (("copy", "docker://Upper/x", "dir:x"), "invalid reference format: repository name must be lowercase"),
        (("copy", "--src-creds=", "dir:x", "dir:y"), "credentials can't be empty"),
        (("inspect", "--creds", "", "docker://localhost:1/x"), "credentials can't be empty"),
        (("copy", "--nosuchflag", "dir:x", "dir:y"), "unknown flag: --nosuchflag (see 'pyskopeo copy --help')"),
        (("login",), "please provide a registry to log in to"),
        (("delete", "dir:/nonexistent"), "Deleting images not implemented"),
        (("sync", "a", "b"), "A source transport must be specified"),
        (("sync", "--src", "ftp", "--dest", "dir", "a", "b"), "is not a valid source transport"),
        (("sync", "--src", "dir", "--dest", "dir", "a", "b"), "consider using rsync"),
        (("sync", "--src", "dir", "--dest", "docker", "/nonexistent", "b"), "Invalid source directory"),
        (("sync", "--src", "docker", "--dest", "dir", "--shard", "3/2", "localhost:1/a:1", "b"), "invalid --shard"),
        (("manifest-digest", "/nonexistent"), "no such file or directory"),
        (("login", "--get-login", "a.example"), "not logged into a.example"),
        (("logout", "a.example"), "not logged into a.example"),
        (("copy", "--no-such-flag", "a", "b"), "unknown flag"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line(skopeo: Pyskopeo, words: tuple[str, ...], message: str) -> None:
    done = skopeo(*words)
    assert done.status == 1
    assert message in done.err
    assert "Traceback" not in done.err
    assert done.out == ""


def test_plain_http_needs_to_be_allowed(server: RegistryServer, skopeo: Pyskopeo, tmp_path: Path) -> None:
    publish(server, "a", "v1", make_image())
    name = f"docker://{server.address}/a:v1"
    assert "server gave HTTP response to HTTPS client" in skopeo.fails("inspect", name)
    (tmp_path / "registries.conf").write_text(
        f'[[registry]]\nlocation = "{server.address}"\ninsecure = true\n'
    )
    skopeo.ok("inspect", name)


def test_login_and_logout(server: RegistryServer, skopeo: Pyskopeo, tmp_path: Path) -> None:
    publish(server, "a", "v1", make_image())
    server.basic = "joe:secret"
    host = server.address
    name = f"docker://{host}/a:v1"
    common = ("--tls-verify=false", host)
    assert "invalid username/password" in skopeo.fails("login", "-u", "joe", "-p", "wrong", *common)
    assert not (tmp_path / "auth.json").exists()
    assert (
        skopeo.ok("login", "-u", "joe", "--password-stdin", *common, stdin="secret\n") == "Login Succeeded!\n"
    )
    assert skopeo.ok("login", "--get-login", host) == "joe\n"
    skopeo.ok("inspect", "--tls-verify=false", name)
    assert "authentication required" in skopeo.fails("inspect", "--tls-verify=false", "--no-creds", name)
    skopeo.ok("inspect", "--tls-verify=false", "--creds", "joe:secret", name)
    assert skopeo.ok("logout", host) == f"Removed login credentials for {host}\n"
    assert "unauthorized" in skopeo.fails("inspect", "--tls-verify=false", name)
    done = skopeo("inspect", "--tls-verify=false", "--creds", "joe:hidden-password", name)
    assert "hidden-password" not in done.err


def test_registry_token(server: RegistryServer, skopeo: Pyskopeo) -> None:
    publish(server, "a", "v1", make_image())
    server.token_for = "joe:secret"
    server.tokens["ready"] = {"a:pull"}
    skopeo.ok("inspect", "--tls-verify=false", "--registry-token", "ready", f"docker://{server.address}/a:v1")
    assert server.count("GET", "token") == 0


def test_delete_and_list_tags(server: RegistryServer, skopeo: Pyskopeo, tmp_path: Path) -> None:
    publish(server, "a", "v1", make_image())
    publish(server, "a", "v2", make_image(seed=2))
    name = f"docker://{server.address}/a"
    assert json.loads(skopeo.ok("list-tags", "--tls-verify=false", name)) == {
        "Repository": f"{server.address}/a",
        "Tags": ["v1", "v2"],
    }
    skopeo.ok("delete", "--tls-verify=false", f"{name}:v1")
    assert json.loads(skopeo.ok("list-tags", "--tls-verify=false", name))["Tags"] == ["v2"]
    assert "Image may not exist" in skopeo.fails("delete", "--tls-verify=false", f"{name}:v1")
    layout = f"oci:{tmp_path / 'o'}"
    skopeo.ok("copy", "--src-tls-verify=false", f"{name}:v2", f"{layout}:one")
    skopeo.ok("delete", f"{layout}:one")
    assert list((tmp_path / "o/blobs/sha256").iterdir()) == []


def test_manifest_digest(skopeo: Pyskopeo, tmp_path: Path) -> None:
    image = make_image()
    (tmp_path / "m.json").write_bytes(image.manifest)
    assert skopeo.ok("manifest-digest", str(tmp_path / "m.json")) == image.digest + "\n"


def test_layers(
    server: RegistryServer, skopeo: Pyskopeo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = make_image()
    publish(server, "a", "v1", image)
    monkeypatch.chdir(tmp_path)
    folder = skopeo.ok(
        "layers", "--tls-verify=false", f"docker://{server.address}/a:v1", image.layers[1]
    ).strip()
    assert sorted(path.name for path in (tmp_path / folder).iterdir()) == sorted(
        [image.layers[1][7:], "manifest.json", "version"]
    )


def test_command_timeout(server: RegistryServer, skopeo: Pyskopeo) -> None:
    publish(server, "a", "v1", make_image())
    server.fail("status", "manifest", status=429, headers={"Retry-After": "60"}, times=9)
    name = f"docker://{server.address}/a:v1"
    done = skopeo("--command-timeout", "300ms", "inspect", "--tls-verify=false", name)
    assert done.status == 1
    assert "deadline exceeded" in done.err.splitlines()[-1]


# -- sync ---------------------------------------------------------------------------


def fill(server: RegistryServer) -> None:
    for number in range(6):
        publish(server, "src/app", f"1.{number}.0", make_image(seed=number))
    publish(server, "src/app", "edge", make_image(seed=99))


def test_sync_and_sync_again(server: RegistryServer, skopeo: Pyskopeo) -> None:
    fill(server)
    words = (
        "sync", "--src", "docker", "--dest", "docker", "--src-tls-verify=false", "--dest-tls-verify=false",
        f"{server.address}/src/app", f"{server.address}/mirror",
    )  # fmt: skip
    skopeo.ok(*words)
    assert server.tags["mirror/app"] == server.tags["src/app"]
    server.requests.clear()
    report = json.loads(skopeo.ok(*words, "--report", "json"))
    assert report["Counts"] == {"unchanged": 7}
    assert server.requests[("HEAD", "manifest")] == 14
    assert server.requests[("GET", "manifest")] == server.requests[("GET", "blob")] == 0


def test_sync_to_a_directory_and_back(server: RegistryServer, skopeo: Pyskopeo, tmp_path: Path) -> None:
    fill(server)
    common = ("sync", "--src-tls-verify=false", "--dest-tls-verify=false")
    usb = str(tmp_path / "usb")
    skopeo.ok(*common, "--src", "docker", "--dest", "dir", "--scoped", f"{server.address}/src/app", usb)
    assert (tmp_path / "usb" / server.address / "src/app:1.0.0/manifest.json").is_file()
    report = json.loads(
        skopeo.ok(
            *common,
            "--src",
            "docker",
            "--dest",
            "dir",
            "--scoped",
            "--report=json",
            f"{server.address}/src/app",
            usb,
        )
    )
    assert report["Counts"] == {"unchanged": 7}
    digests = tmp_path / "digests"
    skopeo.ok(
        *common,
        "--src",
        "dir",
        "--dest",
        "docker",
        "--digestfile",
        str(digests),
        usb,
        f"{server.address}/back",
    )
    assert server.tags["back/app"] == server.tags["src/app"]
    assert len(digests.read_text().splitlines()) == 7


def test_sync_from_yaml(server: RegistryServer, skopeo: Pyskopeo, tmp_path: Path) -> None:
    fill(server)
    publish(server, "src/other", "latest", make_image(seed=50))
    plan = tmp_path / "plan.yml"
    plan.write_text(
        f"{server.address}:\n  tls-verify: false\n  images:\n    src/other: []\n"
        "  images-by-tag-regex:\n    src/app: ^edge$\n  images-by-semver:\n    src/app: '>=1.3 <1.5'\n"
        "  deny:\n    src/app: ['^1\\.4\\.']\n"
    )
    words = (
        "sync",
        "--src",
        "yaml",
        "--dest",
        "docker",
        "--dest-tls-verify=false",
        str(plan),
        f"{server.address}/m",
    )
    report = json.loads(skopeo.ok(*words, "--dry-run", "--report=json"))
    assert {row["Outcome"] for row in report["Images"]} == {"would copy"}
    assert "m/app" not in server.tags
    skopeo.ok(*words)
    assert sorted(server.tags["m/app"]) == ["1.3.0", "edge"]
    assert sorted(server.tags["m/other"]) == ["latest"]
    plan.write_text(f"{server.address}:\n  tls-verify: false\n  images-newest:\n    src/app: 2\n")
    report = json.loads(skopeo.ok(*words, "--report=json"))
    assert [row["Source"].rpartition(":")[2] for row in report["Images"]] == ["1.5.0", "1.4.0"]
    plan.write_text(f"{server.address}:\n  imagez: {{}}\n")
    assert 'unknown key \\"imagez\\"' in skopeo.fails(*words)
    plan.write_text("a:\n  - [\n")
    assert "line 3" in skopeo.fails(*words)


def test_sync_in_shards(server: RegistryServer, skopeo: Pyskopeo) -> None:
    fill(server)
    words = (
        "sync", "--src", "docker", "--dest", "docker", "--src-tls-verify=false", "--dest-tls-verify=false", "--dry-run",
        "--report=json", f"{server.address}/src/app", f"{server.address}/mirror",
    )  # fmt: skip
    parts = [
        {row["Source"] for row in json.loads(skopeo.ok(*words, "--shard", f"{part}/3"))["Images"]}
        for part in (1, 2, 3)
    ]
    assert len(set.union(*parts)) == 7 == sum(len(part) for part in parts)


def test_sync_goes_on(server: RegistryServer, skopeo: Pyskopeo) -> None:
    fill(server)
    broken = make_image(seed=3)
    server.blobs[broken.layers[0]] = b"not what it was"
    words = (
        "sync", "--src", "docker", "--dest", "dir", "--src-tls-verify=false", "--keep-going", "--report=json",
        f"{server.address}/src/app", str(skopeo.folder / "out"),
    )  # fmt: skip
    done = skopeo(*words)
    assert done.status == 1
    counts = json.loads(done.out)["Counts"]
    assert counts == {"copied": 6, "failed": 1}
    assert "Sync failed due to previous reported error(s)" in done.err
    assert not (skopeo.folder / "out/app:1.3.0").exists()


def test_sigstore_keys(server: RegistryServer, skopeo: Pyskopeo, tmp_path: Path) -> None:
    publish(server, "a", "v1", make_image())
    (tmp_path / "pass").write_text("secret\n")
    prefix = str(tmp_path / "key")
    words = ("generate-sigstore-key", "--output-prefix", prefix, "--passphrase-file", str(tmp_path / "pass"))
    assert skopeo.ok(*words) == f'Key written to "{prefix}.private" and "{prefix}.pub"\n'
    assert (tmp_path / "key.private").stat().st_mode & 0o777 == 0o600
    assert "Refusing to overwrite" in skopeo.fails(*words)
    out = skopeo.ok(
        "copy", "--src-tls-verify=false", "--sign-by-sigstore-private-key", prefix + ".private", "--sign-passphrase-file",
        str(tmp_path / "pass"), "--sign-identity", "a.example/x:1", f"docker://{server.address}/a:v1", f"dir:{tmp_path / 'd'}",
    )  # fmt: skip
    assert "Creating signature: Signing image using a sigstore signature" in out
    assert (tmp_path / "d/signature-1").exists()
