"""Values that podman takes though they say nothing, and some it does not, through the whole command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.programs import ours

pytestmark = pytest.mark.root


def test_values_that_say_nothing(tmp_path: Path) -> None:
    pypod = ours("pypod", "--root", str(tmp_path / "r"), "--runroot", str(tmp_path / "rr"))
    rootfs = tmp_path / "rootfs"
    rootfs.mkdir()
    try:
        made = pypod(
            "create",
            "--env=",
            "--authfile=",
            "--cgroups=",
            "--sdnotify=",
            "--health-on-failure=",
            "--log-opt",
            "max-file=3",
            "--name=c",
            "--network=none",
            "--rootfs",
            str(rootfs),
            "true",
        )
        assert "log option 'max-file' is ignored" in made.stderr
        found = json.loads(pypod.out("inspect", "c"))[0]
        assert found["Config"]["sdNotifyMode"] == "container"
        failed = pypod("create", "--network=pasta", "--rootfs", str(rootfs), "true", status=125)
        assert "pasta networking is only supported for rootless mode" in failed.stderr
        assert pypod.out("ps", "-aq", "--no-trunc").split() == [found["Id"]]
    finally:
        pypod("rm", "-a", "-f", status=None)
