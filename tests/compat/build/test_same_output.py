"""Lists of the same store as both programs print them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.programs import Tool, ours, theirs

pytestmark = [pytest.mark.root, pytest.mark.compat]


@pytest.fixture
def both(tmp_path: Path) -> Iterator[tuple[Tool, Tool]]:
    roots = ["--root", str(tmp_path / "root"), "--runroot", str(tmp_path / "run")]
    own, peer = ours("pybuildah", *roots), theirs("buildah", *roots)
    (tmp_path / "a").write_text("a\n")
    for tool, name in ((own, "ours"), (peer, "theirs")):
        container = tool.out("from", "scratch")
        tool("copy", container, str(tmp_path / "a"), "/a")
        tool("config", "--label", "l=1", container)
        tool("commit", container, f"registry.example/{name}:v1")
    own("from", "--name", "named", "registry.example/ours:v1")
    yield own, peer
    theirs("umount", "-l", "-R", str(tmp_path / "root" / "overlay"))(status=None)


@pytest.mark.parametrize(
    "words",
    [
        ("containers",),
        ("containers", "--notruncate"),
        ("containers", "-q"),
        ("containers", "--json"),
        ("containers", "--format", "{{.ContainerID}} {{.ContainerName}}"),
        ("containers", "--filter", "name=named"),
        ("images", "--noheading"),
        ("images", "-q"),
        ("images", "--no-trunc", "-q"),
        ("images", "--filter", "label=l=1", "--format", "{{.Name}} {{.Tag}} {{.ID}}"),
        ("images", "--digests", "--no-trunc", "--noheading"),
        ("inspect", "--format", "{{.Container}} {{.FromImage}}", "named"),
        ("mount",),
    ],
    ids=" ".join,
)
def test_output(both: tuple[Tool, Tool], words: tuple[str, ...]) -> None:
    own, peer = both
    left, right = own.out(*words), peer.out(*words)
    # "Less than a second ago" or "1 second ago": the two ran one after the other.
    left, right = (re.sub(r"(Less than a second|\d+ seconds?) ago", "NOW", text) for text in (left, right))
    if "--json" in words:
        assert json.loads(left) == json.loads(right)
    else:
        assert [line.split() for line in left.splitlines()] == [line.split() for line in right.splitlines()]


def test_removal(both: tuple[Tool, Tool]) -> None:
    own, peer = both
    names = [
        tool.out("rmi", f"registry.example/{name}:v1", status=None)
        for tool, name in ((own, "theirs"), (peer, "ours"))
    ]
    assert names[0].startswith("untagged: registry.example/theirs:v1\n")
    assert own("rmi", "registry.example/ours:v1", status=125).returncode == 125
    assert peer("containers", "-q").stdout == own("containers", "-q").stdout
    assert (
        own("rm", "nope", status=125).stderr == peer("rm", "nope", status=125).stderr.splitlines()[-1] + "\n"
    )
