"""A container's helper processes (pasta, slirp4netns, the ports' proxy): known by pid and start time, ended before the next run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from ocicore.linux import process
from ocicore.network import setup
from ocicore.network.modes import NetworkMode


def begin(folder: Path) -> None:
    """The network of a container that has none: only what was there before is looked at."""
    env = setup.NetworkEnvironment(
        config_dir=str(folder / "config"),
        run_dir=str(folder / "run"),
        rootless=False,
        helper_dirs=(),
        environ={},
    )
    request = setup.NetworkRequest(
        container_id="c", container_name="c", netns_path="", mode=NetworkMode("none"), run_dir=str(folder)
    )
    assert setup.setup(request, env=env, warn=lambda text: None) == {}


def test_what_a_killed_cleanup_left_is_ended(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as left:
        known = {"pid": left.pid, "started": process.start_time(left.pid)}
        other = {"pid": os.getpid(), "started": 1}  # a pid that is another process's by now
        (tmp_path / "network.json").write_text(json.dumps([known, other]))
        begin(tmp_path)
        assert left.wait(60) in (-15, 0)  # ended by the signal; its status may have been asked for already
    assert not (tmp_path / "network.json").exists()
    begin(tmp_path)
