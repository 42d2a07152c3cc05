"""Contexts for copies in tests: nothing of the host's configuration, no waiting between attempts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ocicore.config.paths import UserPaths
from ocicore.image.types import SystemContext


def system_context(folder: Path, **more: Any) -> SystemContext:
    """A context whose home, configuration and temporary files are below `folder`."""
    home = folder / "home"
    (home / "run").mkdir(parents=True, exist_ok=True)
    registries = folder / "registries.conf"
    if not registries.exists():
        registries.write_text('unqualified-search-registries = ["search.example"]\n')
    paths = UserPaths(
        uid=1234,
        gid=1234,
        username="tester",
        home=str(home),
        runtime_dir=str(home / "run"),
        config_home=str(home / ".config"),
        data_home=str(home / ".local/share"),
        tmp=str(folder),
        rootless=True,
    )
    settings: dict[str, Any] = {
        "tls_verify": False,
        "insecure_policy": True,
        "retry_delay": 0.0,
        "tmp": str(folder),
        "registries_conf": str(registries),
        "registries_d": str(folder / "registries.d"),
    }
    settings.update(more)
    return SystemContext(paths=paths, environ={"HOME": str(home), "PATH": "/usr/bin:/bin"}, **settings)
