"""pyskopeo and the real skopeo on the same images: equal files, equal digests, each reads what the other wrote."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import tree
from support.debian_image import device_layer, hard_layer, write_layout
from support.docker_registry import docker_registry
from support.images import listing
from support.peer_generations import peer_does
from support.programs import Tool, ours, theirs

pytestmark = [pytest.mark.compat, pytest.mark.root]

PLAIN = ("--src-tls-verify=false", "--dest-tls-verify=false")


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with docker_registry(tmp_path_factory.mktemp("registry")) as address:
        yield address


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An image of difficult files, as an OCI layout no program of ours has touched; its tag is 1."""
    folder = tmp_path_factory.mktemp("layout")
    write_layout(folder, [hard_layer(), device_layer()])
    return folder


@pytest.fixture(scope="module")
def image(registry: str, layout: Path) -> str:
    """The image in the registry, put there by skopeo, in OCI's form (tag oci) and in Docker's (tag docker)."""
    for tag, more in (("oci", ()), ("docker", ("--format", "v2s2"))):
        SKOPEO("copy", "-q", *PLAIN, *more, f"oci:{layout}:1", f"docker://{registry}/hard:{tag}")
    return f"docker://{registry}/hard"


SKOPEO = theirs("skopeo", "--insecure-policy")
PYSKOPEO = ours("pyskopeo", "--insecure-policy")


@pytest.mark.parametrize("tag", ["oci", "docker"])
def test_equal_directories(image: str, tmp_path: Path, tag: str) -> None:
    for name, tool in (("ours", PYSKOPEO), ("theirs", SKOPEO)):
        tool("copy", "-q", *PLAIN, f"{image}:{tag}", f"dir:{tmp_path / name}")
    assert listing(tmp_path / "ours") == listing(tmp_path / "theirs")


@pytest.mark.parametrize("tag", ["oci", "docker"])
@pytest.mark.parametrize("form", ["oci", "v2s2"])
def test_equal_conversions(image: str, tmp_path: Path, tag: str, form: str) -> None:
    for name, tool in (("ours", PYSKOPEO), ("theirs", SKOPEO)):
        tool("copy", "-q", *PLAIN, "--format", form, f"{image}:{tag}", f"dir:{tmp_path / name}")
    assert listing(tmp_path / "ours") == listing(tmp_path / "theirs")


def test_equal_layouts(image: str, tmp_path: Path) -> None:
    for name, tool in (("ours", PYSKOPEO), ("theirs", SKOPEO)):
        for tag in ("oci", "docker"):
            tool("copy", "-q", *PLAIN, f"{image}:{tag}", f"oci:{tmp_path / name}:{tag}")
    left, right = listing(tmp_path / "ours"), listing(tmp_path / "theirs")
    assert json.loads(left.pop("oci-layout")) == json.loads(right.pop("oci-layout"))
    assert left == right


@pytest.mark.parametrize(
    "form", ["dir:{}/x", "oci:{}/x:n", "oci-archive:{}/x.tar:n", "docker-archive:{}/x.tar:n:t"]
)
@pytest.mark.parametrize("writer", ["ours", "theirs"])
def test_each_reads_what_the_other_wrote(image: str, tmp_path: Path, form: str, writer: str) -> None:
    write, read = (PYSKOPEO, SKOPEO) if writer == "ours" else (SKOPEO, PYSKOPEO)
    place = form.format(tmp_path)
    write("copy", "-q", *PLAIN, f"{image}:docker", place)
    read("copy", "-q", place, f"dir:{tmp_path / 'back'}")
    write("copy", "-q", place, f"dir:{tmp_path / 'own'}")
    assert listing(tmp_path / "back") == listing(tmp_path / "own")


def test_docker_archive_has_the_same_members(image: str, tmp_path: Path) -> None:
    import tarfile

    members = []
    for name, tool in (("ours", PYSKOPEO), ("theirs", SKOPEO)):
        tool(
            "copy",
            "-q",
            *PLAIN,
            "--additional-tag",
            "b:2",
            f"{image}:docker",
            f"docker-archive:{tmp_path / name}:a:1",
        )
        with tarfile.open(tmp_path / name) as archive:
            members.append(
                {
                    member.name: (
                        member.type,
                        member.linkname,
                        member.mtime,
                        archive.extractfile(member).read(),
                    )  # type: ignore[union-attr]
                    if member.isreg()
                    else (member.type, member.linkname, member.mtime)
                    for member in archive
                }
            )
    assert members[0] == members[1]


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--raw",),
        ("--config",),
        ("--config", "--raw"),
        ("-f", "{{.Name}} {{.Digest}} {{.Labels}} {{.Created}}"),
    ],
)
@pytest.mark.parametrize("tag", ["oci", "docker"])
def test_equal_inspection(image: str, words: tuple[str, ...], tag: str) -> None:
    texts = [
        tool.out("inspect", "--tls-verify=false", *words, f"{image}:{tag}") for tool in (PYSKOPEO, SKOPEO)
    ]
    if not words:
        # Newer than the skopeo of this host.
        values = [json.loads(text) for text in texts]
        for value in values:
            value.pop("LayersData", None)
        assert list(values[0].items()) == list(values[1].items())
    else:
        assert texts[0] == texts[1]


