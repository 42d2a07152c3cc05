"""Containerfiles made up: ours and buildah accept the same ones and make the same configuration of them.

GENERATED says how many (500 take some minutes), GENERATED_FROM the first seed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from compat.build.generated_files import Maker
from compat.build.test_projects import _configuration
from support.programs import Tool, ours, theirs

pytestmark = [pytest.mark.root, pytest.mark.compat]

COUNT = int(os.environ.get("GENERATED", "12"))
FIRST = int(os.environ.get("GENERATED_FROM", "1"))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Tool, Tool, Path]]:
    """pybuildah and buildah with the image "base", and a context."""
    top = tmp_path_factory.mktemp("generated")
    context = top / "context"
    (context / "dir").mkdir(parents=True)
    (context / "file").write_text("file\n")
    (context / "dir" / "inner").write_text("inner\n")
    base = top / "base"
    (base / "etc").mkdir(parents=True)
    (base / "etc" / "passwd").write_text("root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n")
    (base / "etc" / "group").write_text("root:x:0:\nnogroup:x:65534:\n")
    (base / "Containerfile").write_text(
        'FROM scratch\nCOPY etc /etc\nENV INHERITED=1 A=from-base\nLABEL base=yes version=0\nCMD ["base"]\nWORKDIR /home\n'
    )
    tools = []
    for program, make in (("pybuildah", ours), ("buildah", theirs)):
        tool = make(program, "--root", str(top / program / "root"), "--runroot", str(top / program / "run"))
        tool("build", "--timestamp", "0", "-t", "base", str(base))
        tools.append(tool)
    yield tools[0], tools[1], context
    for program in ("pybuildah", "buildah"):
        theirs("umount", "-l", "-R", str(top / program / "root" / "overlay"))(status=None)


def _result(tool: Tool, file: Path, context: Path) -> dict[str, object] | None:
    """The configuration made; None for a file that is refused."""
    done = tool(
        *("build", "--pull-never", "--format", "docker", "--layers=false", "--build-arg", "GIVEN=given"),
        *("-f", str(file), "-t", "made", str(context)),
        status=None,
    )
    if done.returncode:
        # An ARG without a word makes buildah 1.28 panic (status 2): that, too, is no image.
        assert done.returncode == 125 or done.stderr.startswith("panic: "), done.stderr
        return None
    try:
        found = _configuration(tool, "made")
        found.pop("Hostname", None)  # older buildahs name the container it was made in
        if len(str(found.get("WorkingDir", ""))) > 1:
            found["WorkingDir"] = str(found["WorkingDir"]).removesuffix("/")  # as newer buildahs do
        return found
    finally:
        tool("rmi", "-f", "made")


@pytest.mark.parametrize("seed", range(FIRST, FIRST + COUNT))
def test_generated(seed: int, world: tuple[Tool, Tool, Path], tmp_path: Path) -> None:
    own, peer, context = world
    file = tmp_path / "Containerfile"
    file.write_text(Maker(seed).text())
    mine, others = _result(own, file, context), _result(peer, file, context)
    assert (mine is None) == (others is None), file.read_text()
    differing = {
        key: f"{(mine or {}).get(key)} / {(others or {}).get(key)}"
        for key in {*(mine or {}), *(others or {})}
        if (mine or {}).get(key) != (others or {}).get(key)
    }
    assert differing == {}, file.read_text()
