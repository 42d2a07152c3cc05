"""Units for an ordinary user's containers: `pypod generate systemd` and `pypod-systemd generate` without root."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.programs import Tool
from support.users import OrdinaryUser
from support.verified_units import systemd_verify

pytestmark = pytest.mark.rootless


@pytest.fixture
def store(ordinary_user: OrdinaryUser) -> Iterator[tuple[str, ...]]:
    folder = ordinary_user.home / "units-test"
    shutil.rmtree(folder, ignore_errors=True)
    words = ("--root", f"{folder}/root", "--runroot", f"{folder}/run", "--tmpdir", f"{folder}/tmp")
    yield words
    ordinary_user.tool("pypod", *words)("rm", "--all", "--force", status=None)
    ordinary_user.tool("pypod", *words)("unshare", "rm", "-rf", str(folder), status=None)


@pytest.fixture
def pypod(ordinary_user: OrdinaryUser, store: tuple[str, ...]) -> Tool:
    tool = ordinary_user.tool("pypod", *store)
    folder = ordinary_user.home / "units-context"
    ordinary_user.command("mkdir", "-p", str(folder))()
    ordinary_user.command("tee", f"{folder}/Containerfile")(stdin="FROM scratch\nCOPY Containerfile /\n")
    tool("build", "-q", "-t", "localhost/tiny", str(folder))
    return tool


def test_units(pypod: Tool, store: tuple[str, ...], ordinary_user: OrdinaryUser, tmp_path: Path) -> None:
    pypod("create", "--name", "web", "-e", "A=b c", "localhost/tiny", "/bin/true")
    mine = pypod.out("generate", "systemd", "--new", "--name", "--no-header", "web")
    other = ordinary_user.tool("pypod-systemd", *store).out(
        "generate", "--new", "--name", "--no-header", "web"
    )
    assert mine == other
    assert '-e "A=b c"' in mine and "RequiresMountsFor=%t/containers" in mine
    existing = pypod.out("generate", "systemd", "--name", "web")
    assert f"PIDFile={ordinary_user.home}/units-test/run/" in existing
    for name, text in (("container-web", mine), ("existing", existing)):
        path = tmp_path / f"{name}.service"
        path.write_text(text + "\n")
        done = systemd_verify(tmp_path, path)
        assert (done.returncode, done.stderr) == (0, "")
