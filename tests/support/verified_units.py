"""What systemd itself says of unit files."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path


def systemd_verify(scratch: Path, *paths: Path) -> subprocess.CompletedProcess[str]:
    """`systemd-analyze verify` of unit files; relative words in them are looked up in `scratch`."""
    # A user who may not write to /run/systemd asks for a manager of its own.
    own = [] if os.geteuid() == 0 else ["--user"]
    return subprocess.run(
        ["systemd-analyze", *own, "verify", "--man=no", *map(str, paths)],
        capture_output=True,
        text=True,
        cwd=scratch,
        env=os.environ | {"XDG_RUNTIME_DIR": str(scratch)},
    )