def test_equal_text_of_a_copy(image: str, tmp_path: Path) -> None:
    texts = [
        tool.out("copy", *PLAIN, f"{image}:oci", f"dir:{tmp_path / name}").splitlines()
        for name, tool in (("ours", PYSKOPEO), ("theirs", SKOPEO))
    ]
    # The skopeo of this host still announces signatures where there are none.
    expected = [line for line in texts[1] if line != "Storing signatures"]
    assert sorted(texts[0]) == sorted(expected)
    assert [texts[0][0], texts[0][-1]] == [expected[0], expected[-1]]


def test_equal_tags(image: str) -> None:
    texts = [tool.out("list-tags", "--tls-verify=false", image) for tool in (PYSKOPEO, SKOPEO)]
    assert texts[0] == texts[1]


def test_signatures_interoperate(image: str, tmp_path: Path) -> None:
    import os
    import subprocess

    home = tmp_path / "gnupg"
    home.mkdir(mode=0o700)
    env = {**os.environ, "GNUPGHOME": str(home)}
    subprocess.run(
        [
            "gpg",
            "--batch",
            "--quiet",
            "--passphrase",
            "",
            "--quick-generate-key",
            "tester@example.com",
            "rsa2048",
            "sign",
            "never",
        ],
        env=env,
        check=True,
        capture_output=True,
    )
    listing_ = subprocess.run(
        ["gpg", "--list-keys", "--with-colons"], env=env, check=True, capture_output=True, text=True
    )
    fingerprint = next(line.split(":")[9] for line in listing_.stdout.splitlines() if line.startswith("fpr"))
    tools = [Tool(tool.argv, env=env) for tool in (PYSKOPEO, SKOPEO)]
    try:
        for name, signer, checker in (("ours", *tools), ("theirs", *reversed(tools))):
            place = tmp_path / name
            signer("copy", "-q", *PLAIN, f"{image}:oci", f"dir:{place}")
            signature = str(place / "made")
            signer(
                "standalone-sign",
                str(place / "manifest.json"),
                "example.com/a:1",
                fingerprint,
                "-o",
                signature,
            )
            checker(
                "standalone-verify", str(place / "manifest.json"), "example.com/a:1", fingerprint, signature
            )
    finally:
        subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=False)


def test_stores_are_equal(image: str, tmp_path: Path) -> None:
    roots = {}
    for name, tool in (("ours", PYSKOPEO), ("theirs", SKOPEO)):
        root = tmp_path / name
        spec = f"[overlay@{root}/root+{root}/run]"
        tool("copy", "-q", *PLAIN, f"{image}:oci", f"containers-storage:{spec}example.com/hard:1")
        roots[name] = root / "root"
    records = {}
    for name, root in roots.items():
        (record,) = json.loads((root / "overlay-images/images.json").read_text())
        record.pop("created")
        if name == "theirs" and not peer_does("only signatures are recorded"):
            signature = f"signature-{record['digest'].partition(':')[2]}"
            record["metadata"] = "{}"
            record["big-data-names"].remove(signature)
            for table in ("big-data-sizes", "big-data-digests"):
                del record[table][signature]
        records[name] = {
            key: sorted(value) if isinstance(value, list) else value for key, value in record.items()
        }
        layers = json.loads((root / "overlay-layers/layers.json").read_text())
        records[name]["layers"] = sorted(
            ({key: value for key, value in layer.items() if key != "created"} for layer in layers),
            key=lambda layer: layer["id"],
        )
    assert records["ours"] == records["theirs"]
    for layer in records["ours"]["layers"]:
        trees = [tree.describe(str(root / "overlay" / layer["id"] / "diff")) for root in roots.values()]
        assert tree.differences(*trees) == []
    # Each reads the other's store.
    for name, tool in (("theirs", PYSKOPEO), ("ours", SKOPEO)):
        root = tmp_path / name
        spec = f"[overlay@{root}/root+{root}/run]"
        tool(
            "copy", "-q", f"containers-storage:{spec}example.com/hard:1", f"dir:{tmp_path / ('from-' + name)}"
        )
    left, right = listing(tmp_path / "from-ours"), listing(tmp_path / "from-theirs")
    # The skopeo of this host calls the layers, which a store has uncompressed, gzip all the same.
    manifests = [json.loads(files.pop("manifest.json")) for files in (left, right)]
    digests = [[layer["digest"] for layer in manifest["layers"]] for manifest in manifests]
    assert digests[0] == digests[1]
    assert left == right
