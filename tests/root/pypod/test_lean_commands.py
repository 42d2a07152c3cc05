"""What the built program really imports while it does a hot command's work: none of the slow half of Python's library."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.programs import Tool
from support.pypod_store import IMAGE, pypod_with_box

pytestmark = pytest.mark.root

#: Each of them costs a millisecond or more, and what it brings along. The C halves (_json, _signal, _functools) do.
SLOW = frozenset(
    "json re enum functools collections contextlib types typing dataclasses threading signal subprocess tempfile shutil "
    "datetime pathlib logging argparse inspect hashlib struct random socket encodings.ascii".split()
)

COMMANDS = (
    "ps",
    "ps -a --format json",
    "ps --format {{.Names}}",
    "images",
    "inspect up",
    f"image inspect {IMAGE}",
    f"run --rm --network none {IMAGE} true",
    f"run -d --rm --network none {IMAGE} true",
    "exec up true",
    "logs up",
    "port up",
    "cp up:/bin/busybox TARGET",
    "volume ls",
    "pod ps",
    f"create --name more --network none {IMAGE} true",
    "start -a more",
    "rm more",
    "stop -t 0 up",
    "start up",
    "kill up",
)


@pytest.fixture(scope="module")
def pypod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tool]:
    with pypod_with_box(tmp_path_factory.mktemp("lean")) as tool:
        tool("run", "-d", "--name", "up", "--network", "none", IMAGE, "sleep", "1000")
        yield tool


@pytest.mark.parametrize("line", COMMANDS)
def test_nothing_slow_is_imported(pypod: Tool, line: str, tmp_path: Path) -> None:
    launcher = shutil.which(pypod.argv[0])
    assert launcher is not None
    python, option = Path(launcher).read_text().splitlines()[0].removeprefix("#!").split(" ")
    words = line.replace("TARGET", str(tmp_path / "copy")).split(" ")
    done = subprocess.run(
        [python, option, "-Ximporttime", launcher, *pypod.argv[1:], *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    modules = set(re.findall(r"^import time: +\d+ \| +\d+ \| *(\S+)$", done.stderr, re.MULTILINE))
    assert "os" in modules and "ocicore.engine.context" in modules
    assert sorted(SLOW & modules) == []
