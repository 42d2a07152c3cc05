"""Hot commands start fast because they import little: what they reach is looked at in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
FORBIDDEN = (
    "typer rich requests cryptography zstandard isal yaml dataclasses inspect typing pathlib subprocess tempfile shutil "
    "logging argparse asyncio tomllib urllib uuid secrets random hashlib"
).split()

#: What each command has to do with the engine: modules that are loaded while it works.
HOT = {
    "ps": ["container.list", "listing"],
    "run": [
        "container.run",
        "create attached start cleanup remove prepare network_setup health_timers health_judging",
    ],
    "exec": ["container.exec", "execute"],
    "start": ["container.start", "start attached"],
    "stop": ["container.stop", "stop cleanup"],
    "rm": ["container.rm", "remove"],
    "inspect": ["inspect", "inspecting image_listing"],
    "logs": ["container.logs", "log_reading"],
    "cleanup": ["container.cleanup", "cleanup execute health_timers health_process"],
    "images": ["image.list", "image_listing"],
}

SCRIPT = """
import sys, json
sys.path[:0] = {paths!r}
import pypod.main, ocicore.cli.main, ocicore.cli.context
from ocicore.cli.bind import bind
from pypod.program import PROGRAM
import importlib
importlib.import_module("pypod.commands." + {command!r})
import pypod.session, ocicore.config.paths, ocicore.config.storage_conf, ocicore.config.containers_conf
import ocicore.engine.context, ocicore.engine.state, ocicore.storage.store, ocicore.image.local
import ocicore.runtime.spec, ocicore.runtime.oci, ocicore.runtime.monitor, ocicore.runtime.attach, ocicore.runtime.host
for name in {engine!r}.split():
    importlib.import_module("ocicore.engine." + name)
print(json.dumps(sorted(sys.modules)))
"""


@pytest.mark.parametrize("name", HOT)
def test_hot_commands_import_nothing_heavy(name: str) -> None:
    command, engine = HOT[name]
    site = [path for path in sys.path if path.endswith("site-packages")]
    script = SCRIPT.format(
        paths=[str(ROOT / "tools"), str(ROOT / "shared"), *site], command=command, engine=engine
    )
    done = subprocess.run([sys.executable, "-IS", "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    loaded = {module.partition(".")[0] for module in json.loads(done.stdout)}
    assert loaded.isdisjoint(FORBIDDEN), sorted(loaded.intersection(FORBIDDEN))


def test_the_table_costs_nothing() -> None:
    """The root help names every command without importing one."""
    script = f"import sys; sys.path[:0] = [{str(ROOT / 'tools')!r}, {str(ROOT / 'shared')!r}]\nimport pypod.program\n"
    script += "print([m for m in sys.modules if m.startswith('pypod.commands') or m == 're'])"
    done = subprocess.run([sys.executable, "-IS", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
