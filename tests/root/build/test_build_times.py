"""Which times an image gets: the base's, unless containers.conf or the command line wants the clock's or others."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from support.programs import Tool

pytestmark = pytest.mark.root

EPOCH = "1970-01-01T00:00:00Z"


@pytest.fixture
def clock(tmp_path: Path) -> dict[str, str]:
    """The environment in which builds take the clock."""
    file = tmp_path / "containers.conf"
    file.write_text("[engine]\nreproducible_builds = false\n")
    return {"CONTAINERS_CONF": str(file)}


@pytest.fixture
def scratch(context: Path) -> str:
    (context / "Containerfile").write_text("FROM scratch\nLABEL l=1\nCOPY a b /c/\n")
    return str(context)


def configuration(own: Tool, image: str) -> Any:
    return json.loads(own.out("inspect", "--type", "image", image))["OCIv1"]


def test_the_same_build_is_the_same_image_by_default(own: Tool, scratch: str) -> None:
    first = own.out("build", "-q", scratch)
    assert own.out("build", "-q", scratch) == first
    found = configuration(own, first)
    assert {found["created"], *(entry["created"] for entry in found["history"])} == {EPOCH}


def test_builds_take_the_clock_when_containers_conf_says_so(
    own: Tool, scratch: str, clock: dict[str, str]
) -> None:
    os.utime(Path(scratch, "a"), (1_000_000_000, 1_000_000_000))
    started = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
    first = own("build", "-q", scratch, env=clock).stdout.strip()
    second = own("build", "-q", scratch, env=clock).stdout.strip()
    assert first != second
    for image in first, second:
        found = configuration(own, image)
        ended = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        times = [*(entry["created"] for entry in found["history"]), found["created"]]
        assert started <= times[0]
        assert times[-1][:19] <= ended
        assert times == sorted(times)
    # Files have the times they have in the context.
    container = own.out("from", "--pull-never", first)
    root = Path(own.out("mount", container))
    assert (root / "c/a").stat().st_mtime == 1_000_000_000
    own("umount", container)


def test_a_cached_step_keeps_its_time(own: Tool, scratch: str, clock: dict[str, str]) -> None:
    first = own("build", "-q", "--layers", scratch, env=clock).stdout
    assert own("build", "-q", "--layers", scratch, env=clock).stdout == first
    assert own("build", "-q", "--layers", "--no-cache", scratch, env=clock).stdout != first


@pytest.mark.parametrize(
    ("flag", "created"),
    [
        ("--reproducible", EPOCH),
        ("--timestamp=7", "1970-01-01T00:00:07Z"),
        ("--source-date-epoch=9", "1970-01-01T00:00:09Z"),
    ],
)
def test_what_is_asked_for_comes_first(
    own: Tool, scratch: str, clock: dict[str, str], flag: str, created: str
) -> None:
    image = own("build", "-q", flag, scratch, env=clock).stdout
    assert configuration(own, image.strip())["created"] == created
    assert own("build", "-q", flag, scratch, env=clock).stdout == image


def test_the_key_is_a_boolean(own: Tool, scratch: str, tmp_path: Path) -> None:
    file = tmp_path / "containers.conf"
    file.write_text('[engine]\nreproducible_builds = "never"\n')
    done = own("build", "-q", scratch, env={"CONTAINERS_CONF": str(file)}, status=125)
    assert done.stderr.splitlines() == [
        f"Error: reading config {file}: [engine] reproducible_builds: 'never' is not a boolean"
    ]
