"""A realistic image goes registry → store → container → commit → registry, beside the real podman, as root and as a user."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from support import tree
from support.debian_image import debian_tar, deleting_layer, device_layer, hard_layer, write_layout
from support.docker_registry import fetch
from support.programs import REPOSITORY, Tool, ours, run, theirs
from support.users import OrdinaryUser

# Fetching some 150 packages alone may take minutes.
pytestmark = [pytest.mark.compat, pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return debian_tar(tmp_path_factory.mktemp("debian")).read_bytes()


def diff_ids(registry: str, name: str, tag: str) -> list[str]:
    """The diff IDs of an image in the registry, read without any of the programs."""
    accept = {
        "Accept": "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json"
    }
    status, body = fetch(f"http://{registry}/v2/{name}/manifests/{tag}", accept)
    assert status == 200, body
    status, config = fetch(f"http://{registry}/v2/{name}/blobs/{json.loads(body)['config']['digest']}")
    assert status == 200
    found: list[str] = json.loads(config)["rootfs"]["diff_ids"]
    return found


def check(
    registry: str,
    name: str,
    expected: list[str],
    pybuildah: Tool,
    buildah: Tool,
    describe: Callable[[Tool, str], dict[str, dict[str, object]]],
) -> None:
    image = f"{registry}/{name}:1"
    trees = []
    for tool in (pybuildah, buildah):
        container = tool.out("from", "--tls-verify=false", image).splitlines()[-1]
        trees.append(describe(tool, container))
    assert len(trees[0]) > 2000
    assert tree.differences(*trees) == []

    container = pybuildah.out("from", image).splitlines()[-1]
    pybuildah(
        "run",
        "--network=none",
        container,
        "--",
        "sh",
        "-c",
        "echo changed >/changed; rm /hard/empty; chmod 700 /hard/setuid",
    )
    pybuildah("commit", container, f"{registry}/{name}:2")
    pybuildah("push", "--tls-verify=false", f"{registry}/{name}:2", f"docker://{registry}/{name}:2")
    found = diff_ids(registry, name, "2")
    assert found[: len(expected)] == expected
    assert len(found) == len(expected) + 1
    # What came back is what the real one sees too.
    again = [
        describe(tool, tool.out("from", "--tls-verify=false", f"{registry}/{name}:2").splitlines()[-1])
        for tool in (pybuildah, buildah)
    ]
    assert tree.differences(*again) == []
    assert "changed" in again[0]
    assert "hard/empty" not in again[0]


@pytest.mark.root
def test_as_root(tmp_path: Path, registry: str, base: bytes) -> None:
    expected = write_layout(tmp_path / "layout", [base, hard_layer(), device_layer(), deleting_layer()])
    run(
        [
            "skopeo",
            "--insecure-policy",
            "copy",
            "-q",
            "--dest-tls-verify=false",
            f"oci:{tmp_path}/layout:1",
            f"docker://{registry}/real:1",
        ]
    )

    def tool(make: Callable[..., Tool], name: str) -> Tool:
        return make(
            name,
            "--root",
            str(tmp_path / name),
            "--runroot",
            str(tmp_path / f"{name}-run"),
            "--storage-driver",
            "overlay",
        )

    def describe(program: Tool, container: str) -> dict[str, dict[str, object]]:
        return tree.describe(program.out("mount", container))

    pybuildah, buildah = tool(ours, "pybuildah"), tool(theirs, "buildah")
    try:
        check(registry, "real", expected, pybuildah, buildah, describe)
    finally:
        pybuildah("rm", "-a", status=None)
        buildah("rm", "-a", status=None)


@pytest.mark.rootless
def test_as_a_user(tmp_path: Path, registry: str, base: bytes, ordinary_user: OrdinaryUser) -> None:
    expected = write_layout(tmp_path / "layout", [base, hard_layer(), deleting_layer()])
    run(
        [
            "skopeo",
            "--insecure-policy",
            "copy",
            "-q",
            "--dest-tls-verify=false",
            f"oci:{tmp_path}/layout:1",
            f"docker://{registry}/real-user:1",
        ]
    )
    home = ordinary_user.command("mktemp", "-d", "/var/tmp/pypod-user.XXXXXX").out()
    script = (REPOSITORY / "tests" / "support" / "tree.py").read_text()

    def tool(name: str) -> Tool:
        return ordinary_user.tool(
            name, "--root", f"{home}/{name}", "--runroot", f"{home}/{name}-run", "--storage-driver", "overlay"
        )

    def describe(program: Tool, container: str) -> dict[str, dict[str, object]]:
        found = program(
            "unshare",
            "sh",
            "-c",
            f'python3 - "$({" ".join(program.argv[-7:])} mount {container})"',
            stdin=script,
        )
        result: dict[str, dict[str, object]] = json.loads(found.stdout)
        return result

    pybuildah, buildah = tool("pybuildah"), tool("buildah")
    try:
        check(registry, "real-user", expected, pybuildah, buildah, describe)
    finally:
        pybuildah("rm", "-a", status=None)
        buildah("rm", "-a", status=None)
        buildah("unshare", "rm", "-rf", home, status=None)
