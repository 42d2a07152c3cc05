"""Hot commands import none of the modules that make Python slow to start (the contract's list)."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.programs import REPOSITORY, Tool

pytestmark = pytest.mark.root

FORBIDDEN = (
    "typer rich requests cryptography zstandard isal yaml dataclasses inspect typing pathlib subprocess tempfile shutil "
    "logging argparse asyncio tomllib urllib uuid secrets random hashlib"
).split()

PROBE = """
import json, os, sys
from ocicore.cli.main import main
from pybuildah.program import PROGRAM
status = main(PROGRAM, sys.argv[2:], os.environ, sys.stdin, sys.stdout, sys.stderr)
sys.stdout.flush()
with open(sys.argv[1], "w") as stream:
    json.dump([status, sorted(sys.modules)], stream)
"""


class Probed:
    """pybuildah that tells which modules it imported."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.modules = folder / "modules.json"
        roots = ["--root", str(folder / "root"), "--runroot", str(folder / "run")]
        packages = [path for path in sys.path if path.endswith("site-packages")]
        folders = ":".join([str(REPOSITORY / "tools"), str(REPOSITORY / "shared"), *packages])
        self.tool = Tool(
            [
                "/usr/bin/env",
                f"PYTHONPATH={folders}",
                sys.executable,
                "-S",
                "-c",
                PROBE,
                str(self.modules),
                *roots,
            ]
        )

    def __call__(self, *args: str) -> tuple[str, set[str]]:
        output = self.tool.out(*args)
        status, modules = json.loads(self.modules.read_text())
        assert status == 0
        return output, set(modules)


@pytest.fixture
def probed(tmp_path: Path) -> Iterator[Probed]:
    yield Probed(tmp_path)
    Tool(["umount", "-l", "-R", str(tmp_path / "root" / "overlay")])(status=None)


def test_hot_commands(probed: Probed, tmp_path: Path) -> None:
    (tmp_path / "app").write_text("app\n")
    name, modules = probed("from", "scratch")
    steps = {
        "from": modules,
        "copy": probed("copy", name, str(tmp_path / "app"), "/app")[1],
        "config": probed("config", "--cmd", "/app", "--env", "A=1", name)[1],
        "commit": probed("commit", name, "image")[1],
        "mount": probed("mount", name)[1],
        "umount": probed("umount", name)[1],
        "rm": probed("rm", name)[1],
        "from image": probed("from", "localhost/image")[1],
    }
    found = {step: [name for name in FORBIDDEN if name in modules] for step, modules in steps.items()}
    assert found == {step: [] for step in steps}
