"""Networks that are defined in another folder than the configured one."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from support.interrupted_builds import begun
from support.programs import Tool, ours

pytestmark = pytest.mark.root

BASE = "FROM scratch AS base\nADD base.tar /\n"
SHOW = ("ip", "-o", "-4", "addr")


@pytest.fixture
def definitions(tmp_path: Path) -> tuple[str, str]:
    """(option that names the folder, name of a network in 10.78.0.0/24 there)."""
    folder, name = tmp_path / "networks", f"apart-{os.getpid()}"
    pypod = ours("pypod", "--root", str(tmp_path / "root"), "--runroot", str(tmp_path / "run"))
    pypod("--network-config-dir", str(folder), "network", "create", "--subnet", "10.78.0.0/24", name)
    return f"--cni-config-dir={folder}", name


@pytest.fixture
def base(own: Tool, context: Path) -> str:
    (context / "Containerfile").write_text(BASE)
    own("build", "-q", "-t", "base", str(context))
    return "base"


def test_commands_use_the_folder_their_container_or_they_name(
    own: Tool, base: str, definitions: tuple[str, str]
) -> None:
    folder, name = definitions
    container = own.out("from", folder, base)
    assert "10.78.0." in own.out("run", f"--network={name}", container, *SHOW)
    plain = own.out("from", base)
    assert "10.78.0." in own.out("run", folder, f"--network={name}", plain, *SHOW)
    unknown = own("run", f"--network={name}", own.out("from", base), *SHOW, status=125).stderr
    assert f"unable to find network with name or ID {name}" in unknown


def test_builds_use_the_folder(own: Tool, base: str, context: Path, definitions: tuple[str, str]) -> None:
    folder, name = definitions
    (context / "Containerfile").write_text(f"FROM base\nRUN {' '.join(SHOW)}\n")
    assert "10.78.0." in own.out("build", folder, f"--network={name}", str(context))


def test_prune_finds_the_definition_of_a_killed_build_s_network(
    own: Tool, context: Path, tmp_path: Path, definitions: tuple[str, str]
) -> None:
    folder, name = definitions
    (tmp_path / "tmp").mkdir()
    bridge = json.loads((tmp_path / f"networks/{name}.json").read_text())["network_interface"]
    with begun(own, tmp_path / "tmp", context, BASE + "RUN SLEEP\n", folder, network=name) as build:
        build.process.kill()
        assert build.gone()
    assert os.path.exists(f"/sys/class/net/{bridge}")
    pruned = own("prune", env={"TMPDIR": str(tmp_path / "tmp")})
    assert pruned.stderr == ""
    assert [line for line in pruned.stdout.splitlines() if line.startswith("/run/netns/")]
    assert not os.path.exists(f"/sys/class/net/{bridge}")
