"""What `pypod-systemd check` says of a value is what the engine says: it refuses the same, and nothing that it takes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.option_values import VALUES
from support.programs import Tool, ours

pytestmark = pytest.mark.root
#: Without a network, some options would be refused for that.
NEEDS_NETWORK = (
    "--publish",
    "--ip",
    "--ip6",
    "--network",
    "--userns",
    "--uidmap",
    "--gidmap",
    "--dns",
    "--dns-search",
)
CHECKED = ("--health-cmd", "true")


@pytest.fixture(scope="module")
def pypod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tool]:
    folder = tmp_path_factory.mktemp("values")
    tool = ours("pypod", "--root", str(folder / "r"), "--runroot", str(folder / "rr"))
    (folder / "rootfs").mkdir()
    tool("secret", "create", "a", "-", stdin="x")
    yield tool.with_options()
    tool("rm", "-a", "-f", status=None)
    tool("volume", "prune", "-f", status=None)


def words(option: str, value: str) -> list[str]:
    more = [] if option in NEEDS_NETWORK else ["--network=none"]
    if option.startswith("--health"):
        more += CHECKED
    return ["create", *more, f"{option}={value}"]


@pytest.mark.parametrize("option", VALUES)
def test_bad_values_are_refused(pypod: Tool, tmp_path: Path, option: str) -> None:
    (tmp_path / "rootfs").mkdir()
    for value in VALUES[option][2]:
        done = pypod(*words(option, value), "--rootfs", str(tmp_path / "rootfs"), "true", status=None)
        assert done.returncode == 125, (option, value, done)
