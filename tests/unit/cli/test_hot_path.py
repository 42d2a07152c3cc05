"""The declarations of hot commands, and the table of their program, import nothing heavy (DESIGN §5)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[3]
_FORBIDDEN = (
    "typer rich requests cryptography zstandard isal yaml dataclasses inspect typing pathlib subprocess tempfile shutil"
    " logging argparse asyncio tomllib urllib uuid secrets random hashlib"
).split()
_HOT = [
    ("pypod", ("run",)),
    ("pypod", ("exec",)),
    ("pypod", ("ps",)),
    ("pypod", ("start",)),
    ("pypod", ("stop",)),
    ("pypod", ("inspect",)),
    ("pypod", ("rm",)),
    ("pypod", ("logs",)),
    ("pypod", ("container", "cleanup")),
    ("pybuildah", ("copy",)),
    ("pybuildah", ("config",)),
    ("pybuildah", ("commit",)),
]


@pytest.mark.parametrize(("name", "path"), _HOT, ids=[" ".join((name, *path)) for name, path in _HOT])
def test_nothing_heavy(name: str, path: tuple[str, ...]) -> None:
    code = (
        "import sys; before = set(sys.modules)\n"
        "from ocicore.cli import bind, main, context\n"
        f"from {name}.program import PROGRAM\n"
        f"path, module, _, _ = bind.choose(PROGRAM, {list(path)!r})\n"
        "command = bind.load_command(module)\n"
        "main.load_function(command.handler or module.partition(':')[0] + ':run')\n"
        f"print(sorted((set(sys.modules) - before) & set({_FORBIDDEN!r})))\n"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", code],
        env={"PYTHONPATH": f"{_ROOT}/shared:{_ROOT}/tools"},
        capture_output=True,
        text=True,
    )
    assert done.stdout == "[]\n", done.stderr
