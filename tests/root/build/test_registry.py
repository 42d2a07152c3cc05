"""pybuildah and a registry: push, pull, from, build, commit, lists."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.docker_registry import docker_registry
from support.programs import Tool, ours, theirs

pytestmark = pytest.mark.root


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Tool]:
    yield ours("pybuildah", "--root", str(tmp_path / "root"), "--runroot", str(tmp_path / "run"))
    theirs("umount", "-l", "-R", str(tmp_path / "root" / "overlay"))(status=None)


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
